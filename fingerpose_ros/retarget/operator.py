"""The operator's hand: which one it is, and whether its pose can be used. No ROS."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.skeleton import JOINTS, WRIST

EITHER = "either"

JITTER = 0.03
"""Metres that a joint may move between two images, however short the time."""

SETTLED = 3
"""Poses in succession without a jump after which a hand is used again."""

MAX_REACH = 0.35
"""Metres from the wrist. No joint of a hand is farther away."""


class Unusable(Exception):
    """A pose cannot be used.

    Args:
        reason: in one word, such as "jump".
        message: for people.
        at_once: whether the robot must hold without waiting for the next pose.
    """

    def __init__(self, reason: str, message: str, at_once: bool = False):
        super().__init__(message)
        self.reason, self.at_once = reason, at_once


@dataclass(frozen=True)
class OperatorSettings:
    """Which poses can be used.

    Attributes:
        handedness: of the operator's hand: "right", "left" or `EITHER`.
        max_hand_speed: of a joint, m/s; beyond it, a pose has jumped.
        max_age: of a pose by its stamp, seconds.
    """

    handedness: str
    max_hand_speed: float
    max_age: float


class Operator:
    """Remembers the chosen hand and its last pose.

    Args:
        needed: indices of the joints that must be valid.

    Attributes:
        track_id: of the chosen hand; None while none is chosen.
    """

    def __init__(self, settings: OperatorSettings, needed: Sequence[int]):
        self._settings, self._needed = settings, sorted({WRIST, *needed})
        self.track_id: int | None = None
        self._forget()

    def candidates(self, hands: Sequence[Hand]) -> list[Hand]:
        """The hands that could be chosen: of the operator's handedness, with a known wrist."""
        return [hand for hand in hands if self._fits(hand) and np.isfinite(hand.positions[WRIST]).all()]

    def choose(self, track_id: int | None) -> None:
        """Choose a hand, or none. Another hand starts without a history."""
        if track_id != self.track_id:
            self.track_id = track_id
            self._forget()

    def check(self, hands: Sequence[Hand], stamp: float, now: float) -> Hand:
        """The chosen hand among those of one image.

        Args:
            stamp, now: the image's stamp and the current time of the same clock, seconds.

        Raises:
            Unusable: there is none, or its pose cannot be used.
        """
        if self.track_id is None:
            raise Unusable("not_chosen", "no hand is chosen")
        self._check_time(stamp, now)
        hand = next((hand for hand in hands if hand.track_id == self.track_id), None)
        if hand is None:
            raise Unusable("hand_lost", f"the operator's hand (track {self.track_id}) is not in view")
        if not self._fits(hand):
            raise Unusable("handedness", f"the operator's hand is taken for a {hand.handedness} hand", at_once=True)
        self._check_shape(hand)
        self._check_motion(hand, stamp)
        return hand

    def _forget(self) -> None:
        self._last: tuple[np.ndarray, float] | None = None
        self._since_jump = SETTLED

    def _fits(self, hand: Hand) -> bool:
        return self._settings.handedness in (EITHER, hand.handedness)

    def _check_time(self, stamp: float, now: float) -> None:
        age = now - stamp
        if not abs(age) <= self._settings.max_age:
            when = f"{age:.2f} s old" if age > 0 else f"{-age:.2f} s in the future"
            raise Unusable(
                "stale", f"the image is {when} by its stamp; for a bag or simulator set use_sim_time, else is a camera "
                "or network slow, or are the clocks of two machines different?",
            )  # fmt: skip
        if self._last and stamp < self._last[1]:
            last, self._last = self._last[1], None
            self._since_jump = 0
            raise Unusable("time_jump", f"the stamps jumped back from {last:.3f} to {stamp:.3f} s", at_once=True)

    def _check_shape(self, hand: Hand) -> None:
        known = hand.valid & np.isfinite(hand.positions).all(1)
        if not known[self._needed].all():
            names = [JOINTS[joint] for joint in self._needed if not known[joint]]
            raise Unusable("invalid_joint", f"joints of the operator's hand are not known: {', '.join(names)}")
        if not np.isfinite(hand.rotations[WRIST]).all():
            raise Unusable("invalid_joint", "the orientation of the operator's wrist is not known")
        if not (np.abs(hand.positions[self._needed] - hand.positions[WRIST]) <= MAX_REACH).all():
            raise Unusable("implausible", f"a joint is more than {MAX_REACH} m from the wrist", at_once=True)

    def _check_motion(self, hand: Hand, stamp: float) -> None:
        positions = hand.positions[self._needed]
        before, self._last = self._last, (positions, stamp)
        if before is not None:
            moved = float(np.linalg.norm(positions - before[0], axis=1).max())
            allowed = JITTER + self._settings.max_hand_speed * (stamp - before[1])
            if not moved <= allowed:
                self._since_jump = 0
                raise Unusable(
                    "jump", f"a joint of the operator's hand jumped by {moved:.2f} m in {stamp - before[1]:.3f} s",
                    at_once=True,
                )  # fmt: skip
        self._since_jump += 1
        if self._since_jump <= SETTLED:
            raise Unusable("jump", "the operator's hand has just jumped", at_once=True)
