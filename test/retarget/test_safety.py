"""The safety's state machine: whatever comes in, its commands keep the limits, and each hold has a reason."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerpose_ros.retarget.limits import JointLimits
from fingerpose_ros.retarget.safety import LONGEST_STEP, NotReady, Safety, SafetySettings, State

LIMITS = JointLimits(("a", "b"), np.array([-1.0, 0.0]), np.array([1.0, 0.04]), np.array([2.0, 0.1]))
SETTINGS = SafetySettings(timeout=0.2, hold_time=1.0, ramp_time=1.0, rest_speed=0.5)
REST = np.array([0.5, 0.02])
START, FAR = np.array([0.0, 0.01]), np.array([1.0, 0.04])
PERIOD = 0.02


class Run:
    """A safety, and the time in seconds of its clock."""

    def __init__(self, settings=SETTINGS, rest=REST):
        self.safety, self.now = Safety(LIMITS, settings, rest), 100.0

    def enabled(self, target=FAR):
        self.safety.use(self.now, target)
        self.safety.enable(self.now, START)
        return self

    def go_on(self, seconds, target=None, press=None):
        """The commands of so many seconds; `target` is used at each step if it is given."""
        commands = []
        for _ in range(round(seconds / PERIOD)):
            self.now += PERIOD
            if target is not None:
                self.safety.use(self.now, target)
            if press:
                self.safety.press(self.now, START)
            commands.append(self.safety.update(self.now))
        return commands


def test_nothing_is_commanded_until_it_is_enabled():
    run = Run()
    assert run.go_on(2, FAR) == [None] * 100
    assert run.safety.state is State.DISABLED


def test_it_starts_where_the_robot_is_and_speeds_up_slowly():
    run = Run().enabled()
    commands = np.array(run.go_on(3, FAR))
    speeds = np.diff(np.vstack([START, commands]), axis=0) / PERIOD
    assert np.abs(commands[0] - START).max() <= 0.13 * 2.0 * PERIOD
    assert 0 < speeds[0, 0] < speeds[10, 0] < speeds[20, 0]
    np.testing.assert_allclose(commands[-1], FAR)


def test_at_full_speed_it_moves_at_the_limit():
    run = Run().enabled()
    run.go_on(2, START)
    commands = np.array(run.go_on(0.2, FAR))
    np.testing.assert_allclose(np.diff(commands[:, 0]) / PERIOD, 2.0)


def test_a_lost_hand_holds_then_eases_to_rest_then_is_disabled():
    run = Run().enabled()
    run.go_on(3, FAR)
    run.safety.reject("hand_lost", "the hand is gone")
    run.go_on(0.22)
    assert run.safety.state is State.HOLDING and run.safety.reason == "the hand is gone"
    held = np.array(run.go_on(0.9))
    np.testing.assert_allclose(held, np.tile(FAR, (len(held), 1)))
    commands = run.go_on(5)
    eased = np.array([command for command in commands if command is not None])
    np.testing.assert_array_equal(eased[-1], REST)
    assert np.abs(np.diff(eased[:, 0])).max() <= 0.5 * 2.0 * PERIOD + 1e-12
    assert commands[-1] is None and run.safety.state is State.DISABLED
    assert "rest pose" in run.safety.reason and run.safety.holds == {"hand_lost": 1}
    assert run.go_on(1, FAR) == [None] * 50


def test_without_a_rest_pose_it_stays_where_it_is():
    run = Run(rest=None).enabled()
    run.go_on(2, FAR)
    last = [command for command in run.go_on(3) if command is not None][-1]
    np.testing.assert_allclose(last, FAR)
    assert run.safety.state is State.DISABLED and "stays" in run.safety.reason


def test_it_comes_back_from_a_hold_slowly():
    run = Run().enabled(START)
    run.go_on(2, START)
    run.safety.hold(run.now, "jump", "it jumped")
    assert run.safety.state is State.HOLDING
    run.go_on(0.3)
    commands = np.array(run.go_on(0.1, FAR))
    assert run.safety.state is State.FOLLOWING
    assert np.diff(commands[:, 0]).max() < 0.25 * 2.0 * PERIOD


def test_a_hold_that_has_ended_needs_to_be_enabled_again():
    run = Run().enabled()
    run.go_on(1, FAR)
    run.go_on(1.3)
    assert run.safety.state is State.EASING
    run.go_on(0.1, FAR)
    assert run.safety.state is State.EASING
    before = run.go_on(0.02)[-1]
    run.safety.use(run.now, FAR)
    run.safety.enable(run.now, START)
    after = run.go_on(0.02, FAR)[-1]
    assert run.safety.state is State.FOLLOWING
    assert np.abs(after - before).max() <= 0.13 * 2.0 * PERIOD  # from the last command, not from START


def test_enabling_during_a_hold_needs_a_usable_pose():
    run = Run().enabled()
    run.go_on(1, FAR)
    run.safety.hold(run.now, "invalid_joint", "the thumb is hidden")
    with pytest.raises(NotReady, match="the thumb is hidden"):
        run.safety.enable(run.now, START)
    assert run.safety.state is State.HOLDING


@pytest.mark.parametrize("start", [[np.nan, 0], [3.0, 0], [0, -0.1]])
def test_a_start_outside_the_limits_is_named(start):
    run = Run()
    run.safety.use(run.now, FAR)
    with pytest.raises(NotReady, match=r"joint [ab] is at .* its limits are"):
        run.safety.enable(run.now, np.array(start, float))
    assert run.go_on(0.1, FAR) == [None] * 5


def test_a_released_dead_man_switch_stops_commands_at_once():
    run = Run(SafetySettings(0.2, 1.0, 1.0, 0.5, dead_man_timeout=0.3))
    run.safety.use(run.now, FAR)
    with pytest.raises(NotReady, match="dead-man"):
        run.safety.enable(run.now, START)
    run.safety.press(run.now, START)
    run.enabled()
    assert not any(command is None for command in run.go_on(1, FAR, press=True))
    run.safety.release()
    assert run.go_on(0.5, FAR) == [None] * 25 and run.safety.state is State.PAUSED
    resumed = run.go_on(0.1, FAR, press=True)
    np.testing.assert_allclose(resumed[0], START, atol=0.13 * 2.0 * PERIOD)  # where the robot is now


def test_a_silent_dead_man_switch_counts_as_released():
    run = Run(SafetySettings(0.2, 1.0, 1.0, 0.5, dead_man_timeout=0.3))
    run.safety.press(run.now, START)
    run.enabled()
    commands = run.go_on(0.5, FAR)
    assert commands[10] is not None and commands[-1] is None


def test_a_hand_lost_while_paused_disables():
    run = Run(SafetySettings(0.2, 1.0, 1.0, 0.5, dead_man_timeout=0.3))
    run.safety.press(run.now, START)
    run.enabled()
    run.go_on(2)
    assert run.safety.state is State.DISABLED
    assert run.go_on(0.1, FAR, press=True)[-1] is None


ANY = st.floats(allow_nan=True, allow_infinity=True)
TARGETS = st.tuples(ANY, ANY).map(np.array)
STEPS = st.floats(-0.5, 2.0)
EVENTS = st.one_of(
    st.tuples(st.just("use"), TARGETS),
    st.tuples(st.just("use"), st.just(FAR)),
    st.tuples(st.just("reject"), st.none()),
    st.tuples(st.just("hold"), st.none()),
    st.tuples(st.just("enable"), TARGETS),
    st.tuples(st.just("enable"), st.just(START)),
    st.tuples(st.just("press"), st.just(START)),
    st.tuples(st.just("release"), st.none()),
    st.tuples(st.just("disable"), st.none()),
    st.tuples(st.just("wait"), STEPS),
)


@given(st.lists(EVENTS, max_size=80), st.booleans(), st.sampled_from([None, 0.3]))
def test_no_command_leaves_the_limits_whatever_comes_in(events, with_rest, dead_man_timeout):
    safety = Safety(LIMITS, SafetySettings(0.2, 0.3, 0.5, 0.5, dead_man_timeout), REST if with_rest else None)
    now, last, latest = 0.0, None, -np.inf
    for kind, value in events:
        if kind == "wait":
            now += value
        elif kind == "use":
            safety.use(now, value)
        elif kind == "enable":
            try:
                safety.enable(now, value)
            except NotReady:
                pass
        elif kind == "press":
            safety.press(now, value)
        elif kind == "reject":
            safety.reject("lost", "it is gone")
        elif kind == "hold":
            safety.hold(now, "jump", "it jumped")
        else:
            getattr(safety, kind)(*(["test"] if kind == "disable" else []))
        command = safety.update(now)
        elapsed = max(0.0, now - latest)
        latest = max(latest, now)
        if command is None:
            last = None
            continue
        assert (command >= LIMITS.lower).all() and (command <= LIMITS.upper).all()
        if last is not None:
            reach = LIMITS.velocity * min(elapsed, LONGEST_STEP)
            assert (np.abs(command - last) <= reach + 1e-9).all()
        assert safety.reason
        last = command
