"""Robots from URDFs: the part below the hand's base link, its limits, and the commands for it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from robots import MOTORS, fixed, gripper_urdf, hand_urdf, joint

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from fingerpose_ros.retarget.limits import read_limits
from fingerpose_ros.retarget.parameters import SETTINGS
from fingerpose_ros.retarget.plan import make_plan
from fingerpose_ros.retarget.robot import read_robot

DEFAULTS = {setting.name: setting.default for setting in SETTINGS} | {"mapping": "gripper"}


def robot_with(*parts):
    return f'<robot name="r"><link name="a"/>{"".join(parts)}</robot>'


def test_only_what_hangs_from_the_base_link_counts():
    robot = read_robot(hand_urdf(), "hand")
    assert robot.motors == list(MOTORS) and "shoulder" not in robot.joints
    assert robot.links[0] == "hand" and "arm" not in robot.links and "fore_tip" in robot.links
    assert read_robot(robot.urdf).motors == list(MOTORS)  # it is a URDF by itself
    assert read_robot(hand_urdf()).motors == ["shoulder", *MOTORS]


@pytest.mark.parametrize(
    ("urdf", "base", "message"),
    [
        ("no xml", "", "not XML"),
        ("<sdf/>", "", "<sdf>, not <robot>"),
        (hand_urdf(), "palm", "no link 'palm'; its links: base, "),
        (robot_with(fixed("a", "b")), "", "no joint below the link 'a' can move"),
        (robot_with(joint("j", "a", "b", "0 0 0", "0 0 1", 1, -1)), "", "joint j has the limits 1 to -1"),
        (robot_with(joint("j", "a", "b", "0 0 0", "0 0 1", -1, 1, 0)), "", "joint j has the velocity limit 0"),
        (robot_with(joint("j", "a", "b", "0 0 0", "0 0 1", "x", 1)), "", "joint j has lower='x'"),
        (robot_with(joint("j", "a", "b", "0 0 0", "0 0 1", "nan", 1)), "", "joint j has lower='nan'"),
        (robot_with(joint("j", "a", "b", "0 0 0", "0 0 1", -1, 1, 1, "continuous")), "", "joint j is of type 'conti"),
        (robot_with(joint("j", "a", "b", "0 0 0", "0 0 1", 0, 1, extra='<mimic joint="k"/>')), "", "j mimics 'k'"),
        (robot_with('<link name="z"/>'), "", "one root link; it has a, z"),
        (robot_with('<joint name="j" type="fixed"/>'), "", "joint j has no child link"),
    ],
)
def test_what_cannot_be_moved_safely_is_named(urdf, base, message):
    with pytest.raises(ValueError, match="robot|joint") as error:
        read_robot(urdf, base)
    assert message in str(error.value)


@given(st.text(max_size=200))
def test_any_text_is_a_robot_or_a_named_error(text):
    with pytest.raises(ValueError, match="."):
        read_robot(text)


def test_a_joint_is_limited_by_those_that_mimic_it():
    limits = read_limits(read_robot(hand_urdf(), "hand"), ["far_inner"], 4.9, 1.0)
    np.testing.assert_allclose([limits.lower[0], limits.upper[0]], [-0.1 / 0.8, 1.6])  # of far_outer: 0 and 1.75
    assert limits.velocity[0] == 4.9


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=7, max_size=7),
    st.floats(0, 10),
    st.floats(0, 1),
)
def test_no_step_leaves_the_limits(target, duration, share):
    limits = read_limits(read_robot(hand_urdf(), "hand"), MOTORS, 3.0, 1.0)
    current = limits.clip(np.zeros(7))
    new = limits.step(current, np.array(target), duration, share)
    assert (new >= limits.lower).all() and (new <= limits.upper).all()
    assert (np.abs(new - current) <= limits.velocity * duration * share + 1e-12).all()


def test_commands_have_the_controllers_order_and_the_joints_that_mimic():
    plan = make_plan(DEFAULTS | {"joints": ["finger_2", "finger_1"]}, gripper_urdf())
    assert plan.limits.names == ("finger_1",)
    np.testing.assert_allclose(plan.commands(np.array([0.03])), [0.03, 0.03])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"joints": ["finger_3"]}, "joints has finger_3; the robot's moving joints: finger_1, finger_2"),
        ({"rest_pose": ["finger_2=0.01"]}, "rest_pose has no position for joint finger_1"),
        ({"rest_pose": ["finger_1=0.05"]}, "finger_1=0.05, which is not within the joint's limits"),
        ({"rest_pose": ["finger_1=0.01", "x=1"]}, "rest_pose has joint x, which is not commanded"),
        ({"hand_link": "tool"}, "no link 'tool'"),
    ],
)
def test_settings_that_do_not_fit_the_robot_are_named(settings, message):
    with pytest.raises(ValueError, match=".") as error:
        make_plan(DEFAULTS | settings, gripper_urdf())
    assert message in str(error.value)


def test_a_joint_that_the_mapping_moves_cannot_be_left_out():
    with pytest.raises(ValueError, match="the mapping moves finger_2, which the parameter joints does not have"):
        make_plan(DEFAULTS | {"joints": ["finger_1"]}, gripper_urdf(mimic=False))
