"""The state machine between the operator's hand and the robot: what may be commanded, and how fast. No ROS.

    disabled --enable--> following --no usable pose--> holding --it lasts--> easing to rest --arrived--> disabled
                             ^                            |
                             +--- usable poses again -----+

`disable` leads from any state to disabled. While a configured dead-man switch is not held, an enabled robot is paused:
nothing is commanded. Following starts slowly after any other state, and the velocity limits grow to their full values.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from .limits import JointLimits


class State(Enum):
    DISABLED = "disabled"
    PAUSED = "paused"
    FOLLOWING = "following"
    HOLDING = "holding"
    EASING = "easing to rest"


LONGEST_STEP = 0.1
"""Seconds. After a longer pause between two updates, the command moves as far as after this one."""

RAMP_START = 0.1
"""Share of the velocity limits at which following starts."""

MAX_EXCESS = 0.1
"""Share of a joint's range by which its measured position may lie outside. Further outside, the URDF does not fit."""


SILENCE = ("silence", "no hand pose arrives")
"""Reason and message of a hold without any rejected pose."""


class NotReady(Exception):
    """The robot cannot be enabled now; the message says why."""


@dataclass(frozen=True)
class SafetySettings:
    """Times in seconds.

    Attributes:
        timeout: without a usable pose, from the last one to the hold.
        hold_time: from the start of a hold to easing.
        ramp_time: from the start of following to the full velocity limits.
        rest_speed: share of the velocity limits while easing to rest, above 0 to 1.
        dead_man_timeout: from the last sign of a held dead-man switch to the pause; None if there is no switch.
    """

    timeout: float
    hold_time: float
    ramp_time: float
    rest_speed: float
    dead_man_timeout: float | None = None


