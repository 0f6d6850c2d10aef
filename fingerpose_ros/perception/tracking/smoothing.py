"""Smoothing over time: the One-Euro filter, its use on the joints of a hand, and on the pose of an articulated hand."""

import numpy as np

from ..kinematics import PALM, palm_position
from .articulation import ArticulatedPose, HandShape
from .rotations import nearest_rotation


class OneEuroFilter:
    """The One-Euro filter: a low-pass whose cut-off rises with speed. Little jitter at rest, little lag in motion.

    Source: Casiez, Roussel and Vogel, "1 Euro Filter", CHI 2012. One change: the three coordinates of a point share one
    cut-off, from the length of its velocity. So the result does not depend on the camera's orientation.

    The PyPI library OneEuroFilter filters scalars, so its cut-off would differ from axis to axis.

    Args:
        min_cutoff: cut-off at rest, Hz.
        beta: increase of the cut-off with speed, Hz per m/s.
        speed_cutoff: cut-off of the low-pass on the speed, Hz.
    """

    def __init__(self, min_cutoff: float, beta: float, speed_cutoff: float = 1.0):
        self._min_cutoff, self._beta, self._speed_cutoff = min_cutoff, beta, speed_cutoff
        self._value: np.ndarray | None = None
        self._known: np.ndarray | bool = False
        self._velocity: np.ndarray | float = 0.0
        self._stamp = 0.0

    def __call__(self, value: np.ndarray, stamp: float, known: np.ndarray | bool = True) -> np.ndarray:
        """Points (..., 3) in metres at `stamp` seconds, not before the last stamp -> smoothed points.

        Points that are not `known` (...,) are returned unchanged, and their filter restarts once they are known. All
        points are returned unchanged if the stamp repeats: then there is no speed.
        """
        if self._value is None:
            self._value, self._known, self._stamp = value, known, stamp
            return value
        elapsed, self._stamp = stamp - self._stamp, stamp
        if elapsed <= 0:
            return value
        continued, self._known = np.asarray(self._known & known)[..., None], known
        velocity = (value - self._value) / elapsed
        velocity = self._velocity + _gain(self._speed_cutoff, elapsed) * (velocity - self._velocity)
        self._velocity = np.where(continued, velocity, 0.0)
        speed = np.linalg.norm(self._velocity, axis=-1, keepdims=True)
        smooth = self._value + _gain(self._min_cutoff + self._beta * speed, elapsed) * (value - self._value)
        self._value = np.where(continued, smooth, value)
        return self._value


def _gain(cutoff, elapsed: float):
    """The weight of a new value in a first-order low-pass, `elapsed` seconds after the last value."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff * elapsed))


class PoseFilter:
    """Smooths a hand's joints: one filter for the palm's position, one for the joints relative to it.

    So the fingers' cut-off does not rise when the whole hand moves, and bone lengths vary less.
    """

    def __init__(self, min_cutoff: float, beta: float):
        """Arguments as of `OneEuroFilter`."""
        self._palm, self._joints = OneEuroFilter(min_cutoff, beta), OneEuroFilter(min_cutoff, beta)

    def __call__(self, positions: np.ndarray, stamp: float, valid: np.ndarray) -> np.ndarray:
        """Positions (21, 3) in metres at `stamp` seconds -> smoothed positions.

        A joint is smoothed if it and all joints of the palm are `valid` (21,), now and in the call before.
        """
        palm, palm_known = palm_position(positions), bool(valid[PALM].all())
        return self._palm(palm, stamp, palm_known) + self._joints(positions - palm, stamp, valid & palm_known)


_LEVERS = np.array([(0.09, 0.09, 0.05, 0.06, 0.03), *[(0.09, 0.09, 0.05, 0.05, 0.025)] * 4])
_TURN_LEVER = 0.08
"""Metres per radian: how far an angle moves the fingertip, and the palm's rotation the joints. So the filter's cut-off
rises with speeds in metres per second for all of them."""


class ArticulatedFilter:
    """Smooths the pose of an articulated hand by One-Euro filters, so that its bones keep their lengths.

    One is for the palm's position, one for its rotation; the angles of each digit share a cut-off.

    Arguments as of `OneEuroFilter`.
    """

    def __init__(self, min_cutoff: float, beta: float):
        self._palm, self._turn, self._angles = (OneEuroFilter(min_cutoff, beta) for _ in range(3))

    def __call__(self, pose: ArticulatedPose, shape: HandShape, stamp: float) -> ArticulatedPose:
        """The smoothed pose at `stamp` seconds."""
        palm = 0.8 * shape.axes[1:].mean(axis=0)  # the mean of wrist and MCPs moves less than the wrist as a hand turns
        centre = self._palm(pose.wrist + pose.rotation @ palm, stamp)
        scale = _TURN_LEVER / np.sqrt(2)  # a matrix changes by the square root of two per radian
        rotation = nearest_rotation(self._turn(scale * pose.rotation.reshape(9), stamp).reshape(3, 3))
        angles = self._angles(_LEVERS * pose.angles, stamp) / _LEVERS
        return ArticulatedPose(centre - rotation @ palm, rotation, angles)
