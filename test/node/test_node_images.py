"""Processing of images by the node. The estimator is a stand-in."""

import threading
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from bags import depth_frame
from diagnostic_msgs.msg import DiagnosticStatus
from messages import camera_info, compressed, header, image
from observed_node import feed, feed_and_wait, make_node, processed, run_transitions, stamps, wait_for_subscriptions
from rclpy.lifecycle import TransitionCallbackReturn
from sensor_msgs.msg import Image
from stand_in import FAILING, StandIn
from visualization_msgs.msg import Marker

from fingerpose_ros.replay.recorder import Recorder
from fingerpose_ros.testing import spinning, wait_until

# Images


def test_an_image_is_answered_on_every_topic_with_its_stamp_and_frame(running):
    node, recorder = running
    feed_and_wait(node, depth_frame(0, hands=2), 12.5)
    assert wait_until(lambda: recorder.hand_poses and recorder.transforms and recorder.hand_joint_states)
    assert wait_until(lambda: recorder.hand_markers)
    for messages in (recorder.hand_poses, recorder.hand_joint_states):
        assert len(messages) == 1 and stamps(messages) == [12.5]
    assert recorder.hand_poses[0].header.frame_id == "camera_depth_optical_frame"
    assert len(recorder.transforms) == 1 and len(recorder.transforms[0].transforms) == 42
    assert {stamp for stamp in stamps(recorder.transforms[0].transforms)} == {12.5}


def test_an_image_that_arrives_before_its_camera_info_waits_for_it(running):
    node, recorder = running
    node.image_input.receive_image(image(depth_frame(0), 1.0))
    node.image_input.receive_camera_info(camera_info(stamp=1.0))
    assert wait_until(lambda: len(recorder.hand_poses) == 1)
    node.image_input.receive_image(image(depth_frame(1), 2.0))
    assert wait_until(lambda: len(recorder.hand_poses) == 2)
    assert node.report().rejected == {}


def test_images_without_a_camera_info_are_rejected(running):
    node, _ = running
    for i in range(4):
        node.image_input.receive_image(image(depth_frame(i), float(i)))
    assert node.report().rejected == {"no_camera_info": 3}  # the last one still waits for a camera info
    run_transitions(node, node.trigger_deactivate)
    assert node.report().rejected == {"no_camera_info": 4}


def test_a_change_of_resolution_loses_no_image_whichever_topic_is_first(running):
    node, recorder = running
    feed_and_wait(node, depth_frame(0), 1.0)
    small = depth_frame(1, width=80, height=60)
    node.image_input.receive_image(image(small, 2.0))
    node.image_input.receive_camera_info(camera_info(80, 60, 2.0))
    assert wait_until(lambda: len(recorder.hand_poses) == 2)
    feed_and_wait(node, depth_frame(2), 3.0)
    assert wait_until(lambda: stamps(recorder.hand_poses) == [1.0, 2.0, 3.0])
    assert node.report().rejected == {}


def test_an_image_whose_size_differs_from_the_camera_info_is_rejected_with_both_sizes(running):
    node, recorder = running
    node.image_input.receive_camera_info(camera_info(320, 240))
    node.image_input.receive_image(image(depth_frame(0), 1.0))
    node.image_input.receive_camera_info(camera_info(320, 240))
    report = node.report()
    assert report.rejected == {"size_mismatch": 1}
    assert "160x120" in report.last_error and "320x240" in report.last_error
    assert not recorder.hand_poses


def test_an_invalid_camera_info_is_rejected_and_the_previous_one_stays_in_use(running):
    node, _ = running
    node.image_input.receive_camera_info(camera_info())
    node.image_input.receive_camera_info(camera_info(k=[float("nan")] * 9))
    node.image_input.receive_image(image(depth_frame(0)))
    assert wait_until(lambda: node.report().answered == 1)
    assert node.report().rejected == {"camera_info_focal_length": 1}


def test_only_the_newest_image_is_processed(ros_context):
    started, proceed = threading.Event(), threading.Event()
    seen = []

    class Slow(StandIn):
        def estimate(self, *frame):
            seen.append(frame[2])
            started.set()
            proceed.wait(5)
            return super().estimate(*frame)

    node = make_node(ros_context, lambda settings: (Slow(False), "slow"))
    node.start()
    feed(node, depth_frame(0), 1.0)
    assert started.wait(5)
    for stamp in (2.0, 3.0, 4.0, 5.0):
        feed(node, depth_frame(0), stamp)
    proceed.set()
    assert wait_until(lambda: node.report().answered == 2)
    report = node.report()
    assert seen == [1.0, 5.0]
    assert (report.received, report.dropped) == (5, 3)
    node.close()


