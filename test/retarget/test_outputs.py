"""The node's outputs over DDS, its lifecycle, and a robot hand with other names and another number of fingers."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from observed_node import run_transitions
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from retargeting import Operator, make_retarget_node
from robots import MAPPING, MOTORS, gripper_urdf, hand_urdf
from sensor_msgs.msg import JointState
from stand_in import make_hand
from std_msgs.msg import Float64, Float64MultiArray
from tf2_msgs.msg import TFMessage

from fingerpose_ros.retarget.parameters import SETTINGS
from fingerpose_ros.testing import spinning, wait_until

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


@pytest.mark.parametrize(
    ("output", "kind", "topic"),
    [("positions", Float64MultiArray, "commands"), ("joint_state", JointState, "joint_commands")],
)
def test_a_gripper_is_commanded_in_each_form(ros_context, tmp_path, output, kind, topic):
    urdf = tmp_path / "gripper.urdf"
    urdf.write_text(gripper_urdf())
    node = make_retarget_node(
        ros_context, mapping="gripper", output=output, urdf_file=str(urdf), joints=["finger_2", "finger_1"],
        start="rest", rest_pose=["finger_1=0.01"], frame_prefix="arm/",
    )  # fmt: skip
    operator = Operator(ros_context, kind, topic)
    widths, frames = [], []
    operator.create_subscription(Float64, "gripper_width", widths.append, 10)
    operator.create_subscription(TFMessage, "/tf", frames.append, 10)
    node.start()
    with spinning(node), spinning(operator):
        assert wait_until(lambda: operator.enable().success)
        assert wait_until(lambda: len(operator.commands) > 10 and widths and frames)
        np.testing.assert_allclose(operator.commands[0][1], [0.01, 0.01], atol=0.001)
        assert operator.joint_names == ([] if output == "positions" else ["finger_2", "finger_1"])
        assert 0 < widths[-1].data < 0.08
        frame = frames[-1].transforms[0]
        assert frame.child_frame_id == "arm/right_hand_grasp"
        assert frame.header.frame_id == "camera_depth_optical_frame" and 0.4 < frame.transform.translation.z < 0.7


def test_a_robot_hand_with_other_names_and_three_fingers_follows(ros_context, tmp_path):
    pytest.importorskip("dex_retargeting", reason="dex-retargeting is not installed")
    mapping = tmp_path / "three_fingers.yaml"
    mapping.write_text(MAPPING)
    node = make_retarget_node(
        ros_context, mapping=str(mapping), hand_link="hand", joints=[*MOTORS, "far_outer"], ramp_time=0.1
    )
    operator = Operator(ros_context)
    operator.measured = dict.fromkeys(MOTORS, 0.1)
    node.start()
    with spinning(node), spinning(operator):
        operator.describe(hand_urdf())
        assert wait_until(lambda: operator.enable().success, 20)
        wait_until(lambda: False, 1.5)
        straight = dict(zip(operator.joint_names, operator.positions(), strict=True))
        operator.hands = [make_hand([0, 0, 0.6], bend=1.6)]
        wait_until(lambda: False, 1.5)
        bent = dict(zip(operator.joint_names, operator.positions(), strict=True))
    assert list(bent) == [*MOTORS, "far_outer"]
    moved = {name: bent[name] - straight[name] for name in ("fore_inner", "fore_outer", "long_inner", "long_outer")}
    assert moved["fore_inner"] + moved["fore_outer"] > 0.5
    assert abs(moved["long_inner"]) + abs(moved["long_outer"]) < 0.2
    np.testing.assert_allclose(bent["far_outer"], 0.8 * bent["far_inner"] + 0.1)


def test_a_mapping_with_other_links_is_named(ros_context):
    pytest.importorskip("dex_retargeting", reason="dex-retargeting is not installed")
    node, operator = make_retarget_node(ros_context), Operator(ros_context)  # the Allegro's mapping
    node.start()
    with spinning(node), spinning(operator):
        operator.describe(hand_urdf())
        message = operator.wait_for(
            "finger_tip_link_names names the link 'link_15.0_tip', which the robot does not have"
        )
        assert operator.enable().message == message


def test_it_is_configured_and_activated_like_any_lifecycle_node(ros_context):
    node, operator = make_retarget_node(ros_context, autostart=False, mapping="gripper"), Operator(ros_context)
    operator.measured = {"finger_1": 0.02}
    with spinning(node), spinning(operator):
        assert operator.enable().message == "the node is not active (unconfigured)"
        assert run_transitions(node, node.trigger_configure, node.trigger_activate) == [SUCCESS] * 2
        operator.describe(gripper_urdf())
        assert wait_until(lambda: operator.enable().success)
        assert wait_until(lambda: operator.commands)
        assert not node.set_parameters([Parameter("timeout", value=0.3)])[0].successful
        assert run_transitions(node, node.trigger_deactivate) == [SUCCESS]
        wait_until(lambda: False, 0.2)  # one may have been on its way
        count = len(operator.commands)
        wait_until(lambda: False, 0.3)
        assert len(operator.commands) == count
        assert run_transitions(node, node.trigger_activate) == [SUCCESS]
        wait_until(lambda: False, 0.3)
        assert len(operator.commands) == count  # activating does not enable
        assert run_transitions(node, node.trigger_deactivate, node.trigger_cleanup) == [SUCCESS] * 2
        assert node.count_publishers("joint_trajectory") == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"urdf_file": "/no/such.urdf"}, "/no/such.urdf"),
        ({"start": "rest"}, "start is rest, but rest_pose gives none"),
        ({"rest_pose": ["finger_1"]}, "rest_pose has 'finger_1'; an entry must be like joint_1=0.5"),
        ({"mapping": "mine.yaml", "handedness": "either"}, "handedness is either, but a robot hand follows one"),
        ({"operator_rpy": [0.0, 1.0]}, "operator_rpy has 2 numbers"),
        ({"pinch_closed": 0.1}, "pinch_closed 0.1 m is not less than pinch_open 0.1 m"),
        ({"output": "action"}, "not one of trajectory, positions, joint_state"),
    ],
)
def test_invalid_parameters_are_named_and_leave_no_topic_behind(ros_context, settings, message):
    node = make_retarget_node(ros_context, **{"mapping": "gripper", **settings})
    node.start()
    status = node.status()
    assert status.message.startswith("cannot configure: ") and message in status.message
    assert node.count_publishers("joint_trajectory") == 0
    node.close()


def test_the_node_prints_its_usage():
    command = [sys.executable, "-m", "fingerpose_ros.retarget", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 and not result.stderr
    assert "-r hand_poses:=TOPIC" in result.stdout and "--params-file FILE" in result.stdout
    assert all(f"\n  {setting.name} (" in result.stdout for setting in SETTINGS)
