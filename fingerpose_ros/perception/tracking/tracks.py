"""Tracks: one hand from image to image, with its predicted position, handedness and confidence.

A new hand is accepted, and its track started, in `estimator.py` (`HandPoseEstimator._acquire`).
"""

import numpy as np

from ..hand import RIGHT
from .smoothing import PoseFilter

AVERAGING_TIME = 0.3
"""Time constant in seconds of the running means of presence and handedness."""

DOUBT_BELOW = 0.25
"""The mirrored crop is predicted, too, when the mean probability of the track's handedness is below this."""

MAX_STEP, MAX_SPEED, MAX_EXTRAPOLATION = 0.05, 1.5, 0.25
"""Limits of a track's extrapolated motion: `MAX_STEP` metres or, if that is farther, `MAX_SPEED` metres per second for
`MAX_EXTRAPOLATION` seconds or the time since the last observation, whichever is shorter."""

DEFAULT_INTERVAL = 1 / 30
"""Seconds between two images that are assumed where a driver's clock stands still."""

MIN_SINE_TO_SIGHT = 0.25
"""Sine of the angle between a hand's direction and the line of sight. Below it the direction is not updated: errors of
the joints would rotate the crop to and fro."""


class Track:
    """One hand from image to image.

    Attributes:
        id: never reused for another hand.
        handedness: "right" or "left".
        confidence: the presence probability, averaged over `AVERAGING_TIME`.
        centre: (3,) last observed centre, metres in the camera's optical frame.
        direction: (3,) last direction (`kinematics.hand_direction`) that was not along the line of sight.
        missed: images since the last observation.
        filter: smooths its pose; None without smoothing.
    """

    def __init__(
        self,
        id: int,
        handedness: str,
        right: float,
        confidence: float,
        centre: np.ndarray,
        direction: np.ndarray,
        stamp: float,
        filter: PoseFilter | None,
    ):
        """`right` is the probability that it is a right hand."""
        self.id, self.handedness, self.confidence = id, handedness, confidence
        self.centre, self.direction, self.missed, self.filter = centre, direction, 0, filter
        self._right, self._velocity, self._stamp = right, np.zeros(3), stamp

    @property
    def handedness_score(self) -> float:
        """The probability of `handedness`, 0.5 to 1."""
        return max(0.5, self._right if self.handedness == RIGHT else 1 - self._right)

    def predict_centre(self, stamp: float) -> np.ndarray:
        """The centre (3,) at `stamp` seconds, extrapolated with constant velocity."""
        elapsed = stamp - self._stamp
        step, limit = self._velocity * elapsed, max(MAX_STEP, MAX_SPEED * min(elapsed, MAX_EXTRAPOLATION))
        return self.centre + step * min(1, limit / max(float(np.linalg.norm(step)), 1e-9))

    def update(self, centre: np.ndarray, direction: np.ndarray, present: float, stamp: float) -> None:
        """Take over an observation with the presence probability `present`."""
        self.confidence += self._weight(stamp) * (present - self.confidence)
        elapsed = stamp - self._stamp
        if elapsed > 0:
            self._velocity = 0.5 * self._velocity + 0.5 * (centre - self.centre) / elapsed
        self.centre, self._stamp, self.missed = centre, stamp, 0
        sine_times_lengths = np.linalg.norm(np.cross(direction, centre))
        if sine_times_lengths > MIN_SINE_TO_SIGHT * np.linalg.norm(direction) * np.linalg.norm(centre):
            self.direction = direction

    def mark_missed(self, present: float, stamp: float) -> None:
        """The hand is not observed: the presence probability at its predicted centre is only `present`."""
        self.confidence += self._weight(stamp) * (present - self.confidence)
        self.missed += 1

    def update_handedness(self, right: float, stamp: float) -> bool:
        """Average in the probability of a right hand; call it before `update`. True if the handedness may be wrong."""
        self._right += self._weight(stamp) * (right - self._right)
        own = self._right if self.handedness == RIGHT else 1 - self._right
        return bool(own < DOUBT_BELOW)

    def _weight(self, stamp: float) -> float:
        """The weight of a prediction at `stamp` in the running means."""
        return 1 - float(np.exp(-((stamp - self._stamp) or DEFAULT_INTERVAL) / AVERAGING_TIME))

    def set_handedness(self, right: float, handedness: str) -> bool:
        """Set the handedness and the probability of a right hand. True if the handedness changed."""
        before, self.handedness, self._right = self.handedness, handedness, right
        return handedness != before