def test_a_jump_back_in_time_restarts_tracking(ros_context):
    estimator = StandIn(False)
    node = make_node(ros_context, lambda settings: (estimator, "stand-in"))
    node.start()
    for stamp in (10.0, 10.1, 10.1):
        feed_and_wait(node, depth_frame(0), stamp)
    before = estimator.resets
    feed_and_wait(node, depth_frame(0), 3.0)
    assert estimator.resets == before + 1
    feed_and_wait(node, depth_frame(0), 3.1)
    assert estimator.resets == before + 1
    node.close()


def test_a_change_of_frame_id_restarts_tracking(ros_context, capfd):
    estimator = StandIn(False)
    node = make_node(ros_context, lambda settings: (estimator, "stand-in"))
    node.start()
    before = estimator.resets
    for count, frame in enumerate(("wrist_camera", "wrist_camera", "head_camera", "head_camera")):
        finished = processed(node.report())
        message = image(depth_frame(0))
        message.header = header(10.0 + 0.1 * count, frame)
        node.image_input.receive_camera_info(camera_info(header=message.header))
        node.image_input.receive_image(message)
        assert wait_until(lambda finished=finished: processed(node.report()) > finished)
        assert estimator.resets == before + (frame == "head_camera")
    assert "from 'wrist_camera' to 'head_camera'; tracking restarts" in capfd.readouterr().err
    node.close()


@pytest.mark.parametrize("restart", ("time jumps back", "it is activated again", "an image fails"))
def test_a_hand_has_the_same_label_after_tracking_restarts(running, restart):
    node, recorder = running
    feed_and_wait(node, depth_frame(0), 10.0)
    if restart == "it is activated again":
        assert (
            run_transitions(node, node.trigger_deactivate, node.trigger_activate)
            == [TransitionCallbackReturn.SUCCESS] * 2
        )
    elif restart == "an image fails":
        failing = depth_frame(0).astype(np.float32) / 1000
        failing[0, 0] = FAILING
        feed_and_wait(node, failing, 10.1)
    feed_and_wait(node, depth_frame(0), 3.0 if restart == "time jumps back" else 10.2)
    assert wait_until(lambda: len(recorder.transforms) == 2)
    names = {frame.child_frame_id for message in recorder.transforms for frame in message.transforms}
    assert len(names) == 21 and all(name.startswith("right_hand_") for name in names)


@pytest.mark.parametrize("invalid", [0.0, np.nan, np.inf, -1.0])
def test_an_image_without_depth_is_answered_without_hands_and_with_a_warning(running, invalid, capfd):
    node, recorder = running
    report = feed_and_wait(node, np.full((120, 160), invalid, np.float32))
    assert report.answered == 1 and report.no_depth
    assert wait_until(lambda: recorder.hand_poses)
    assert not recorder.hand_poses[0].hands
    assert "has no valid pixel" in capfd.readouterr().err


def test_an_image_on_which_the_estimator_fails_gets_no_answer_but_the_next_one_does(running, capfd):
    node, recorder = running
    failing = depth_frame(0).astype(np.float32) / 1000
    failing[0, 0] = FAILING
    report = feed_and_wait(node, failing, 1.0)
    assert report.rejected == {"estimation_failed": 1} and "requested failure" in report.last_error
    feed_and_wait(node, depth_frame(0), 2.0)
    assert wait_until(lambda: recorder.hand_poses)
    assert stamps(recorder.hand_poses) == [2.0]
    assert "requested failure" in capfd.readouterr().err


def test_images_with_the_same_stamp_are_answered_with_a_warning(running, capfd):
    node, recorder = running
    for _ in range(3):
        feed_and_wait(node, depth_frame(0), 0.0)
    assert wait_until(lambda: len(recorder.hand_poses) == 3)
    assert capfd.readouterr().err.count("does the driver set it?") == 1


def test_a_hand_without_any_known_joint_has_neither_frames_nor_markers(ros_context, observer):
    class AllInvalid(StandIn):
        def estimate(self, *arguments):
            hands = super().estimate(*arguments)
            return [replace(hand, valid=np.zeros(21, bool)) for hand in hands] if arguments[2] > 1 else hands

    node, recorder = make_node(ros_context, lambda settings: (AllInvalid(False), "all invalid")), Recorder(observer)
    node.start()
    with spinning(node, observer):
        wait_for_subscriptions(node, observer)
        for stamp in (1.0, 2.0):
            feed_and_wait(node, depth_frame(0), stamp)
        assert wait_until(lambda: len(recorder.hand_poses) == len(recorder.hand_markers) == 2)
        assert wait_until(lambda: recorder.transforms) and len(recorder.transforms) == 1
    assert {marker.action for marker in recorder.hand_markers[-1].markers} == {Marker.DELETE}


