"""`hand_pose_node`: a lifecycle node that turns depth images into hand poses. Lifecycle and processing of a frame."""

import logging
import os
import sys
import time
import traceback

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported: its threads compete with the engine's

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_msgs.msg import Header

from fingerpose_ros.ros.logs import RosHandler
from fingerpose_ros.ros.rejection import Rejected
from fingerpose_ros.session import BadArguments, RCLError, ignore_interrupts, own_arguments, session

from . import diagnostics, parameters, usage
from .camera_matching import Frame
from .depth_range import DepthRangeMonitor
from .event_log import EventLog
from .image_input import ImageInput, seconds
from .loading import Estimator, EstimatorFactory, load_estimator
from .names import NameMonitor
from .publishers import Publishers
from .statistics import Report
from .worker import Worker

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class HandPoseNode(LifecycleNode):
    """Publishes one `HandPoseArray` for each depth image, and its hands on the other topics of `Publishers`.

    While the node is active, `image_input` receives images, and one worker thread processes the newest.

    Args:
        estimator_factory: creates the estimator when the node is configured.
        options: those of `rclpy.lifecycle.LifecycleNode`.
    """

    def __init__(self, estimator_factory: EstimatorFactory = load_estimator, **options):
        super().__init__("hand_pose_node", **options)
        parameters.declare(self)
        self._estimator_factory = estimator_factory
        self._estimator: Estimator | None = None
        self._hand_publishers: Publishers | None = None
        self.image_input: ImageInput | None = None
        self._worker: Worker | None = None
        self._hung_worker: Worker | None = None
        self._backend = ""
        self._state = "unconfigured"
        self._event_log = EventLog(self.get_logger())
        self.add_on_set_parameters_callback(lambda changes: parameters.check_changes(self, changes, self._state))
        self._handle_invalid_transitions()
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._name_monitor = NameMonitor(self)
        self.create_timer(1.0, self._on_second, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def start(self) -> None:
        """Configure and activate, if `autostart` is set. On failure the node stays unconfigured and logs the reason."""
        if self.get_parameter("autostart").value and self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    def close(self) -> None:
        """Stop the worker and destroy the node, in any state. The node cannot be used afterwards."""
        self._stop()
        self.destroy_node()
        # Otherwise rclpy keeps the transition services, and so the node, visible until garbage collection.
        self._state_machine.destroy_when_not_in_use()

    def _handle_invalid_transitions(self) -> None:
        """Reject requests such as activating an active node; rclpy would end the process instead."""
        change_state = self._service_change_state.callback

        def answer(request, response):
            try:
                return change_state(request, response)
            except RCLError as error:
                self.get_logger().warning(f"transition rejected in state {self._state}: {error}")
                response.success = False
                return response

        self._service_change_state.callback = answer

    # Lifecycle callbacks. rclpy hides their exceptions, so they must not raise any.

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._event_log.reset()
        try:
            settings = parameters.values(self)
            estimator, backend = self._estimator_factory(settings)
            publishers = Publishers(self, settings["frame_prefix"], settings["overlay"], settings["max_distance"])
        except Exception as error:  # of any kind: the node survives and can be configured again
            return self._fail_transition("configure", error)
        self._settings, self._estimator, self._backend, self._hand_publishers = settings, estimator, backend, publishers
        self._state = "inactive"
        self.get_logger().info(f"configured; backend: {self._backend}")
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        if self._hung_worker and not self._hung_worker.stop(0):
            self.get_logger().error("the estimator is still processing an earlier image; try again later")
            return FAILURE
        worker = Worker(self._process, self._event_log.statistics.drop)
        try:
            self.image_input = ImageInput(self, self._settings, self._event_log, worker.offer)
        except Exception as error:
            worker.stop()
            return self._fail_transition("activate", error)
        super().on_activate(state)
        self._estimator.reset()
        self._last: Header | None = None
        low, high = self._settings["min_distance"], self._settings["max_distance"]
        self._depth_range = DepthRangeMonitor(low, high, self._event_log)
        self._worker = worker
        self._state = "active"
        self.get_logger().info(f"active; waiting for {' and '.join(self.image_input.topics)}")
        return SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._stop()
        self._state = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._release()
        self._event_log.reset()  # earlier errors are not why the node is unconfigured
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._stop()
        self._release()
        self._state = "finalized"
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.get_logger().fatal("unexpected error in a transition; the node is unconfigured now")
        self._stop()
        self._release()
        return super().on_error(state)

    def _fail_transition(self, transition: str, error: Exception) -> TransitionCallbackReturn:
        if not self.context.ok():  # the process is shutting down
            return FAILURE
        self._event_log.statistics.fail(f"cannot {transition}: {error}")
        self.get_logger().fatal(f"cannot {transition}: {error}")
        self.get_logger().debug(traceback.format_exc())
        return FAILURE

    def _stop(self) -> None:
        """Unsubscribe, and finish the image in progress."""
        if self.image_input:
            self.image_input.close()
            self.image_input = None
        if self._worker:
            worker, self._worker = self._worker, None
            if not worker.stop():
                self.get_logger().error("the estimator does not return; its thread is abandoned")
                self._hung_worker = worker

    def _release(self) -> None:
        """Undo `on_configure`."""
        if self._hand_publishers:
            self._hand_publishers.close()
        self._hand_publishers = self._estimator = None
        self._backend = ""
        self._state = "unconfigured"

    # Processing, in the worker's thread.

    def _process(self, frame: Frame) -> None:
        header, estimator, publishers = frame.image.header, self._estimator, self._hand_publishers
        try:
            depth = frame.image.metres()
            self._check_sequence(estimator, header)
            hands = estimator.estimate(depth, frame.camera, seconds(header))
        except Exception as error:  # this image gets no answer; the next one may succeed
            if self._hand_publishers is not publishers:
                return
            self._event_log.reject(Rejected("estimation_failed", f"{type(error).__name__}: {error}"))
            self.get_logger().debug(traceback.format_exc())
            estimator.reset()
            return
        if self._hand_publishers is not publishers:  # the node was cleaned up during the estimate
            return
        try:
            publishers.publish_poses(header, hands)
            latency, no_depth = time.monotonic() - frame.arrived, not depth.any()
            if no_depth:
                self._event_log.warning("no_depth", "the depth image has no valid pixel; is the lens covered?")
            self._event_log.statistics.answer(latency, len(hands), no_depth)
            self._depth_range.check(frame.image, depth)
            publishers.publish_views(header, depth, frame.camera, hands, estimator.tracked)
        except Exception as error:  # an exception would end the worker thread silently
            self._log_failure("cannot publish", error)

    def _check_sequence(self, estimator: Estimator, header: Header) -> None:
        """Restart tracking where an image cannot continue the sequence."""
        previous, self._last = self._last, header
        if previous is None:
            return
        last, stamp = seconds(previous), seconds(header)
        if stamp < last:
            self._event_log.info("time", f"time jumped back from {last:.3f} s to {stamp:.3f} s; tracking restarts")
            estimator.reset()
        elif header.frame_id != previous.frame_id:
            self._event_log.warning(
                "frame change",
                f"the images' frame_id changed from {previous.frame_id!r} to {header.frame_id!r}; tracking restarts",
            )
            estimator.reset()
        elif stamp == last:
            self._event_log.warning(
                "stamps", f"two consecutive images have the stamp {stamp:.3f} s; does the driver set it? Not smoothed"
            )

    def report(self) -> Report:
        """The counts since the node was configured."""
        return self._event_log.statistics.report()

    def _log_failure(self, what: str, error: Exception) -> None:
        """Count and log the exception being handled, unless the process is shutting down."""
        if self.context.ok():
            self._event_log.statistics.fail(f"{what}: {error}")
            self._event_log.error(what, traceback.format_exc())

    def _on_second(self) -> None:
        self._name_monitor.check()
        self._publish_diagnostics()

    def _publish_diagnostics(self) -> None:
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        name = self.get_fully_qualified_name()
        message.status.append(diagnostics.status(name, self._state, self._backend, self.report()))
        self._diagnostics.publish(message)


def main(args: list[str] | None = None, estimator_factory: EstimatorFactory = load_estimator) -> int:
    """Run the node until SIGINT or SIGTERM. Returns the exit code, 2 if its parameters are invalid.

    Raises:
        SystemExit: see `usage.parse`.
    """
    try:
        usage.parse(own_arguments(args))
        with session(args):
            node = HandPoseNode(estimator_factory)
            logging.basicConfig(format="%(message)s", handlers=[RosHandler(node.get_logger())], force=True)
            logging.getLogger("fingerpose_ros").setLevel(logging.DEBUG)  # the node's log level filters
            try:
                executor = SingleThreadedExecutor()
                executor.add_node(node)
                node.start()
                executor.spin()
            finally:
                ignore_interrupts()
                node.close()
    except (BadArguments, InvalidParameterValueException, InvalidParameterTypeException) as error:
        print(f"hand_pose_node: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
