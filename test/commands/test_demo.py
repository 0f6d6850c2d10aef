"""Replays of recordings through the node as a process, their results, and the sample recording."""

import json
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("rosbags", reason="rosbags is not installed")

import cv2
from bags import FOCAL, HEIGHT, WIDTH, depth_frame, write_bag
from fingerpose_ros.msg import HandPoseArray
from rclpy.node import Node
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin
from stand_in import FAILING, StandIn

from fingerpose_ros.commands import CommandError, replay
from fingerpose_ros.commands.demo import SAMPLE
from fingerpose_ros.commands.replay import parse_settings, replay_bag
from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.pose.model_file import DEFAULT_NAME
from fingerpose_ros.recording import recordings
from fingerpose_ros.recording.bag_reader import BagError, DepthBag
from fingerpose_ros.recording.bag_writer import TRUTH_TOPIC, write_depth_bag
from fingerpose_ros.recording.recordings import depth_frames, recorded_hands
from fingerpose_ros.replay import report
from fingerpose_ros.ros.rejection import Rejected
from fingerpose_ros.share import share_folder

CAMERA = Camera(WIDTH, HEIGHT, FOCAL, FOCAL, WIDTH / 2, HEIGHT / 2)
COUNT, OFFSET = 15, np.array([0.0, 0.006, 0.008])
has_model = (share_folder() / "models" / DEFAULT_NAME).exists()
STAND_IN = (sys.executable, str(Path(__file__).parents[1] / "support" / "stand_in_node.py"))


