"""Bags replayed through the running node, mostly with a stand-in for the estimator."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("rosbags", reason="rosbags is not installed")

from bags import START, depth_frame, write_bag
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.time import Time
from rendered_scene import CAMERA, hand_balls, placed, render
from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import Image
from stand_in import FAILING, StandIn, stand_in

from fingerpose_ros.node.node import HandPoseNode
from fingerpose_ros.perception import backends
from fingerpose_ros.perception.skeleton import JOINTS
from fingerpose_ros.recording.bag_reader import BagError, DepthBag
from fingerpose_ros.replay.player import Player
from fingerpose_ros.replay.recorder import Recorder
from fingerpose_ros.ros.depth_image import from_image
from fingerpose_ros.testing import spinning, wait_until

ROOT = Path(__file__).parents[2]


def stamps(messages):
    return [Time.from_msg(message.header.stamp).nanoseconds for message in messages]


def positions(array):
    """{handedness: (21, 3)} of one HandPoseArray."""
    hands = {h.handedness: [h.wrist, *(j for f in h.fingers for j in f.joints)] for h in array.hands}
    return {
        handedness: np.array([[j.pose.position.x, j.pose.position.y, j.pose.position.z] for j in joints])
        for handedness, joints in hands.items()
    }


@pytest.fixture
def bag(tmp_path):
    """Two thirds of a second: one hand, then two."""
    return write_bag(tmp_path / "bag", [depth_frame(i, hands=1 + (i > 10)) for i in range(20)])


# Properties of every replay


def test_every_image_is_answered_with_its_own_stamp_and_frame(replay_bag, bag):
    replay = replay_bag(bag, estimator_factory=stand_in)
    assert len(replay.playback.sent) == 20
    assert stamps(replay.hand_poses) == replay.playback.sent == replay.playback.answered
    assert {array.header.frame_id for array in replay.hand_poses} == {"camera_depth_optical_frame"}
    assert [len(array.hands) for array in replay.hand_poses] == [1] * 11 + [2] * 9
    assert (replay.report.received, replay.report.answered, replay.report.dropped) == (20, 20, 0)
    assert not replay.report.rejected


def test_the_transforms_of_each_image_are_one_tree_that_matches_its_poses(replay_bag, bag):
    replay = replay_bag(bag, parameters={"frame_prefix": "arm/"}, estimator_factory=stand_in)
    assert len(replay.transforms) == len(replay.hand_poses) == 20
    for array, message in zip(replay.hand_poses, replay.transforms, strict=True):
        frames = {array.header.frame_id: (np.eye(3), np.zeros(3))}
        for sent in message.transforms:
            assert sent.header.stamp == array.header.stamp and sent.child_frame_id not in frames
            parent_rotation, parent_position = frames[sent.header.frame_id]
            q, t = sent.transform.rotation, sent.transform.translation
            rotation = Rotation.from_quat([q.x, q.y, q.z, q.w]).as_matrix()
            position = parent_rotation @ (t.x, t.y, t.z) + parent_position
            frames[sent.child_frame_id] = parent_rotation @ rotation, position
        assert len(frames) == 1 + 21 * len(array.hands)
        for handedness, joints in positions(array).items():
            label = {1: "right", 2: "left"}[handedness]
            for name, position in zip(JOINTS, joints, strict=True):
                np.testing.assert_allclose(frames[f"arm/{label}_hand_{name}"][1], position, atol=1e-6)


def test_two_replays_in_lock_step_are_identical(replay_bag, bag):
    first, second = (replay_bag(bag, parameters={"smoothing": True}, estimator_factory=stand_in) for _ in range(2))
    assert len(first.hand_poses) == 20
    assert first.hand_poses == second.hand_poses
    assert first.transforms == second.transforms


def test_at_real_speed_each_image_is_answered_or_dropped_and_the_poses_are_the_same(replay_bag, bag):
    unsmoothed = {"smoothing": False}
    exact = replay_bag(bag, parameters=unsmoothed, estimator_factory=stand_in)
    live = replay_bag(bag, lockstep=False, parameters=unsmoothed, estimator_factory=stand_in)
    assert live.report.received <= 20
    assert live.report.answered + live.report.dropped == live.report.received
    assert live.report.answered == len(live.hand_poses) >= 10
    answers = {stamp: positions(array) for stamp, array in zip(stamps(exact.hand_poses), exact.hand_poses, strict=True)}
    for stamp, array in zip(stamps(live.hand_poses), live.hand_poses, strict=True):
        for handedness, joints in positions(array).items():
            np.testing.assert_allclose(joints, answers[stamp][handedness], atol=1e-3)


def test_a_node_that_cannot_start_raises_its_reason(replay_bag, bag):
    with pytest.raises(RuntimeError, match=r"cannot start: cannot configure: .*/none\.safetensors"):
        replay_bag(bag, parameters={"model": "/none.safetensors"})


def test_the_topics_to_replay_can_be_chosen(replay_bag, bag):
    topics = {"image_topic": "/camera/depth/image_rect_raw", "info_topic": "/camera/depth/camera_info"}
    assert len(replay_bag(bag, **topics, estimator_factory=stand_in).hand_poses) == 20
    with pytest.raises(BagError, match="has no /other/depth; its image topics: /camera/depth/image_rect_raw"):
        replay_bag(bag, image_topic="/other/depth", estimator_factory=stand_in)


def test_with_a_slow_estimator_images_are_dropped_and_counted(replay_bag, bag):
    class Slow(StandIn):
        def estimate(self, *frame):
            wait_until(lambda: False, 0.1)
            return super().estimate(*frame)

    live = replay_bag(bag, lockstep=False, estimator_factory=lambda settings: (Slow(False), "slow"))
    assert live.report.dropped > 0
    assert live.report.answered + live.report.dropped == live.report.received
    assert len(live.hand_poses) == live.report.answered


def test_an_image_without_an_answer_does_not_stop_a_replay(tmp_path, ros_context):
    frames = [depth_frame(i).astype(np.float32) / 1000 for i in range(3)]
    frames[1][0, 0] = FAILING
    path = write_bag(tmp_path / "bag", frames)
    node = HandPoseNode(stand_in, context=ros_context)
    node.start()
    with DepthBag(path) as opened, spinning(node):
        player = Player(opened.transport, context=ros_context)
        player.wait_for_node()
        playback = player.play(opened, lockstep=True, answer_timeout=0.5)
        player.close()
        assert playback.answered == [playback.sent[0], playback.sent[2]]
        assert node.report().rejected == {"estimation_failed": 1}


@pytest.fixture
def weights():
    try:
        backends.create_backend()
    except (FileNotFoundError, ImportError) as error:
        pytest.skip(f"the network cannot be run: {error}")


def test_the_real_estimator_answers_every_image_and_is_deterministic(replay_bag, tmp_path, weights):
    small = CAMERA.scaled(2)
    hand = [render(small, hand_balls(placed(at=(0.002 * i, 0, 0.55), turn=(0, 0, -1.5)))) for i in range(15)]
    path = write_bag(tmp_path / "bag", [np.round(depth * 1000).astype(np.uint16) for depth in hand])
    first, second = (replay_bag(path) for _ in range(2))
    assert stamps(first.hand_poses) == first.playback.sent
    assert first.hand_poses == second.hand_poses and first.transforms == second.transforms
    assert not first.report.rejected


# Different bags


@pytest.mark.parametrize("topic", ["/depth/image_rect_raw", "/k4a/depth_to_rgb/image_raw", "/a"])
@pytest.mark.parametrize("transport", ["raw", "compressedDepth"])
def test_a_bag_with_any_topic_names_is_played(replay_bag, tmp_path, topic, transport):
    path = write_bag(tmp_path / "bag", [depth_frame(i) for i in range(3)], transport=transport, topic=topic)
    replay = replay_bag(path, estimator_factory=stand_in)
    assert [len(array.hands) for array in replay.hand_poses] == [1, 1, 1]


def test_a_compressed_bag_is_also_published_uncompressed(ros_context, tmp_path):
    frames = [depth_frame(i) for i in range(3)]
    path, received = write_bag(tmp_path / "bag", frames, transport="compressedDepth"), []
    player, rviz = Player("compressedDepth", context=ros_context), Node("rviz", context=ros_context)
    rviz.create_subscription(Image, "depth/image_rect_raw", received.append, 10)
    with DepthBag(path) as bag, spinning(rviz):
        assert wait_until(lambda: rviz.count_publishers("depth/image_rect_raw"))
        player.spin(0.3)
        player.play(bag, answer_timeout=0.1)
        assert wait_until(lambda: len(received) == 3)
    player.close()
    for message, frame in zip(received, frames, strict=True):
        np.testing.assert_array_equal(from_image(message).pixels, frame)


def test_every_image_is_answered_when_the_resolution_changes_within_a_bag(replay_bag, tmp_path):
    frames = [depth_frame(i, width=160 if i % 4 < 2 else 320, height=120 if i % 4 < 2 else 240) for i in range(8)]
    replay = replay_bag(write_bag(tmp_path / "bag", frames), estimator_factory=stand_in)
    assert len(replay.hand_poses) == 8


def test_simulated_time_follows_the_bag(replay_bag, bag, capfd):
    replay = replay_bag(bag, parameters={"use_sim_time": True}, estimator_factory=stand_in)
    assert len(replay.hand_poses) == 20
    assert "use_sim_time" not in capfd.readouterr().err
    assert abs(stamps(replay.diagnostics)[-1] - START) < 2e9 if replay.diagnostics else True


def test_a_missing_topic_is_reported_with_the_bags_topics(tmp_path):
    path = write_bag(tmp_path / "bag", [depth_frame(0)])
    with pytest.raises(BagError, match=r"no /other; its image topics: /camera/depth/image_rect_raw"):
        DepthBag(path, "/other")
    with pytest.raises(BagError, match=r"no /other; its camera info topics: /camera/depth/camera_info"):
        DepthBag(path, info_topic="/other")
    with pytest.raises(FileNotFoundError):
        DepthBag(tmp_path / "nothing")


def test_a_ros_1_bag_is_rejected_with_the_command_that_converts_it(tmp_path):
    types = get_typestore(Stores.ROS1_NOETIC)
    with Writer(tmp_path / "old.bag") as writer:
        connection = writer.add_connection("/depth", "std_msgs/msg/Empty", typestore=types)
        writer.write(connection, 0, types.serialize_ros1(types.types["std_msgs/msg/Empty"](), "std_msgs/msg/Empty"))
    with pytest.raises(BagError, match="rosbags-convert"):
        DepthBag(tmp_path / "old.bag")


def test_answers_are_handled_while_a_replay_is_behind_schedule(ros_context, tmp_path):
    node, answered = HandPoseNode(stand_in, context=ros_context), []
    node.start()
    path = write_bag(tmp_path / "bag", [depth_frame(i) for i in range(100)])
    with DepthBag(path) as opened, spinning(node):
        player = Player(opened.transport, context=ros_context)
        player.wait_for_node()
        player.play(opened, rate=1e6, on_frame=lambda playback: answered.append(len(playback.answered)))
        player.close()
    node.close()
    assert answered[-1] > 10


def test_without_a_node_the_player_names_the_unconnected_topics(ros_context):
    player = Player("raw", context=ros_context)
    with pytest.raises(TimeoutError, match=r"/depth/image_rect_raw, /depth/camera_info, /hand_poses"):
        player.wait_for_node(timeout=0.3)
    player.close()


def test_play_bag_publishes_simulated_time(ros_context, bag):
    node = HandPoseNode(
        stand_in, context=ros_context, namespace="arm", parameter_overrides=[Parameter("use_sim_time", value=True)]
    )
    node.start()
    with spinning(node):
        command = [sys.executable, "-m", "fingerpose_ros.replay.player", str(bag), "--lock-step", "--clock"]
        played = subprocess.run(
            [*command, "--ros-args", "-r", "__ns:=/arm"], cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        assert played.returncode == 0 and "20 images played, 20 answered" in played.stderr
        assert abs(node.get_clock().now().nanoseconds - START) < 2e9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing",), "nothing does not exist"),
        (("README.md",), "README.md is not a rosbag2 recording"),
        (("sample/hands", "--rate", "0"), "0 is not a positive number"),
        (("sample/hands", "--rate", "fast"), "'fast'"),
        (("sample/hands", "--ros-args", "--params-file", "README.md"), "README.md"),
        (("sample/hands", "--ros-args", "--bogus"), "unknown ROS arguments after --ros-args: ['--bogus']"),
    ],
)
def test_play_bag_rejects_invalid_arguments_with_a_message(ros_context, arguments, message):
    command = [sys.executable, "-m", "fingerpose_ros.replay.player", *arguments]
    played = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert played.returncode == 2 and message in played.stderr and "Traceback" not in played.stderr


# A node that is killed


def start_node():
    code = (
        "import sys; sys.path.insert(0, 'test/support'); from stand_in import stand_in; "
        "from fingerpose_ros.node.node import main; sys.exit(main(sys.argv, stand_in))"
    )
    return subprocess.Popen([sys.executable, "-c", code, "--ros-args", "-p", "reliability:=reliable"], cwd=ROOT)


def test_a_node_that_is_killed_and_restarted_resumes(ros_context, tmp_path):
    path = write_bag(tmp_path / "bag", [depth_frame(i) for i in range(60)])
    process, observer = start_node(), Node("observer", context=ros_context)
    recorder = Recorder(observer)
    events = {}

    def kill_and_restart(playback):
        nonlocal process
        if len(playback.answered) == 10 and "killed" not in events:
            process.kill()
            process.wait()
            events["killed"] = len(playback.sent)
            process = start_node()
        elif "killed" in events and len(playback.answered) > 10:
            events.setdefault("resumed", len(playback.sent))

    try:
        with DepthBag(path) as opened, spinning(observer):
            player = Player(opened.transport, context=ros_context)
            player.wait_for_node()
            playback = player.play(opened, lockstep=True, answer_timeout=1.0, on_frame=kill_and_restart)
            player.close()
        assert "resumed" in events
        # The observer may discover the new node an image or two later than the player does.
        after = playback.sent[events["resumed"] + 5 :]
        assert len(after) > 10 and set(after) <= set(playback.answered)
        assert wait_until(lambda: set(after) <= set(stamps(recorder.hand_poses)))
        answered = stamps(recorder.hand_poses)
        assert answered == sorted(set(answered)) and set(answered) <= set(playback.sent)
        assert all(array.hands for array in recorder.hand_poses)
    finally:
        process.kill()
        process.wait()
