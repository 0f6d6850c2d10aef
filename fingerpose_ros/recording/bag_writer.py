"""Writing rosbag2 bags (MCAP): any ROS messages, and depth images with camera info and ground-truth hands."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from builtin_interfaces.msg import Time
from rclpy.serialization import serialize_message
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from sensor_msgs.msg import CameraInfo, CompressedImage
from std_msgs.msg import Header

from fingerpose_ros.files import writing
from fingerpose_ros.perception.camera import NO_DISTORTION, Camera
from fingerpose_ros.ros.true_hands import true_hand_poses
from fingerpose_ros.share import share_folder

from .bag_reader import TRANSPORT_SUFFIX

IMAGE_TOPIC, INFO_TOPIC = "/camera/depth/image_rect_raw", "/camera/depth/camera_info"
TRUTH_TOPIC = "/truth/hand_poses"
FRAME_ID = "camera_depth_optical_frame"

_COMPRESSION_HEADER = bytes(12)
"""Header of a `compressedDepth` message: format and quantisation parameters, unused for 16-bit integers."""


class BagWriter:
    """A new bag, open for writing; a context manager.

    Raises:
        FileExistsError: the path exists.
        OSError: it cannot be written. After this and any other error it does not exist.
    """

    def __init__(self, path: Path | str):
        if Path(path).exists():
            raise FileExistsError(f"{path} exists; it is not overwritten")
        self._types = get_typestore(Stores.ROS2_JAZZY)
        for file in sorted((share_folder() / "msg").glob("*.msg")):
            self._types.register(get_types_from_msg(file.read_text(), f"fingerpose_ros/msg/{file.stem}"))
        self._path = Path(path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        self._topics: dict[str, Any] = {}

    def __enter__(self) -> "BagWriter":
        with writing(self._path):
            self._writer.open()
        return self

    def __exit__(self, error: type[BaseException] | None, *_) -> None:
        complete = False
        try:
            with writing(self._path):
                self._writer.close()
            complete = error is None
        finally:
            if not complete:
                shutil.rmtree(self._path)  # an incomplete recording would look like a complete one

    def write(self, topic: str, message: Any, time: int) -> None:
        """Add a ROS message, recorded at `time` nanoseconds."""
        kind = f"{type(message).__module__.partition('.')[0]}/msg/{type(message).__name__}"
        self.write_serialized(topic, kind, serialize_message(message), time)

    def write_serialized(self, topic: str, kind: str, message: bytes, time: int) -> None:
        """Add a serialized message (CDR) of the type `kind`."""
        if topic not in self._topics:
            self._topics[topic] = self._writer.add_connection(topic, kind, typestore=self._types)
        with writing(self._path):
            self._writer.write(self._topics[topic], time, message)


def write_depth_bag(
    path: Path | str, camera: Camera, frames: Iterable[tuple[int, np.ndarray, Mapping[str, np.ndarray]]]
) -> None:
    """Write a bag of depth images as `compressedDepth`, their camera info and, if known, the ground-truth hands.

    Args:
        path: of the new bag.
        camera: of all images.
        frames: for each image its stamp in nanoseconds, its pixels (height, width) in uint16 millimetres, and the true
            joints (21, 3) in metres by handedness, "right" or "left".

    Raises:
        FileExistsError: the path exists.
        ValueError: an image that is not of the camera's size, or not uint16.
    """
    with BagWriter(path) as bag:
        for stamp, depth, truth in frames:
            header = Header(frame_id=FRAME_ID, stamp=Time(sec=stamp // 10**9, nanosec=stamp % 10**9))
            if depth.shape != (camera.height, camera.width) or depth.dtype != np.uint16:
                raise ValueError(
                    f"an image is {depth.shape[1]}x{depth.shape[0]} of {depth.dtype}; it must be "
                    f"{camera.width}x{camera.height} of uint16 millimetres"
                )
            bag.write(INFO_TOPIC, camera_info(header, camera), stamp)
            bag.write(IMAGE_TOPIC + TRANSPORT_SUFFIX, compressed_depth(header, depth), stamp)
            if truth:
                bag.write(TRUTH_TOPIC, true_hand_poses(header, camera, truth), stamp)


def compressed_depth(header: Header, depth: np.ndarray) -> CompressedImage:
    """Depth (height, width) uint16 millimetres -> message with a lossless PNG."""
    # Level 9 takes 10 to 20 times as long as level 4, for 5 to 9 % fewer bytes of a camera's images.
    png = cv2.imencode(".png", depth, [cv2.IMWRITE_PNG_COMPRESSION, 4])[1]
    return CompressedImage(header=header, format="16UC1; compressedDepth png", data=_COMPRESSION_HEADER + png.tobytes())


def camera_info(header: Header, camera: Camera) -> CameraInfo:
    """The camera -> message for an unrectified image: `k` and `d` hold the intrinsics and the distortion."""
    k = camera.matrix
    return CameraInfo(
        header=header, width=camera.width, height=camera.height,
        distortion_model="plumb_bob" if camera.distortion_model == NO_DISTORTION else camera.distortion_model,
        d=list(camera.distortion) or [0.0] * 5, k=k.ravel(), r=np.eye(3).ravel(),
        p=np.hstack([k, np.zeros((3, 1))]).ravel(),
    )  # fmt: skip
