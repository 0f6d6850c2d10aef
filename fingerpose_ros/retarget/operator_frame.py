"""The operator's frame, in which `dex-retargeting` expects a hand, and its rotation to the robot's hand."""

import numpy as np

from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.skeleton import WRIST

FROM_WRIST = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
"""Rotation from our wrist frame (x to the fingers, z dorsal) to the operator's (x out of the palm, z to fingers)."""


def operator_points(hand: Hand) -> np.ndarray:
    """The joints (21, 3) seen from the wrist in the operator's frame, metres."""
    return (hand.positions - hand.positions[WRIST]) @ hand.rotations[WRIST] @ FROM_WRIST.T


def rotation_from_rpy(roll: float, pitch: float, yaw: float) -> np.ndarray:
    """Rotation (3, 3) by roll, pitch and yaw about fixed axes, as in a URDF's `rpy`, radians."""
    (sr, sp, sy), (cr, cp, cy) = np.sin([roll, pitch, yaw]), np.cos([roll, pitch, yaw])
    about_x = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    about_y = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x
