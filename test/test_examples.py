"""The examples, each started as a user starts it, with messages over DDS."""

import csv
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from fingerpose_ros.msg import HandPoseArray
from messages import FRAME, header
from prose import ROOT
from stand_in import make_hand
from std_msgs.msg import Bool, Float64

from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.skeleton import JOINTS
from fingerpose_ros.ros.hand_messages import hand_pose_array
from fingerpose_ros.testing import spinning, wait_until

AT = np.array([0.0, 0.0, 0.6])


@pytest.fixture
def publisher(observer):
    with spinning(observer):
        yield observer.create_publisher(HandPoseArray, "hand_poses", 10)


@contextmanager
def running(publisher, script, *arguments):
    """The example as a process that is connected, and that Ctrl-C ends without a traceback."""
    command = [sys.executable, str(ROOT / "examples" / script), *map(str, arguments)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert wait_until(lambda: publisher.get_subscription_count() > 0 or process.poll() is not None, 20)
        assert process.poll() is None, process.stderr.read()
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=10)
    assert "Traceback" not in error, error


def send_until(publisher, hands: list[Hand], condition):
    """Send an image's hands at 30 Hz until a condition holds."""

    def holds():
        publisher.publish(hand_pose_array(header(time.time()), hands))
        time.sleep(1 / 30)
        return condition()

    assert wait_until(holds)


def test_the_watch_dog_keeps_to_one_hand_and_reports_its_loss(observer, publisher):
    lost: list[bool] = []
    observer.create_subscription(Bool, "hand_lost", lambda message: lost.append(message.data), 10)
    stopped = observer.create_publisher(Bool, "robot_stopped", 10)
    partner, other = make_hand(AT, track_id=3), make_hand(AT + 0.2, track_id=4)
    with running(publisher, "watch_dog.py", "--ros-args", "-p", "timeout:=0.3"):
        send_until(publisher, [partner], lambda: len(lost) > 5)
        assert wait_until(lambda: stopped.get_subscription_count() > 0)
        stopped.publish(Bool(data=True))
        send_until(publisher, [make_hand(AT, "left", 2)], lambda: len(lost) > 10)
        assert all(lost)  # until now the robot moved, and then there was a left hand
        send_until(publisher, [other, partner], lambda: not lost[-1])
        stopped.publish(Bool(data=False))
        start = time.monotonic()
        send_until(publisher, [other], lambda: lost[-1])
        assert 0.2 < time.monotonic() - start < 2
        count = len(lost)
        send_until(publisher, [other], lambda: len(lost) > count + 10)
        assert all(lost[count:])  # another person's hand does not move the robot
        stopped.publish(Bool(data=True))
        send_until(publisher, [other], lambda: not lost[-1])
        assert wait_until(lambda: lost[-1])  # no message arrives any more


def test_the_gripper_opens_as_far_as_thumb_and_index_finger(observer, publisher):
    openings: list[float] = []
    observer.create_subscription(Float64, "gripper_opening", lambda message: openings.append(message.data), 10)
    hand = make_hand(AT)

    def apart(metres: float) -> Hand:
        index = replace(hand.fingers["index"], thumb_distance=metres)
        return replace(hand, fingers={**hand.fingers, "index": index})

    with running(publisher, "gripper_opening.py", "--ros-args", "-p", "width:=0.06"):
        for metres, opening in ((0.02, 0.0), (0.0625, 0.03), (0.2, 0.06)):
            send_until(publisher, [apart(metres)], lambda at=opening: openings and abs(openings[-1] - at) < 1e-6)
        openings.clear()
        for hands in ([], [make_hand(AT, "left")], [apart(float("nan"))]):
            end = time.monotonic() + 0.2
            send_until(publisher, hands, lambda end=end: time.monotonic() > end)
        assert not [opening for opening in openings if opening != pytest.approx(0.06)]
        assert len(openings) <= 1  # of the last message before


def test_the_joints_are_recorded_and_an_unknown_one_is_empty(publisher, tmp_path):
    file = tmp_path / "joints.csv"
    valid = np.ones(21, bool)
    valid[JOINTS.index("ring_tip")] = False
    hands = [make_hand(AT, track_id=7, valid=valid), make_hand(AT, "left", 8)]

    def rows():
        with file.open(newline="") as opened:
            return list(csv.DictReader(opened))

    with running(publisher, "record_joints.py", file):
        publisher.publish(hand_pose_array(header(12.5), []))
        send_until(publisher, hands, rows)
    first = rows()[:42]
    assert [row["joint"] for row in first] == [*JOINTS, *JOINTS]
    assert {(row["track_id"], row["handedness"], row["frame"]) for row in first} == {
        ("7", "right", FRAME),
        ("8", "left", FRAME),
    }
    for row, position in zip(first, [*hands[0].positions, *hands[1].positions], strict=True):
        recorded = [float(row[axis] or "nan") for axis in "xyz"]
        np.testing.assert_allclose(recorded, position, atol=1e-5)
    assert first[JOINTS.index("ring_tip")]["x"] == ""


@pytest.mark.parametrize(
    ("script", "argument", "message"),
    [
        ("gripper_opening.py", "width:=1", "'width' to '1' of type 'INTEGER', expecting type 'DOUBLE'"),
        ("gripper_opening.py", "handedness:=both", "handedness is both; it must be right or left"),
        ("watch_dog.py", "timeout:=short", "expecting type 'DOUBLE'"),
    ],
)
def test_a_wrong_parameter_is_named_without_a_traceback(ros_context, script, argument, message):
    command = [sys.executable, str(ROOT / "examples" / script), "--ros-args", "-p", argument]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1 and message in result.stderr and "Traceback" not in result.stderr


def test_a_recording_is_not_overwritten(tmp_path):
    file = tmp_path / "joints.csv"
    file.write_text("earlier")
    command = [sys.executable, str(ROOT / "examples" / "record_joints.py"), str(file)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode and "exists" in result.stderr and file.read_text() == "earlier"


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short_and_documented(path):
    assert len(path.read_text().splitlines()) <= 60
    assert f"`examples/{path.name}`" in (ROOT / "docs" / "consumers.md").read_text()
