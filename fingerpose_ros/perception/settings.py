"""The settings of the estimator: range, number of hands, smoothing, confidence thresholds."""

from dataclasses import dataclass

import numpy as np

from .hand import LEFT, RIGHT


@dataclass(frozen=True)
class EstimatorSettings:
    """The settings of `HandPoseEstimator`.

    Attributes:
        min_distance: smallest distance of a hand from the camera, metres.
        max_distance: largest distance of a hand from the camera, metres.
        cube_half_size: half the side, in metres, of the cube around a hand that is cropped.
        handedness: "both", or "right" or "left" if every hand is known to have that handedness.
        max_hands: maximum number of tracked hands. The default is a user's two hands, as handover and two-handed
            teleoperation need.
        hand_model: whether the bones of a hand keep their lengths, and its joints stay within the anatomical limits.
        smoothing: whether joints are smoothed over time.
        smoothing_min_cutoff: cut-off of the smoothing at rest, Hz.
        smoothing_beta: increase of that cut-off with speed, Hz per m/s.
        max_sigma: a joint is not valid if a standard deviation of its position exceeds this, metres.
        min_detection_confidence: minimum `Track.confidence` of a new hand: the probability that a palm lies within
            80 mm of its palm. At the default a hand is likelier than none.
        min_tracking_confidence: minimum confidence of a tracked hand. One below it is reported as absent.

    Raises:
        ValueError: a value out of range, or two that contradict each other.
    """

    min_distance: float = 0.2
    max_distance: float = 1.5
    cube_half_size: float = 0.14
    handedness: str = "both"
    max_hands: int = 2
    hand_model: bool = False
    smoothing: bool = True
    smoothing_min_cutoff: float = 1.0
    smoothing_beta: float = 40.0
    max_sigma: float = 0.03
    min_detection_confidence: float = 0.65
    min_tracking_confidence: float = 0.5

    def __post_init__(self):
        if self.handedness not in ("both", RIGHT, LEFT):
            raise ValueError(f"handedness {self.handedness!r} is not one of both, {RIGHT}, {LEFT}")
        if self.max_hands < 1:
            raise ValueError(f"max_hands is {self.max_hands}; it must be at least 1")
        for name in ("min_distance", "max_distance", "cube_half_size", "max_sigma", "smoothing_min_cutoff"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value}; it must be a positive number")
        if not (np.isfinite(self.smoothing_beta) and self.smoothing_beta >= 0):
            raise ValueError(f"smoothing_beta is {self.smoothing_beta}; it must be 0 or more")
        for name in ("min_detection_confidence", "min_tracking_confidence"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise ValueError(f"{name} is {value}; it must be between 0 and 1")
        if self.min_distance >= self.max_distance:
            raise ValueError(f"min_distance {self.min_distance} m is not less than max_distance {self.max_distance} m")
        if self.min_distance <= self.cube_half_size / 2:
            raise ValueError(
                f"min_distance {self.min_distance} m is too small for a cube of half-size {self.cube_half_size} m: "
                f"it must be more than {self.cube_half_size / 2} m"
            )
