"""A person before a camera commands a simulated robot: as `teleoperation`, with the images of a topic."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rclpy.serialization import serialize_message
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from fingerpose_ros.recording.bag_reader import TRANSPORT_SUFFIX, RecordedImage
from fingerpose_ros.replay.node_process import NODE
from fingerpose_ros.replay.player import STARTUP_TIMEOUT

from .processes import NAMESPACE, Processes, running
from .settings import RobotSettings
from .supervisor import Supervisor, Teleoperation, sent

PERIOD, MOST_KEPT = 0.2, 60
"""Seconds between two images that are kept for the picture, and their most. Then each second one is forgotten, and from
then on half as many are kept."""


class LiveImages:
    """Notes when each image of a topic is sent, and keeps some of them.

    Args:
        topic: of the images; one of image_transport's ends with /compressedDepth.

    Attributes:
        image_topic, info_topic: as a camera driver names them.
        transport: "raw" or "compressedDepth".
        times: of each image, its stamp (nanoseconds) and the time at which it was sent, seconds.
    """

    def __init__(self, node: Node, topic: str):
        self.image_topic = topic.removesuffix(TRANSPORT_SUFFIX)
        self.info_topic = f"{self.image_topic.rpartition('/')[0]}/camera_info"
        self.transport = "raw" if topic == self.image_topic else TRANSPORT_SUFFIX.lstrip("/")
        self.times: list[tuple[int, float]] = []
        self._kept: list[RecordedImage] = []
        self._period = PERIOD
        self._info: bytes | None = None
        kind = Image if self.transport == "raw" else CompressedImage
        on_image: Callable[..., None] = self._on_image  # with the time of sending, too
        node.create_subscription(kind, topic, on_image, qos_profile_sensor_data)
        node.create_subscription(CameraInfo, self.info_topic, self._on_info, qos_profile_sensor_data, raw=True)

    @property
    def kept(self) -> list[int]:
        """Stamps of the kept images."""
        return [image.stamp for image in self._kept]

    def images(self) -> Iterator[RecordedImage]:
        """The kept ones in order."""
        return iter(self._kept)

    def _on_info(self, message: bytes) -> None:
        self._info = message

    def _on_image(self, message: Image | CompressedImage, info: dict) -> None:
        stamp, at = Time.from_msg(message.header.stamp).nanoseconds, sent(info)
        self.times.append((stamp, at))
        now = round(at * 1e9)
        if self._info is None or self._kept and now - self._kept[-1].time < self._period * 1e9:
            return
        self._kept.append(RecordedImage(stamp, now, serialize_message(message), self._info))
        if len(self._kept) > MOST_KEPT:
            self._kept, self._period = self._kept[::2], 2 * self._period


def teleoperate_live(
    topic: str, robot: RobotSettings, logs: Path, seconds: float, *,
    on_second: Callable[[Teleoperation], None] = lambda record: None, command: Sequence[str] = NODE,
) -> tuple[Teleoperation, LiveImages]:  # fmt: skip
    """Let a person command the robot for so many seconds from the first answered image on, or until Ctrl-C.

    Args:
        topic: of the depth images. Their camera info is `camera_info` beside it.
        logs: folder for the nodes' logs.
        on_second: called each second with what has happened so far.
        command: starts the pose node.

    Raises:
        NodeFailed: a node ended.
        TimeoutError: a node does not answer, or no images arrive.
    """
    context = rclpy.Context()
    rclpy.init(context=context)
    node = Node("teleop", context=context, namespace=NAMESPACE)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def spin_until(condition: Callable[[], bool], timeout: float) -> bool:
        end = time.monotonic() + timeout
        while not condition() and time.monotonic() < end:
            executor.spin_once(timeout_sec=0.1)
        return condition()

    try:
        supervisor, images = Supervisor(node, robot.handedness), LiveImages(node, topic)
        record = supervisor.record
        parameters = {"use_sim_time": False, "image_transport": images.transport, "frame_prefix": "teleop/"}
        remapped = (
            "-r",
            f"depth/image_rect_raw:={images.image_topic}",
            "-r",
            f"depth/camera_info:={images.info_topic}",
        )
        with running(robot, logs, parameters, (*command, "--ros-args", *remapped)) as processes:
            processes.wait(supervisor.is_ready, spin_until)
            if not spin_until(lambda: bool(record.poses), STARTUP_TIMEOUT):
                raise TimeoutError(_no_answer(images, processes))
            began, used = time.monotonic(), processes.commands.cpu_seconds()
            first = record.poses[0][0]
            try:
                while time.monotonic() - began < seconds:
                    processes.check()
                    spin_until(lambda: False, 1.0)
                    record.load = (processes.commands.cpu_seconds() - used) / (time.monotonic() - began)
                    on_second(record)
            except KeyboardInterrupt:  # the user's way to end it
                pass
        record.images = [(stamp, at) for stamp, at in images.times if stamp >= first]
        return record, images
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def _no_answer(images: LiveImages, processes: Processes) -> str:
    return (
        f"{len(images.times)} images of {images.image_topic} have arrived, and none was answered; is the camera info "
        f"{images.info_topic}? The pose node's log:\n{processes.poses.log_tail()}"
    )
