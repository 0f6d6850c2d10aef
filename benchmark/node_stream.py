"""A camera for the benchmark: sends depth images over DDS to the node in its own process, and times its answers."""

import array
import json
import sys
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
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header
from usage import Usage

from fingerpose_ros.isolation import isolate
from fingerpose_ros.node.graph import TRANSPORT_SUFFIX
from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.recording.bag_writer import camera_info, compressed_depth
from fingerpose_ros.replay.node_process import NODE, NodeProcess
from fingerpose_ros.ros.depth_image import DepthImage, to_image

STARTUP_TIMEOUT, ANSWER_TIMEOUT = 90.0, 1.0
"""Seconds in which the node must answer for the first time, and in which an image must be answered."""

TOPIC = "depth/image_rect_raw"


@dataclass
class Window:
    """The measurements of one call of `NodeStream.stream`.

    Attributes:
        seconds: duration.
        sent: stamp in nanoseconds of each image -> `time.monotonic()` when it was sent.
        answers: seconds from sending an image to its answer, for each answer.
        hands, most: number of hands in all answers, and the most in one.
        before, after: the node's resource usage.
    """

    seconds: float = 0.0
    sent: dict[int, float] = field(default_factory=dict)
    answers: list[float] = field(default_factory=list)
    hands: int = 0
    most: int = 0
    before: Usage | None = None
    after: Usage | None = None


class NodeStream:
    """The node, and a camera that sends it images; a context manager.

    Args:
        frames: depth images (height, width) uint16 millimetres, sent in a loop.
        camera: of these images.
        parameters: the node's parameters.
        compressed: whether to send compressed images.
        timed: whether the node takes its parts' times, which it keeps in memory until its end.
    """

    def __init__(
        self, frames: Sequence[np.ndarray], camera: Camera, parameters: dict[str, object], compressed: bool = False,
        timed: bool = True,
    ):  # fmt: skip
        isolate()
        self._folder = tempfile.TemporaryDirectory()
        self._times = Path(self._folder.name) / "times.json"
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self._node = Node("camera", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._compressed = compressed
        self.show(self.messages(frames))
        if compressed:
            parameters = parameters | {"image_transport": "compressedDepth"}
            self._images = self._node.create_publisher(
                CompressedImage, TOPIC + TRANSPORT_SUFFIX, qos_profile_sensor_data
            )
        else:
            self._images = self._node.create_publisher(Image, TOPIC, qos_profile_sensor_data)
        self._infos = self._node.create_publisher(CameraInfo, "depth/camera_info", qos_profile_sensor_data)
        self._node.create_subscription(HandPoseArray, "hand_poses", self._on_answer, 100)
        self._camera, self._next = camera, 0
        self._window = Window()
        self.description = ""
        self._started = time.monotonic()
        log, command = Path(self._folder.name) / "node.log", NODE
        if timed:
            command = (sys.executable, str(Path(__file__).with_name("timed_node.py")), str(self._times))
        self.process = NodeProcess(parameters, log, command)

    def __enter__(self) -> "NodeStream":
        return self

    def __exit__(self, *_) -> None:
        self.process.stop()
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)
        self._folder.cleanup()

    def messages(self, frames: Sequence[np.ndarray]) -> list[Image] | list[CompressedImage]:
        """The messages of depth images (height, width) uint16 millimetres."""
        if not self._compressed:
            return [to_image(DepthImage(Header(), depth)) for depth in frames]
        messages = [compressed_depth(Header(), depth) for depth in frames]
        for message in messages:
            message.data = array.array("B", message.data)  # the only type that rclpy sends quickly
        return messages

    def show(self, messages: list[Image] | list[CompressedImage]) -> None:
        """Send these from now on, as many as before, from that which follows the last one."""
        self._frames = messages

    def first_pose(self) -> float:
        """Send images at 30 Hz until an answer has a hand. Returns the seconds from the node's start to this answer.

        Raises:
            NodeFailed: the node has ended.
            TimeoutError: there is none within `STARTUP_TIMEOUT`.
        """
        self.stream(STARTUP_TIMEOUT, 30.0, until_hands=1)
        self.process.check()
        if not self._window.hands:
            raise TimeoutError(f"no hand after {STARTUP_TIMEOUT:.0f} s:\n{self.process.log_tail()}")
        return time.monotonic() - self._started

    def stream(self, seconds: float, rate: float, until_hands: int | None = None) -> Window:
        """Send images at `rate` Hz for `seconds`, or until an answer has so many hands."""
        window = self._window = Window(before=Usage.of(self.process.pid))
        begin = time.monotonic()
        while (now := time.monotonic()) - begin < seconds and (until_hands is None or window.most < until_hands):
            if now - begin >= len(window.sent) / rate:
                self._send(now)
            due = begin + len(window.sent) / rate - time.monotonic()
            self._executor.spin_once(timeout_sec=max(0.0, min(due, 0.1)))
        window.seconds = time.monotonic() - begin
        window.after = Usage.of(self.process.pid)
        return window

    def finish(self) -> list[dict[str, float]]:
        """Wait for the last answers, and stop the node. Returns the times of its images, see `timed_node`."""
        end = time.monotonic() + ANSWER_TIMEOUT
        while len(self._window.answers) < len(self._window.sent) and time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.05)
        self.process.check()
        self.description = self._described()
        self.process.stop()
        return json.loads(self._times.read_text())

    def _described(self) -> str:
        """The node's engine and precision, from its log."""
        lines = self.process.log.read_text(errors="replace").splitlines()
        return next((line.partition("backend: ")[2] for line in lines if "configured; backend: " in line), "")

    def _send(self, now: float) -> None:
        stamp = self._node.get_clock().now()
        header = Header(stamp=stamp.to_msg(), frame_id="camera_depth_optical_frame")
        message = self._frames[self._next % len(self._frames)]
        message.header = header
        self._infos.publish(camera_info(header, self._camera))
        self._window.sent[stamp.nanoseconds] = now
        self._images.publish(message)
        self._next += 1

    def _on_answer(self, message: HandPoseArray) -> None:
        stamp = message.header.stamp
        sent_at = self._window.sent.get(stamp.sec * 10**9 + stamp.nanosec)
        if sent_at is not None:
            self._window.answers.append(time.monotonic() - sent_at)
            self._window.hands += len(message.hands)
            self._window.most = max(self._window.most, len(message.hands))
