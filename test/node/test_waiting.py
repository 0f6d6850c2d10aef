"""What the node logs while no image arrives: which topics it waits for, their publishers, and the remedy."""

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from bags import depth_frame
from messages import camera_info, image
from observed_node import make_node
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from fingerpose_ros.node import waiting
from fingerpose_ros.testing import spinning, wait_until

BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.fixture
def log(monkeypatch, capfd):
    """Waits, in short intervals, for a part of the node's log. Returns the log so far."""
    monkeypatch.setattr(waiting, "FIRST_WARNING", 0.4)
    monkeypatch.setattr(waiting, "CHECK_PERIOD", 0.05)
    seen = []

    def read(*parts, timeout=8.0):
        def found():
            seen.append(capfd.readouterr().err)
            return all(part in "".join(seen) for part in parts)

        assert wait_until(found, timeout), f"{parts} are not in:\n{''.join(seen)}"
        return "".join(seen)

    return read


@pytest.fixture
def driver(ros_context):
    return Node("driver", context=ros_context, namespace="camera")


def test_a_missing_publisher_is_named_ever_more_rarely(ros_context, log):
    node = make_node(ros_context)
    node.start()
    with spinning(node):
        log(
            "on /depth/image_rect_raw (sensor_msgs/msg/Image): no publisher\n",
            "on /depth/camera_info (sensor_msgs/msg/CameraInfo): no publisher\n",
        )
        wait_until(lambda: False, 2.0)
    # at 0.4, 0.8 and 1.6 s; the log may have been read after the second
    assert 2 <= log().count("/depth/image_rect_raw (sensor_msgs/msg/Image)") <= 4


def test_topics_that_would_fit_are_named(ros_context, driver, log):
    node = make_node(ros_context)
    for kind, topic in (
        (Image, "depth/image_rect_raw"), (Image, "color/image_raw"), (CameraInfo, "depth/camera_info"),
        (CompressedImage, "/other/depth/image/compressedDepth"), (CompressedImage, "color/image_raw/compressed"),
    ):  # fmt: skip
        driver.create_publisher(kind, topic, 1)
    assert wait_until(lambda: node.count_publishers("/camera/color/image_raw/compressed"))
    node.start()
    with spinning(node, driver):
        text = log(
            "To use what is published: remap depth/image_rect_raw to /camera/depth/image_rect_raw, or remap "
            "depth/image_rect_raw to /other/depth/image and set the parameter image_transport to compressedDepth\n",
            "no publisher. To use what is published: remap depth/camera_info to /camera/depth/camera_info\n",
        )
    assert "color" not in text and "overlay" not in text


@pytest.mark.parametrize(
    ("transport", "kind", "topic", "needed"),
    [
        ("raw", CompressedImage, "/depth/image_rect_raw/compressedDepth", "compressedDepth"),
        ("compressedDepth", Image, "/depth/image_rect_raw", "raw"),
    ],
)
def test_the_same_images_in_another_transport_are_named(ros_context, driver, log, transport, kind, topic, needed):
    node = make_node(ros_context, image_transport=transport)
    driver.create_publisher(kind, topic, 1)
    assert wait_until(lambda: node.count_publishers(topic))
    node.start()
    with spinning(node, driver):
        log(f"no publisher. To use what is published: set the parameter image_transport to {needed}\n")


def test_an_incompatible_qos_is_named_with_the_remedy(ros_context, driver, log):
    node = make_node(ros_context, reliability="reliable")
    driver.create_publisher(Image, "/depth/image_rect_raw", BEST_EFFORT)
    driver.create_publisher(CameraInfo, "/depth/camera_info", 1)
    assert wait_until(lambda: node.count_publishers("/depth/camera_info"))
    node.start()
    with spinning(node, driver):
        log(
            "1 publisher, /camera/driver (best effort, volatile), incompatible with the node's (reliable, volatile): "
            "set the parameter reliability to best_effort\n",
            "on /depth/camera_info (sensor_msgs/msg/CameraInfo): 1 publisher, /camera/driver (reliable, volatile)\n",
        )


def test_a_publisher_of_another_type_is_named(ros_context, other_context, log):
    driver = Node("driver", context=other_context)  # within one context, Fast DDS rejects the second type
    driver.create_publisher(CompressedImage, "/depth/image_rect_raw", 1)
    node = make_node(ros_context)
    assert wait_until(lambda: node.count_publishers("/depth/image_rect_raw"))
    node.start()
    with spinning(node):
        log("1 publisher, /driver (reliable, volatile) with another type, sensor_msgs/msg/CompressedImage\n")
    driver.destroy_node()


def test_the_warnings_end_with_the_images_and_return_when_they_stop(ros_context, driver, log):
    node = make_node(ros_context)
    images = driver.create_publisher(Image, "/depth/image_rect_raw", 1)
    infos = driver.create_publisher(CameraInfo, "/depth/camera_info", 1)
    node.start()
    with spinning(node, driver):
        log("no message for")
        infos.publish(camera_info())
        timer = driver.create_timer(0.02, lambda: images.publish(image(depth_frame(0))))
        assert wait_until(lambda: node.report().received)
        before = log().count("no message for")
        wait_until(lambda: False, 1.0)
        assert log().count("no message for") == before
        driver.destroy_timer(timer)
        assert wait_until(lambda: log().count("no message for") > before, 5)
        new = log().split("no message for")[before + 1]
    assert "on /depth/image_rect_raw (sensor_msgs/msg/Image): 1 publisher, /camera/driver (reliable, volatile)" in new


def test_images_without_a_camera_info_name_its_topic_alone(ros_context, driver, log):
    node = make_node(ros_context)
    images = driver.create_publisher(Image, "/depth/image_rect_raw", 1)
    node.start()
    with spinning(node, driver):
        assert wait_until(lambda: node.count_publishers("/depth/image_rect_raw"))
        driver.create_timer(0.02, lambda: images.publish(image(depth_frame(0))))
        text = log("on /depth/camera_info (sensor_msgs/msg/CameraInfo): no publisher")
    assert "on /depth/image_rect_raw" not in text


def test_an_inactive_node_does_not_wait(ros_context, log):
    node = make_node(ros_context)
    node.start()
    with spinning(node):
        log("no message for")
        assert wait_until(node.executor.create_task(node.trigger_deactivate).done)
        before = log()
        wait_until(lambda: False, 1.5)
        assert log() == before
