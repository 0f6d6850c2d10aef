"""The articulated hand: from the lengths of its bones and its joint angles to its joints, with derivatives.

A right hand. The palm is rigid, but for the metacarpals that cup it. Each digit turns about its first joint, in two or,
for the thumb, three axes, and bends at two hinges. Its frame and its constants are those of `anatomy`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .. import anatomy
from .rotations import cross_matrices, turns_zyx

SIDE, FLEXION, ROLL, MIDDLE, OUTER = range(5)
"""The angles of a digit: of its first joint, towards the thumb (for the thumb: in radial direction), towards the palm
and about its bone; of its two hinges."""

_CUP = np.array([0, *anatomy.CUPPING]) * anatomy.AXES[:, 0] / 2
"""Movement of the MCPs towards the palm, in hand lengths per radian of flexion. A metacarpal turns about its base,
half-way to the wrist's axis."""

_ROLLS = np.radians(anatomy.HINGE_ROLLS)
_SIDE_ROLL, _FLEXION_ROLL, _BOTH_ROLL = anatomy.THUMB_ROLL_SLOPES
_BEND = np.radians(np.array([[anatomy.THUMB_BEND], [0], [0], [0], [0]]))
_ALONG, _ASIDE = np.cos(_BEND), np.sin(_BEND)
_HINGES = np.stack([-_ASIDE, _ALONG, np.zeros((5, 1))], axis=1)
"""Axes of the hinges (5, 3, 1) in the frame of the first bone."""

_LINK_BONES = [0, 0, 1, 2]
"""The bone along which each of `HandShape.links` lies."""


def _flexion_axes(side: np.ndarray) -> np.ndarray:
    """The palm's y axes (5, 3) after a rotation of the digits by `side` (5,)."""
    return np.cos(side)[:, None] * _FRAMES[..., 1] - np.sin(side)[:, None] * _FRAMES[..., 0]


_FRAMES = turns_zyx(*np.radians(anatomy.TURNS).T)


@dataclass(frozen=True)
class HandShape:
    """The lengths of one person's hand, metres.

    Attributes:
        axes: (5, 3) axis of each digit's first joint in the palm's frame, thumb first.
        bones: (5, 3) lengths of each digit's bones, base to tip.
    """

    axes: np.ndarray
    bones: np.ndarray

    @cached_property
    def length(self) -> float:
        """Wrist to middle fingertip along the bones of a straight hand."""
        return float((np.linalg.norm(self.axes[2]) + self.bones[2].sum()) / (1 - anatomy.LABEL_GAP))

    @cached_property
    def links(self) -> np.ndarray:
        """(5, 4) distances from each digit's axis along its bones: to its first joint, and from joint to joint."""
        return np.concatenate([np.full((5, 1), anatomy.LABEL_GAP * self.length), self.bones], axis=1)


class Articulation(NamedTuple):
    """The joints of an articulated hand, and their derivatives.

    Attributes:
        joints: (5, 4, 3) of the digits in the palm's frame, metres, base to tip.
        by_angle: (5, 4, 3, 5) their derivatives with respect to the five angles of their digit.
        directions: (5, 3, 3) unit vectors along each digit's bones.
    """

    joints: np.ndarray
    by_angle: np.ndarray
    directions: np.ndarray


def articulate(shape: HandShape, angles: np.ndarray) -> Articulation:
    """The joints for `angles` (5, 5), radians: a row for each digit, thumb first, in the order of `SIDE` to `OUTER`."""
    side, flexion, roll = angles[:, :MIDDLE].T
    roll = roll + _ROLLS
    roll[0] += _SIDE_ROLL * side[0] + _FLEXION_ROLL * flexion[0] + _BOTH_ROLL * side[0] * flexion[0]
    frames = _FRAMES @ turns_zyx(side, flexion, roll)

    # The bones, first in the frame of the first one.
    bend = np.cumsum(angles[:, MIDDLE:], axis=1)
    ahead = np.cos(bend)
    directions = np.zeros((5, 3, 3))
    directions[:, 0, 0] = 1
    directions[:, 1:, 0], directions[:, 1:, 1], directions[:, 1:, 2] = ahead * _ALONG, ahead * _ASIDE, -np.sin(bend)
    directions = directions @ frames.swapaxes(1, 2)
    from_axis = np.cumsum(shape.links[..., None] * directions[:, _LINK_BONES], axis=1)
    arms = np.zeros((5, 5, 4, 3))  # from the axis of each angle to each joint that it moves
    arms[:, :MIDDLE] = from_axis[:, None]
    arms[:, MIDDLE, 2:] = from_axis[:, 2:] - from_axis[:, 1:2]
    arms[:, OUTER, 3] = from_axis[:, 3] - from_axis[:, 2]

    axis = np.empty((5, 5, 3))
    axis[:, SIDE], axis[:, FLEXION], axis[:, ROLL] = _FRAMES[..., 2], _flexion_axes(side), frames[..., 0]
    axis[:, MIDDLE:] = (frames @ _HINGES).swapaxes(1, 2)
    by_angle = (arms @ cross_matrices(axis)).transpose(0, 2, 3, 1)
    by_angle[0, ..., SIDE] += (_SIDE_ROLL + _BOTH_ROLL * flexion[0]) * by_angle[0, ..., ROLL]
    by_angle[0, ..., FLEXION] += (_FLEXION_ROLL + _BOTH_ROLL * side[0]) * by_angle[0, ..., ROLL]

    joints = from_axis + shape.axes[:, None]
    cup = _CUP * shape.length
    joints[..., 2] -= (cup * np.maximum(flexion, 0))[:, None]
    by_angle[..., 2, FLEXION] -= (cup * (flexion > 0))[:, None]
    return Articulation(joints, by_angle, directions)


@dataclass(frozen=True)
class ArticulatedPose:
    """The pose of a right hand.

    Attributes:
        wrist: (3,) metres.
        rotation: (3, 3) of the palm's frame.
        angles: (5, 5) radians, see `articulate`.
    """

    wrist: np.ndarray
    rotation: np.ndarray
    angles: np.ndarray

    def joints(self, shape: HandShape) -> np.ndarray:
        """The joints (21, 3), metres."""
        digits = articulate(shape, self.angles).joints.reshape(20, 3)
        return np.concatenate([self.wrist[None], digits @ self.rotation.T + self.wrist])
