"""Ten thousand malformed messages: none kills the node, none yields a pose, each is counted under its reason."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from malformed import HEIGHT, WIDTH, by_hand, by_hypothesis, good_depth, why_rejected
from messages import camera_info, compressed, image
from observed_node import wait_for_subscriptions
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from stand_in import stand_in

from fingerpose_ros.node.node import HandPoseNode
from fingerpose_ros.replay.recorder import Recorder
from fingerpose_ros.ros.rejection import REASONS
from fingerpose_ros.testing import spinning, wait_until


class Victim:
    """A running node, fed through its callbacks, and what it must have counted so far."""

    def __init__(self, node, recorder):
        self.node, self.recorder = node, recorder
        self.expected = Counter()
        self.answers = 0
        self.fed = 0
        self.node.image_input.receive_camera_info(camera_info(WIDTH, HEIGHT))

    def feed(self, message) -> bool:
        """Give the node one message; false, and nothing done, if the oracle finds no fault in it."""
        reason = why_rejected(message)
        if reason is None:
            return False
        if isinstance(message, CameraInfo):
            self.node.image_input.receive_camera_info(message)
        elif isinstance(message, Image):
            self.node.image_input.receive_image(message)
        else:
            self.node.image_input.receive_compressed(message)
        self.expected[reason] += 1
        self.fed += 1
        if self.fed % 100 == 0:
            self.check()
        return True

    def check(self) -> None:
        """A good image is answered, and nothing else was; every rejection has been counted under its reason."""
        self.answers += 1
        self.node.image_input.receive_image(image(good_depth(), float(self.answers)))
        assert wait_until(lambda: self.node.report().answered == self.answers)
        assert self.node.report().rejected == dict(self.expected)
        assert self.node.report().dropped == 0


@pytest.fixture
def victim(ros_context):
    node, observer = HandPoseNode(stand_in, context=ros_context), Node("observer", context=ros_context)
    recorder = Recorder(observer)
    node.start()
    with spinning(node, observer):
        wait_for_subscriptions(node, observer)
        victim = Victim(node, recorder)
        yield victim
        assert wait_until(lambda: len(recorder.hand_poses) >= victim.answers)
        assert len(recorder.hand_poses) == victim.answers
        assert [len(array.hands) for array in recorder.hand_poses] == [1] * victim.answers
        assert victim.expected.keys() <= REASONS.keys()


def test_seven_and_a_half_thousand_made_by_hand(victim):
    random = np.random.default_rng(1)
    while victim.fed < 7500:
        victim.feed(by_hand(random))
    expected_kinds = REASONS.keys() - {"no_camera_info", "estimation_failed", "camera_info_principal_point"}
    assert expected_kinds <= victim.expected.keys()


def test_two_and_a_half_thousand_found_by_hypothesis(victim):
    @settings(max_examples=3750, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(by_hypothesis)
    def feed(message):
        victim.feed(message)

    feed()
    assert victim.fed >= 2500


def test_what_the_oracle_finds_no_fault_in_is_answered():
    """Else the oracle could call everything malformed, and the tests above would prove nothing."""
    assert why_rejected(image(good_depth(), padding=3, big=True)) is None
    assert why_rejected(image(good_depth().astype(np.float32))) is None
    assert why_rejected(compressed(good_depth())) is None and why_rejected(compressed(good_depth(), kind="rvl")) is None
    assert why_rejected(camera_info(WIDTH, HEIGHT)) is None


@pytest.mark.parametrize(
    ("transport", "topic", "kind", "good"),
    [
        ("raw", "depth/image_rect_raw", Image, image),
        ("compressedDepth", "depth/image_rect_raw/compressedDepth", CompressedImage, compressed),
    ],
)
def test_five_hundred_over_dds(ros_context, transport, topic, kind, good):
    overrides = [Parameter("image_transport", value=transport)]
    node = HandPoseNode(stand_in, context=ros_context, parameter_overrides=overrides)
    observer = Node("observer", context=ros_context)
    recorder = Recorder(observer)
    node.start()
    sender = Node("sender", context=ros_context)
    reliable = QoSProfile(depth=1)
    images = sender.create_publisher(kind, topic, reliable)
    infos = sender.create_publisher(CameraInfo, "depth/camera_info", reliable)
    random, expected, answers, fed, infos_fed = np.random.default_rng(2), Counter(), 0, 0, 0

    def arrived():
        report = node.report()
        return report.received + sum(n for reason, n in report.rejected.items() if reason.startswith("camera_info"))

    with spinning(node, observer, sender):
        assert wait_until(lambda: images.get_subscription_count() and infos.get_subscription_count())
        wait_until(lambda: False, 0.3)
        infos.publish(camera_info(WIDTH, HEIGHT))
        wait_until(lambda: False, 0.3)
        while fed < 500:
            message = by_hand(random)
            reason = why_rejected(message)
            if reason is None or not isinstance(message, (CameraInfo, kind)):
                continue
            (infos if isinstance(message, CameraInfo) else images).publish(message)
            expected[reason] += 1
            fed += 1
            infos_fed += isinstance(message, CameraInfo)
            # Reliable delivery with depth 1 may overtake itself: each must arrive before the next is sent. An image
            # that waits for its camera info is not rejected yet, only received.
            assert wait_until(lambda: arrived() == fed + answers)  # noqa: B023
            if fed % 100 == 0:
                answers += 1
                images.publish(good(good_depth(), float(answers)))
                assert wait_until(lambda: node.report().answered == answers)  # noqa: B023
                assert node.report().rejected == dict(expected)
        assert wait_until(lambda: len(recorder.hand_poses) == answers)
    assert infos_fed > 50 and fed - infos_fed > 50
