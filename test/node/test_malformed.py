"""Ten thousand invalid messages: none ends the node, none gives a pose, each is counted by its reason."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from malformed import HEIGHT, WIDTH, arbitrary_messages, expected_reason, faulty_message, valid_depth
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


class FedNode:
    """A running node, fed through its callbacks, and its expected rejections."""

    def __init__(self, node, recorder):
        self.node, self.recorder = node, recorder
        self.expected = Counter()
        self.accepted = 0
        self.fed = 0
        self.node.image_input.receive_camera_info(camera_info(WIDTH, HEIGHT))

    def feed(self, message) -> bool:
        """Give the node an invalid message. A message that the oracle finds valid is left out; returns False."""
        reason = expected_reason(message)
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
        """A valid image is answered and no other was; every rejection is counted by its reason."""
        self.accepted += 1
        self.node.image_input.receive_image(image(valid_depth(), float(self.accepted)))
        assert wait_until(lambda: self.node.report().answered == self.accepted)
        assert self.node.report().rejected == dict(self.expected)
        assert self.node.report().dropped == 0


@pytest.fixture
def fed_node(ros_context):
    node, observer = HandPoseNode(stand_in, context=ros_context), Node("observer", context=ros_context)
    recorder = Recorder(observer)
    node.start()
    with spinning(node, observer):
        wait_for_subscriptions(node, observer)
        fed_node = FedNode(node, recorder)
        yield fed_node
        assert wait_until(lambda: len(recorder.hand_poses) >= fed_node.accepted)
        assert len(recorder.hand_poses) == fed_node.accepted
        assert [len(array.hands) for array in recorder.hand_poses] == [1] * fed_node.accepted
        assert fed_node.expected.keys() <= REASONS.keys()


def test_7500_messages_with_one_fault_each_are_rejected(fed_node):
    random = np.random.default_rng(1)
    while fed_node.fed < 7500:
        fed_node.feed(faulty_message(random))
    expected_reasons = REASONS.keys() - {"no_camera_info", "estimation_failed", "camera_info_principal_point"}
    assert expected_reasons <= fed_node.expected.keys()


def test_2500_invalid_messages_of_hypothesis_are_rejected(fed_node):
    @settings(max_examples=3750, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(arbitrary_messages)
    def feed(message):
        fed_node.feed(message)

    feed()
    assert fed_node.fed >= 2500


def test_the_oracle_accepts_valid_messages():
    """Otherwise an oracle that rejects everything would pass the tests above."""
    assert expected_reason(image(valid_depth(), padding=3, big=True)) is None
    assert expected_reason(image(valid_depth().astype(np.float32))) is None
    assert (
        expected_reason(compressed(valid_depth())) is None
        and expected_reason(compressed(valid_depth(), kind="rvl")) is None
    )
    assert expected_reason(camera_info(WIDTH, HEIGHT)) is None


@pytest.mark.parametrize(
    ("transport", "topic", "kind", "make_valid"),
    [
        ("raw", "depth/image_rect_raw", Image, image),
        ("compressedDepth", "depth/image_rect_raw/compressedDepth", CompressedImage, compressed),
    ],
)
def test_500_invalid_messages_over_dds_are_rejected(ros_context, transport, topic, kind, make_valid):
    overrides = [Parameter("image_transport", value=transport)]
    node = HandPoseNode(stand_in, context=ros_context, parameter_overrides=overrides)
    observer = Node("observer", context=ros_context)
    recorder = Recorder(observer)
    node.start()
    sender = Node("sender", context=ros_context)
    reliable = QoSProfile(depth=1)
    images = sender.create_publisher(kind, topic, reliable)
    infos = sender.create_publisher(CameraInfo, "depth/camera_info", reliable)
    random, expected, accepted, fed, infos_fed = np.random.default_rng(2), Counter(), 0, 0, 0

    def arrived():
        report = node.report()
        return report.received + sum(n for reason, n in report.rejected.items() if reason.startswith("camera_info"))

    with spinning(node, observer, sender):
        assert wait_until(lambda: images.get_subscription_count() and infos.get_subscription_count())
        wait_until(lambda: False, 0.3)
        infos.publish(camera_info(WIDTH, HEIGHT))
        wait_until(lambda: False, 0.3)
        while fed < 500:
            message = faulty_message(random)
            reason = expected_reason(message)
            if reason is None or not isinstance(message, (CameraInfo, kind)):
                continue
            (infos if isinstance(message, CameraInfo) else images).publish(message)
            expected[reason] += 1
            fed += 1
            infos_fed += isinstance(message, CameraInfo)
            # Reliable QoS with depth 1 may replace a queued message, so each must arrive before the next is sent. An
            # image that waits for its camera info is received, but not rejected yet.
            assert wait_until(lambda: arrived() == fed + accepted)  # noqa: B023
            if fed % 100 == 0:
                accepted += 1
                images.publish(make_valid(valid_depth(), float(accepted)))
                assert wait_until(lambda: node.report().answered == accepted)  # noqa: B023
                assert node.report().rejected == dict(expected)
        assert wait_until(lambda: len(recorder.hand_poses) == accepted)
    assert infos_fed > 50 and fed - infos_fed > 50
