"""The node's lifecycle, parameters and shutdown. The estimator is a stand-in."""

import itertools
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from bags import depth_frame
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from messages import image
from observed_node import feed, feed_and_wait, make_node, run_transitions
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from stand_in import StandIn, stand_in

from fingerpose_ros.node import diagnostics
from fingerpose_ros.node.parameters import PARAMETERS, SETTINGS
from fingerpose_ros.node.worker import Worker
from fingerpose_ros.replay.recorder import Recorder
from fingerpose_ros.testing import spinning, wait_until

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


# Lifecycle


def test_a_managed_node_processes_images_only_while_it_is_active(ros_context):
    node = make_node(ros_context, autostart=False)
    subscriptions = lambda: [node.count_subscribers(f"depth/{name}") for name in ("image_rect_raw", "camera_info")]  # noqa: E731
    node.start()
    assert subscriptions() == [0, 0]
    assert node.trigger_configure() == SUCCESS
    assert subscriptions() == [0, 0]
    assert node.trigger_activate() == SUCCESS
    assert subscriptions() == [1, 1]
    assert feed_and_wait(node, depth_frame(0)).answered == 1
    assert node.trigger_deactivate() == SUCCESS
    assert subscriptions() == [0, 0] and node.report().received == 1
    assert node.trigger_activate() == SUCCESS
    assert feed_and_wait(node, depth_frame(0)).answered == 2
    assert node.trigger_deactivate() == SUCCESS
    assert node.trigger_cleanup() == SUCCESS
    assert node.count_publishers("hand_poses") == 0
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_shutdown() == SUCCESS
    node.close()


def test_an_invalid_transition_is_rejected_and_the_node_survives(running, observer):
    node, _ = running
    client = observer.create_client(ChangeState, "/hand_pose_node/change_state")
    assert client.wait_for_service(10)
    for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        response = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
        assert wait_until(response.done) and not response.result().success
    assert feed_and_wait(node, depth_frame(0)).answered == 1


def test_a_closed_node_disappears_from_the_graph_at_once(ros_context, observer):
    node = make_node(ros_context)
    node.start()
    assert wait_until(lambda: "hand_pose_node" in observer.get_node_names())
    node.close()
    assert wait_until(lambda: "hand_pose_node" not in observer.get_node_names())


@pytest.mark.parametrize("cleaned_up", (False, True), ids=("deactivated", "cleaned up"))
def test_a_node_whose_estimator_hangs_reports_it_and_cannot_be_activated_meanwhile(
    ros_context, observer, monkeypatch, cleaned_up
):
    monkeypatch.setattr(Worker.stop, "__defaults__", (0.1,))
    monkeypatch.setattr(diagnostics, "SILENCE_LIMIT", 0.5)
    proceed = threading.Event()

    class Hanging(StandIn):
        def estimate(self, *arguments):
            proceed.wait(20)
            return super().estimate(*arguments)

    node, recorder = make_node(ros_context, lambda settings: (Hanging(False), "hanging")), Recorder(observer)
    node.start()
    with spinning(node, observer):
        stamps = itertools.count(100.0)

        def reported():
            feed(node, depth_frame(0), next(stamps))
            messages = [s.message for array in recorder.diagnostics for s in array.status]
            return "images arrive, but none is answered" in messages

        assert wait_until(reported, 5)
        assert (
            run_transitions(node, node.trigger_deactivate) == [SUCCESS] != run_transitions(node, node.trigger_activate)
        )
        if cleaned_up:
            assert run_transitions(node, node.trigger_cleanup) == [SUCCESS]
            proceed.set()
            assert wait_until(lambda: run_transitions(node, node.trigger_configure) == [SUCCESS], 5)
            assert not wait_until(lambda: node.report().answered or node.report().last_error, 0.5)
        proceed.set()
        assert wait_until(lambda: run_transitions(node, node.trigger_activate) == [SUCCESS], 5)
        assert feed_and_wait(node, depth_frame(0), 200.0).answered >= 1


def test_a_cleaned_up_node_reports_no_error(running):
    node, recorder = running
    node.image_input.receive_image(image(depth_frame(0).astype(np.float32), encoding="rgb8"))
    assert run_transitions(node, node.trigger_deactivate, node.trigger_cleanup) == [SUCCESS] * 2
    before = len(recorder.diagnostics)
    assert wait_until(lambda: len(recorder.diagnostics) > before, 5)
    status = recorder.diagnostics[-1].status[0]
    assert (status.level, status.message) == (DiagnosticStatus.WARN, "not active (unconfigured)")


def test_a_node_without_an_estimator_reports_the_reason_and_can_be_configured_again(ros_context, capfd):
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


@pytest.mark.parametrize(
    ("remap", "transition", "publishers"),
    [("overlay:=hand_poses", "configure", 0), ("depth/image_rect_raw:=depth/camera_info", "activate", 1)],
)
def test_conflicting_remappings_are_reported_and_leave_no_topic_behind(
    ros_context, capfd, remap, transition, publishers
):
    node = make_node(ros_context, cli_args=["--ros-args", "-r", remap])
    for _ in range(2):
        node.start()
        assert f"cannot {transition}: " in capfd.readouterr().err
        assert f"cannot {transition}: " in node.report().last_error
        assert node.count_publishers("hand_poses") == publishers
        assert node.count_subscribers("depth/camera_info") == 0
        if transition == "activate":
            assert node.trigger_cleanup() == SUCCESS
    node.close()