class Safety:
    """Gives the commands. Times are those of one steady clock; a time before the last one counts as the last one.

    Args:
        limits: of the n commanded joints. Every command keeps them.
        rest: (n,) to ease to after a hold; None: the robot stays where it is.

    Attributes:
        state: the current one.
        reason: why it is in this state.
        share: of the velocity limits, at which it follows now.
        holds: number of holds by their short reason.
    """

    def __init__(self, limits: JointLimits, settings: SafetySettings, rest: np.ndarray | None = None):
        self._limits, self._settings = limits, settings
        self._rest = None if rest is None else limits.clip(rest)
        self._command = self._target = limits.clip(np.zeros(len(limits.names))) if rest is None else self._rest
        self._now = self._usable_at = self._held_at = self._moved_at = self._since = -np.inf
        self._unusable = SILENCE
        self.state, self.reason = State.DISABLED, "not enabled yet"
        self.share = 0.0
        self.holds: dict[str, int] = {}

    @property
    def position(self) -> np.ndarray:
        """The last command (n,); before the first one, the rest pose."""
        return self._command.copy()

    # What happens.

    def use(self, now: float, target: np.ndarray) -> None:
        """A usable pose of the operator's hand, as joint positions (n,). NaN: that joint stays where it is."""
        self._advance(now)
        self._usable_at, self._target = max(now, self._usable_at), np.array(target, float)
        self._unusable = SILENCE
        if self.state is State.HOLDING:
            self._enter(State.FOLLOWING, "the hand's pose is usable again")

    def reject(self, reason: str, message: str) -> None:
        """A pose that cannot be used, and why. If that lasts, `update` starts a hold.

        Args:
            reason: in one word.
            message: for people.
        """
        self._unusable = (reason, message)

    def hold(self, now: float, reason: str, message: str) -> None:
        """Hold at once. The poses of before do not count any more."""
        self._advance(now)
        self._unusable, self._usable_at = (reason, message), -np.inf
        if self.state is State.FOLLOWING:
            self._start_hold()

    def press(self, now: float, start: np.ndarray) -> None:
        """The dead-man switch is held. This ends a pause; `start` as in `enable`."""
        self._held_at = self._advance(now)
        if self.state is State.PAUSED:
            try:
                self._begin(start, "the dead-man switch is held again")
            except NotReady as reason:
                self._enter(State.DISABLED, str(reason))

    def release(self) -> None:
        """The dead-man switch is not held."""
        self._held_at = -np.inf

    def enable(self, now: float, start: np.ndarray) -> None:
        """Follow the operator's hand from now on.

        Args:
            start: (n,) where the robot's joints are. During a hold, the last command counts instead.

        Raises:
            NotReady: there is no usable pose, the dead-man switch is not held, or `start` is not within the limits.
        """
        now = self._advance(now)
        if not self._is_held(now):
            raise NotReady("the dead-man switch is not held")
        if not self._has_pose(now):
            raise NotReady(self._unusable[1])
        if self.state in (State.HOLDING, State.EASING):
            self._enter(State.FOLLOWING, "enabled during a hold")
        elif self.state is not State.FOLLOWING:
            self._begin(start, "enabled")

    def disable(self, reason: str) -> None:
        """Command nothing from now on."""
        if self.state is not State.DISABLED:
            self._enter(State.DISABLED, reason)

    def update(self, now: float) -> np.ndarray | None:
        """The command (n,) for this time; None if nothing may be commanded."""
        now = self._advance(now)
        duration = min(now - self._moved_at, LONGEST_STEP)
        self._moved_at = now
        lasting = now - self._since
        if self.state not in (State.DISABLED, State.PAUSED) and not self._is_held(now):
            self._enter(State.PAUSED, "the dead-man switch is not held")
        elif self.state is State.FOLLOWING and self._has_pose(now):
            self.share = self._grown_share(lasting)
            self._command = self._limits.step(self._command, self._target, duration, self.share)
        elif self.state is State.FOLLOWING:
            self._start_hold()
        elif self.state is State.HOLDING and lasting >= self._settings.hold_time:
            self._end_hold()
        elif self.state is State.EASING:
            self._ease(duration)
        elif self.state is State.PAUSED and now - self._usable_at >= self._settings.timeout + self._settings.hold_time:
            self._enter(State.DISABLED, f"while paused: {self._unusable[1]}")
        return None if self.state in (State.DISABLED, State.PAUSED) else self._command.copy()

    # How it answers.

    def _advance(self, now: float) -> float:
        self._now = max(now, self._now)
        return self._now

    def _has_pose(self, now: float) -> bool:
        return now - self._usable_at < self._settings.timeout

    def _is_held(self, now: float) -> bool:
        timeout = self._settings.dead_man_timeout
        return timeout is None or now - self._held_at < timeout

    def _grown_share(self, lasting: float) -> float:
        """Share of the velocity limits after so many seconds of following."""
        grown = lasting / self._settings.ramp_time if self._settings.ramp_time else 1.0
        return min(1.0, RAMP_START + (1 - RAMP_START) * grown)

    def _enter(self, state: State, reason: str) -> None:
        self.state, self.reason, self._since = state, reason, self._now

    def _begin(self, start: np.ndarray, reason: str) -> None:
        """Follow from where the robot is."""
        excess = np.abs(start - self._limits.clip(start)) / (self._limits.upper - self._limits.lower)
        if not (excess <= MAX_EXCESS).all():  # or NaN
            worst = int(np.argmax(np.where(np.isnan(excess), np.inf, excess)))
            raise NotReady(
                f"joint {self._limits.names[worst]} is at {start[worst]:.4g}, but its limits are "
                f"{self._limits.lower[worst]:g} to {self._limits.upper[worst]:g}; does the URDF belong to this robot?"
            )
        self._command, self._moved_at = self._limits.clip(start), self._now
        self._enter(State.FOLLOWING, reason)

    def _start_hold(self) -> None:
        reason, message = self._unusable
        self.holds[reason] = self.holds.get(reason, 0) + 1
        self._enter(State.HOLDING, message)

    def _end_hold(self) -> None:
        if self._rest is None:
            self._enter(State.DISABLED, f"{self.reason}; the robot stays where it is, as there is no rest pose")
        else:
            self._enter(State.EASING, self.reason)

    def _ease(self, duration: float) -> None:
        if np.array_equal(self._command, self._rest):
            self._enter(State.DISABLED, f"{self.reason}; the robot is in its rest pose")
        else:
            self._command = self._limits.step(self._command, self._rest, duration, self._settings.rest_speed)
