"""The decoded contents of a bag: depth images in metres with their cameras, and hands."""

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

from .bag_reader import BagError, DepthBag, RecordedImage, bag_errors, open_reader

HAND_POSES = "fingerpose_ros/msg/HandPoseArray"


@dataclass(frozen=True)
class DepthFrame:
    """One recorded image.

    Attributes:
        stamp: nanoseconds.
        depth: (height, width) float32 in metres, 0 for invalid pixels.
        camera: of the image.
    """

    stamp: int
    depth: np.ndarray
    camera: Camera


def depth_frames(bag: DepthBag, distortion: str = AUTO) -> Iterator[DepthFrame]:
    """The images of a bag in order, without those that the node would reject."""
    for recorded in bag.images():
        try:
            frame = depth_frame(recorded, bag.transport, distortion)
        except Rejected:
            continue
        yield frame


def depth_frame(recorded: RecordedImage, transport: str, distortion: str = AUTO) -> DepthFrame:
    """Decode one image.

    Args:
        transport: "raw" or "compressedDepth".
        distortion: as the node's parameter of that name.

    Raises:
        Rejected: the node would reject the image or its camera info.
    """
    if transport == "raw":
        image = from_image(deserialize_message(recorded.image, Image))
    else:
        image = from_compressed(deserialize_message(recorded.image, CompressedImage))
    camera = to_camera(deserialize_message(recorded.camera_info, CameraInfo), distortion)
    return DepthFrame(recorded.stamp, image.metres(), camera)


def recorded_hands(path: Path | str, topic: str) -> dict[int, list[Hand]] | None:
    """The hands on a `HandPoseArray` topic of a bag, by stamp in nanoseconds; None if there is no such topic.

    Raises:
        FileNotFoundError: `path` does not exist.
        BagError: it is not a bag, or damaged, or the topic has messages of another type.
    """
    with closing(open_reader(path)) as reader:
        connections = [connection for connection in reader.connections if connection.topic == topic]
        if not connections:
            return None
        if wrong := {connection.msgtype for connection in connections} - {HAND_POSES}:
            raise BagError(f"{topic} is of type {', '.join(wrong)}, not {HAND_POSES}")
        hands = {}
        with bag_errors(path):
            for connection, _, raw in reader.messages(connections):
                array: Any = reader.deserialize(raw, connection.msgtype)
                hands[array.header.stamp.sec * 10**9 + array.header.stamp.nanosec] = to_hands(array)
        return hands
