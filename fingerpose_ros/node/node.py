"""`hand_pose_node`: a lifecycle node that turns depth images into hand poses. Lifecycle and processing of a frame."""

import os
import sys
import time
import traceback

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported: its threads compete with the engine's

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from std_msgs.msg import Header

from fingerpose_ros.ros.rejection import Rejected

from . import diagnostics
from .camera_matching import Frame
from .depth_range import DepthRangeMonitor
from .ignored_frames import IgnoredFrames, parse_ignored_frames
from .image_input import ImageInput, seconds
from .lifecycle import FAILURE, SUCCESS, ManagedNode, run
from .loading import Estimator, EstimatorFactory, load_estimator
from .parameters import PARAMETERS
from .publishers import Publishers
from .statistics import Report, Statistics
from .usage import Usage
from .worker import Worker

USAGE = Usage(
    PARAMETERS,
    "Publishes hand poses for depth images. docs/node.md describes its topics.",
    {"depth/image_rect_raw": "topic of the depth images", "depth/camera_info": "topic of their camera info"},
    "config/hand.yaml",
    """hand_pose_node --ros-args -r depth/image_rect_raw:=/camera/depth/image_rect_raw \\
    -r depth/camera_info:=/camera/depth/camera_info -p max_distance:=1.0""",
)


class HandPoseNode(ManagedNode[Statistics]):
    """Publishes one `HandPoseArray` for each depth image, and its hands on the other topics of `Publishers`.

    While the node is active, `image_input` receives images, and one worker thread processes the newest.

    Args:
        estimator_factory: creates the estimator when the node is configured.
        options: those of `rclpy.lifecycle.LifecycleNode`.
    """

    def __init__(self, estimator_factory: EstimatorFactory = load_estimator, **options):
        super().__init__(PARAMETERS, Statistics, **options)
        self._estimator_factory = estimator_factory
        self._estimator: Estimator | None = None
        self._hand_publishers: Publishers | None = None
        self.image_input: ImageInput | None = None
        self._ignored_frames: IgnoredFrames | None = None
        self._worker: Worker | None = None
        self._hung_worker: Worker | None = None
        self._backend = ""

    # Lifecycle callbacks. rclpy hides their exceptions, so they must not raise any.

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._event_log.reset()
        try:
            settings = PARAMETERS.values(self)
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
        self._worker = Worker(self._process, self._event_log.statistics.drop)
        try:
            radii = parse_ignored_frames(self._settings["ignored_frames"])
            self._ignored_frames = IgnoredFrames(self, radii, self._event_log)
            self.image_input = ImageInput(self, self._settings, self._event_log, self._worker.offer)
        except Exception as error:
            self._stop()
            return self._fail_transition("activate", error)
        super().on_activate(state)
        self._estimator.reset()
        self._last: Header | None = None
        low, high = self._settings["min_distance"], self._settings["max_distance"]
        self._depth_range = DepthRangeMonitor(low, high, self._event_log)
        self._state = "active"
        self.get_logger().info(f"active; waiting for {' and '.join(self.image_input.topics)}")
        return SUCCESS

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
        if self._ignored_frames:
            self._ignored_frames.close()
            self._ignored_frames = None

    def _release(self) -> None:
        """Undo `on_configure`."""
        if self._hand_publishers:
            self._hand_publishers.close()
        self._hand_publishers = self._estimator = None
        self._backend = ""

    # Processing, in the worker's thread.

    def _process(self, frame: Frame) -> None:
        header, estimator, publishers = frame.image.header, self._estimator, self._hand_publishers
        try:
            depth = frame.image.metres()
            self._check_sequence(estimator, header)
            ignored = self._ignored_frames.spheres(header)
            hands = estimator.estimate(depth, frame.camera, seconds(header), ignored)
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
            latency = time.monotonic() - frame.arrived
            no_depth = not depth.any()
            if no_depth:
                self._event_log.warning("no_depth", "the depth image has no valid pixel; is the lens covered?")
            self._event_log.statistics.answer(latency, len(hands), no_depth)
            self._depth_range.check(frame.image, depth)
            publishers.publish_views(header, depth, frame.camera, hands, estimator.tracked)
        except Exception as error:  # an exception would end the worker thread silently
            self._log_failure("cannot publish", error)
        try:
            estimator.finish()
        except Exception as error:
            self._log_failure("cannot search for new hands", error)
            estimator.reset()

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

    def status(self) -> DiagnosticStatus:
        return diagnostics.status(self.get_fully_qualified_name(), self._state, self._backend, self.report())


def main(args: list[str] | None = None, estimator_factory: EstimatorFactory = load_estimator) -> int:
    """Run the node; see `lifecycle.run`."""
    return run(lambda: HandPoseNode(estimator_factory), USAGE, args)


if __name__ == "__main__":
    sys.exit(main())
