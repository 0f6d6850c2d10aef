"""`hand_pose_node`: a lifecycle node from a depth topic to hand poses. Lifecycle, and what is done with a frame."""

import logging
import os
import sys
import time
import traceback
from collections.abc import Callable

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: its threads fight the engine's over the cores

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_msgs.msg import Header

from fingerpose_ros.ros.logs import RosHandler
from fingerpose_ros.ros.rejection import Rejected
from fingerpose_ros.session import BadArguments, RCLError, ignore_interrupts, session

from . import diagnostics, parameters
from .camera_matching import Frame
from .event_log import EventLog
from .image_input import ImageInput, seconds
from .loading import Estimator, EstimatorFactory, load_estimator
from .publishers import Publishers
from .statistics import Report
from .worker import Worker

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class HandPoseNode(LifecycleNode):
    """Answers each depth image with a `HandPoseArray`, and shows its hands on the other topics of `Publishers`.

    Its `image_input`, which it has while it is active, keeps the newest image that can be used; one worker thread estimates.

    Args:
        estimator_factory: makes the estimator when the node is configured.
        options: those of `rclpy.lifecycle.LifecycleNode`.
    """

    def __init__(self, estimator_factory: EstimatorFactory = load_estimator, **options):
        super().__init__("hand_pose_node", **options)
        parameters.declare(self)
        self._estimator_factory = estimator_factory
        self._estimator: Estimator | None = None
        self._answers: Publishers | None = None
        self.image_input: ImageInput | None = None
        self._worker: Worker | None = None
        self._left_behind: Worker | None = None
        self._backend = ""
        self._state = "unconfigured"
        self._event_log = EventLog(self.get_logger())
        self.add_on_set_parameters_callback(lambda changes: parameters.judge(self, changes, self._state))
        self._survive_impossible_transitions()
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(1.0, self._publish_diagnostics, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def start(self) -> None:
        """Configure and activate, if `autostart` says so. A node that cannot stays unconfigured, and says why."""
        if self.get_parameter("autostart").value and self.trigger_configure() == SUCCESS:
            self.trigger_activate()

    def close(self) -> None:
        """Stop work and give everything back, whatever the state. The node is of no use afterwards."""
        self._stop()
        self.destroy_node()
        # rclpy keeps what offers the transitions, and with it the node, on the network until Python collects garbage.
        self._state_machine.destroy_when_not_in_use()

    def _survive_impossible_transitions(self) -> None:
        """A request such as to activate an active node is answered with no, where rclpy would end the process."""
        change_state = self._service_change_state.callback

        def answer(request, response):
            try:
                return change_state(request, response)
            except RCLError as error:
                self.get_logger().warning(f"not possible while {self._state}: {error}")
                response.success = False
                return response

        self._service_change_state.callback = answer

    # Lifecycle. rclpy swallows what these raise, so they must not.

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._event_log.start_anew()
        try:
            settings = parameters.values(self)
            estimator, backend = self._estimator_factory(settings)
            publishers = Publishers(self, settings["frame_prefix"], settings["overlay"], settings["max_distance"])
        except Exception as error:  # whatever it is, the node lives, and can be configured again
            return self._cannot("configure", error)
        self._settings, self._estimator, self._backend, self._answers = settings, estimator, backend, publishers
        self._state = "inactive"
        self.get_logger().info(f"configured; backend: {self._backend}")
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        if self._left_behind and not self._left_behind.stop(0):
            self.get_logger().error("the estimator is still at work on an image of before; try again later")
            return FAILURE
        worker = Worker(self._work, self._event_log.statistics.drop)
        try:
            self.image_input = ImageInput(self, self._settings, self._event_log, worker.offer)
        except Exception as error:
            worker.stop()
            return self._cannot("activate", error)
        super().on_activate(state)
        self._estimator.reset()
        self._last: Header | None = None
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
        self._event_log.start_anew()  # what went wrong so far is no reason to be unconfigured
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._stop()
        self._release()
        self._state = "finalized"
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.get_logger().fatal("a transition failed that cannot fail; unconfigured now")
        self._stop()
        self._release()
        return super().on_error(state)

    def _cannot(self, transition: str, error: Exception) -> TransitionCallbackReturn:
        if not self.context.ok():  # told to end meanwhile
            return FAILURE
        self._event_log.statistics.fail(f"cannot {transition}: {error}")
        self.get_logger().fatal(f"cannot {transition}: {error}")
        self.get_logger().debug(traceback.format_exc())
        return FAILURE

    def _stop(self) -> None:
        """Take no more images, and finish the one at work."""
        if self.image_input:
            self.image_input.close()
            self.image_input = None
        if self._worker:
            worker, self._worker = self._worker, None
            if not worker.stop():
                self.get_logger().error("the estimator does not come back; left behind")
                self._left_behind = worker

    def _release(self) -> None:
        """Undo `on_configure`."""
        if self._answers:
            self._answers.close()
        self._answers = self._estimator = None
        self._backend = ""
        self._state = "unconfigured"

    # Work, in the worker's thread.

    def _work(self, frame: Frame, waits: Callable[[], bool]) -> None:
        header, estimator, publishers = frame.image.header, self._estimator, self._answers
        try:
            depth = frame.image.metres()
            self._watch(estimator, header)
            hands = estimator.estimate(depth, frame.camera, seconds(header))
        except Exception as error:  # no pose is made up for this image, and the next one may go well
            if self._answers is not publishers:
                return
            self._event_log.reject(Rejected("estimation_failed", f"{type(error).__name__}: {error}"))
            self.get_logger().debug(traceback.format_exc())
            estimator.reset()
            return
        if self._answers is not publishers:  # left behind by a node that was cleaned up meanwhile
            return
        late = waits()  # asked now, as the answer may call for the next image
        try:
            publishers.publish_poses(header, hands)
            latency, nothing_read = time.monotonic() - frame.arrived, not depth.any()
            if nothing_read:
                self._event_log.warning("nothing_read", "the depth image holds no reading at all; is the lens covered?")
            self._event_log.statistics.answer(latency, len(hands), nothing_read)
            publishers.publish_views(header, depth, frame.camera, hands, estimator.tracked)
        except Exception as error:  # a dead thread would be silent
            self._fail("cannot publish", error)
        try:
            estimator.look_around(late)
        except Exception as error:
            self._fail("cannot look for more hands", error)

    def _watch(self, estimator: Estimator, header: Header) -> None:
        """Tracking restarts where an image cannot follow on the one before."""
        before, self._last = self._last, header
        if before is None:
            return
        last, stamp = seconds(before), seconds(header)
        if stamp < last:
            self._event_log.info("time", f"time jumped back from {last:.3f} s to {stamp:.3f} s; tracking restarts")
            estimator.reset()
        elif header.frame_id != before.frame_id:
            self._event_log.warning(
                "frame change",
                f"the images' frame changed from {before.frame_id!r} to {header.frame_id!r}; tracking restarts",
            )
            estimator.reset()
        elif stamp == last:
            self._event_log.warning(
                "stamps", f"two images in a row have the stamp {stamp:.3f} s: does the driver set it? Not smoothed"
            )

    def report(self) -> Report:
        """The counts since the node was configured."""
        return self._event_log.statistics.report()

    def _fail(self, what: str, error: Exception) -> None:
        """Say what went wrong while an exception is handled, unless the node is being shut down under this thread."""
        if self.context.ok():
            self._event_log.statistics.fail(f"{what}: {error}")
            self._event_log.error(what, traceback.format_exc())

    def _publish_diagnostics(self) -> None:
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        name = self.get_fully_qualified_name()
        message.status.append(diagnostics.status(name, self._state, self._backend, self.report()))
        self._diagnostics.publish(message)


def main(args: list[str] | None = None, estimator_factory: EstimatorFactory = load_estimator) -> int:
    """Run the node until it is told to stop (SIGINT, SIGTERM); the exit code, 2 if its parameters are wrong."""
    try:
        with session(args):
            node = HandPoseNode(estimator_factory)
            logging.basicConfig(format="%(message)s", handlers=[RosHandler(node.get_logger())], force=True)
            logging.getLogger("fingerpose_ros").setLevel(logging.DEBUG)  # the node's own level decides
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
