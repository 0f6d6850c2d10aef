"""Hands to commands without ROS: whatever hands, stamps and clocks come in, the commands keep the limits."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from robots import gripper_urdf
from stand_in import make_hand

from fingerpose_ros.retarget.follower import Follower, Image
from fingerpose_ros.retarget.parameters import SETTINGS
from fingerpose_ros.retarget.plan import make_plan
from fingerpose_ros.retarget.safety import LONGEST_STEP, NotReady, State

VALUES = {setting.name: setting.default for setting in SETTINGS} | {
    "mapping": "gripper", "rest_pose": ["finger_1=0.03"], "hold_time": 0.3, "ramp_time": 0.2,
}  # fmt: skip
PLAN = make_plan(VALUES, gripper_urdf())
GOOD = make_hand([0, 0, 0.6])
START = np.array([0.01])

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)


@st.composite
def wild_hands(draw):
    """The good hand, damaged anywhere; its track, handedness and place may change, too."""
    hand = copy.deepcopy(GOOD) if draw(st.booleans()) else make_hand(
        [draw(st.floats(-1, 1)), 0, 0.6], draw(st.sampled_from(["right", "left"])), draw(st.integers(1, 3)),
        bend=draw(st.floats(-1, 2)),
    )  # fmt: skip
    for joint in draw(st.lists(st.integers(0, 20), max_size=3)):
        hand.positions[joint] = [draw(NUMBERS) for _ in range(3)]
        hand.valid[joint] = draw(st.booleans())
    if draw(st.booleans()):
        hand.rotations[0, 0] = draw(NUMBERS)
    return hand


IMAGES = st.lists(
    st.tuples(st.lists(wild_hands(), max_size=2), st.floats(-0.6, 0.6), st.floats(0, 0.2), st.booleans()), max_size=25
)


@given(IMAGES)
def test_no_command_leaves_the_limits_whatever_hands_come_in(images):
    follower = Follower(PLAN, VALUES)
    now, stamp, last, elapsed = 100.0, 0.0, None, 0.0
    follower.receive(Image([GOOD], stamp, stamp, now))
    follower.enable(now, START)
    for hands, late, passed, again in images:
        now, stamp = now + passed, stamp + passed
        follower.receive(Image(hands, stamp - late, stamp, now))
        if again:
            try:
                follower.enable(now, START)
            except NotReady as reason:
                assert str(reason)
        command, elapsed = follower.update(now), elapsed + passed
        if command is None:
            assert follower.safety.state is State.DISABLED
            last, elapsed = None, 0.0
            continue
        assert (command >= 0).all() and (command <= 0.04).all()
        if last is not None:
            assert np.abs(command - last).max() <= 0.1 * min(elapsed, LONGEST_STEP) + 1e-9
        last, elapsed = command, 0.0


def test_the_operators_hand_returns_after_a_jump_when_it_has_settled():
    follower = Follower(PLAN, VALUES)
    times = iter(np.arange(0, 10, 0.033))
    hands = {False: GOOD, True: make_hand([0.5, 0, 0.6])}

    def show(there):
        now = next(times)
        follower.receive(Image([hands[there]], now, now, now))
        follower.update(now)
        return follower.safety.state

    now = next(times)
    follower.receive(Image([GOOD], now, now, now))
    follower.enable(now, START)
    assert show(False) is State.FOLLOWING
    assert [show(True) for _ in range(5)] == [State.HOLDING] * 4 + [State.FOLLOWING]
    assert follower.safety.holds == {"jump": 1}


def test_a_mapping_that_fails_holds(monkeypatch):
    follower = Follower(PLAN, VALUES)
    follower.receive(Image([GOOD], 0.0, 0.0, 100.0))
    follower.enable(100.0, START)

    def fail(hand):
        raise FloatingPointError("no solution")

    monkeypatch.setattr(PLAN.mapping, "retarget", fail)
    for i in range(10):
        follower.receive(Image([GOOD], 0.03 * i, 0.03 * i, 100 + 0.03 * i))
        follower.update(100 + 0.03 * i)
    assert follower.safety.state is State.HOLDING and follower.safety.reason == "the mapping failed: no solution"


def test_a_hand_of_the_other_handedness_cannot_be_chosen():
    follower = Follower(PLAN, VALUES)
    follower.receive(Image([make_hand([0, 0, 0.6], "left")], 0.0, 0.0, 100.0))
    with pytest.raises(NotReady, match="no hand is in view"):
        follower.enable(100.0, START)
    with pytest.raises(NotReady, match="no hand of the operator's handedness is in view"):
        follower.choose(100.0, point=np.zeros(3))
