"""The node over DDS with a gripper: it follows, and each fault gives a hold with its own reason."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from bags import depth_frame
from geometry_msgs.msg import Point, PointStamped
from messages import camera_info, image
from rclpy.node import Node
from retargeting import Operator, make_retarget_node
from robots import gripper_urdf
from sensor_msgs.msg import CameraInfo, Image
from stand_in import make_hand

from fingerpose_ros.retarget.safety import LONGEST_STEP
from fingerpose_ros.testing import spinning, wait_until

SETTINGS = {
    "mapping": "gripper", "rest_pose": ["finger_1=0.03"], "hold_time": 0.4, "ramp_time": 0.2, "rest_speed": 0.5,
}  # fmt: skip
AT = [0, 0, 0.6]
GRIPPER = gripper_urdf()


def wait(seconds):
    wait_until(lambda: False, seconds)


@pytest.fixture
def before(ros_context):
    """`before(**settings)`: an operator before a running, disabled node. Checks all commands at the end."""
    operators = []

    def start(urdf=GRIPPER, **settings):
        node, operator = make_retarget_node(ros_context, **{**SETTINGS, **settings}), Operator(ros_context)
        operator.measured = {"finger_1": 0.02}
        node.start()
        contexts = [spinning(node), spinning(operator)]
        for context in contexts:
            context.__enter__()
        operators.append((operator, contexts))
        if urdf:
            operator.describe(urdf)
            operator.wait_for("not enabled yet")
            wait(0.3)  # for hands and joint states
        return operator

    yield start
    for operator, contexts in operators:
        for context in contexts:
            context.__exit__(None, None, None)
        positions = np.array([position for _, position in operator.commands]).reshape(-1, 1)
        assert np.isfinite(positions).all() and (positions >= 0).all() and (positions <= 0.04).all()
        assert (np.abs(np.diff(positions, axis=0)) <= 0.1 * LONGEST_STEP + 1e-9).all()


@pytest.fixture
def enabled(before):
    """An operator whose gripper follows."""
    operator = before()
    assert operator.enable().success
    operator.wait_for("following")
    assert wait_until(lambda: len(operator.commands) > 20)
    return operator


def held(operator, reason):
    """Wait for a hold with this reason; its commands must not move. Returns the held position."""
    operator.wait_for(f"holding: {reason}")
    first = operator.positions()
    wait(0.15)
    np.testing.assert_array_equal(operator.positions(), first)
    return first


def test_nothing_is_commanded_before_it_is_enabled(before):
    operator = before()
    wait(0.5)
    assert not operator.commands
    assert operator.enable().success
    assert wait_until(lambda: operator.commands)
    assert abs(operator.commands[0][1][0] - 0.02) < 0.001  # where the gripper is


def test_a_gripper_follows_thumb_and_index_finger(enabled):
    wait(1.0)
    before = enabled.positions()
    enabled.hands = [make_hand(AT, bend=1.4)]
    assert wait_until(lambda: abs(enabled.positions()[0] - before[0]) > 0.003)
    assert enabled.enable(False).success
    count = len(enabled.commands)
    wait(0.3)
    assert len(enabled.commands) <= count + 1  # one may have been on its way


def test_a_lost_hand_holds_then_eases_to_the_rest_pose_then_disables(enabled):
    enabled.hands = []
    held(enabled, "the operator's hand (track 1) is not in view")
    enabled.wait_for("easing to rest")
    enabled.wait_for("disabled: the operator's hand (track 1) is not in view; the robot is in its rest pose")
    assert enabled.positions()[0] == 0.03
    count = len(enabled.commands)
    enabled.hands = [make_hand(AT)]  # it comes back, and nothing happens
    wait(0.5)
    assert len(enabled.commands) == count
    assert enabled.enable().success


def test_a_lost_hand_is_followed_no_longer_than_0_3_s(before):
    """It is lost while the gripper is on its way to the hand's opening."""
    operator = before(max_linear_velocity=0.02, ramp_time=0.0, rest_pose=["finger_1=0.0"], hold_time=0.5)
    operator.hands = [make_hand(AT, bend=-0.5)]  # wider than the gripper is
    wait(0.3)
    assert operator.enable().success
    wait(0.4)
    gone, operator.hands = time.monotonic(), []
    operator.wait_for("disabled: the operator's hand (track 1) is not in view; the robot is in its rest pose")
    before_it = np.array([position[0] for at, position in operator.commands if at < gone])
    after = np.array([position[0] for at, position in operator.commands if at > gone + 0.3])
    assert np.ptp(before_it) > 0.002 and after[0] < 0.039  # it moved, and had not arrived
    assert (after[:5] == after[0]).all()  # held
    assert (np.diff(after) <= 0).all() and after[-1] == 0  # then eased to the rest pose


def test_a_hand_that_comes_back_in_time_is_followed_again(enabled):
    enabled.hands = []
    enabled.wait_for("holding")
    enabled.hands = [make_hand(AT)]
    enabled.wait_for("following: the hand's pose is usable again")


def test_stopped_images_hold(enabled):
    enabled.hands = None
    held(enabled, "no hand pose arrives")


def test_a_second_person_does_not_take_over(enabled):
    other = make_hand([0.3, 0, 0.6], bend=1.4, track_id=2)
    wait(1.0)
    before = enabled.positions()
    enabled.hands = [other, make_hand(AT)]
    wait(0.5)
    np.testing.assert_allclose(enabled.positions(), before, atol=1e-6)
    enabled.hands = [other]
    held(enabled, "the operator's hand (track 1) is not in view")
    enabled.wait_for("disabled: ")
    response = enabled.call("choose_hand", track_id=2)
    assert response.success and enabled.enable().success
    assert enabled.enable().message == "enabled; follows track 2"


