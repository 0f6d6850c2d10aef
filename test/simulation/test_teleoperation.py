"""Both nodes and the simulated robot together, over DDS, and the figures of what they do.

The robot has other names and another number of fingers than the package's.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("fingerpose_ros.simulation.robot", reason="MuJoCo is not installed (requirements/test.txt)")

from bags import depth_frame, write_bag
from robots import MOTORS, hand_urdf
from stand_in import make_hand
from teleoperated import STAND_IN, three_fingers

from fingerpose_ros.recording.bag_reader import DepthBag
from fingerpose_ros.simulation.figures import agreement, timing
from fingerpose_ros.simulation.robot import SimulatedRobot
from fingerpose_ros.simulation.settings import RobotSettings
from fingerpose_ros.simulation.supervisor import Teleoperation
from fingerpose_ros.simulation.teleoperation import teleoperate

LAG = 0.2


@pytest.fixture
def robot(tmp_path) -> RobotSettings:
    return three_fingers(tmp_path)


def test_the_person_in_a_recording_moves_the_robot(ros_context, robot, tmp_path, monkeypatch):
    pytest.importorskip("dex_retargeting", reason="dex-retargeting is not installed")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]))
    with DepthBag(write_bag(tmp_path / "bag", [depth_frame(i) for i in range(60)])) as bag:
        record = teleoperate(bag, robot, tmp_path, command=STAND_IN)
    assert len(record.images) == 60 and record.poses and record.poses[0][2]
    assert set(record.holds) == {"silence"}  # after the last image
    joints = SimulatedRobot(hand_urdf()).joints
    assert len(record.commands) > 50
    for _, command in record.commands:
        assert set(command) == set(MOTORS)
        assert all(joints[name].lower <= at <= joints[name].upper for name, at in command.items())
    last, (_, state) = record.commands[-1][1], record.states[-1]
    assert {name: state[name] for name in last} == pytest.approx(last, abs=0.02)
    assert np.ptp([command["fore_inner"] for _, command in record.commands]) > 0.05
    figures = timing(record)
    assert 20 < figures.rate < 100 and 0 < figures.load < 1
    assert 0 < figures.added < figures.image_to_command < 0.5


def recorded(follows: bool) -> tuple[Teleoperation, dict]:
    """A person who bends and stretches the index finger for 4 s, and a robot that follows `LAG` later, or stands still.

    Each image is answered after 15 ms, and commanded after another 3 ms.
    """
    times = np.arange(120) / 30
    bends = 0.8 - 0.8 * np.cos(2 * times)
    stamps = [round(time * 1e9) for time in times]
    truth = {stamp: [make_hand([0, 0, 0.5], bend=bend)] for stamp, bend in zip(stamps, bends, strict=True)}
    clock = np.arange(0, 5, 0.02)
    bent = 0.8 - 0.8 * np.cos(2 * (clock - LAG)) if follows else np.zeros_like(clock)
    still = dict.fromkeys(SimulatedRobot(hand_urdf()).joints, 0.0)
    return Teleoperation(
        images=list(zip(stamps, times.tolist(), strict=True)),
        poses=[(stamp, time + 0.015, truth[stamp]) for stamp, time in zip(stamps, times.tolist(), strict=True)],
        commands=[(time + 0.018, {"fore_inner": bend}) for time, bend in zip(times.tolist(), bends, strict=True)],
        states=[(time, still | {"fore_inner": bend}) for time, bend in zip(clock.tolist(), bent, strict=True)],
    ), truth


def recorded_for(robot, follows):
    record, truth = recorded(follows)
    return record, robot, truth


def test_the_timing_is_that_of_the_messages():
    figures = timing(recorded(True)[0])
    assert (figures.images, figures.answered, figures.commands) == (120, 120, 120)
    assert (figures.image_to_pose, figures.image_to_command, figures.added) == pytest.approx((0.015, 0.018, 0.003))
    assert figures.rate == pytest.approx(30)
    # The robot lags by 0.2 s, less half a period between commands, behind a motion of 1.6 rad/s at most.
    assert figures.tracking_error == pytest.approx(1.6 / np.sqrt(2) * 0.17, rel=0.1)


def test_a_robot_that_follows_agrees_with_the_person_at_its_lag(robot):
    figures = agreement(*recorded_for(robot, True))
    assert figures.lag == pytest.approx(LAG, abs=0.011) and figures.curl > 0.99
    assert figures.compared == pytest.approx(120, abs=4) and figures.images == 120
    assert figures.size == pytest.approx(0.09 / (0.043 + 0.025 + 0.022))  # the robot's finger: 0.045 m twice


def test_a_robot_that_stands_still_does_not_agree(robot):
    figures = agreement(*recorded_for(robot, False))
    assert np.isnan(figures.curl) and np.isnan(figures.opening)


@pytest.mark.parametrize("tips, pinches", [(("fore_tip", "fore_tip"), 1.0), (("thumb_tip", "fore_tip"), 0.0)])
def test_pinches_of_the_person_are_compared_with_the_distance_of_the_robots_tips(robot, tips, pinches):
    """The person pinches in every second image. The robot's tips are at the same place, or 7 cm apart."""
    record, settings, truth = recorded_for(robot, False)
    for i, (stamp, [hand]) in enumerate(list(truth.items())):
        index = replace(hand.fingers["index"], thumb_distance=0.02 if i % 2 else 0.1)
        truth[stamp] = [replace(hand, fingers={**hand.fingers, "index": index})]
    figures = agreement(record, replace(settings, tips=tips), truth)
    assert figures.pinches > 50 and figures.apart > 50
    assert (figures.pinched, figures.not_pinched) == (pinches, 1 - pinches)


def test_without_truth_or_commands_nothing_is_compared(robot):
    record, settings, truth = recorded_for(robot, True)
    assert agreement(record, settings, {}).compared == 0
    silent = Teleoperation(record.images, record.poses, [], record.states)
    assert agreement(silent, settings, truth).compared == 0
    assert np.isnan(timing(silent).added) and timing(silent).commands == 0
    assert timing(Teleoperation()).answered == 0
