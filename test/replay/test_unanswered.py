"""A replay says why images went unanswered, and repeats a bag on request."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("rosbags", reason="rosbags is not installed")

from bags import depth_frame, write_bag
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.parameter import Parameter
from stand_in import FAILING, stand_in

from fingerpose_ros.commands.replay import replay_bag as replay_command
from fingerpose_ros.node.diagnostics import status
from fingerpose_ros.node.node import HandPoseNode
from fingerpose_ros.node.statistics import Statistics
from fingerpose_ros.replay.unanswered import node_values, reasons, unanswered
from fingerpose_ros.testing import spinning

ROOT = Path(__file__).parents[2]
STAND_IN = (sys.executable, str(ROOT / "test" / "support" / "stand_in_node.py"))
PLAY_BAG = (sys.executable, "-m", "fingerpose_ros.replay.player")
WHY = (
    "1 rejected: estimation_failed. "
    "The last error is estimation_failed: RuntimeError: requested failure of the stand-in"
)


@pytest.fixture
def bag(tmp_path):
    """Four images; the stand-in fails on the second."""
    frames = np.stack([depth_frame(i) for i in range(4)]).astype(np.float32) / 1000
    frames[1, 0, 0] = FAILING
    return write_bag(tmp_path / "bag", frames, period=0.2)


@pytest.fixture
def node(ros_context):
    parameters = [Parameter("reliability", value="reliable")]
    node = HandPoseNode(stand_in, context=ros_context, parameter_overrides=parameters)
    node.start()
    with spinning(node):
        yield node


def test_dropped_and_rejected_images_are_named_with_the_last_error():
    statistics = Statistics()
    statistics.drop()
    statistics.drop()
    statistics.reject("encoding", "bgr8 is not depth")
    values = node_values(DiagnosticArray(status=[status("/hand_pose_node", "active", "", statistics.report())]))
    assert unanswered(values) == {"dropped": 2, "rejected: encoding": 1}
    assert reasons(values, 3) == (
        "2 dropped (the next one came before the node was free), 1 rejected: encoding. "
        "The last error is encoding: bgr8 is not depth"
    )


def test_without_a_reason_the_message_says_so():
    values = node_values(DiagnosticArray(status=[status("/hand_pose_node", "active", "", Statistics().report())]))
    assert reasons({}, 2) == reasons(values, 2) == "2 did not reach the node, or were answered late"


def test_play_bag_says_why(node, bag):
    played = subprocess.run([*PLAY_BAG, str(bag)], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert played.returncode == 0 and f"4 images played, 3 answered; the others: {WHY}" in played.stderr


def test_replay_says_why_and_stores_it(ros_context, bag, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    result = replay_command(bag, tmp_path / "out", parameters={}, command=STAND_IN)
    assert result["not_answered"] == {"rejected: estimation_failed": 1}
    assert f"images not answered: {WHY}" in capsys.readouterr().out
    assert "use_sim_time" not in (tmp_path / "out" / "node.log").read_text()  # no warning of a clock that differs


def test_a_bag_is_repeated_until_interrupted(node, tmp_path):
    path = write_bag(tmp_path / "bag", [depth_frame(i) for i in range(3)])
    player = subprocess.Popen(
        [*PLAY_BAG, str(path), "--loop", "--lock-step"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        lines = [player.stderr.readline() for _ in range(2)]
        player.send_signal(signal.SIGINT)
        rest = player.communicate(timeout=20)[1]
    finally:
        player.kill()
    assert all("3 images played, 3 answered" in line for line in lines)
    assert player.returncode == 0 and "Traceback" not in rest