@pytest.mark.parametrize(
    ("offset", "reason"), [(-0.4, "the stamps jumped back from"), (-60.0, "the image is 60"), (60.0, "the image is")]
)
def test_a_clock_that_jumps_holds(enabled, offset, reason):
    enabled.offset = offset
    held(enabled, reason)


def broken(value):
    hand = make_hand(AT)
    hand.positions[8] = value
    return hand


@pytest.mark.parametrize(
    ("hand", "reason"),
    [
        (broken(np.nan), "joints of the operator's hand are not known: index_tip"),
        (broken(1e30), "a joint is more than 0.35 m from the wrist"),
        (make_hand(AT, valid=np.arange(21) != 4), "joints of the operator's hand are not known: thumb_tip"),
        (make_hand([np.nan] * 3), "joints of the operator's hand are not known"),
        (make_hand([1e300] * 3), "the orientation of the operator's wrist is not known"),
        (make_hand([0.4, 0, 0.6]), "a joint of the operator's hand jumped by 0.40 m"),
        (make_hand(AT, handedness="left"), "the operator's hand is taken for a left hand"),
    ],
)
def test_a_pose_that_cannot_be_used_holds(enabled, hand, reason):
    enabled.hands = [hand]
    enabled.wait_for(f"holding: {reason}")


def test_enabling_during_a_hold_says_why_not(enabled):
    enabled.hands = []
    enabled.wait_for("holding")
    response = enabled.enable()
    assert not response.success and "track 1) is not in view" in response.message


def test_a_hand_must_be_chosen_among_several(before):
    operator = before()
    operator.hands = [make_hand(AT), make_hand([0.2, 0, 0.6], track_id=7), make_hand(AT, "left", 8)]
    wait(0.2)
    response = operator.enable()
    assert not response.success and "several hands are in view (tracks 1, 7)" in response.message
    response = operator.call("choose_hand", track_id=8)
    assert not response.success and "no hand in view has track 8; the tracks in view: 1, 7" in response.message
    near = PointStamped(point=Point(x=0.25, y=0.0, z=0.6))
    assert operator.call("choose_hand", point=near).track_id == 7
    near.header.frame_id = "base_link"
    elsewhere = operator.call("choose_hand", point=near)
    assert (
        not elsewhere.success
        and "point is in the frame base_link; give it in that of the hand poses" in elsewhere.message
    )
    assert operator.enable().message == "enabled; follows track 7"


def test_without_a_hand_it_cannot_be_enabled(before):
    operator = before()
    operator.hands = []
    wait(0.2)
    assert "no hand is in view" in operator.enable().message
    operator.hands = None
    wait(0.4)
    assert "does hand_pose_node run?" in operator.enable().message


def test_without_joint_states_it_cannot_be_enabled(before):
    operator = before()
    operator.measured = {"other": 0.0}
    wait(1.2)
    response = operator.enable()
    assert not response.success and "/joint_states lacks finger_1" in response.message


def test_a_missing_robot_description_is_named(before):
    operator = before(urdf="")
    response = operator.enable()
    assert not response.success and response.message == "no robot description has arrived"
    operator.describe(GRIPPER)
    operator.wait_for("not enabled yet")
    assert wait_until(lambda: operator.enable().success)


def test_a_robot_description_with_other_names_is_named(before):
    operator = before(urdf="", hand_link="panda_hand")
    operator.describe(GRIPPER)
    message = operator.wait_for("the robot description has no link 'panda_hand'; its links: gripper, left, right")
    response = operator.enable()
    assert not response.success and response.message == message


def test_the_dead_man_switch_is_needed(before):
    operator = before(dead_man=True)
    wait(0.2)
    response = operator.enable()
    assert not response.success and "dead-man" in response.message
    operator.held = True
    wait(0.2)
    assert operator.enable().success
    operator.wait_for("following")
    operator.held = False
    operator.wait_for("paused: the dead-man switch is not held")
    count = len(operator.commands)
    wait(0.3)
    assert len(operator.commands) <= count + 1
    operator.held = True
    operator.wait_for("following: the dead-man switch is held again")
    operator.held = None
    operator.states.clear()
    operator.wait_for("paused: the dead-man switch is not held")


@pytest.mark.parametrize("fault", ["the pose node is killed", "the images stop"])
def test_without_answers_of_a_real_pose_node_it_holds(before, ros_context, fault):
    """A real `hand_pose_node` process with a stand-in estimator, fed with images."""
    operator = before()
    operator.hands = None
    camera = Node("camera", context=ros_context)
    images = camera.create_publisher(Image, "depth/image_rect_raw", 1)
    infos = camera.create_publisher(CameraInfo, "depth/camera_info", 1)

    def show():
        depth, stamp = depth_frame(0), camera.get_clock().now().nanoseconds * 1e-9
        infos.publish(camera_info(depth.shape[1], depth.shape[0], stamp))
        images.publish(image(depth, stamp))

    timer = camera.create_timer(1 / 30, show)
    support = Path(__file__).parents[1] / "support"
    process = subprocess.Popen([sys.executable, support / "stand_in_node.py"], cwd=support)
    try:
        with spinning(camera):
            assert wait_until(lambda: operator.enable().success, 20)
            operator.wait_for("following")
            if fault == "the images stop":
                timer.cancel()
            else:
                process.kill()
            held(operator, "no hand pose arrives")
    finally:
        process.kill()
        process.wait()