@pytest.fixture
def ros_environment(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("ROS_DOMAIN_ID", "87")
    for name in ("ROS_AUTOMATIC_DISCOVERY_RANGE", "FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.fixture
def bag(tmp_path):
    """A bag with two blobs. Its ground truth is the stand-in's estimate, moved by 10 mm."""
    estimator, frames = StandIn(smoothing=False), []
    for index in range(COUNT):
        depth = depth_frame(index, hands=2)
        hands = estimator.estimate(depth * np.float32(0.001), CAMERA, index / 30)
        truth = {hand.handedness: hand.positions + OFFSET for hand in hands}
        frames.append((10**18 + round(index * 1e9 / 30), depth, truth))
    write_depth_bag(tmp_path / "bag", CAMERA, frames)
    return tmp_path / "bag"


def test_a_replay_reports_the_error_against_the_ground_truth_and_writes_all_results(ros_environment, bag, tmp_path):
    out = tmp_path / "out"
    result = replay_bag(bag, out, parameters={"smoothing": "false"}, lockstep=True, command=STAND_IN)

    assert (result["images"], result["answered"], result["images_with_a_hand"]) == (COUNT, COUNT, COUNT)
    assert result["backend"] == "stand-in on cpu"
    assert result["truth"]["hands"] > COUNT / 2
    assert result["truth"]["detected"] == 1 and result["truth"]["false_positives"] == 0
    assert result["truth"]["error_mm"] == pytest.approx(10, abs=0.1)
    assert json.loads((out / "summary.json").read_text()) == result
    assert "use_sim_time" not in (out / "node.log").read_text()  # no warning of a clock that differs

    answers = recorded_hands(out / "bag", "/hand_poses")
    truth = recorded_hands(bag, TRUTH_TOPIC)
    assert sorted(answers) == sorted(truth)
    with DepthBag(out / "bag") as written, AnyReader([out / "bag"]) as reader:
        assert written.count == COUNT
        kinds = {connection.topic: connection.msgtype for connection in reader.connections}
        assert kinds["/tf"] == "tf2_msgs/msg/TFMessage" and kinds["/hand_markers"].endswith("MarkerArray")

    sheet = cv2.imread(str(out / "sheet.png"))
    saturated = (sheet.max(axis=2).astype(int) - sheet.min(axis=2)) > 60
    assert saturated.sum() > 1000  # only the skeletons are coloured
    pytest.importorskip("rerun", reason="rerun-sdk is not installed")
    assert (out / "recording.rrd").stat().st_size > 10_000

    replay_bag(bag, out, parameters={}, lockstep=True, command=STAND_IN)  # replaces the first results


def test_a_replay_that_drops_images_names_the_remedy(ros_environment, bag, tmp_path, capfd):
    result = replay_bag(bag, tmp_path / "out", parameters={}, rate=1000.0, command=STAND_IN)
    assert ("dropped" in result["not_answered"]) == ("with --lock-step none is dropped" in capfd.readouterr().out)
    assert result["not_answered"]


def test_a_folder_with_other_files_is_not_changed(ros_environment, bag, tmp_path):
    other_file = tmp_path / "mine" / "other_file.txt"
    other_file.parent.mkdir()
    other_file.write_text("keep me")
    with pytest.raises(CommandError, match="--out"):
        replay_bag(bag, other_file.parent, parameters={}, command=STAND_IN)
    assert other_file.read_text() == "keep me"


def test_a_node_that_cannot_be_configured_ends_the_replay_with_its_error_message(ros_environment, bag, tmp_path):
    with pytest.raises(CommandError, match="no_such_model"):
        replay_bag(bag, tmp_path / "out", parameters={"model": "/no_such_model.safetensors"})


def test_a_rejected_image_is_left_out_of_the_sheet(bag, tmp_path, monkeypatch):
    read = recordings.depth_frame

    def reject_the_third(recorded, transport, distortion):
        if recorded.stamp == rejected:
            raise Rejected("corrupt", "not a PNG")
        return read(recorded, transport, distortion)

    with DepthBag(bag) as opened:
        rejected = [recorded.stamp for recorded in opened.images()][2]
        for module in (recordings, report):
            monkeypatch.setattr(module, "depth_frame", reject_the_third)
        assert rejected not in [frame.stamp for frame in depth_frames(opened)]
        report.write_sheet(tmp_path / "sheet.png", opened, {}, None)
    assert cv2.imread(str(tmp_path / "sheet.png")).shape[0] > 100


def test_the_sheet_shows_a_change_of_resolution(tmp_path):
    frames = [depth_frame(i, width=160, height=(120, 90)[i % 2]) for i in range(4)]
    with DepthBag(write_bag(tmp_path / "bag", frames)) as opened:
        report.write_sheet(tmp_path / "sheet.png", opened, {}, None)
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (360, 4 * 480, 3)


@pytest.mark.parametrize(("distortion", "fx"), [("auto", FOCAL), ("apply", FOCAL / 2)])
def test_sheet_and_rerun_use_the_same_camera_as_the_node(bag, monkeypatch, tmp_path, distortion, fx):
    read, cameras = recordings.to_camera, []

    def with_another_k(info, chosen):
        info.k[[0, 4]] = FOCAL / 2
        cameras.append(read(info, chosen))
        return cameras[-1]

    monkeypatch.setattr(recordings, "to_camera", with_another_k)
    with DepthBag(bag) as opened:
        report.write_sheet(tmp_path / "sheet.png", opened, {}, None, distortion)
        report.write_rerun(tmp_path / "recording.rrd", opened, {}, None, distortion)
    assert len(cameras) == 2 * COUNT and {camera.fx for camera in cameras} == {fx}


def test_the_recording_itself_is_not_overwritten(ros_environment, bag, tmp_path):
    (tmp_path / "node.log").write_text("log of an earlier replay")
    with pytest.raises(CommandError, match="choose another --out"):
        replay_bag(bag, tmp_path, parameters={}, command=STAND_IN)
    with DepthBag(bag) as opened:
        assert opened.count == COUNT


@pytest.mark.parametrize("lockstep", (True, False))
def test_a_replay_without_any_answer_ends_with_the_nodes_error(ros_environment, tmp_path, lockstep):
    frames = np.stack([depth_frame(i) for i in range(8)]).astype(np.float32) / 1000
    frames[:, 0, 0] = FAILING
    write_bag(tmp_path / "bag", frames)
    with pytest.raises(CommandError, match=r"none of \d images was answered: .*requested failure of the stand-in"):
        replay_bag(tmp_path / "bag", tmp_path / "out", parameters={}, lockstep=lockstep, command=STAND_IN)


def test_the_viewer_accepts_connections_of_this_machine_only(tmp_path, monkeypatch):
    (tmp_path / "recording.rrd").touch()
    commands = []
    monkeypatch.setattr(replay.subprocess, "run", lambda command, **_: commands.append(command) or Mock(returncode=0))
    replay.open_viewer(tmp_path / "recording.rrd")
    assert "--bind 127.0.0.1" in " ".join(commands[0])


def test_unknown_parameters_are_named():
    assert parse_settings(["max_hands=1", "model=a=b"]) == {"max_hands": "1", "model": "a=b"}
    with pytest.raises(CommandError, match="no parameter max_hand; it has .*max_hands"):
        parse_settings(["max_hand=1"])


@pytest.mark.parametrize("storage", StoragePlugin)
def test_a_damaged_recording_gives_an_error_not_a_crash(tmp_path, storage):
    bag = tmp_path / "bag"
    write_bag(bag, [depth_frame(i, width=32, height=24) for i in range(6)], storage=storage)
    (file,) = (path for path in bag.iterdir() if path.suffix != ".yaml")
    content, random, errors = file.read_bytes(), np.random.default_rng(0), 0
    for i in range(80):
        damaged = bytearray(content)
        at = random.integers(len(damaged), size=random.integers(1, 30))
        for k in at:
            damaged[k] = random.integers(256)
        file.write_bytes(damaged[: at[0]] if i % 4 == 0 else damaged)
        try:
            with DepthBag(bag) as opened:
                list(opened.images())
            recorded_hands(bag, TRUTH_TOPIC)
        except BagError as error:
            assert str(bag) in str(error) or "depth" in str(error) or "camera" in str(error)
            errors += 1
    assert errors > 20


def test_the_error_message_of_a_node_that_ends_is_reported(ros_environment, bag, tmp_path):
    failing = (sys.executable, "-c", "raise SystemExit('the stand-in broke down')")
    with pytest.raises(CommandError, match="broke down"):
        replay_bag(bag, tmp_path / "out", parameters={}, command=failing)


def test_a_second_node_on_the_same_topics_is_an_error(ros_context, bag, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.delenv("ROS_DOMAIN_ID")  # the replay's is then the same as this test's
    other = Node("other", context=ros_context)
    other.create_publisher(HandPoseArray, "hand_poses", 10)
    try:
        with pytest.raises(CommandError, match="another node"):
            replay_bag(bag, tmp_path / "out", parameters={}, command=STAND_IN)
    finally:
        other.destroy_node()


@pytest.mark.parametrize(
    ("path", "arguments", "message"),
    [
        ("nowhere", {}, "nowhere does not exist"),
        ("notes.txt", {}, "is not a rosbag2 recording"),
        ("bag", {"image_topic": "/other"}, "/other"),
        ("bag", {"truth_topic": "/no"}, "/no"),
    ],
)
def test_what_is_missing_in_the_bag_is_named(ros_environment, bag, tmp_path, path, arguments, message):
    (tmp_path / "notes.txt").write_text("not a bag")
    with pytest.raises(CommandError, match=message):
        replay_bag(tmp_path / path, tmp_path / "out", parameters={}, command=STAND_IN, **arguments)


@pytest.fixture(scope="module")
def sample():
    path = share_folder() / SAMPLE
    with DepthBag(path) as bag:
        return path, list(depth_frames(bag)), recorded_hands(path, TRUTH_TOPIC)


def test_the_sample_is_small_and_shows_a_right_hand_then_a_left_hand_then_both(sample):
    path, frames, truth = sample
    assert sum(file.stat().st_size for file in path.iterdir()) <= 10e6
    assert 200 <= len(frames) <= 600
    handedness = ["".join(sorted(hand.handedness[0] for hand in truth.get(frame.stamp, []))) for frame in frames]
    runs = [seen for seen, before in zip(handedness, [None, *handedness], strict=False) if seen and seen != before]
    assert [runs[0], runs[1]] == ["r", "l"] and "lr" in runs
    assert np.ptp(np.diff([frame.stamp for frame in frames])) <= 1  # 30 Hz


def test_the_samples_true_joints_lie_just_behind_the_measured_surface(sample):
    _, frames, truth = sample
    behind = []
    for frame in frames[::10]:
        for hand in truth.get(frame.stamp, []):
            u, v = np.round(frame.camera.project(hand.positions[hand.valid])).astype(int).T
            surface = frame.depth[v, u]
            behind += ((hand.positions[hand.valid, 2] - surface)[surface > 0]).tolist()
    behind = np.array(behind)
    assert len(behind) > 500
    assert 0.002 < np.median(behind) < 0.02
    assert np.mean((behind > -0.01) & (behind < 0.06)) > 0.9


@pytest.mark.skipif(not has_model, reason="models/ holds no weights")
def test_the_package_model_detects_the_samples_hands(ros_environment, sample, tmp_path):
    result = replay_bag(sample[0], tmp_path / "out", parameters={}, lockstep=True)["truth"]
    assert result["detected"] > 0.8 and result["handedness_correct"] > 0.9
    assert result["error_mm"] < 20


def test_the_sample_shows_open_hand_fist_pinch_and_pointing(sample):
    _, _, truth = sample
    for handedness in ("right", "left"):
        all_hands = [hand for hands in truth.values() for hand in hands]
        hands = [hand for hand in all_hands if hand.handedness == handedness and hand.valid.all()]
        curls = np.array(
            [[hand.fingers[name].curl for name in ("index", "middle", "ring", "little")] for hand in hands]
        )
        assert (curls < 0.15).all(axis=1).any() and (curls > 0.75).all(axis=1).any()  # open, fist
        assert ((curls[:, 0] < 0.15) & (curls[:, 1:] > 0.7).all(axis=1)).any()  # point
        assert min(hand.fingers["index"].thumb_distance for hand in hands) < 0.03  # pinch


def test_a_node_ends_with_the_process_that_started_it(tmp_path):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from fingerpose_ros.replay.node_process import NodeProcess\n"
        "node = NodeProcess({}, Path(sys.argv[1]), (sys.executable, '-c', 'import time; time.sleep(60)'))\n"
        "print(node.pid, flush=True)\n"
        "time.sleep(60)"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "log")],
        cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    node = Path("/proc") / starter.stdout.readline().strip()
    assert node.exists()
    starter.kill()
    starter.wait(10)
    end = time.monotonic() + 10
    while node.exists() and "Z" not in (node / "stat").read_text().rpartition(")")[2][:3] and time.monotonic() < end:
        time.sleep(0.05)
    assert time.monotonic() < end
