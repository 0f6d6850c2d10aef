"""Depth images and camera infos as ROS messages, for tests."""

import array
import struct

import cv2
import numpy as np
from bags import FOCAL
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest
from std_msgs.msg import Header

FRAME = "camera_depth_optical_frame"


def header(stamp: float = 100.0, frame: str = FRAME) -> Header:
    message = Header(frame_id=frame)
    message.stamp.sec, message.stamp.nanosec = int(stamp), round((stamp - int(stamp)) * 1e9)
    return message


def image(depth: np.ndarray, stamp: float = 100.0, encoding: str = "", padding: int = 0, big: bool = False) -> Image:
    """Depth (height, width), uint16 or float32, with `padding` arbitrary bytes after each row."""
    encoding = encoding or {"uint16": "16UC1", "float32": "32FC1"}[depth.dtype.name]
    values = depth.astype(depth.dtype.newbyteorder(">" if big else "<"))
    rows = values.view(np.uint8).reshape(depth.shape[0], -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xEE)
    return Image(
        header=header(stamp), height=depth.shape[0], width=depth.shape[1], encoding=encoding, step=rows.shape[1],
        is_bigendian=int(big), data=array.array("B", rows.tobytes()),
    )  # fmt: skip


def compressed(depth: np.ndarray, stamp: float = 100.0, kind: str = "png", quantisation=(0.0, 0.0), **changes):
    """As sent by compressed_depth_image_transport: uint16 millimetres, or inverse depth with `quantisation`."""
    if kind == "rvl":
        content = struct.pack("<II", depth.shape[1], depth.shape[0]) + rvl_encode(depth)
    else:
        content = cv2.imencode(".png", depth)[1].tobytes()
    encoding = "32FC1" if any(quantisation) else "16UC1"
    data = struct.pack("<iff", 0, *quantisation) + content
    message = CompressedImage(header=header(stamp), format=f"{encoding}; compressedDepth {kind}".strip())
    message.data = array.array("B", data)
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def camera_info(width: int = 160, height: int = 120, stamp: float = 100.0, **changes) -> CameraInfo:
    message = CameraInfo(header=header(stamp), width=width, height=height, distortion_model="plumb_bob")
    message.d = [0.0] * 5
    message.k = [FOCAL, 0.0, width / 2, 0.0, FOCAL, height / 2, 0.0, 0.0, 1.0]
    message.p = [FOCAL, 0.0, width / 2, 0.0, 0.0, FOCAL, height / 2, 0.0, 0.0, 0.0, 1.0, 0.0]
    message.roi = RegionOfInterest()
    for name, value in changes.items():
        setattr(message, name, value)
    return message


def rvl_encode(depth: np.ndarray) -> bytes:
    """RVL coded pixel by pixel as in the paper; the decoder under test works on whole arrays."""
    nibbles = []

    def put(number):
        while number > 7:
            nibbles.append(number & 7 | 8)
            number >>= 3
        nibbles.append(number)

    pixels, at, previous = depth.ravel().tolist(), 0, 0
    while at < len(pixels):
        start = at
        while at < len(pixels) and pixels[at] == 0:
            at += 1
        put(at - start)
        start = at
        while at < len(pixels) and pixels[at]:
            at += 1
        put(at - start)
        for value in pixels[start:at]:
            difference = value - previous
            put(2 * difference if difference >= 0 else -2 * difference - 1)
            previous = value
    nibbles += [0] * (-len(nibbles) % 8)
    words = [sum(n << (28 - 4 * i) for i, n in enumerate(nibbles[w : w + 8])) for w in range(0, len(nibbles), 8)]
    return struct.pack(f"<{len(words)}I", *words)
