"""Image input: topics of a depth camera -> frames for the estimator."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from fingerpose_ros.ros.camera_info import CameraReader, describe
from fingerpose_ros.ros.compressed_depth import from_compressed
from fingerpose_ros.ros.depth_image import DepthImage, from_image
from fingerpose_ros.ros.rejection import Rejected

from .camera_matching import CameraMatcher, Frame
from .event_log import EventLog
from .graph import TRANSPORT_SUFFIX
from .loss import LossMonitor
from .waiting import WaitingMonitor

CLOCK_TOLERANCE = 1.0
"""Seconds between an image's stamp and the node's clock before the node warns."""

RELIABLE_DEPTH = 10
"""Queue depth of reliable subscriptions, in messages."""


class ImageInput:
    """Subscribes to depth images and camera infos, rejects invalid messages, and passes on each frame.

    The callbacks run in the executor's thread and only validate the image.

    Args:
        node: owner of the subscriptions.
        settings: the node's parameters.
        on_frame: called with each frame; must return quickly.

    Raises:
        RCLError: a topic is remapped to an invalid name.
    """

    def __init__(self, node: Node, settings: Mapping[str, Any], event_log: EventLog, on_frame: Callable[[Frame], None]):
        self._node, self._event_log, self._on_frame = node, event_log, on_frame
        self._distortion = settings["distortion"]
        self._read_camera = CameraReader(self._distortion)
        self._matcher = CameraMatcher(event_log.reject)
        self._camera_frame = ""
        self._clock_warned = False
        self._subscriptions: list[Subscription] = []
        self._waiting: WaitingMonitor | None = None
        self._loss: LossMonitor | None = None
        qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        if settings["reliability"] == "reliable":  # messages that arrive during decoding are queued
            qos = QoSProfile(depth=RELIABLE_DEPTH, reliability=ReliabilityPolicy.RELIABLE)
        try:
            self._camera_infos = self._subscribe(CameraInfo, "depth/camera_info", self.receive_camera_info, qos)
            if settings["image_transport"] == "raw":
                self._images = self._subscribe(Image, "depth/image_rect_raw", self.receive_image, qos)
            else:  # image_transport's topic name follows from the remapped image topic
                topic = node.resolve_topic_name("depth/image_rect_raw") + TRANSPORT_SUFFIX
                self._images = self._subscribe(CompressedImage, topic, self.receive_compressed, qos)
            self._waiting = WaitingMonitor(node, self._images, self._camera_infos)
            self._loss = LossMonitor(node, self._images, event_log)
        except Exception:
            self.close()
            raise

    def _subscribe(self, kind: type, topic: str, callback: Callable[[Any], None], qos: QoSProfile) -> Subscription:
        self._subscriptions.append(self._node.create_subscription(kind, topic, callback, qos))
        return self._subscriptions[-1]

    @property
    def topics(self) -> list[str]:
        """The names of the subscribed topics."""
        return [subscription.topic_name for subscription in self._subscriptions]

    def close(self) -> None:
        """Unsubscribe, and reject an image that waits for its camera info."""
        if self._waiting:
            self._waiting.close()
        if self._loss:
            self._loss.close()
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []
        self._matcher.reject_waiting()

    def receive_image(self, message: Image) -> None:
        """Callback of the depth image."""
        self._receive(message, from_image)

    def receive_compressed(self, message: CompressedImage) -> None:
        """Callback of the compressed depth image.

        It is decompressed here, not by the worker, because only this shows whether it is valid. An invalid image must
        be counted as rejected even if a newer one arrives before the worker is free.
        """
        self._receive(message, from_compressed)

    def receive_camera_info(self, message: CameraInfo) -> None:
        """Callback of the camera info. An invalid one is rejected, and the previous one stays in use."""
        self._waiting.receive(self._camera_infos)
        self._loss.receive_camera_info(message.header.stamp)
        try:
            camera, new = self._read_camera(message)
        except Rejected as rejection:
            self._matcher.reject_camera(rejection)
            return
        if new:
            self._event_log.info("camera", f"camera: {describe(camera)}; distortion: {self._distortion}")
        self._camera_frame = message.header.frame_id
        self._accept(self._matcher.add_camera(camera))

    def _receive(self, message: Any, decode: Callable[[Any], DepthImage]) -> None:
        arrived = time.monotonic()
        self._waiting.receive(self._images)
        self._loss.receive_image(message.header.stamp)
        self._event_log.statistics.receive()
        try:
            image = decode(message)
        except Rejected as rejection:
            self._event_log.reject(rejection)
            return
        self._accept(self._matcher.add_image(image, arrived))

    def _accept(self, frame: Frame | None) -> None:
        if frame is None:
            return
        self._check_clock(frame.image.header)
        if frame.image.header.frame_id != self._camera_frame:
            self._event_log.warning(
                "frames",
                f"the image's frame_id is {frame.image.header.frame_id!r}, but its camera info's is "
                f"{self._camera_frame!r}; are both from the same camera? The image's frame_id is used",
            )
        self._on_frame(frame)

    def _check_clock(self, header: Header) -> None:
        if self._clock_warned:
            return
        stamp = seconds(header)
        now = self._node.get_clock().now().nanoseconds * 1e-9
        if abs(stamp - now) > CLOCK_TOLERANCE:
            self._clock_warned = True
            sim_time = self._node.get_parameter("use_sim_time").value
            self._node.get_logger().warning(
                f"the image's stamp is {stamp:.3f} s, but the node's clock is {now:.3f} s (use_sim_time {sim_time}). "
                "For a bag or a simulator, set use_sim_time and publish /clock; else synchronise the machines' clocks"
            )


def seconds(header: Header) -> float:
    """The stamp in seconds."""
    return Time.from_msg(header.stamp).nanoseconds * 1e-9
