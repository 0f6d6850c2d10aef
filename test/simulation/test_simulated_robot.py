"""The simulated robot moves as it is commanded, whatever its names and its number of fingers."""

import numpy as np
import pytest
from robots import MOTORS, allegro_urdf, gripper_urdf, hand_urdf

pytest.importorskip("fingerpose_ros.simulation.robot", reason="MuJoCo is not installed (requirements/test.txt)")

from fingerpose_ros.simulation.robot import SimulatedRobot


def named(robot):
    return dict(zip(robot.joints, robot.positions().tolist(), strict=True))


def test_joints_reach_their_targets_and_mimics_follow():
    robot = SimulatedRobot(hand_urdf())
    target = {"shoulder": 1.0, **dict.fromkeys(MOTORS, 0.2)}
    robot.command(target, 0.1)
    assert robot.step(1.0) == pytest.approx(1.0)
    reached = named(robot)
    assert {name: reached[name] for name in target} == pytest.approx(target, abs=0.01)
    assert reached["far_outer"] == pytest.approx(0.8 * 0.2 + 0.1, abs=0.01)
    assert robot.velocities() == pytest.approx(np.zeros(len(robot.joints)), abs=0.01)


def test_it_reaches_a_target_after_its_time_and_the_delay_of_the_drives():
    robot = SimulatedRobot(allegro_urdf())
    robot.command({"joint_1.0": 1.0}, 0.2)
    robot.step(0.1)
    assert 0.2 < named(robot)["joint_1.0"] < 0.5
    robot.step(0.2)
    assert named(robot)["joint_1.0"] == pytest.approx(1.0, abs=0.02)
    assert named(robot)["joint_2.0"] == pytest.approx(0.0, abs=0.02)


def test_a_bent_finger_brings_its_tip_to_the_palm():
    robot = SimulatedRobot(hand_urdf())
    tip, hand = robot.links(("fore_tip", "hand"))
    robot.place({"fore_inner": np.pi / 2})
    bent, _ = robot.links(("fore_tip", "hand"))
    assert bent[2] < tip[2] - 0.08 and bent[0] > tip[0] + 0.08  # z along the fingers, x out of the palm
    assert robot.axes(("fore_inner", "fore_outer")) - hand == pytest.approx(
        np.array([[0, 0.03, 0.09], [0.045, 0.03, 0.09]])
    )


def test_no_command_moves_a_joint_out_of_its_limits():
    robot = SimulatedRobot(hand_urdf())
    robot.command(dict.fromkeys(MOTORS, 100.0), 0.0)
    for _ in range(100):
        robot.step(0.01)
        for name, at in named(robot).items():
            joint = robot.joints[name]
            assert joint.lower - 0.02 <= at <= joint.upper + 0.02, name


def test_a_gripper_opens_with_both_fingers():
    robot = SimulatedRobot(gripper_urdf())
    robot.command({"finger_1": 0.04}, 0.1)
    robot.step(0.5)
    assert robot.positions() == pytest.approx([0.04, 0.04], abs=1e-3)
    left, right = robot.links(("left", "right"))
    assert left[1] - right[1] == pytest.approx(0.08, abs=2e-3)


@pytest.mark.parametrize("target, message", [({"nose": 0.0}, "nose"), ({"fore_inner": np.nan}, "fore_inner.*nan")])
def test_a_wrong_command_is_named_and_changes_nothing(target, message):
    robot = SimulatedRobot(hand_urdf())
    before = robot.positions()
    with pytest.raises(ValueError, match=message):
        robot.command(target, 0.1)
    robot.step(0.1)
    assert robot.positions() == pytest.approx(before, abs=1e-6)
