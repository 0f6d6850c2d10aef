"""`fingerpose teleop`: its errors and its table. test/simulation tests what it runs."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("fingerpose_ros.simulation.robot", reason="MuJoCo is not installed (requirements/test.txt)")

from bags import depth_frame, write_bag

from fingerpose_ros import cli
from fingerpose_ros.commands.teleop import describe
from fingerpose_ros.simulation.figures import Agreement, Timing

ROBOT = "urdf: {urdf}\nparameters: retarget_allegro.yaml\nhandedness: right\nbase: {base}\nview: [0, 0]\n"


@pytest.fixture
def robot(tmp_path):
    (tmp_path / "hand.urdf").write_text("no URDF")
    (tmp_path / "robot.yaml").write_text(
        ROBOT.format(urdf=tmp_path / "hand.urdf", base="hand") + "tips: [a, b]\nindex_joints: []\n"
    )
    return str(tmp_path / "robot.yaml")


@pytest.mark.parametrize(
    "options, message",
    [
        (["nosuch", "--robot", "ROBOT"], "nosuch does not exist"),
        (["--robot", "nosuch"], "no robot 'nosuch'; give one of allegro, panda"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(options, message, robot, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ROS_DOMAIN_ID", "89")
    out = tmp_path / "out"
    assert cli.main(["teleop", *(robot if part == "ROBOT" else part for part in options), "--out", str(out)]) == 2
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_a_robot_that_cannot_be_simulated_is_reported_with_the_end_of_its_log(robot, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ROS_DOMAIN_ID", "89")
    bag = write_bag(tmp_path / "bag", [depth_frame(0)])
    assert cli.main(["teleop", str(bag), "--robot", robot, "--out", str(tmp_path / "out")]) == 2
    assert "not XML" in capsys.readouterr().err


def test_the_table_says_what_was_measured_and_what_was_not():
    times = Timing(300, 290, 400, 50.4, 0.013, 0.016, 0.003, 0.0512)
    like = Agreement(120, 110, 0.21, 0.951, 0.9, 1.4, 20, 0.95, 80, 1.0)
    table = describe(times, like, {"hand_lost": 2, "jump": 1})
    for text in (
        "290 of 300", "400, 50 a second", "13.0 ms", "16.0 ms, 3.0 ms", "0.051", "3: 2 hand lost, 1 jump",
        "110 of 120", "0.21 s", "correlation 0.95", "95% of 20", "100% of 80",
    ):  # fmt: skip
        assert text in table
    nothing = describe(Timing(3, 0, 0, *[np.nan] * 5), Agreement(0), {})
    assert "nan" not in nothing and "not compared" in nothing