def test_a_lost_hand_is_removed_from_every_topic(running):
    node, recorder = running
    feed_and_wait(node, depth_frame(0, hands=2), 1.0)
    feed_and_wait(node, depth_frame(0, hands=1), 2.0)
    feed_and_wait(node, depth_frame(0, hands=0), 3.0)
    assert wait_until(lambda: len(recorder.hand_poses) == len(recorder.hand_markers) == 3)
    assert wait_until(lambda: len(recorder.transforms) == len(recorder.hand_joint_states) == 2)
    assert [len(array.hands) for array in recorder.hand_poses] == [2, 1, 0]
    deleted = [{m.ns for m in array.markers if m.action == Marker.DELETE} for array in recorder.hand_markers]
    assert deleted == [set(), {"left"}, {"right"}]
    assert not any("left" in t.child_frame_id for t in recorder.transforms[1].transforms)
    assert [any("left" in name for name in state.name) for state in recorder.hand_joint_states] == [True, False]


def test_a_clock_difference_gives_one_warning(running, capfd):
    node, _ = running
    for stamp in (100.0, 101.0, 102.0):
        feed_and_wait(node, depth_frame(0), stamp)
    error = capfd.readouterr().err
    assert error.count("use_sim_time") == 2  # one message, which names it twice
    assert "100.000 s" in error and "use_sim_time False" in error


def test_no_warning_if_the_clocks_agree(running, capfd):
    node, _ = running
    feed_and_wait(node, depth_frame(0), node.get_clock().now().nanoseconds * 1e-9 - 0.5)
    assert "use_sim_time" not in capfd.readouterr().err


def test_different_frame_ids_of_image_and_camera_info_give_a_warning(running, capfd):
    node, _ = running
    info = camera_info()
    info.header.frame_id = "camera_color_optical_frame"
    node.image_input.receive_camera_info(info)
    node.image_input.receive_image(image(depth_frame(0)))
    assert wait_until(lambda: node.report().answered == 1)
    assert "camera_color_optical_frame" in capfd.readouterr().err


def test_rejections_with_the_same_reason_are_logged_at_a_limited_rate(running, capfd):
    node, _ = running
    for _ in range(50):
        node.image_input.receive_image(image(depth_frame(0).astype(np.float32), encoding="32FC3"))
    assert node.report().rejected == {"encoding": 50}
    assert capfd.readouterr().err.count("'32FC3'") == 1


# Other inputs and outputs


def test_the_overlay_is_drawn_for_subscribers(running, observer):
    node, _ = running
    feed_and_wait(node, depth_frame(0), 1.0)
    overlays = []
    observer.create_subscription(Image, "overlay", overlays.append, 10)
    wait_for_subscriptions(node, observer)
    feed_and_wait(node, depth_frame(0), 2.0)
    assert wait_until(lambda: 2.0 in stamps(overlays))
    overlay = overlays[-1]  # the previous image may have been drawn too, if it took that long
    assert (overlay.width, overlay.height, overlay.encoding, overlay.step) == (160, 120, "bgr8", 480)
    pixels = np.frombuffer(overlay.data, np.uint8).reshape(120, 160, 3)
    assert (np.ptp(pixels.astype(int), axis=2) > 60).sum() > 50  # only the hand is coloured


def test_compressed_images_arrive_on_the_transports_topic_of_the_remapped_image(ros_context):
    remap = ["--ros-args", "-r", "depth/image_rect_raw:=/robot/camera/depth/image"]
    node = make_node(ros_context, cli_args=remap, image_transport="compressedDepth")
    node.start()
    assert node.count_subscribers("/robot/camera/depth/image/compressedDepth") == 1
    node.image_input.receive_camera_info(camera_info())
    node.image_input.receive_compressed(compressed(depth_frame(0)))
    assert wait_until(lambda: node.report().answered == 1)
    node.close()


def test_diagnostics_report_the_nodes_state_and_statistics(running):
    node, recorder = running
    feed_and_wait(node, depth_frame(0), 1.0)
    node.image_input.receive_image(image(depth_frame(0).astype(np.float32), encoding="rgb8"))

    def statuses():
        return [
            s for m in recorder.diagnostics for s in m.status if any("rejected: encoding" in v.key for v in s.values)
        ]

    assert wait_until(statuses, 5)
    status = statuses()[0]
    values = {value.key: value.value for value in status.values}
    assert status.name == "hand_pose_node: hand pose"
    assert status.level == DiagnosticStatus.WARN and "rgb8" in status.message
    assert (values["received"], values["answered"], values["rejected: encoding"]) == ("2", "1", "1")
    assert values["backend"] == "stand-in on cpu" and values["state"] == "active"
    assert float(values["latency p50 (ms)"]) > 0 and "rgb8" in values["last error"]
    assert (
        recorder.diagnostics[-1].status[0].message != "no image arrives"
    )  # not yet: a slow camera's image may still come
    assert wait_until(lambda: recorder.diagnostics[-1].status[0].message == "no image arrives", 8)
