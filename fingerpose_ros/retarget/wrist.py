"""From the operator's wrist to a target for an arm's tool, with a clutch. No ROS.

The arm copies the motion of the wrist, not its place: the target is where the tool was when the clutch closed, moved as
far as the wrist has moved since. So the operator can open the clutch, move the hand to a comfortable place, and go on.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from .safety import LONGEST_STEP


@dataclass(frozen=True)
class Pose:
    """Position (3,), metres, and rotation (3, 3), in the arm's base frame."""

    position: np.ndarray
    rotation: np.ndarray


@dataclass(frozen=True)
class WristSettings:
    """How the target moves.

    Attributes:
        scale: metres of the target per metre of the wrist.
        max_speed, max_turn: m/s and rad/s.
        reach: largest distance of the target from where the tool was at the start, metres.
    """

    scale: float
    max_speed: float
    max_turn: float
    reach: float


class WristFollower:
    """Gives the target.

    Attributes:
        target: the last one; None before `start` and after `stop`.
    """

    def __init__(self, settings: WristSettings):
        self._settings = settings
        self.target: Pose | None = None
        self._closed_at: tuple[Pose, Pose] | None = None

    def start(self, now: float, tool: Pose) -> None:
        """The tool is here now: the first target."""
        self.target = tool
        self._start, self._moved_at = tool.position, now
        self.open()

    def stop(self) -> None:
        """Forget the target."""
        self.target = None
        self.open()

    def open(self) -> None:
        """Open the clutch: the target stays, wherever the wrist goes."""
        self._closed_at = None

    def stay(self, now: float) -> None:
        """There is no pose of the wrist to follow. Then the arm must not catch up with what the wrist did meanwhile."""
        self._moved_at = now
        self.open()

    def follow(self, now: float, wrist: Pose, share: float) -> None:
        """Move the target as the wrist has moved since the clutch closed; it closes if it is open.

        Args:
            now: seconds of the steady clock.
            share: 0 to 1, of the speed limits.
        """
        if self._closed_at is None:
            self._closed_at = (wrist, self.target)
        first, tool = self._closed_at
        moved = self._settings.scale * (wrist.position - first.position)
        goal = Pose(self._reachable(tool.position + moved), wrist.rotation @ first.rotation.T @ tool.rotation)
        duration = share * min(max(now - self._moved_at, 0.0), LONGEST_STEP)
        self._moved_at = max(now, self._moved_at)
        self.target = self._step(goal, duration)

    def _reachable(self, position: np.ndarray) -> np.ndarray:
        return self._start + _shortened(position - self._start, self._settings.reach)

    def _step(self, goal: Pose, duration: float) -> Pose:
        shift = _shortened(goal.position - self.target.position, self._settings.max_speed * duration)
        turn = cv2.Rodrigues(goal.rotation @ self.target.rotation.T)[0][:, 0]
        turned = cv2.Rodrigues(_shortened(turn, self._settings.max_turn * duration))[0] @ self.target.rotation
        return Pose(self.target.position + shift, turned)


def _shortened(vector: np.ndarray, longest: float) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    return vector if length <= longest else vector * (longest / length)
