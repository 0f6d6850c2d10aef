"""Small recordings for tests: depth images of one or two near blobs that move in front of a wall."""

import cv2
import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

STORE = get_typestore(Stores.ROS2_JAZZY)
START = 1_700_000_000_000_000_000
WIDTH, HEIGHT, FOCAL = 160, 120, 140.0


def depth_frame(index: int, hands: int = 1, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """(height, width) uint16 millimetres: a wall at 1.8 m, a blob on the left and, for two hands, one on the right."""
    depth = np.full((height, width), 1800, np.uint16)
    for hand in range(hands):
        u = int(width * (0.25 + 0.5 * hand + 0.1 * np.sin(index / 5 + hand)))
        v = int(height * (0.5 + 0.2 * np.cos(index / 7)))
        cv2.circle(depth, (u, v), height // 8, 500 + 20 * hand + index % 10, -1)
    return depth


def write_bag(path, frames, *, transport="raw", topic="/camera/depth/image_rect_raw", period=1 / 30, start=START,
              storage=StoragePlugin.MCAP):  # fmt: skip
    """Write frames (height, width), uint16 millimetres or float32 metres; each camera info comes after its image."""
    types = STORE.types
    kind = "sensor_msgs/msg/Image" if transport == "raw" else "sensor_msgs/msg/CompressedImage"
    info_topic = topic.rpartition("/")[0] + "/camera_info"
    with Writer(path, version=9, storage_plugin=storage) as writer:
        images = writer.add_connection(
            topic if transport == "raw" else f"{topic}/compressedDepth", kind, typestore=STORE
        )
        infos = writer.add_connection(info_topic, "sensor_msgs/msg/CameraInfo", typestore=STORE)
        for index, depth in enumerate(frames):
            stamp = start + round(index * period * 1e9)
            time = types["builtin_interfaces/msg/Time"](stamp // 10**9, stamp % 10**9)
            header = types["std_msgs/msg/Header"](stamp=time, frame_id="camera_depth_optical_frame")
            message = image_message(header, depth) if transport == "raw" else compressed_message(header, depth)
            writer.write(images, stamp + 10**6, STORE.serialize_cdr(message, kind))
            info = info_message(header, depth.shape[1], depth.shape[0])
            writer.write(infos, stamp + 2 * 10**6, STORE.serialize_cdr(info, "sensor_msgs/msg/CameraInfo"))
    return path


def image_message(header, depth):
    height, width = depth.shape
    encoding = "16UC1" if depth.dtype == np.uint16 else "32FC1"
    data = np.ascontiguousarray(depth).view(np.uint8).ravel()
    return STORE.types["sensor_msgs/msg/Image"](header, height, width, encoding, 0, width * depth.itemsize, data)


def compressed_message(header, depth):
    png = cv2.imencode(".png", depth)[1].ravel()
    data = np.concatenate([np.zeros(12, np.uint8), png])
    return STORE.types["sensor_msgs/msg/CompressedImage"](header, "16UC1; compressedDepth png", data)


def info_message(header, width, height):
    types = STORE.types
    k = np.array([FOCAL, 0, width / 2, 0, FOCAL, height / 2, 0, 0, 1], float)
    p = np.array([FOCAL, 0, width / 2, 0, 0, FOCAL, height / 2, 0, 0, 0, 1, 0], float)
    return types["sensor_msgs/msg/CameraInfo"](
        header=header, height=height, width=width, distortion_model="plumb_bob", d=np.zeros(5), k=k,
        r=np.eye(3).ravel(), p=p, binning_x=0, binning_y=0,
        roi=types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False),
    )  # fmt: skip
