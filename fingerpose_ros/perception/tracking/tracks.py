"""Tracks: one hand from image to image, with its predicted position, handedness and confidence.

A track starts as a tentative hand at a detection. `HandPoseEstimator._confirm` accepts it as a new hand.
"""

import numpy as np

from ..detection.confidence import sigmoid
from ..hand import LEFT, RIGHT
from ..settings import EstimatorSettings
from .hand_model import HandModel
from .smoothing import PoseFilter

AVERAGING_TIME = 0.3
"""Time constant in seconds of the running means of evidence and handedness."""

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
        id: never reused for another hand; 0 while the track is tentative.
        handedness: "right" or "left"; None until the first observation.
        centre, palm: (3,) last observed centre and palm, metres in the camera's optical frame.
        direction: (3,) last direction (`kinematics.hand_direction`) that was not along the line of sight.
        evidence: logit of the probability that it is a hand, averaged over `AVERAGING_TIME`.
        confidence: probability that it is a hand, by the last image and by `evidence`.
        detector_logit: of the detection in the last image that it was looked for in.
        last_seen: seconds, of the last observation.
        images: in which it was looked for, but for a first prediction that only centres its crop.
        centred: whether `centre` and `direction` are predicted, not only detected.
        model: makes its bones keep their lengths, and smooths its pose; None without `hand_model`.
        filter: smooths its pose; None without smoothing or with a `model`.
    """

    def __init__(self, palm: np.ndarray, centre: np.ndarray, direction: np.ndarray, stamp: float):
        self.id, self.images, self.last_seen, self.centred = 0, 0, stamp, False
        self.palm, self.centre, self.direction = palm, centre, direction
        self.handedness: str | None = None
        self.evidence = self.confidence = self.detector_logit = 0.0
        self.model: HandModel | None = None
        self.filter: PoseFilter | None = None
        self._right, self._velocity, self._weighed = 0.5, np.zeros(3), stamp

    @property
    def confirmed(self) -> bool:
        """Whether it counts as a hand."""
        return self.id > 0

    @property
    def begun(self) -> bool:
        """Whether it is a new hand that was predicted only once, see `begin`."""
        return self.centred and not self.images

    @property
    def handedness_score(self) -> float:
        """The probability of `handedness`, 0.5 to 1."""
        return max(0.5, self._own)

    @property
    def _own(self) -> float:
        return self._right if self.handedness == RIGHT else 1 - self._right

    @property
    def sides(self) -> tuple[str, ...]:
        """The handedness, or both where it is not known or may be wrong, for which crops are predicted."""
        return (RIGHT, LEFT) if not self.images or self._own < DOUBT_BELOW else (self.handedness,)

    def predict_centre(self, stamp: float) -> np.ndarray:
        """The centre (3,) at `stamp` seconds, extrapolated with constant velocity."""
        return self.centre + self._step(stamp)

    def predict_palm(self, stamp: float) -> np.ndarray:
        """The palm (3,) at `stamp` seconds."""
        return self.palm + self._step(stamp)

    def _step(self, stamp: float) -> np.ndarray:
        elapsed = stamp - self.last_seen
        step, limit = self._velocity * elapsed, max(MAX_STEP, MAX_SPEED * min(elapsed, MAX_EXTRAPOLATION))
        return step * min(1, limit / max(float(np.linalg.norm(step)), 1e-9))

    def begin(self, centre: np.ndarray, direction: np.ndarray, confidence: float) -> None:
        """Take over the first prediction of a new hand, which was not centred yet; see `observe` for the arguments.

        Its palm remains where it was detected. So a later detection tells how far the hand has moved.
        """
        self.centre, self.direction, self.confidence, self.centred = centre, direction, confidence, True

    def weigh(self, detector_logit: float, evidence: float, stamp: float) -> None:
        """Average in the evidence of an image, that of the detector included; call it before `observe`.

        Half of the confidence is the image's evidence, so a hand that is gone is absent at once. The other half is that
        of the last `AVERAGING_TIME`, so one doubtful image does not end a track.
        """
        self.evidence += (_weight(stamp - self._weighed) if self.images else 1.0) * (evidence - self.evidence)
        self.confidence = float(sigmoid(0.5 * (evidence + self.evidence)))
        self.images, self._weighed, self.detector_logit = self.images + 1, stamp, detector_logit

    def observe(self, palm: np.ndarray, centre: np.ndarray, direction: np.ndarray, stamp: float) -> None:
        """Take over an observation."""
        elapsed = stamp - self.last_seen
        if elapsed > 0:
            self._velocity = 0.5 * self._velocity + 0.5 * (centre - self.centre) / elapsed
        self.palm, self.centre, self.last_seen, self.centred = palm, centre, stamp, True
        sine_times_lengths = np.linalg.norm(np.cross(direction, centre))
        if sine_times_lengths > MIN_SINE_TO_SIGHT * np.linalg.norm(direction) * np.linalg.norm(centre):
            self.direction = direction

    def observe_handedness(self, right: float, stamp: float) -> None:
        """Average in the probability of a right hand; call it before `observe`."""
        self._right += _weight(stamp - self.last_seen) * (right - self._right)

    def begin_pose(self, settings: EstimatorSettings) -> None:
        """Forget the earlier poses: the hand is new, or was the other one."""
        cutoffs = (settings.smoothing_min_cutoff, settings.smoothing_beta) if settings.smoothing else None
        self.model = HandModel(cutoffs) if settings.hand_model else None
        self.filter = PoseFilter(*cutoffs) if cutoffs and not self.model else None

    def set_handedness(self, right: float) -> bool:
        """Set the handedness by the probability of a right hand. True if it changed."""
        before, self._right = self.handedness, right
        self.handedness = RIGHT if right > 0.5 else LEFT
        return before not in (None, self.handedness)


def _weight(elapsed: float) -> float:
    """The weight of a prediction in the running means, `elapsed` seconds after the one before."""
    return 1 - float(np.exp(-(elapsed or DEFAULT_INTERVAL) / AVERAGING_TIME))
