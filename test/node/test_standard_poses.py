"""Joints and wrist as `PoseArray` and `PoseStamped`, over DDS."""

import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from fingerpose_ros.msg import HandPoseArray
from geometry_msgs.msg import PoseArray, PoseStamped
from observed_node import feed_and_wait, make_node, wait_for_subscriptions
from stand_in import StandIn, make_hand

from fingerpose_ros.perception.skeleton import JOINTS
from fingerpose_ros.ros.hand_reading import to_hands
from fingerpose_ros.testing import spinning, wait_until

DEPTH = np.full((120, 160), 4000, np.uint16)


class Hands(StandIn):
    """The hands that a test puts into `shown`, whatever the image."""

    shown: list = []
    tracked = frozenset(range(10))

    def estimate(self, depth_m, camera, stamp, ignored=()):
        return self.shown


@pytest.fixture
def play(ros_context, observer):
    """`play(hands)` feeds one image with these hands. Returns the messages received until now, by topic."""
    estimator = Hands(False)
    node = make_node(ros_context, lambda settings: (estimator, "hands"))
    received: dict = {"hand_poses": []}
    observer.create_subscription(HandPoseArray, "hand_poses", received["hand_poses"].append, 10)
    for side in ("right", "left"):
        for kind, name in ((PoseArray, "joints"), (PoseStamped, "wrist")):
            received[f"{side}_{name}"] = []
            observer.create_subscription(kind, f"{side}_hand_{name}", received[f"{side}_{name}"].append, 10)
    stamp = [100.0]

    def play(*hands):
        estimator.shown = list(hands)
        feed_and_wait(node, DEPTH, stamp[0])
        stamp[0] += 0.1
        answers = round((stamp[0] - 100) / 0.1)
        assert wait_until(lambda: len(received["hand_poses"]) == answers)
        time.sleep(0.1)  # the other topics come after the answer
        return received

    node.start()
    with spinning(node, observer):
        wait_for_subscriptions(node, observer)
        yield play


def numbers(pose):
    p, q = pose.position, pose.orientation
    return [p.x, p.y, p.z, q.x, q.y, q.z, q.w]


def test_both_hands_have_topics_of_their_own(play):
    received = play(make_hand((0, 0, 0.6), "right", 1), make_hand((0.2, 0, 0.7), "left", 2))
    for side, hand in zip(("right", "left"), to_hands(received["hand_poses"][0]), strict=True):
        (joints,), (wrist,) = received[f"{side}_joints"], received[f"{side}_wrist"]
        assert joints.header == wrist.header == received["hand_poses"][0].header
        np.testing.assert_allclose([numbers(pose)[:3] for pose in joints.poses], hand.positions, atol=1e-6)
        assert (
            numbers(joints.poses[0])
            == numbers(wrist.pose)
            == numbers(received["hand_poses"][0].hands[side == "left"].wrist.pose)
        )


def test_a_second_right_hand_is_not_on_the_topics_of_the_first(play):
    first, second = make_hand((0, 0, 0.6), "right", 1), make_hand((0.3, 0, 0.6), "right", 2)
    play(first)
    play(second, first)
    received = play(second)
    at = [message.pose.position.x for message in received["right_wrist"]]
    np.testing.assert_allclose(at, [0, 0], atol=1e-6)
    assert len(received["right_joints"]) == 2 and not received["left_joints"] and not received["left_wrist"]


def test_what_is_not_known_is_nan_among_the_joints_and_no_wrist(play):
    valid = np.ones(21, bool)
    valid[[0, JOINTS.index("index_tip")]] = False
    received = play(make_hand((0, 0, 0.6), "right", 1, valid=valid))
    (joints,) = received["right_joints"]
    unknown = [JOINTS[i] for i, pose in enumerate(joints.poses) if np.isnan(numbers(pose)[:3]).any()]
    assert unknown == ["wrist", "index_tip"]
    assert not received["right_wrist"]


def test_nothing_is_converted_without_a_subscriber(ros_context, monkeypatch):
    from fingerpose_ros.ros import hand_messages

    converted = []
    monkeypatch.setattr(hand_messages, "joint_poses", lambda *of: converted.append(of))
    monkeypatch.setattr(hand_messages, "wrist_pose", lambda *of: converted.append(of))
    estimator = Hands(False)
    estimator.shown = [make_hand((0, 0, 0.6), "right", 1)]
    node = make_node(ros_context, lambda settings: (estimator, "hands"))
    node.start()
    with spinning(node):
        assert feed_and_wait(node, DEPTH).answered == 1
        time.sleep(0.1)
    assert not converted
