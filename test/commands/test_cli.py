"""The commands of `fingerpose`, except replays: see test_demo.py."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from fingerpose_ros import cli
from fingerpose_ros.perception.pose.model_file import DEFAULT_NAME
from fingerpose_ros.recording.frame_folder import FrameFolder
from fingerpose_ros.share import share_folder

ROOT = Path(__file__).parents[2]
META = {"width": 64, "height": 48, "fx": 60.0, "fy": 61.0, "cx": 31.5, "cy": 23.5, "depth_unit_m": 0.001}

needs_model = pytest.mark.skipif(
    not (share_folder() / "models" / DEFAULT_NAME).exists(), reason="models/ holds no weights"
)


@pytest.fixture
def folder(tmp_path):
    """A recording of three images, with the joints of one hand."""
    path = tmp_path / "frames"
    (path / "depth").mkdir(parents=True)
    (path / "meta.json").write_text(json.dumps({**META, "hand": "left", "frame_ids": [4, 5, 9]}))
    for index in range(3):
        cv2.imwrite(str(path / "depth" / f"{index:06d}.png"), depth(index))
    np.savez(path / "joints.npz", joints=joints(3))
    return path


def depth(index):
    return (np.arange(48 * 64).reshape(48, 64) % 900 + 100 * index).astype(np.uint16)


def joints(count):
    rng = np.random.default_rng(0)
    return (rng.uniform(-0.05, 0.05, (count, 21, 3)) + (0, 0, 0.5)).astype(np.float32)


def test_an_unknown_command_is_rejected_with_a_list_of_commands(capsys):
    with pytest.raises(SystemExit) as exited:
        cli.main(["replai"])
    assert exited.value.code == 2
    error = capsys.readouterr().err
    assert "replai" in error and all(name in error for name in cli.COMMANDS)


def test_without_a_command_the_commands_are_listed(capsys):
    assert cli.main([]) == 2
    error = capsys.readouterr().err
    assert all(text.split()[0] in error and name in error for name, text in cli.COMMANDS.items())


def test_estimating_needs_no_ros():
    """It runs in a Python without ROS packages."""
    code = (
        "import sys\n"
        "class NoRos:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.partition('.')[0] in ('rclpy', 'sensor_msgs', 'std_msgs', 'rosbags'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, NoRos())\n"
        "from fingerpose_ros.cli import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )

    def run(*args):
        return subprocess.run(
            [sys.executable, "-c", code, *args], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )

    helped = run("estimate", "--help")
    assert helped.returncode == 0 and "--camera" in helped.stdout
    rejected = run("replay", "bag")
    assert rejected.returncode == 2 and "needs ROS 2" in rejected.stderr and "Traceback" not in rejected.stderr


@pytest.mark.parametrize(
    ("meta", "image", "message"),
    [
        ({"fx": None}, None, "meta.json: fx is null; it must be a positive number"),
        ({"depth_unit_m": 5}, None, "depth_unit_m is 5"),
        ({"width": 63}, None, "000000.png"),
        ({"width": 64.0}, None, "width is 64.0; it must be a positive whole number"),
        ({}, np.zeros((48, 64), np.uint8), "uint8"),
        ({}, b"not an image", "cannot be read"),
    ],
)
@needs_model
def test_invalid_input_of_estimate_is_named(folder, capsys, meta, image, message):
    path = folder / "depth" / "000000.png"
    (folder / "meta.json").write_text(json.dumps({**META, **meta}))
    if isinstance(image, bytes):
        path.write_bytes(image)
    elif image is not None:
        cv2.imwrite(str(path), image)
    assert cli.main(["estimate", "--camera", str(folder / "meta.json"), str(path)]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: (path / "joints.npz").write_bytes(b"not an archive"),
        lambda path: (path / "joints.npz").write_bytes(b"PK\3\4 damaged"),
        lambda path: np.savez(path / "joints.npz", other=joints(3)),
        lambda path: np.savez(path / "joints.npz", joints=joints(2)),
    ],
)
def test_an_invalid_joints_file_is_named(folder, damage):
    damage(folder)
    with pytest.raises(ValueError, match=r"joints\.npz"):
        FrameFolder.open(folder)


def test_a_folder_as_output_file_is_rejected(folder, tmp_path, capsys):
    arguments = ["estimate", "--camera", str(folder / "meta.json"), "image.png", "--json", str(tmp_path)]
    assert cli.main(arguments) == 2
    assert "is a folder" in capsys.readouterr().err


def test_a_failed_conversion_leaves_nothing_behind_and_can_be_repeated(folder, tmp_path, capsys):
    pytest.importorskip("rosbags", reason="rosbags is not installed")
    pytest.importorskip("rclpy", reason="ROS 2 is not installed")
    cv2.imwrite(str(folder / "depth" / "000001.png"), np.zeros((8, 8), np.uint16))
    assert cli.main(["bag", str(folder), str(tmp_path / "out")]) == 2
    assert "000001.png" in capsys.readouterr().err and not (tmp_path / "out").exists()
    cv2.imwrite(str(folder / "depth" / "000001.png"), depth(1))
    assert cli.main(["bag", str(folder), str(tmp_path / "out")]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["watch", "--topic", "a b"], "a b"), (["replay", "BAG", "--out", "FILE/out"], "FILE/out")],
)
def test_invalid_arguments_are_rejected_without_a_traceback(folder, tmp_path, capsys, monkeypatch, arguments, message):
    pytest.importorskip("rosbags", reason="rosbags is not installed")
    pytest.importorskip("rclpy", reason="ROS 2 is not installed")
    monkeypatch.setenv("ROS_DOMAIN_ID", "87")
    assert cli.main(["bag", str(folder), str(tmp_path / "BAG")]) == 0
    (tmp_path / "FILE").write_text("")
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_missing_weights_file_is_named(folder, capsys):
    arguments = ["estimate", "--camera", str(folder / "meta.json"), "--model", "no_such_file", "image.png"]
    assert cli.main(arguments) == 2
    assert "no_such_file" in capsys.readouterr().err


def test_a_folder_instead_of_its_images_is_rejected(folder, capsys):
    assert cli.main(["estimate", "--camera", str(folder / "meta.json"), str(folder / "depth")]) == 2
    assert f"is a folder; give its images: {folder / 'depth'}/*.png" in capsys.readouterr().err


@needs_model
@pytest.mark.parametrize(("values", "message"), [(8000, "median depth is 8 m"), (0, "no depth values")])
def test_without_a_hand_the_depth_is_reported(folder, capsys, values, message):
    path = folder / "depth" / "000000.png"
    cv2.imwrite(str(path), np.full((48, 64), values, np.uint16))
    assert cli.main(["estimate", "--camera", str(folder / "meta.json"), str(path)]) == 0
    assert message in capsys.readouterr().err


@needs_model
def test_estimates_of_single_images_are_written_as_json(folder, tmp_path, capsys):
    images = sorted(map(str, (folder / "depth").glob("*.png")))
    arguments = ["estimate", "--camera", str(folder / "meta.json"), *images, "--json", str(tmp_path / "out.json")]
    assert cli.main(arguments) == 0
    report = json.loads((tmp_path / "out.json").read_text())
    assert [image["image"] for image in report["images"]] == images
    assert len(report["joints"]) == 21


@needs_model
def test_a_sequence_is_read_in_natural_order_and_single_images_as_given(folder, capsys):
    names = []
    for index, name in enumerate(("1", "10", "2")):  # the order of a shell
        names.append(str((folder / "depth" / f"{index:06d}.png").rename(folder / "depth" / f"{name}.png")))
    arguments = ["estimate", "--camera", str(folder / "meta.json"), *names, "--json", "-"]
    for options, order in (([], names), (["--fps", "30"], [names[0], names[2], names[1]])):
        assert cli.main([*arguments, *options]) == 0
        assert [image["image"] for image in json.loads(capsys.readouterr().out)["images"]] == order


@needs_model
def test_the_hand_in_an_image_of_the_sample_is_estimated(tmp_path):
    """An image of the sample recording as a file: the estimated palm is within 30 mm of the true one."""
    pytest.importorskip("rosbags", reason="rosbags is not installed")
    pytest.importorskip("rclpy", reason="ROS 2 is not installed")
    from fingerpose_ros.commands.demo import SAMPLE
    from fingerpose_ros.recording.bag_reader import DepthBag
    from fingerpose_ros.recording.bag_writer import TRUTH_TOPIC
    from fingerpose_ros.recording.recordings import depth_frames, recorded_hands

    path = share_folder() / SAMPLE
    truth = recorded_hands(path, TRUTH_TOPIC)
    with DepthBag(path) as bag:
        frame = [frame for frame in depth_frames(bag) if len(truth.get(frame.stamp, [])) == 1][45]
    camera = frame.camera
    meta = {key: getattr(camera, key) for key in ("width", "height", "fx", "fy", "cx", "cy")}
    (tmp_path / "meta.json").write_text(json.dumps({**meta, "depth_unit_m": 0.001}))
    cv2.imwrite(str(tmp_path / "image.png"), np.round(frame.depth * 1000).astype(np.uint16))
    out = tmp_path / "out.json"
    arguments = ["--camera", str(tmp_path / "meta.json"), str(tmp_path / "image.png"), "--json", str(out)]
    assert cli.main(["estimate", *arguments]) == 0
    (hand,) = json.loads(out.read_text())["images"][0]["hands"]
    (true,) = truth[frame.stamp]
    assert hand["handedness"] == true.handedness
    assert np.linalg.norm(np.array(hand["palm_position"], float) - true.palm_position) < 0.03


class TestBag:
    @pytest.fixture(autouse=True)
    def ros(self):
        pytest.importorskip("rclpy", reason="ROS 2 is not installed")
        pytest.importorskip("rosbags", reason="rosbags is not installed")

    def test_the_recording_contains_depth_camera_ground_truth_and_times(self, folder, tmp_path):
        from fingerpose_ros.recording.bag_reader import DepthBag
        from fingerpose_ros.recording.bag_writer import TRUTH_TOPIC
        from fingerpose_ros.recording.recordings import depth_frames, recorded_hands

        out = tmp_path / "bag"
        assert cli.main(["bag", str(folder), str(out), "--fps", "15"]) == 0
        with DepthBag(out) as bag:
            frames = list(depth_frames(bag))
        for index, frame in enumerate(frames):
            np.testing.assert_array_equal(np.round(frame.depth * 1000), depth(index))
            assert {key: getattr(frame.camera, key) for key in META if key != "depth_unit_m"} == {
                key: value for key, value in META.items() if key != "depth_unit_m"
            }
        stamps = np.array([frame.stamp for frame in frames])
        np.testing.assert_allclose((stamps - stamps[0]) * 1e-9, np.array([0, 1, 5]) / 15, atol=1e-8)
        truth = recorded_hands(out, TRUTH_TOPIC)
        for index, stamp in enumerate(stamps.tolist()):
            (hand,) = truth[stamp]
            assert hand.handedness == "left"
            pixels = frames[0].camera.project(joints(3)[index])
            inside = np.all((pixels >= -0.5) & (pixels <= (63.5, 47.5)), axis=1)
            np.testing.assert_array_equal(hand.valid, inside)
            np.testing.assert_allclose(hand.positions[inside], joints(3)[index][inside], atol=1e-6)
            assert np.isnan(hand.positions[~inside]).all()

    def test_ground_truth_without_handedness_is_rejected_until_it_is_given(self, folder, tmp_path, capsys):
        (folder / "meta.json").write_text(json.dumps({**META, "hand": "unknown"}))
        assert cli.main(["bag", str(folder), str(tmp_path / "a")]) == 2
        assert "--hand" in capsys.readouterr().err
        assert cli.main(["bag", str(folder), str(tmp_path / "a"), "--hand", "right"]) == 0

    def test_an_existing_folder_is_not_overwritten(self, folder, tmp_path, capsys):
        (tmp_path / "existing").mkdir()
        assert cli.main(["bag", str(folder), str(tmp_path / "existing")]) == 2
        assert "exists" in capsys.readouterr().err

    def test_a_folder_without_images_is_named(self, folder, tmp_path, capsys):
        for file in (folder / "depth").iterdir():
            file.unlink()
        assert cli.main(["bag", str(folder), str(tmp_path / "bag")]) == 2
        assert "depth contains no PNG" in capsys.readouterr().err


class TestWatch:
    @pytest.fixture(autouse=True)
    def ros(self):
        pytest.importorskip("rclpy", reason="ROS 2 is not installed")

    def test_bent_and_straight_fingers_look_different(self):
        from stand_in import make_hand

        from fingerpose_ros.commands.watch import table

        text = table([make_hand((0, 0, 0.5), bend=1.4), make_hand((0.1, 0, 0.5), "left", track_id=7)], 29.6)
        lines = text.splitlines()
        assert lines[0] == "2 hands   30 Hz"
        assert "right hand 1" in text and "left hand 7" in text
        index = [line.split() for line in lines if line.strip().startswith("index")]
        assert index[0][1].count("#") > index[1][1].count("#")
        assert index[0][3] == "80°"  # 1.4 rad at the PIP

    def test_unknown_values_are_shown_as_not_known(self):
        from stand_in import make_hand

        from fingerpose_ros.commands.watch import table
        from fingerpose_ros.perception.hand import Finger

        hand = make_hand((0, 0, 0.5))
        hand.fingers["index"] = Finger(np.full(3, np.nan), np.nan, np.nan, np.nan)
        (line,) = (line for line in table([hand], np.nan).splitlines() if line.strip().startswith("index"))
        assert "nan" not in line and "not known" in line

    def test_the_hands_of_a_running_node_are_shown(self, ros_context):
        from fingerpose_ros.msg import HandPoseArray
        from rclpy.node import Node
        from stand_in import make_hand
        from std_msgs.msg import Header

        from fingerpose_ros.ros.hand_messages import hand_pose_array

        node = Node("publisher", context=ros_context)
        publisher = node.create_publisher(HandPoseArray, "hand_poses", 10)
        message = hand_pose_array(Header(frame_id="camera"), [make_hand((0, 0, 0.5))])
        watcher = subprocess.Popen(
            [sys.executable, "-m", "fingerpose_ros.cli", "watch", "--once", "--timeout", "20"],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        stopping = threading.Event()
        thread = threading.Thread(
            target=lambda: [publisher.publish(message) for _ in iter(lambda: stopping.wait(0.1), True)]
        )
        thread.start()
        try:
            out, _ = watcher.communicate(timeout=40)
        finally:
            stopping.set()
            thread.join()
            watcher.kill()
            node.destroy_node()
        assert watcher.returncode == 0 and "right hand 1" in out

    def test_missing_messages_are_an_error_with_advice(self, ros_context):
        result = subprocess.run(
            [sys.executable, "-m", "fingerpose_ros.cli", "watch", "--topic", "/nobody", "--timeout", "0.5"],
            cwd=ROOT, capture_output=True, text=True, timeout=40, check=False,
        )  # fmt: skip
        assert result.returncode == 2 and "nobody publishes /nobody" in result.stderr
        assert "--topic /NAMESPACE/hand_poses" in result.stderr
