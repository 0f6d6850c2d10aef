"""What the images and the truth of a recording mean: arrays instead of messages."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.ros.camera_info import AUTO, to_camera
from fingerpose_ros.ros.compressed_depth import from_compressed
from fingerpose_ros.ros.depth_image import from_image
from fingerpose_ros.ros.hand_reading import to_hands
from fingerpose_ros.ros.rejection import Rejected

from .bag_reader import BagError, DepthBag, RecordedImage, open_reader, reading

HAND_POSES = "fingerpose_ros/msg/HandPoseArray"


@dataclass(frozen=True)
class DepthFrame:
    """One recorded image.

    Attributes:
        stamp: nanoseconds.
        depth: (height, width) float32 in metres, 0 where there is no reading.
        camera: that took it.
    """

    stamp: int
    depth: np.ndarray
    camera: Camera


def depth_frames(bag: DepthBag, distortion: str = AUTO) -> Iterator[DepthFrame]:
    """The images of a recording in order, without those that the node would reject."""
    for recorded in bag.images():
        try:
            frame = depth_frame(bag, recorded, distortion)
        except Rejected:
            continue
        yield frame


def depth_frame(bag: DepthBag, recorded: RecordedImage, distortion: str = AUTO) -> DepthFrame:
    """One image of `bag`; `distortion` as the node's parameter of that name.

    Raises:
        Rejected: the image or its camera info is such that the node would reject it.
    """
    if bag.transport == "raw":
        image = from_image(deserialize_message(recorded.image, Image))
    else:
        image = from_compressed(deserialize_message(recorded.image, CompressedImage))
    camera = to_camera(deserialize_message(recorded.camera_info, CameraInfo), distortion)
    return DepthFrame(recorded.stamp, image.metres(), camera)


def recorded_hands(path: Path | str, topic: str) -> dict[int, list[Hand]] | None:
    """The hands on a topic of a recording by the stamps of their images, nanoseconds; None if it has no such topic.

    Raises:
        FileNotFoundError: there is nothing at `path`.
        BagError: it is no recording, or a damaged one, or the topic has messages of another type.
    """
    with closing(open_reader(path)) as reader:
        connections = [connection for connection in reader.connections if connection.topic == topic]
        if not connections:
            return None
        if wrong := {connection.msgtype for connection in connections} - {HAND_POSES}:
            raise BagError(f"{topic} holds {', '.join(wrong)}, not {HAND_POSES}")
        hands = {}
        with reading(path):
            for connection, _, raw in reader.messages(connections):
                array: Any = reader.deserialize(raw, connection.msgtype)
                hands[array.header.stamp.sec * 10**9 + array.header.stamp.nanosec] = to_hands(array)
        return hands
