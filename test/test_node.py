"""The node: lifecycle, parameters, what it does with each image. The estimator is a stand-in."""

import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from bags import depth_frame
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from messages import camera_info, compressed, image
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.time import Time
from sensor_msgs.msg import Image
from stand_in import FAILING, StandIn, stand_in
from visualization_msgs.msg import Marker

from fingerpose_ros import parameters
from fingerpose_ros.node import HandPoseNode
from fingerpose_ros.recorder import Recorder
from fingerpose_ros.testing import spinning, wait_until
from fingerpose_ros.worker import Worker

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


def make_node(context, estimator_factory=stand_in, cli_args=(), **settings):
    overrides = [Parameter(name, value=value) for name, value in settings.items()]
    return HandPoseNode(estimator_factory, context=context, parameter_overrides=overrides, cli_args=list(cli_args))


@pytest.fixture
def observer(ros_context):
    return Node("observer", context=ros_context)


@pytest.fixture
def running(ros_context, observer):
    """A running node and what it publishes."""
    node, recorder = make_node(ros_context), Recorder(observer)
    node.start()
    with spinning(node, observer):
        assert wait_until(lambda: node.count_subscribers("hand_poses") == 1)
        wait_until(lambda: False, 0.2)  # both ends of a connection learn of each other a little apart
        yield node, recorder


def feed(node, depth, stamp=100.0):
    node.receive_camera_info(camera_info(depth.shape[1], depth.shape[0], stamp))
    node.receive_image(image(depth, stamp))


def feed_and_wait(node, depth, stamp=100.0):
    """Give the node an image and wait until it is done with it."""
    before = node.report()
    feed(node, depth, stamp)
    assert wait_until(lambda: done(node.report()) > done(before))
    return node.report()


def done(report):
    return report.answered + report.dropped + sum(report.refused.values())


def stamps(messages):
    return [Time.from_msg(message.header.stamp).nanoseconds * 1e-9 for message in messages]


# Lifecycle


def test_a_managed_node_works_only_while_it_is_active(ros_context):
    node = make_node(ros_context, autostart=False)
    node.start()
    feed(node, depth_frame(0))
    assert node.report().received == 0
    assert node.trigger_configure() == SUCCESS
    assert node.count_subscribers("depth/image_rect_raw") == 0
    assert node.trigger_activate() == SUCCESS
    assert node.count_subscribers("depth/image_rect_raw") == 1
    assert feed_and_wait(node, depth_frame(0)).answered == 1
    assert node.trigger_deactivate() == SUCCESS
    feed(node, depth_frame(0))
    assert node.report().received == 1
    assert node.trigger_activate() == SUCCESS
    assert feed_and_wait(node, depth_frame(0)).answered == 2
    assert node.trigger_deactivate() == SUCCESS
    assert node.trigger_cleanup() == SUCCESS
    assert node.count_publishers("hand_poses") == 0
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_shutdown() == SUCCESS
    node.close()


def test_a_transition_that_is_not_possible_is_answered_with_no_and_the_node_lives(running, observer):
    node, _ = running
    client = observer.create_client(ChangeState, "/hand_pose_node/change_state")
    assert client.wait_for_service(10)
    for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        answer = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
        assert wait_until(answer.done) and not answer.result().success
    assert feed_and_wait(node, depth_frame(0)).answered == 1


def test_a_node_whose_estimator_hangs_says_so_and_is_not_activated_beside_it(ros_context, observer, monkeypatch):
    monkeypatch.setattr(Worker.stop, "__defaults__", (0.1,))
    leave = threading.Event()

    class Hanging(StandIn):
        def estimate(self, *arguments):
            leave.wait(20)
            return super().estimate(*arguments)

    node, recorder = make_node(ros_context, lambda settings: (Hanging(False), "hanging")), Recorder(observer)
    node.start()
    with spinning(node, observer):
        for stamp in range(100, 103):
            feed(node, depth_frame(0), float(stamp))
        said = lambda: [s.message for array in recorder.diagnostics for s in array.status]  # noqa: E731
        assert wait_until(lambda: "images arrive, but none is answered" in said(), 5)
        assert node.trigger_deactivate() == SUCCESS
        assert node.trigger_activate() != SUCCESS
        leave.set()
        assert wait_until(lambda: node.trigger_activate() == SUCCESS, 5)
        assert feed_and_wait(node, depth_frame(0), 200.0).answered >= 1


