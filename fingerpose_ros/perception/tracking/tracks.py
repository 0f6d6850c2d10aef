"""Hands over time: where to look next, which hand it is, and a calm pose."""

import numpy as np

from ..hand import RIGHT
from ..kinematics import PALM, palm_position

OPINION_TIME = 0.3
"""Seconds over which what the network says of the handedness, and of whether it is a hand, is averaged."""

DOUBT_BELOW = 0.25
"""A hand is looked at as the other one, too, when on that average it is itself with less than this probability."""

MAX_STEP, MAX_SPEED, LONGEST = 0.05, 1.5, 0.25
"""A hand is expected to move on by so many metres until it is next looked at, at most; or, if that is later than at
usual rates, by so many metres a second over so many seconds."""

IMAGE_TIME = 1 / 30
"""Seconds an image is taken to last where a driver's clock stands still."""

ASIDE = 0.25
"""Sine of the angle from the line of sight within which a hand points nowhere in the image: errors of its joints would
turn its crop to and fro."""


class Track:
    """One hand from image to image.

    Attributes:
        id: never used again for another hand.
        handedness: "right" or "left".
        confidence: the probability that it is a hand, averaged over `OPINION_TIME`.
        centre: (3,) where it was last seen, metres in the camera's optical frame.
        direction: (3,) where it last pointed (`kinematics.hand_direction`), unless at the camera or away from it.
        missed: how many images ago that was.
        smooth: what smooths its pose; None if it is not to be smoothed.
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
        smooth: "PoseFilter | None",
    ):
        """`right` is the probability that it is a right hand."""
        self.id, self.handedness, self.confidence = id, handedness, confidence
        self.centre, self.direction, self.missed, self.smooth = centre, direction, 0, smooth
        self._right, self._velocity, self._stamp = right, np.zeros(3), stamp

    @property
    def handedness_score(self) -> float:
        """The probability of `handedness`, 0.5 to 1."""
        return max(0.5, self._right if self.handedness == RIGHT else 1 - self._right)

    def expected(self, stamp: float) -> np.ndarray:
        """Where its centre (3,) should be at `stamp` seconds."""
        passed = stamp - self._stamp
        step, most = self._velocity * passed, max(MAX_STEP, MAX_SPEED * min(passed, LONGEST))
        return self.centre + step * min(1, most / max(float(np.linalg.norm(step)), 1e-9))

    def see(self, centre: np.ndarray, direction: np.ndarray, present: float, stamp: float) -> None:
        """It is seen again, and is a hand with the probability `present`."""
        self.confidence += self._weight(stamp) * (present - self.confidence)
        passed = stamp - self._stamp
        if passed > 0:
            self._velocity = 0.5 * self._velocity + 0.5 * (centre - self.centre) / passed
        self.centre, self._stamp, self.missed = centre, stamp, 0
        if np.linalg.norm(np.cross(direction, centre)) > ASIDE * np.linalg.norm(direction) * np.linalg.norm(centre):
            self.direction = direction

    def miss(self, present: float, stamp: float) -> None:
        """It is not seen: where it should be, there is a hand with the probability `present`."""
        self.confidence += self._weight(stamp) * (present - self.confidence)
        self.missed += 1

    def doubts_handedness(self, right: float, stamp: float) -> bool:
        """Takes in the probability of a right hand, before `see`. True when it may well be the other one."""
        self._right += self._weight(stamp) * (right - self._right)
        itself = self._right if self.handedness == RIGHT else 1 - self._right
        return bool(itself < DOUBT_BELOW)

    def _weight(self, stamp: float) -> float:
        """Of an opinion at `stamp` beside those before."""
        return 1 - float(np.exp(-((stamp - self._stamp) or IMAGE_TIME) / OPINION_TIME))

    def settle_handedness(self, right: float, handedness: str) -> bool:
        """Takes it, for good reasons, for this hand with this probability of a right one; True if that is new."""
        before, self.handedness, self._right = self.handedness, handedness, right
        return handedness != before


class OneEuroFilter:
    """The 1 Euro filter: a low-pass whose cut-off rises with speed, so that rest is calm and motion is not late.

    Source: Casiez, Roussel and Vogel, "1 Euro Filter", CHI 2012. As there, but points in space share one cut-off, from
    the length of their velocity, so that the result does not depend on how the camera is turned.

    The filter's library (PyPI OneEuroFilter) takes single numbers, and its cut-off would differ from axis to axis.
    """

    def __init__(self, min_cutoff: float, beta: float, speed_cutoff: float = 1.0):
        """`min_cutoff` in Hz is the cut-off at rest, `beta` in Hz per m/s what speed adds to it.

        `speed_cutoff` in Hz is that of the low-pass on the speed.
        """
        self._min_cutoff, self._beta, self._speed_cutoff = min_cutoff, beta, speed_cutoff
        self._value: np.ndarray | None = None
        self._known: np.ndarray | bool = False
        self._velocity: np.ndarray | float = 0.0
        self._stamp = 0.0

    def __call__(self, value: np.ndarray, stamp: float, known: np.ndarray | bool = True) -> np.ndarray:
        """Points (..., 3) in metres at `stamp` seconds, not before the last -> the same, smoothed.

        Points that are not `known` (...,) come back as they are, and start anew once they are. So they all do at the
        same stamp again: how fast they move cannot be known.
        """
        if self._value is None:
            self._value, self._known, self._stamp = value, known, stamp
            return value
        passed, self._stamp = stamp - self._stamp, stamp
        if passed <= 0:
            return value
        goes_on, self._known = np.asarray(self._known & known)[..., None], known
        velocity = (value - self._value) / passed
        velocity = self._velocity + _gain(self._speed_cutoff, passed) * (velocity - self._velocity)
        self._velocity = np.where(goes_on, velocity, 0.0)
        speed = np.linalg.norm(self._velocity, axis=-1, keepdims=True)
        smooth = self._value + _gain(self._min_cutoff + self._beta * speed, passed) * (value - self._value)
        self._value = np.where(goes_on, smooth, value)
        return self._value


def _gain(cutoff, passed: float):
    """The share of a new value that a first-order low-pass takes, `passed` seconds after the last one."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff * passed))


class PoseFilter:
    """Smooths a hand: its palm's place and, apart, the joints as seen from there.

    So the fingers of a moving hand stay as calm as those of a resting one, and its bones keep their lengths better.
    """

    def __init__(self, min_cutoff: float, beta: float):
        """As those of `OneEuroFilter`."""
        self._palm, self._joints = OneEuroFilter(min_cutoff, beta), OneEuroFilter(min_cutoff, beta)

    def __call__(self, positions: np.ndarray, stamp: float, valid: np.ndarray) -> np.ndarray:
        """Positions (21, 3) in metres at `stamp` seconds -> the same, smoothed: of the joints that are `valid` (21,)
        and were so before, if the palm is."""
        palm, palm_known = palm_position(positions), bool(valid[PALM].all())
        return self._palm(palm, stamp, palm_known) + self._joints(positions - palm, stamp, valid & palm_known)
