"""Learns the lengths of a person's hand from the fits of many images.

Each fit tells how well it determines the lengths, whatever the pose: the Schur complement of its normal equations with
respect to position, rotation and angles. Such information is added up, as in an information filter (Thrun, Burgard and
Fox, "Probabilistic Robotics", 2005, section 3.5). The prior is that of people's hands. Old information is slowly
forgotten, so that a wrong start does not stay.
"""

import numpy as np

from .. import anatomy
from .articulation import ArticulatedPose, HandShape
from .pose_fit import Linearised, normal_equations

INDEPENDENT = 0.3
"""Seconds after which a network's errors are independent. More frequent images count less."""

INTERVAL = 0.1
"""Images that follow sooner after the last one that was learnt from are left out: they would tell little more."""

MEMORY = 20.0
"""Time constant with which information is forgotten, seconds."""

CHILDREN = 0.15
"""Fraction of children in the prior."""

FARTHEST = 3.5
"""Lengths differ from people's mean by at most so many standard deviations."""

SETTLED, SOONEST = 0.02, 1.0
"""The lengths have settled if the hand's length has a smaller relative standard deviation, but no sooner than after so
many seconds: the errors in neighbouring images are alike."""


def _people() -> tuple[np.ndarray, np.ndarray]:
    """Mean (30,) and covariance (30, 30) of people's lengths, metres: of each digit, axis and bones."""
    shares = np.concatenate([anatomy.AXES, anatomy.BONES], axis=1).reshape(30)
    spread = np.concatenate([anatomy.AXES_SPREAD, anatomy.BONES_SPREAD], axis=1).reshape(30)
    (adult, adult_sd, *_), (child, child_sd, *_) = anatomy.HAND_LENGTH, anatomy.CHILD_LENGTH
    mean = (1 - CHILDREN) * adult + CHILDREN * child
    variance = (1 - CHILDREN) * (adult_sd**2 + (adult - mean) ** 2) + CHILDREN * (child_sd**2 + (child - mean) ** 2)
    own = (mean * np.maximum(spread, 1e-3)) ** 2
    return mean * shares, variance * np.outer(shares, shares) + np.diag(own)


_MEAN, _COVARIANCE = _people()
_PRECISION = np.linalg.inv(_COVARIANCE)
_REACH = FARTHEST * np.sqrt(np.diag(_COVARIANCE))

_OF_LENGTH = np.zeros(30)
_OF_LENGTH[[12, 15, 16, 17]] = 1 / (1 - anatomy.LABEL_GAP)  # the middle finger's axis, along the palm, and its bones
"""Derivatives of `HandShape.length`."""


class BoneLengths:
    """The lengths of one hand.

    Args:
        shape: with which the hand is fitted first; None: people's mean.

    Attributes:
        shape: the best estimate.
        settled: whether it hardly changes any more.
    """

    def __init__(self, shape: HandShape | None = None):
        self._information, self._linear = np.zeros((30, 30)), np.zeros(30)
        self._begin = self._stamp = -np.inf
        self.shape, self.settled = shape or _shape(_MEAN), False

    def observe(self, pose: ArticulatedPose, fitted: Linearised, stamp: float) -> None:
        """Learn from a fit with this shape at `stamp` seconds."""
        elapsed = stamp - self._stamp
        if elapsed < INTERVAL:
            return
        self._stamp = stamp
        if not np.isfinite(self._begin):
            self._begin, elapsed = stamp, INDEPENDENT
        square, gradient = _reduced(pose, fitted)
        kept, weight = np.exp(-elapsed / MEMORY), min(elapsed / INDEPENDENT, 1)
        now = np.concatenate([self.shape.axes, self.shape.bones], axis=1).reshape(30)
        self._information = kept * self._information + weight * square
        self._linear = kept * self._linear + weight * (square @ now - gradient)
        covariance = np.linalg.inv(_PRECISION + self._information)
        lengths = covariance @ (_PRECISION @ _MEAN + self._linear)
        self.shape = _shape(np.clip(lengths, _MEAN - _REACH, _MEAN + _REACH))
        sigma = np.sqrt(_OF_LENGTH @ covariance @ _OF_LENGTH)
        self.settled = bool(sigma < SETTLED * self.shape.length and stamp - self._begin >= SOONEST)


def _shape(lengths: np.ndarray) -> HandShape:
    lengths = lengths.reshape(5, 6)
    return HandShape(lengths[:, :3], lengths[:, 3:])


def _reduced(pose: ArticulatedPose, fitted: Linearised) -> tuple[np.ndarray, np.ndarray]:
    """The normal equations (30, 30) and gradient (30,) of the lengths, all of the pose eliminated."""
    equations = normal_equations(fitted, pose)
    moved = np.zeros((5, 4, 3, 6))
    moved[..., :3] = np.eye(3)
    for bone in range(3):
        moved[:, bone + 1 :, :, 3 + bone] = fitted.hand.directions[:, None, bone]
    by_length = (fitted.weighting @ moved).reshape(5, 12, 6)
    across = equations.by_angle.swapaxes(1, 2) @ by_length
    known = np.concatenate([across, equations.across, equations.gradient[..., None]], axis=2)
    solved = np.linalg.solve(equations.square, known)

    others = np.concatenate([by_length, fitted.by_root, fitted.error[..., None]], axis=2)
    own = by_length.swapaxes(1, 2) @ others - across.swapaxes(1, 2) @ solved
    flat = equations.across.reshape(25, 6).T
    root_square = equations.root_square - flat @ solved[..., 6:12].reshape(25, 6)
    root_gradient = equations.root_gradient - flat @ solved[..., 12].reshape(25)
    to_root = own[..., 6:12].reshape(30, 6)
    root = np.linalg.solve(root_square, np.concatenate([to_root.T, root_gradient[:, None]], axis=1))
    square = -to_root @ root[:, :30]
    for digit in range(5):
        square[6 * digit : 6 * digit + 6, 6 * digit : 6 * digit + 6] += own[digit, :, :6]
    return square, own[..., 12].reshape(30) - to_root @ root[:, 30]
