"""What a user may choose of how hands are looked for."""

from dataclasses import dataclass

import numpy as np

from .hand import LEFT, RIGHT


@dataclass(frozen=True)
class EstimatorSettings:
    """How to look for hands.

    Attributes:
        min_distance: metres from the camera at which hands are first looked for.
        max_distance: metres from the camera up to which hands are looked for.
        cube_half_size: half the side, in metres, of the cube around a hand that the network sees.
        handedness: "both", or "right" or "left" if every hand is to be taken for that one.
        max_hands: the most hands that are tracked at once. Two, the user's: looking for a second hand beside a tracked
            one costs a little after two of five images, and a handover or two-handed teleoperation needs it.
        smoothing: whether joints are smoothed over time.
        smoothing_min_cutoff: cut-off of the smoothing at rest, Hz.
        smoothing_beta: what speed adds to that cut-off, Hz per m/s.
        max_sigma: a joint whose standard deviation exceeds this, in metres, is not valid.
        min_detection_confidence: share of a new hand's joints that must be expected to be within 20 mm of where they
            are placed, and on what is seen (`looking.CropPrediction.confidence`), for it to be taken for a hand.
        min_tracking_confidence: probability below which a hand that is followed is no longer seen.

    Raises:
        ValueError: a value out of range, or two that contradict each other.
    """

    min_distance: float = 0.2
    max_distance: float = 1.5
    cube_half_size: float = 0.14
    handedness: str = "both"
    max_hands: int = 2
    smoothing: bool = True
    smoothing_min_cutoff: float = 1.0
    smoothing_beta: float = 40.0
    max_sigma: float = 0.03
    min_detection_confidence: float = 0.4
    min_tracking_confidence: float = 0.5

    def __post_init__(self):
        if self.handedness not in ("both", RIGHT, LEFT):
            raise ValueError(f"handedness {self.handedness!r} is not one of both, {RIGHT}, {LEFT}")
        if self.max_hands < 1:
            raise ValueError(f"max_hands is {self.max_hands}; there must be at least 1 to look for")
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
                f"min_distance {self.min_distance} m leaves no room for a cube of half-size {self.cube_half_size} m: "
                f"it must be more than {self.cube_half_size / 2} m"
            )