def test_a_node_that_is_cleaned_up_is_not_in_error(running):
    node, recorder = running
    node.receive_image(image(depth_frame(0).astype(np.float32), encoding="rgb8"))
    assert node.trigger_deactivate() == node.trigger_cleanup() == SUCCESS
    recorder.diagnostics.clear()
    assert wait_until(lambda: recorder.diagnostics, 5)
    status = recorder.diagnostics[-1].status[0]
    assert (status.level, status.message) == (DiagnosticStatus.WARN, "not active (unconfigured)")


def test_a_node_without_an_estimator_says_why_and_can_be_configured_again(ros_context, capfd):
    missing = [True]

    def factory(settings):
        if missing:
            raise RuntimeError("no weights at /nowhere")
        return stand_in(settings)

    node = make_node(ros_context, factory)
    node.start()
    assert "cannot configure: no weights at /nowhere" in capfd.readouterr().err
    assert "no weights at /nowhere" in node.report().last_error
    missing.clear()
    node.start()
    assert feed_and_wait(node, depth_frame(0)).answered == 1
    node.close()


def test_shutting_down_while_an_image_is_at_work_ends_in_time(ros_context):
    begun, go_on = threading.Event(), threading.Event()

    class Slow(StandIn):
        def estimate(self, *frame):
            begun.set()
            go_on.wait(5)
            return super().estimate(*frame)

    node = make_node(ros_context, lambda settings: (Slow(False), "slow"))
    node.start()
    feed(node, depth_frame(0))
    assert begun.wait(5)
    threading.Timer(0.2, go_on.set).start()
    assert node.trigger_shutdown() == SUCCESS
    node.close()


# Parameters


def test_every_parameter_is_described_and_its_default_is_allowed(ros_context):
    node = make_node(ros_context, autostart=False)
    for setting in parameters.SETTINGS:
        descriptor = node.describe_parameter(setting.name)
        assert len(descriptor.description) > 20
        if isinstance(setting.default, float):
            assert descriptor.floating_point_range[0].from_value <= setting.default
            assert setting.default <= descriptor.floating_point_range[0].to_value
        if setting.choices:
            assert setting.default in setting.choices
            assert all(choice in descriptor.additional_constraints for choice in setting.choices)
    assert parameters.values(node)["max_sigma"] == 0.03
    node.close()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("max_distance", 50.0, "max_distance"),
        ("max_distance", float("nan"), "max_distance"),
        ("max_hands", 0, "max_hands"),
        ("cube_half_size", 1.0, "cube_half_size"),
    ],
)
def test_a_number_out_of_range_is_refused_at_the_start_and_later(ros_context, name, value, message):
    with pytest.raises(InvalidParameterValueException, match=message):
        make_node(ros_context, **{name: value})
    node = make_node(ros_context, autostart=False)
    before = node.get_parameter(name).value
    assert not node.set_parameters([Parameter(name, value=value)])[0].successful
    assert node.get_parameter(name).value == before
    node.close()


