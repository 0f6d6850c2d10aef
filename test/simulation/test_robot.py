"""The simulated robot moves as it is commanded, whatever its names and its number of fingers."""

import numpy as np
import pytest
from robots import MOTORS, gripper_urdf, hand_urdf

pytest.importorskip("mujoco", reason="MuJoCo is not installed (requirements/teleop.txt)")

from fingerpose_ros.simulation.robot import SimulatedRobot


def test_joints_reach_their_targets_and_mimics_follow():
    robot = SimulatedRobot(hand_urdf())
    target = {"shoulder": 1.0, **dict.fromkeys(MOTORS, 0.2)}
    robot.command(target, 0.1)
    assert robot.step(1.0) == pytest.approx(1.0)
    reached = robot.positions()
    assert {name: reached[name] for name in target} == pytest.approx(target, abs=0.01)
    assert reached["far_outer"] == pytest.approx(0.8 * 0.2 + 0.1, abs=0.01)


def test_a_bent_finger_brings_its_tip_to_the_palm():
    robot = SimulatedRobot(hand_urdf())
    straight = robot.link("fore_tip") - robot.link("hand")
    robot.place({"fore_inner": np.pi / 2})
    bent = robot.link("fore_tip") - robot.link("hand")
    assert bent[2] < straight[2] - 0.08 and bent[0] > straight[0] + 0.08  # z along the fingers, x out of the palm


def test_no_command_moves_a_joint_out_of_its_limits():
    robot = SimulatedRobot(hand_urdf())
    robot.command(dict.fromkeys(MOTORS, 100.0), 0.0)
    for _ in range(100):
        robot.step(0.01)
        for name, at in robot.positions().items():
            joint = robot.joints[name]
            assert joint.lower - 0.02 <= at <= joint.upper + 0.02, name


def test_a_gripper_opens_with_both_fingers():
    robot = SimulatedRobot(gripper_urdf())
    robot.command({"finger_1": 0.04}, 0.1)
    robot.step(0.5)
    assert robot.positions() == pytest.approx({"finger_1": 0.04, "finger_2": 0.04}, abs=1e-3)
    assert robot.link("left")[1] - robot.link("right")[1] == pytest.approx(0.08, abs=2e-3)


@pytest.mark.parametrize("target, message", [({"nose": 0.0}, "nose"), ({"fore_inner": np.nan}, "fore_inner.*nan")])
def test_a_wrong_command_is_named_and_changes_nothing(target, message):
    robot = SimulatedRobot(hand_urdf())
    before = robot.positions()
    with pytest.raises(ValueError, match=message):
        robot.command(target, 0.1)
    robot.step(0.1)
    assert robot.positions() == pytest.approx(before, abs=1e-6)
