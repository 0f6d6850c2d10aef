"""Camera infos over DDS: unusual ones that are used, and what `/diagnostics` says of rejected ones."""

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from bags import depth_frame
from messages import camera_info, image
from observed_node import make_node, wait_for_subscriptions
from sensor_msgs.msg import CameraInfo, Image

from fingerpose_ros.replay.recorder import Recorder
from fingerpose_ros.testing import spinning, wait_until

NAN = float("nan")


@pytest.fixture
def publish(ros_context, observer):
    """A running node, its recorder, and a function that sends it a camera info and then an image."""
    node, recorder = make_node(ros_context), Recorder(observer)
    infos = observer.create_publisher(CameraInfo, "depth/camera_info", 1)
    images = observer.create_publisher(Image, "depth/image_rect_raw", 1)
    node.start()
    with spinning(node, observer):
        wait_for_subscriptions(node, observer)
        assert wait_until(lambda: infos.get_subscription_count() and images.get_subscription_count())

        def send(info):
            infos.publish(info)
            wait_until(lambda: False, 0.05)  # else the image may arrive first
            images.publish(image(depth_frame(0)))

        yield node, recorder, send


def test_a_camera_info_with_k_zero_and_a_valid_p_is_used(publish):
    node, recorder, send = publish
    send(camera_info(k=[0.0] * 9, d=[0.1] * 5))
    assert wait_until(lambda: node.report().answered == 1)
    assert node.report().rejected == {}
    assert wait_until(lambda: recorder.hand_poses) and len(recorder.hand_poses[0].hands) == 1


def test_diagnostics_name_the_rejected_camera_info_although_the_images_are_rejected_later(publish):
    node, recorder, send = publish
    for _ in range(2):  # the second image shows that the first waits in vain
        send(camera_info(k=[NAN] * 9))

    def warnings():
        messages = [status.message for array in recorder.diagnostics for status in array.status]
        return [message for message in messages if "no_camera_info" in message]

    assert wait_until(warnings, 5)
    assert warnings()[0] == (
        "no_camera_info: an image arrived before any valid camera info; the last one was rejected: "
        "camera info k[0], fx, is nan"
    )


def test_a_size_mismatch_names_the_rejected_camera_info_of_the_new_size(publish):
    node, _, send = publish
    send(camera_info(320, 240))
    send(camera_info(k=[NAN] * 9))
    send(camera_info(k=[NAN] * 9))
    assert wait_until(lambda: node.report().rejected.get("size_mismatch"))
    assert wait_until(lambda: "the camera info is 320x240" in node.report().last_error)
    assert node.report().last_error.endswith("the last one was rejected: camera info k[0], fx, is nan")
