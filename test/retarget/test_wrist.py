"""The arm's target: it copies the wrist's motion, and never runs away."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from fingerpose_ros.retarget.wrist import Pose, WristFollower, WristSettings

SETTINGS = WristSettings(scale=2.0, max_speed=0.25, max_turn=1.0, reach=0.3)
TOOL = Pose(np.array([0.5, 0.0, 0.4]), Rotation.from_euler("y", 0.5).as_matrix())
PERIOD = 0.02


def wrist(x=0.0, y=0.0, z=0.0, turn=0.0):
    return Pose(np.array([x, y, z]), Rotation.from_euler("z", turn).as_matrix())


def started():
    follower = WristFollower(SETTINGS)
    follower.start(0.0, TOOL)
    return follower


def go_on(follower, start, seconds, pose):
    now = start
    for _ in range(round(seconds / PERIOD)):
        now += PERIOD
        follower.follow(now, pose, 1.0)
    return now


def test_the_target_starts_at_the_tool_and_copies_the_motion():
    follower = started()
    now = go_on(follower, 0.0, 0.1, wrist(1.0))
    np.testing.assert_allclose(follower.target.position, TOOL.position)
    go_on(follower, now, 3.0, wrist(1.0, 0.05, turn=0.3))
    np.testing.assert_allclose(follower.target.position, TOOL.position + (0, 0.1, 0))
    expected = Rotation.from_euler("z", 0.3).as_matrix() @ TOOL.rotation
    np.testing.assert_allclose(follower.target.rotation, expected, atol=1e-9)


def test_with_the_clutch_open_the_target_stays_and_then_goes_on_from_there():
    follower = started()
    now = go_on(follower, 0.0, 2.0, wrist())
    now = go_on(follower, now, 2.0, wrist(0.05))
    before = follower.target
    follower.stay(now)
    now = go_on(follower, now, 2.0, wrist(-0.4, turn=1.0))  # the hand has moved meanwhile
    np.testing.assert_allclose(follower.target.position, before.position)
    go_on(follower, now, 2.0, wrist(-0.45, turn=1.0))
    np.testing.assert_allclose(follower.target.position, before.position - (0.1, 0, 0))


def test_the_target_stays_within_reach():
    follower = started()
    now = go_on(follower, 0.0, 0.1, wrist())
    go_on(follower, now, 5.0, wrist(5.0))
    np.testing.assert_allclose(follower.target.position, TOOL.position + (0.3, 0, 0))


MOVES = st.tuples(st.floats(-5, 5), st.floats(-5, 5), st.floats(-5, 5), st.floats(-4, 4), st.floats(-0.2, 1.0))


@given(st.lists(MOVES, max_size=30), st.floats(0, 1))
def test_the_target_is_never_too_fast_or_too_far(moves, share):
    follower, now, latest = started(), 0.0, 0.0
    for x, y, z, turn, duration in moves:
        before, now = follower.target, now + duration
        elapsed, latest = min(max(0.0, now - latest), 0.1), max(now, latest)
        follower.follow(now, wrist(x, y, z, turn), share)
        after = follower.target
        assert np.linalg.norm(after.position - before.position) <= 0.25 * elapsed * share + 1e-9
        assert Rotation.from_matrix(after.rotation @ before.rotation.T).magnitude() <= elapsed * share + 1e-6
        assert np.linalg.norm(after.position - TOOL.position) <= 0.3 + 1e-9
        np.testing.assert_allclose(after.rotation @ after.rotation.T, np.eye(3), atol=1e-9)
