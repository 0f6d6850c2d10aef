"""A camera for the benchmark: sends depth images over DDS to the node in its own process, and times its answers."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rclpy
from fingerpose_ros.msg import HandPoseArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from usage import Usage

from fingerpose_ros.isolation import isolate
from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.recording.bag_writer import camera_info
from fingerpose_ros.replay.node_process import NodeProcess
from fingerpose_ros.replay.recorder import Recorder
from fingerpose_ros.ros.depth_image import DepthImage, to_image

STARTUP_TIMEOUT, ANSWER_TIMEOUT = 90.0, 1.0
"""Seconds in which the node must subscribe, and in which an image must be answered."""

IN_FLIGHT = 2
"""Unanswered images at the maximum rate: one being processed and one queued, so that the node is never idle."""


@dataclass
class Window:
    """The measurements of one call of `NodeStream.stream`.

    Attributes:
        seconds: duration.
        sent: number of images sent.
        hands: number of hands in all answers.
        latencies: seconds from sending an image to its answer, for each answer.
        arrivals: `time.monotonic()` seconds of each answer.
        before, after: the node's resource usage.
    """

    seconds: float = 0.0
    sent: int = 0
    hands: int = 0
    latencies: list[float] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    before: Usage | None = None
    after: Usage | None = None


class NodeStream:
    """The node, and a camera that sends it images; a context manager.

    Args:
        frames: depth images (height, width) uint16 millimetres, sent in a loop.
        camera: of these images.
        parameters: the node's parameters.
    """

    def __init__(self, frames: Sequence[np.ndarray], camera: Camera, parameters: dict[str, object]):
        isolate()
        self._log = tempfile.TemporaryDirectory()
        self.process = NodeProcess(parameters, Path(self._log.name) / "node.log")
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self._node = Node("camera", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._images = self._node.create_publisher(Image, "depth/image_rect_raw", qos_profile_sensor_data)
        self._infos = self._node.create_publisher(CameraInfo, "depth/camera_info", qos_profile_sensor_data)
        self._recorder = Recorder(self._node)
        self._node.create_subscription(HandPoseArray, "hand_poses", self._on_answer, 100)
        self._camera, self._next = camera, 0
        self._frames = [to_image(DepthImage(Header(), depth)) for depth in frames]
        self._sent_at: dict[tuple[int, int], float] = {}
        self._window = Window()

    def __enter__(self) -> "NodeStream":
        end = time.monotonic() + STARTUP_TIMEOUT
        try:
            while not (self._images.get_subscription_count() and self._infos.get_subscription_count()):
                self.process.check()
                if time.monotonic() > end:
                    raise TimeoutError(
                        f"the node has not subscribed after {STARTUP_TIMEOUT:.0f} s:\n{self.process.log_tail()}"
                    )
                self._executor.spin_once(timeout_sec=0.1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.process.stop()
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)
        self._log.cleanup()

    def stream(self, seconds: float, rate: float | None) -> Window:
        """Send images for `seconds` at `rate` Hz, or at the maximum rate; then wait for the last answers."""
        for messages in vars(self._recorder).values():
            messages.clear()
        self._sent_at.clear()
        window = self._window = Window(before=Usage.of(self.process.pid))
        begin = time.monotonic()
        while (now := time.monotonic()) - begin < seconds:
            if (len(self._sent_at) < IN_FLIGHT) if rate is None else (now - begin >= window.sent / rate):
                self._send(now)
                if rate is None:
                    self._forget(now)
            due = begin + window.sent / rate - time.monotonic() if rate else ANSWER_TIMEOUT
            self._executor.spin_once(timeout_sec=max(0.0, min(due, 0.1)))
        window.seconds = time.monotonic() - begin
        window.after = Usage.of(self.process.pid)
        end = time.monotonic() + ANSWER_TIMEOUT
        while self._sent_at and time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.05)
        self.process.check()
        return window

    def health(self) -> dict[str, str]:
        """The values of the node's last message on /diagnostics."""
        end = time.monotonic() + 3
        while not self._recorder.diagnostics and time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.1)
        last = self._recorder.diagnostics[-1] if self._recorder.diagnostics else None
        return {item.key: item.value for item in last.status[0].values} if last else {}

    def _send(self, now: float) -> None:
        stamp = self._node.get_clock().now().to_msg()
        header = Header(stamp=stamp, frame_id="camera_depth_optical_frame")
        message = self._frames[self._next % len(self._frames)]
        message.header = header
        self._infos.publish(camera_info(header, self._camera))
        self._sent_at[stamp.sec, stamp.nanosec] = now
        self._images.publish(message)
        self._next += 1
        self._window.sent += 1

    def _forget(self, now: float) -> None:
        """Count images as missed after `ANSWER_TIMEOUT`, so that others are sent in their place."""
        for stamp, sent_at in list(self._sent_at.items()):
            if now - sent_at > ANSWER_TIMEOUT:
                del self._sent_at[stamp]

    def _on_answer(self, message: HandPoseArray) -> None:
        sent_at = self._sent_at.pop((message.header.stamp.sec, message.header.stamp.nanosec), None)
        if sent_at is None:
            return
        # Answers come in the order of the images, so earlier images will not be answered any more.
        self._sent_at = {stamp: sent for stamp, sent in self._sent_at.items() if sent > sent_at}
        now = time.monotonic()
        self._window.latencies.append(now - sent_at)
        self._window.arrivals.append(now)
        self._window.hands += len(message.hands)