def test_a_value_of_the_wrong_type_is_refused(ros_context):
    with pytest.raises(InvalidParameterTypeException, match="max_distance"):
        make_node(ros_context, max_distance="far")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("backend", "tensorflow", "'tensorflow', not one of auto, openvino, torch"),
        ("device", "cuda:0", "not one of auto, cpu, cuda"),
        ("handedness", "none", "not one of both, right, left"),
        ("reliability", "sometimes", "not one of best_effort, reliable"),
        ("image_transport", "theora", "not one of raw, compressedDepth"),
        ("min_distance", 1.6, "min_distance 1.6 m is not less than max_distance 1.5 m"),
        ("frame_prefix", "/robot/", "frame_prefix '/robot/'"),
        ("frame_prefix", "my robot", "frame_prefix 'my robot'"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_when_set_and_when_configured(ros_context, name, value, message):
    node = make_node(ros_context, autostart=False)
    result = node.set_parameters([Parameter(name, value=value)])[0]
    assert not result.successful and message in result.reason
    node.close()
    node = make_node(ros_context, **{name: value})
    node.start()
    assert message in node.report().last_error
    assert node.count_publishers("hand_poses") == 0
    node.close()


def test_two_values_that_only_fit_together_are_set_together(ros_context):
    node = make_node(ros_context, autostart=False)
    both = [Parameter("min_distance", value=1.6), Parameter("max_distance", value=2.0)]
    assert node.set_parameters_atomically(both).successful
    node.close()


def test_a_configured_node_refuses_changes_and_says_how(running):
    node, _ = running
    result = node.set_parameters([Parameter("max_distance", value=1.0)])[0]
    assert not result.successful and "ros2 lifecycle set /hand_pose_node" in result.reason
    assert node.set_parameters([Parameter("use_sim_time", value=True)])[0].successful


def test_the_settings_reach_the_estimator(ros_context):
    seen = {}

    def factory(settings):
        seen.update(settings)
        return stand_in(settings)

    node = make_node(ros_context, factory, max_hands=1, handedness="left", backend="torch")
    node.start()
    assert (seen["max_hands"], seen["handedness"], seen["backend"]) == (1, "left", "torch")
    assert seen.keys() == {setting.name for setting in parameters.SETTINGS}
    node.close()


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
    node.receive_image(image(depth_frame(0), 1.0))
    node.receive_camera_info(camera_info(stamp=1.0))
    assert wait_until(lambda: len(recorder.hand_poses) == 1)
    node.receive_image(image(depth_frame(1), 2.0))
    assert wait_until(lambda: len(recorder.hand_poses) == 2)
    assert node.report().refused == {}


def test_images_without_any_camera_info_are_refused(running):
    node, _ = running
    for i in range(4):
        node.receive_image(image(depth_frame(i), float(i)))
    assert node.report().refused == {"no_camera_info": 3}  # the last one still waits
    node.executor.create_task(node.trigger_deactivate)
    assert wait_until(lambda: node.report().refused == {"no_camera_info": 4})


def test_a_change_of_resolution_costs_no_image_whichever_topic_is_first(running):
    node, recorder = running
    feed_and_wait(node, depth_frame(0), 1.0)
    small = depth_frame(1, width=80, height=60)
    node.receive_image(image(small, 2.0))
    node.receive_camera_info(camera_info(80, 60, 2.0))
    assert wait_until(lambda: len(recorder.hand_poses) == 2)
    feed_and_wait(node, depth_frame(2), 3.0)
    assert wait_until(lambda: stamps(recorder.hand_poses) == [1.0, 2.0, 3.0])
    assert node.report().refused == {}


def test_an_image_of_another_size_than_its_camera_info_is_refused_naming_both(running):
    node, recorder = running
    node.receive_camera_info(camera_info(320, 240))
    node.receive_image(image(depth_frame(0), 1.0))
    node.receive_camera_info(camera_info(320, 240))
    report = node.report()
    assert report.refused == {"size_mismatch": 1}
    assert "160x120" in report.last_error and "320x240" in report.last_error
    assert not recorder.hand_poses


def test_a_broken_camera_info_is_counted_and_the_one_before_stays_in_use(running):
    node, _ = running
    node.receive_camera_info(camera_info())
    node.receive_camera_info(camera_info(k=[float("nan")] * 9))
    node.receive_image(image(depth_frame(0)))
    assert wait_until(lambda: node.report().answered == 1)
    assert node.report().refused == {"camera_info_focal_length": 1}


def test_only_the_newest_image_is_worked_on(ros_context):
    begun, go_on = threading.Event(), threading.Event()
    seen = []

    class Slow(StandIn):
        def estimate(self, depth_m, camera, stamp):
            seen.append(stamp)
            begun.set()
            go_on.wait(5)
            return super().estimate(depth_m, camera, stamp)

    node = make_node(ros_context, lambda settings: (Slow(False), "slow"))
    node.start()
    feed(node, depth_frame(0), 1.0)
    assert begun.wait(5)
    for stamp in (2.0, 3.0, 4.0, 5.0):
        feed(node, depth_frame(0), stamp)
    go_on.set()
    assert wait_until(lambda: node.report().answered == 2)
    report = node.report()
    assert seen == [1.0, 5.0]
    assert (report.received, report.dropped) == (5, 3)
    node.close()


def test_a_jump_back_in_time_starts_tracking_anew(ros_context):
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


@pytest.mark.parametrize("nothing", [0.0, np.nan, np.inf, -1.0])
def test_an_image_without_a_reading_is_answered_with_no_hands_and_a_warning(running, nothing, capfd):
    node, recorder = running
    report = feed_and_wait(node, np.full((120, 160), nothing, np.float32))
    assert report.answered == 1 and report.nothing_read
    assert wait_until(lambda: recorder.hand_poses)
    assert not recorder.hand_poses[0].hands
    assert "holds no reading" in capfd.readouterr().err


def test_an_image_on_which_the_estimator_fails_gets_no_answer_and_the_next_one_does(running, capfd):
    node, recorder = running
    bad = depth_frame(0).astype(np.float32) / 1000
    bad[0, 0] = FAILING
    report = feed_and_wait(node, bad, 1.0)
    assert report.refused == {"estimation_failed": 1} and "told to fail" in report.last_error
    feed_and_wait(node, depth_frame(0), 2.0)
    assert wait_until(lambda: recorder.hand_poses)
    assert stamps(recorder.hand_poses) == [2.0]
    assert "told to fail" in capfd.readouterr().err


def test_an_image_is_answered_before_more_hands_are_looked_for_and_whether_or_not_that_fails(ros_context, capfd):
    answered = []

    class Failing(StandIn):
        def look_around(self):
            answered.append(node.report().answered)
            raise RuntimeError("nowhere to look")

    node = make_node(ros_context, lambda settings: (Failing(False), "failing"))
    node.start()
    for stamp in (1.0, 2.0):
        feed_and_wait(node, depth_frame(0), stamp)
    assert wait_until(lambda: len(answered) == 2) and answered == [1, 2]
    assert "cannot look for more hands: nowhere to look" in node.report().last_error
    assert node.report().refused == {}
    node.close()
    assert "nowhere to look" in capfd.readouterr().err


def test_images_whose_stamp_stands_still_are_answered_and_mentioned(running, capfd):
    node, recorder = running
    for _ in range(3):
        feed_and_wait(node, depth_frame(0), 0.0)
    assert wait_until(lambda: len(recorder.hand_poses) == 3)
    assert capfd.readouterr().err.count("does the driver set it?") == 1


def test_a_hand_without_any_known_joint_has_neither_frames_nor_markers(ros_context, observer):
    class Unsure(StandIn):
        def estimate(self, *arguments):
            hands = super().estimate(*arguments)
            return [replace(hand, valid=np.zeros(21, bool)) for hand in hands] if arguments[2] > 1 else hands

    node, recorder = make_node(ros_context, lambda settings: (Unsure(False), "unsure")), Recorder(observer)
    node.start()
    with spinning(node, observer):
        assert wait_until(lambda: node.count_subscribers("hand_poses") == 1)
        wait_until(lambda: False, 0.2)
        for stamp in (1.0, 2.0):
            feed_and_wait(node, depth_frame(0), stamp)
        assert wait_until(lambda: len(recorder.hand_poses) == len(recorder.hand_markers) == 2)
    assert len(recorder.transforms) == 1
    assert {marker.action for marker in recorder.hand_markers[-1].markers} == {Marker.DELETE}


def test_a_lost_hand_is_gone_from_every_topic(running):
    node, recorder = running
    feed_and_wait(node, depth_frame(0, hands=2), 1.0)
    feed_and_wait(node, depth_frame(0, hands=1), 2.0)
    feed_and_wait(node, depth_frame(0, hands=0), 3.0)
    assert wait_until(lambda: len(recorder.hand_poses) == 3 and len(recorder.hand_markers) == 3)
    assert [len(array.hands) for array in recorder.hand_poses] == [2, 1, 0]
    deleted = [{m.ns for m in array.markers if m.action == Marker.DELETE} for array in recorder.hand_markers]
    assert deleted == [set(), {"left"}, {"right"}]
    assert len(recorder.transforms) == 2 and not any(
        "left" in t.child_frame_id for t in recorder.transforms[1].transforms
    )
    assert [any("left" in name for name in state.name) for state in recorder.hand_joint_states] == [True, False]


def test_a_clock_that_is_far_off_is_said_once(running, capfd):
    node, _ = running
    for stamp in (100.0, 101.0, 102.0):
        feed_and_wait(node, depth_frame(0), stamp)
    error = capfd.readouterr().err
    assert error.count("use_sim_time") == 2  # one message, which names it twice
    assert "100.000 s" in error and "use_sim_time False" in error


def test_a_clock_that_agrees_is_not_mentioned(running, capfd):
    node, _ = running
    feed_and_wait(node, depth_frame(0), node.get_clock().now().nanoseconds * 1e-9 - 0.5)
    assert "use_sim_time" not in capfd.readouterr().err


def test_image_and_camera_info_of_different_frames_are_mentioned(running, capfd):
    node, _ = running
    info = camera_info()
    info.header.frame_id = "camera_color_optical_frame"
    node.receive_camera_info(info)
    node.receive_image(image(depth_frame(0)))
    assert wait_until(lambda: node.report().answered == 1)
    assert "camera_color_optical_frame" in capfd.readouterr().err


def test_refusals_of_one_kind_are_logged_once_in_a_while(running, capfd):
    node, _ = running
    for _ in range(50):
        node.receive_image(image(depth_frame(0).astype(np.float32), encoding="32FC3"))
    assert node.report().refused == {"encoding": 50}
    assert capfd.readouterr().err.count("'32FC3'") == 1


# Other inputs and outputs


def test_the_overlay_is_drawn_for_whoever_looks(running, observer):
    node, _ = running
    feed_and_wait(node, depth_frame(0), 1.0)
    pictures = []
    observer.create_subscription(Image, "overlay", pictures.append, 10)
    assert wait_until(lambda: node.count_subscribers("overlay") == 1)
    wait_until(lambda: False, 0.2)
    feed_and_wait(node, depth_frame(0), 2.0)
    assert wait_until(lambda: pictures)
    assert [(p.width, p.height, p.encoding, p.step) for p in pictures] == [(160, 120, "bgr8", 480)]
    pixels = np.frombuffer(pictures[0].data, np.uint8).reshape(120, 160, 3)
    assert (np.ptp(pixels.astype(int), axis=2) > 60).sum() > 50  # colour, which only the hand has


def test_compressed_images_come_on_the_transports_topic_of_the_remapped_image(ros_context):
    remap = ["--ros-args", "-r", "depth/image_rect_raw:=/robot/camera/depth/image"]
    node = make_node(ros_context, cli_args=remap, image_transport="compressedDepth")
    node.start()
    assert node.count_subscribers("/robot/camera/depth/image/compressedDepth") == 1
    node.receive_camera_info(camera_info())
    node.receive_compressed(compressed(depth_frame(0)))
    assert wait_until(lambda: node.report().answered == 1)
    node.close()


def test_diagnostics_tell_how_the_node_is(running):
    node, recorder = running
    feed_and_wait(node, depth_frame(0), 1.0)
    node.receive_image(image(depth_frame(0).astype(np.float32), encoding="rgb8"))

    def told():
        return [
            s for m in recorder.diagnostics for s in m.status if any("refused: encoding" in v.key for v in s.values)
        ]

    assert wait_until(told, 5)
    status = told()[0]
    values = {value.key: value.value for value in status.values}
    assert status.name == "hand_pose_node: hand pose"
    assert status.level == DiagnosticStatus.WARN and "rgb8" in status.message
    assert (values["received"], values["answered"], values["refused: encoding"]) == ("2", "1", "1")
    assert values["backend"] == "stand-in on cpu" and values["state"] == "active"
    assert float(values["latency p50 (ms)"]) > 0 and "rgb8" in values["last error"]
    assert wait_until(lambda: recorder.diagnostics[-1].status[0].message == "no image arrives", 5)


# As a process


def run_node(*ros_args):
    code = "import sys; sys.path.insert(0, 'test'); from stand_in import stand_in; " \
        "from fingerpose_ros.node import main; sys.exit(main(sys.argv, stand_in))"  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", code, "--ros-args", *ros_args],
        cwd=Path(__file__).parents[1], stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def read_until(stream, text):
    lines = []
    for line in stream:
        lines.append(line)
        if text in line:
            return "".join(lines)
    raise AssertionError(f"{text!r} is not in: {''.join(lines)}")


@pytest.mark.parametrize("numbers", [[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT] * 4])
def test_signals_end_the_process_cleanly(ros_context, numbers):
    process = run_node()
    try:
        read_until(process.stderr, "active; waiting for")
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.02)
        _, rest = process.communicate(timeout=15)
        assert process.returncode == 0, rest
        assert "Traceback" not in rest
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("-p", "max_distance:=50.0"), ("max_distance", "50.0")), (("--params-file", "README.md"), ("README.md",))],
)
def test_wrong_parameters_end_the_process_with_a_clear_message(ros_context, arguments, said):
    process = run_node(*arguments)
    try:
        _, error = process.communicate(timeout=15)
    finally:
        process.kill()
    assert process.returncode == 2
    assert all(part in error for part in said) and "Traceback" not in error
