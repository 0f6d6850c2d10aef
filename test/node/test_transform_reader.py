"""The reader of /tf and /tf_static, over DDS: the package's own and, where it is installed, that of `tf2_ros`."""

import importlib.util

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from messages import header
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from fingerpose_ros.node.transform_reader import OwnReader, Tf2Reader, transform_reader
from fingerpose_ros.ros.transform_tree import TransformUnavailable
from fingerpose_ros.testing import spinning, wait_until

HAS_TF2 = importlib.util.find_spec("tf2_ros") is not None
TF2 = pytest.param(Tf2Reader, marks=pytest.mark.skipif(not HAS_TF2, reason="tf2_ros is not installed"))


def message(parent, child, x, stamp, w=1.0) -> TFMessage:
    transform = Transform(translation=Vector3(x=x), rotation=Quaternion(w=w))
    return TFMessage(
        transforms=[TransformStamped(header=header(stamp, parent), child_frame_id=child, transform=transform)]
    )


@pytest.fixture(params=[OwnReader, TF2])
def graph(request, ros_context):
    """A reader that starts after the static transforms were sent, and a publisher of /tf."""
    robot, node = Node("robot", context=ros_context), Node("consumer", context=ros_context)
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    robot.create_publisher(TFMessage, "/tf_static", latched).publish(message("base", "camera", 1.0, 0.0))
    tf = robot.create_publisher(TFMessage, "/tf", 10)
    reader = request.param(node)
    with spinning(robot, node):
        assert wait_until(lambda: tf.get_subscription_count() == 1)
        yield reader, tf
        reader.close()


def found(reader, *of):
    try:
        return reader.lookup(*of)
    except TransformUnavailable:
        return None


def test_a_robot_seen_from_its_camera(graph):
    reader, tf = graph
    for stamp, x in ((10.0, 2.0), (11.0, 4.0)):
        tf.publish(message("base", "tool", x, stamp))
    assert wait_until(lambda: found(reader, "camera", "tool", header(11.0).stamp, 0.0))
    rotation, translation = reader.lookup("camera", "tool", header(10.5).stamp, 0.0)
    np.testing.assert_allclose(translation, (2, 0, 0), atol=1e-9)
    np.testing.assert_allclose(rotation, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(reader.lookup("tool", "camera", header(11.2).stamp, 0.3)[1], (-3, 0, 0), atol=1e-9)
    for source, stamp in (("tool", 11.4), ("tool", 9.0), ("nosuch", 10.0)):
        with pytest.raises(TransformUnavailable):
            reader.lookup("camera", source, header(stamp).stamp, 0.3)


def test_an_invalid_transform_does_no_harm(graph, capfd):
    reader, tf = graph
    tf.publish(message("base", "tool", float("nan"), 10.0))
    tf.publish(message("base", "tool", 3.0, 10.0))
    assert wait_until(lambda: found(reader, "base", "tool", header(10.0).stamp, 0.0))
    np.testing.assert_allclose(reader.lookup("base", "tool", header(10.0).stamp, 0.0)[1], (3, 0, 0))
    if isinstance(reader, OwnReader):
        assert "the transform from tool to base is invalid: [nan" in capfd.readouterr().err


def test_tf2_ros_is_used_where_it_is_installed(ros_context):
    node = Node("consumer", context=ros_context)
    reader = transform_reader(node)
    assert isinstance(reader, Tf2Reader if HAS_TF2 else OwnReader)
    reader.close()
    node.destroy_node()
