"""The arm's target over DDS: it starts at the tool, follows the wrist through TF, and stays with an open clutch."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from geometry_msgs.msg import PoseStamped, Quaternion, Transform, TransformStamped, Vector3
from messages import FRAME
from rclpy.qos import DurabilityPolicy, QoSProfile
from retargeting import Operator, make_retarget_node
from robots import gripper_urdf
from stand_in import make_hand
from std_msgs.msg import Bool, Header
from tf2_msgs.msg import TFMessage

from fingerpose_ros.testing import spinning, wait_until

TOOL = (0.5, 0.1, 0.4)
SETTINGS = {
    "mapping": "gripper", "wrist_target": True, "base_frame": "base", "tool_frame": "tool", "ramp_time": 0.1,
}  # fmt: skip


def static(child, translation, q=(0.0, 0.0, 0.0, 1.0)):
    x, y, z = translation
    return TransformStamped(
        header=Header(frame_id="base"), child_frame_id=child,
        transform=Transform(translation=Vector3(x=x, y=y, z=z), rotation=Quaternion(x=q[0], y=q[1], z=q[2], w=q[3])),
    )  # fmt: skip


@pytest.fixture
def operator(ros_context):
    """An operator with an arm before a running, disabled node. The camera looks along the base's x axis."""
    node, operator = make_retarget_node(ros_context, **SETTINGS), Operator(ros_context)
    operator.measured = {"finger_1": 0.02}
    operator.targets = []
    latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    operator.frames = operator.create_publisher(TFMessage, "/tf_static", latched)
    operator.clutch = operator.create_publisher(Bool, "clutch", 10)
    operator.create_subscription(PoseStamped, "wrist_target", operator.targets.append, 100)
    node.start()
    with spinning(node), spinning(operator):
        operator.describe(gripper_urdf())
        operator.wait_for("not enabled yet")
        yield operator


def last(operator):
    at = operator.targets[-1].pose.position
    return np.array([at.x, at.y, at.z])


def test_without_tf_it_cannot_be_enabled(operator):
    wait_until(lambda: False, 0.3)
    response = operator.enable()
    assert not response.success and "no transform of a frame 'base'" in response.message
    assert not operator.commands and not operator.targets


def test_the_target_follows_the_wrist_and_stays_with_an_open_clutch(operator):
    optical = (-0.5, 0.5, -0.5, 0.5)  # z of the camera is x of the base, x of the camera is -y
    operator.frames.publish(TFMessage(transforms=[static("tool", TOOL), static(FRAME, (0.0, 0.0, 1.0), optical)]))
    assert wait_until(lambda: operator.enable().success)
    assert wait_until(lambda: operator.targets)
    wait_until(lambda: False, 0.3)  # until the first pose after enabling
    np.testing.assert_allclose(last(operator), TOOL, atol=0.002)
    assert operator.targets[0].header.frame_id == "base"

    operator.hands = [make_hand([0, 0, 0.62])]  # away from the camera
    assert wait_until(lambda: np.allclose(last(operator), np.add(TOOL, (0.02, 0, 0)), atol=1e-4))
    operator.hands = [make_hand([0.02, 0, 0.62])]  # to the right in the image
    assert wait_until(lambda: np.allclose(last(operator), np.add(TOOL, (0.02, -0.02, 0)), atol=1e-4))

    operator.clutch.publish(Bool(data=False))
    wait_until(lambda: False, 0.2)
    operator.hands = [make_hand([0.04, 0, 0.62])]
    wait_until(lambda: False, 0.4)
    np.testing.assert_allclose(last(operator), np.add(TOOL, (0.02, -0.02, 0)), atol=1e-4)
    operator.clutch.publish(Bool(data=True))
    wait_until(lambda: False, 0.3)
    operator.hands = [make_hand([0.04, 0, 0.64])]
    assert wait_until(lambda: np.allclose(last(operator), np.add(TOOL, (0.04, -0.02, 0)), atol=1e-4))

    operator.hands = []
    operator.wait_for("holding")
    operator.wait_for("disabled: the operator's hand")
    count = len(operator.targets)
    wait_until(lambda: False, 0.3)
    assert len(operator.targets) <= count + 1
