"""`fingerpose teleop`: its errors and its table. test/simulation tests what it runs."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("fingerpose_ros.simulation.robot", reason="MuJoCo is not installed (requirements/test.txt)")

from bags import depth_frame, write_bag

from fingerpose_ros import cli
from fingerpose_ros.commands.teleop import SAMPLE, describe
from fingerpose_ros.recording.bag_writer import TRUTH_TOPIC
from fingerpose_ros.recording.recordings import recorded_hands
from fingerpose_ros.share import share_folder
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
        (["mine", "--topic", "/depth/image"], "give either the recording mine or --topic /depth/image, not both"),
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
    times = Timing(300, 290, 400, 50.4, 0.013, 0.016, 0.003, 0.0512, 0.123)
    like = Agreement(120, 110, 0.21, 0.951, 0.9, 1.4, 20, 0.95, 80, 1.0)
    table = describe(times, like, {"hand_lost": 2, "jump": 1})
    for text in (
        "290 of 300", "400, 50 a second",
        "13.0 ms", "16.0 ms, 3.0 ms", "0.051", "0.12 of a core", "3: 2 hand lost, 1 jump",
        "110 of 120", "0.21 s", "correlation 0.95", "95% of 20", "100% of 80",
    ):  # fmt: skip
        assert text in table
    nothing = describe(Timing(3, 0, 0, *[np.nan] * 6), Agreement(0), {})
    assert "nan" not in nothing and "not compared" in nothing
    assert "person" not in nothing and "true hand" not in describe(times, None, {})


def test_the_sample_shows_fists_pointing_and_a_pinch_with_each_finger_and_then_two_hands():
    path = share_folder() / SAMPLE
    assert sum(file.stat().st_size for file in path.iterdir()) <= 4e6
    truth = recorded_hands(path, TRUTH_TOPIC)
    hands = [hand for hands in truth.values() for hand in hands if hand.handedness == "right" and hand.valid.all()]
    fingers = ("index", "middle", "ring", "little")
    curls = np.array([[hand.fingers[name].curl for name in fingers] for hand in hands])
    apart = np.array([[hand.fingers[name].thumb_distance for name in fingers] for hand in hands])
    assert (curls < 0.15).all(axis=1).any() and (curls > 0.75).all(axis=1).any()  # open, fist
    assert ((curls[:, 0] < 0.15) & (curls[:, 1:] > 0.7).all(axis=1)).any()  # pointing
    nearest = apart.argmin(axis=0)
    assert (apart[nearest, range(4)] < 0.03).all()
    assert (apart[nearest].argmin(axis=1) == range(4)).all()  # the thumb meets this finger, not another one
    both = ["".join(sorted(hand.handedness[0] for hand in hands)) for hands in truth.values()]
    assert both.count("r") > 200 and both.count("lr") > 30
    assert np.ptp(np.diff(sorted(truth))) <= 1  # nanoseconds: 30 Hz, without gaps