def test_shutdown_during_an_estimate_ends_in_time(ros_context):
    started, proceed = threading.Event(), threading.Event()

    class Slow(StandIn):
        def estimate(self, *frame):
            started.set()
            proceed.wait(5)
            return super().estimate(*frame)

    node = make_node(ros_context, lambda settings: (Slow(False), "slow"))
    node.start()
    feed(node, depth_frame(0))
    assert started.wait(5)
    threading.Timer(0.2, proceed.set).start()
    assert node.trigger_shutdown() == SUCCESS
    node.close()


# Parameters


def test_every_parameter_is_described_and_its_default_is_allowed(ros_context):
    node = make_node(ros_context, autostart=False)
    for setting in SETTINGS:
        descriptor = node.describe_parameter(setting.name)
        assert len(descriptor.description) > 20
        if isinstance(setting.default, float):
            assert descriptor.floating_point_range[0].from_value <= setting.default
            assert setting.default <= descriptor.floating_point_range[0].to_value
        if setting.choices:
            assert setting.default in setting.choices
            assert all(choice in descriptor.additional_constraints for choice in setting.choices)
    assert PARAMETERS.values(node)["max_sigma"] == 0.03
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
def test_a_number_out_of_range_is_rejected_at_startup_and_later(ros_context, name, value, message):
    with pytest.raises(InvalidParameterValueException, match=message):
        make_node(ros_context, **{name: value})
    node = make_node(ros_context, autostart=False)
    before = node.get_parameter(name).value
    assert not node.set_parameters([Parameter(name, value=value)])[0].successful
    assert node.get_parameter(name).value == before
    node.close()


def test_a_value_of_the_wrong_type_is_rejected(ros_context):
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
def test_an_invalid_value_is_rejected_when_set_and_when_configured(ros_context, name, value, message):
    node = make_node(ros_context, autostart=False)
    result = node.set_parameters([Parameter(name, value=value)])[0]
    assert not result.successful and message in result.reason
    node.close()
    node = make_node(ros_context, **{name: value})
    node.start()
    assert message in node.report().last_error
    assert node.count_publishers("hand_poses") == 0
    node.close()


def test_two_values_that_are_only_valid_together_can_be_set_together(ros_context):
    node = make_node(ros_context, autostart=False)
    both = [Parameter("min_distance", value=1.6), Parameter("max_distance", value=2.0)]
    assert node.set_parameters_atomically(both).successful
    node.close()


def test_a_configured_node_rejects_changes_and_explains_how_to_make_them(running):
    node, _ = running
    result = node.set_parameters([Parameter("max_distance", value=1.0)])[0]
    assert not result.successful and "ros2 lifecycle set /hand_pose_node" in result.reason
    assert node.set_parameters([Parameter("use_sim_time", value=True)])[0].successful
    assert run_transitions(node, node.trigger_shutdown) == [SUCCESS]
    result = node.set_parameters([Parameter("max_distance", value=1.0)])[0]
    assert not result.successful and "start a new one" in result.reason


def test_the_estimator_gets_the_settings(ros_context):
    seen = {}

    def factory(settings):
        seen.update(settings)
        return stand_in(settings)

    node = make_node(ros_context, factory, max_hands=1, handedness="left", backend="torch")
    node.start()
    assert (seen["max_hands"], seen["handedness"], seen["backend"]) == (1, "left", "torch")
    assert seen.keys() == {setting.name for setting in SETTINGS}
    node.close()


# As a process


def run_node(*ros_args):
    code = "import sys; sys.path.insert(0, 'test/support'); from stand_in import stand_in; " \
        "from fingerpose_ros.node.node import main; sys.exit(main(sys.argv, stand_in))"  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", code, "--ros-args", *ros_args],
        cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True,
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


@pytest.mark.parametrize(("level", "logged"), [("info", True), ("fatal", False)])
def test_log_messages_of_code_without_ros_appear_in_the_nodes_log(ros_context, observer, level, logged):
    process = run_node("--log-level", level)
    try:
        assert wait_until(lambda: observer.count_subscribers("depth/image_rect_raw"), 20)
        process.send_signal(signal.SIGTERM)
        _, output = process.communicate(timeout=15)
        assert ("[hand_pose_node]: stand-in: selected by the test" in output) == logged
        assert logged or not output
    finally:
        process.kill()


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("-p", "max_distance:=50.0"), ("max_distance", "50.0")),
        (("--params-file", "README.md"), ("README.md",)),
        (("--bogus",), ("unknown ROS arguments", "--bogus")),
    ],
)
def test_invalid_parameters_end_the_process_with_a_clear_message(ros_context, arguments, parts):
    process = run_node(*arguments)
    try:
        _, error = process.communicate(timeout=15)
    finally:
        process.kill()
    assert process.returncode == 2
    assert all(part in error for part in parts) and "Traceback" not in error
