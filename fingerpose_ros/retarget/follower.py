"""From hands to commands: the operator's hand, its mapping and the safety together. No ROS."""

from collections.abc import Mapping as Settings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.skeleton import WRIST

from .operator import Operator, Unusable
from .parameters import operator_settings, safety_settings
from .plan import Plan
from .safety import NotReady, Safety, State


@dataclass(frozen=True)
class Image:
    """The hands of one image.

    Attributes:
        stamp: its stamp, seconds.
        clock: the time of the stamp's clock at its arrival, seconds.
        arrived: the time of the steady clock at its arrival, seconds.
    """

    hands: Sequence[Hand]
    stamp: float
    clock: float
    arrived: float


class Follower:
    """Follows the chosen hand while it is enabled.

    Args:
        settings: the node's parameters.

    Attributes:
        hand: the chosen hand in the last image, if its pose can be used.
    """

    def __init__(self, plan: Plan, settings: Settings[str, Any]):
        self.plan, self._timeout = plan, settings["timeout"]
        self.safety = Safety(plan.limits, safety_settings(settings), plan.rest)
        self._operator = Operator(operator_settings(settings), plan.mapping.needed)
        self._image: Image | None = None
        self.hand: Hand | None = None

    @property
    def track_id(self) -> int | None:
        """Of the chosen hand; None if none is chosen."""
        return self._operator.track_id

    def receive(self, image: Image) -> None:
        """Use the chosen hand's pose in an image, or note why it cannot be used."""
        self._image, self.hand = image, None
        if self.track_id is None:
            return
        try:
            self.hand = self._operator.check(image.hands, image.stamp, image.clock)
            target = self.plan.target(self._retarget(self.hand))
        except Unusable as error:
            if error.at_once:
                self.safety.hold(image.arrived, error.reason, str(error))
            else:
                self.safety.reject(error.reason, str(error))
        else:
            self.safety.use(image.arrived, target)

    def choose(self, now: float, track_id: int = 0, point: np.ndarray | None = None) -> int:
        """Choose the hand with this track, or the one nearest to a point (3,) in the images' frame. Disables the robot.

        Returns the track of the chosen hand.

        Raises:
            NotReady: there is no such hand in view.
        """
        self.safety.disable("another hand is chosen")
        candidates = self._candidates(now)
        if not track_id and point is not None:
            candidates.sort(key=lambda hand: float(np.linalg.norm(hand.positions[WRIST] - point)))
        elif track_id:
            seen = ", ".join(str(hand.track_id) for hand in candidates) or "none"
            candidates = [hand for hand in candidates if hand.track_id == track_id]
            if not candidates:
                raise NotReady(f"no hand in view has track {track_id}; the tracks in view: {seen}")
        if not candidates:
            raise NotReady("no hand of the operator's handedness is in view")
        self._choose(candidates[0].track_id)
        return candidates[0].track_id

    def enable(self, now: float, start: np.ndarray) -> None:
        """Follow the chosen hand. If none is chosen and exactly one is in view, that one is chosen.

        Args:
            start: (n,) where the plan's motors are.

        Raises:
            NotReady: it cannot be enabled now.
        """
        chosen = self.track_id
        if chosen is None:
            candidates = self._candidates(now)
            if len(candidates) != 1:
                tracks = ", ".join(str(hand.track_id) for hand in candidates)
                raise NotReady(
                    f"several hands are in view (tracks {tracks}); choose one" if tracks else "no hand is in view"
                )
            self._choose(candidates[0].track_id)
        try:
            self.safety.enable(now, start)
        except NotReady:
            if chosen is None:
                self._choose(None)
            raise

    def update(self, now: float) -> np.ndarray | None:
        """The command: positions (n,) of the plan's motors; None if nothing may be commanded."""
        before = self.safety.state
        command = self.safety.update(now)
        if self.safety.state is State.DISABLED and before is not State.DISABLED:
            self._choose(None)
        return command

    def _choose(self, track_id: int | None) -> None:
        self._operator.choose(track_id)
        self.plan.mapping.reset()
        if track_id is not None and self._image is not None:
            self.receive(self._image)

    def _candidates(self, now: float) -> list[Hand]:
        if self._image is None or now - self._image.arrived > self._timeout:
            raise NotReady("no hand pose has arrived lately; does hand_pose_node run?")
        return self._operator.candidates(self._image.hands)

    def _retarget(self, hand: Hand) -> np.ndarray:
        try:
            return self.plan.mapping.retarget(hand)
        except Exception as error:  # of any kind: the robot holds
            raise Unusable("mapping_failed", f"the mapping failed: {error}") from error
