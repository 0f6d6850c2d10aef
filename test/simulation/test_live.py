"""A person before a running camera commands the simulated robot, over DDS."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("fingerpose_ros.simulation.robot", reason="MuJoCo is not installed (requirements/test.txt)")
pytest.importorskip("dex_retargeting", reason="dex-retargeting is not installed")

import rclpy
from bags import depth_frame
from messages import camera_info, image
from rclpy.node import Node
from robots import MOTORS
from sensor_msgs.msg import CameraInfo, Image
from teleoperated import STAND_IN, three_fingers

from fingerpose_ros.recording.recordings import depth_frame as recorded_frame
from fingerpose_ros.simulation import live
from fingerpose_ros.simulation.figures import timing
from fingerpose_ros.simulation.live import LiveImages, teleoperate_live
from fingerpose_ros.testing import spinning

TOPIC = "/camera/depth/image_raw"


@pytest.fixture
def robot(tmp_path):
    return three_fingers(tmp_path)


@pytest.fixture
def context(monkeypatch):
    """A ROS context in the domain of the processes."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]))
    monkeypatch.setenv("ROS_DOMAIN_ID", "86")
    context = rclpy.Context()
    rclpy.init(context=context)
    yield context
    context.try_shutdown()


@pytest.fixture
def camera(context):
    """A camera's driver that publishes images with a hand, 30 in a second."""
    node = Node("camera", context=context)
    images = node.create_publisher(Image, TOPIC, 1)
    infos = node.create_publisher(CameraInfo, "/camera/depth/camera_info", 1)

    depth = depth_frame(0)

    def show():
        stamp = node.get_clock().now().nanoseconds * 1e-9
        infos.publish(camera_info(depth.shape[1], depth.shape[0], stamp))
        images.publish(image(depth, stamp))

    node.create_timer(1 / 30, show)
    with spinning(node):
        yield node
    node.destroy_node()


def test_a_person_before_a_camera_moves_the_simulated_robot_and_no_other(robot, camera, tmp_path):
    topics, shown = set(), depth_frame(0) / 1000  # metres

    def note(record):
        topics.update(name for name, _ in camera.get_topic_names_and_types())

    record, images = teleoperate_live(TOPIC, robot, tmp_path, 4, on_second=note, command=STAND_IN)
    assert {"/teleop/joint_trajectory", "/teleop/joint_states"} <= topics
    assert not {"/joint_trajectory", "/joint_states", "/hand_poses"} & topics
    figures = timing(record)
    assert figures.images > 30 and figures.answered > 0.5 * figures.images
    assert len(record.commands) > 30 and set(record.commands[-1][1]) == set(MOTORS)
    assert 0 < figures.added < figures.image_to_command < 1 and 0 < figures.load < 1
    assert 5 < len(images.kept) < 60
    for kept in images.images():  # for the picture
        frame = recorded_frame(kept, images.transport)
        assert frame.stamp == kept.stamp and frame.depth.shape == shown.shape
        np.testing.assert_allclose(frame.depth, shown, atol=1e-3)


def test_without_images_the_topics_are_named(robot, context, tmp_path, monkeypatch):
    monkeypatch.setattr(live, "STARTUP_TIMEOUT", 1.0)
    with pytest.raises(TimeoutError, match="0 images of /camera/depth/image_raw .* /camera/depth/camera_info"):
        teleoperate_live(TOPIC, robot, tmp_path, 1, command=STAND_IN)


def test_the_longer_it_takes_the_fewer_images_a_second_are_kept(context):
    node = Node("watcher", context=context)
    images = LiveImages(node, TOPIC)
    for topic, kind in ((TOPIC, Image), ("/camera/depth/camera_info", CameraInfo)):
        assert node.count_subscribers(topic) == 1, kind
    images._on_info(b"info")
    for number in range(3000):
        at = number / 30
        message = image(np.ones((2, 2), np.float32), at)
        images._on_image(message, {"source_timestamp": round(at * 1e9)})
    assert 25 <= len(images.kept) <= 60 and len(images.times) == 3000
    assert images.kept[-1] > 97e9 and np.ptp(np.diff(images.kept)) < 0.2e9
    node.destroy_node()
