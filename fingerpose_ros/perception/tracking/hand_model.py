"""A hand whose bones keep their lengths: the articulated hand, fitted to each image's predicted joints.

The lengths are learnt while the hand is tracked (`bone_lengths.py`), the pose is fitted in each image (`pose_fit.py`)
and smoothed (`smoothing.py`). A left hand is fitted as its mirror image.
"""

import numpy as np

from ..hand import LEFT
from .articulation import ArticulatedPose
from .bone_lengths import BoneLengths
from .pose_fit import Measured, fit
from .smoothing import ArticulatedFilter

INVALID_SIGMA = 5.0
"""Factor on the standard deviation of joints that are not valid."""

FIRST_FITS = 3
"""Fits to the first image, each with the lengths learnt from the one before."""

_MIRROR = {True: np.array([-1.0, 1, 1]), False: np.ones(3)}


class HandModel:
    """The articulated hand of one track.

    Args:
        cutoffs: `min_cutoff` and `beta` of the filters (`OneEuroFilter`) that smooth the pose; None: no smoothing.
    """

    def __init__(self, cutoffs: tuple[float, float] | None):
        self._filter = ArticulatedFilter(*cutoffs) if cutoffs else None
        self._lengths = BoneLengths()
        self._pose: ArticulatedPose | None = None

    @property
    def length(self) -> float:
        """Length of the hand as learnt so far, wrist to middle fingertip along the bones, metres."""
        return self._lengths.shape.length

    @property
    def settled(self) -> bool:
        """Whether the lengths hardly change any more."""
        return self._lengths.settled

    def __call__(
        self, positions: np.ndarray, covariance: np.ndarray, valid: np.ndarray, handedness: str, stamp: float
    ) -> np.ndarray:
        """The joints (21, 3) of the fitted hand, metres in the camera's optical frame.

        Args:
            positions: (21, 3) predicted joints, metres in the camera's optical frame; finite.
            covariance: (21, 3, 3) of these, square metres.
            valid: (21,) bool. Joints that are not valid have little weight.
            handedness: "right" or "left", the same in each call.
            stamp: seconds.
        """
        mirror = _MIRROR[handedness == LEFT]
        doubt = np.where(valid, 1.0, INVALID_SIGMA**2)[:, None, None]
        measured = Measured.of(positions * mirror, covariance * doubt * np.outer(mirror, mirror))
        if self._pose is None:
            self._begin(measured, stamp)
        else:
            self._pose, fitted = fit(measured, self._lengths.shape, self._pose)
            self._lengths.observe(self._pose, fitted, stamp)
        shape = self._lengths.shape
        pose = self._filter(self._pose, shape, stamp) if self._filter else self._pose
        return pose.joints(shape) * mirror

    def _begin(self, measured: Measured, stamp: float) -> None:
        """Fit the first image. The lengths may be far from people's mean, so they are learnt repeatedly."""
        for _ in range(FIRST_FITS):
            self._pose, fitted = fit(measured, self._lengths.shape, self._pose)
            self._lengths = BoneLengths(self._lengths.shape)
            self._lengths.observe(self._pose, fitted, stamp)
