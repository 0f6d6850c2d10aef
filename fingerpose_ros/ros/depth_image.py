"""Depth images: `sensor_msgs/Image` -> metres.

The encoding defines the unit (REP 118): 16-bit integers are millimetres, 0 for invalid pixels; floats are metres.
"""

import array
from dataclasses import dataclass

import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from .rejection import Rejected

PIXEL_TYPES: dict[str, np.dtype] = {
    "16UC1": np.dtype(np.uint16),
    "mono16": np.dtype(np.uint16),
    "32FC1": np.dtype(np.float32),
}
"""Encoding -> type of one pixel. Some drivers call 16UC1 `mono16`."""

MAX_PIXELS = 2**24
"""More than any depth camera has. A larger size in a header is invalid and must not cause a huge allocation."""

MAX_SIDE = 2**15 - 1
"""OpenCV's size limit for resampling."""


@dataclass(frozen=True)
class DepthImage:
    """A depth image as received.

    Attributes:
        header: the message's header.
        pixels: (height, width), uint16 millimetres or float32 metres; may be a view into the message.
    """

    header: Header
    pixels: np.ndarray

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    @property
    def height(self) -> int:
        return self.pixels.shape[0]

    def metres(self) -> np.ndarray:
        """Depth (height, width) along the optical axis, contiguous float32 in metres, 0 for invalid pixels."""
        if self.pixels.dtype.kind == "u":
            return np.multiply(self.pixels, np.float32(0.001), dtype=np.float32)
        metres = np.ascontiguousarray(self.pixels, np.float32)
        if metres.min() >= 0 and metres.max() < np.inf:  # both are false if there is a NaN
            return metres
        return np.where((metres > 0) & (metres < np.inf), metres, np.float32(0))


def from_image(message: Image) -> DepthImage:
    """A view of the image's pixels, without a copy.

    Raises:
        Rejected: frame_id, stamp, size, encoding, step, data_size.
    """
    check_header(message.header)
    check_size(message.width, message.height)
    pixel = pixel_type(message.encoding)
    if message.step < message.width * pixel.itemsize:
        raise Rejected(
            "step",
            f"step is {message.step} bytes, but a row of {message.width} {message.encoding} pixels takes "
            f"{message.width * pixel.itemsize}",
        )
    if len(message.data) != message.step * message.height:
        raise Rejected(
            "data_size",
            f"data are {len(message.data)} bytes, but step {message.step} times height {message.height} is "
            f"{message.step * message.height}",
        )
    pixels: np.ndarray = np.ndarray(
        (message.height, message.width),
        pixel.newbyteorder(">" if message.is_bigendian else "<"),
        message.data,
        strides=(message.step, pixel.itemsize),
    )
    return DepthImage(message.header, pixels)


def to_image(depth: DepthImage) -> Image:
    """The inverse of `from_image`."""
    pixels = depth.pixels.astype(depth.pixels.dtype.newbyteorder("<"), copy=False)
    return Image(
        header=depth.header, height=depth.height, width=depth.width, step=pixels.itemsize * depth.width,
        encoding="16UC1" if pixels.dtype.kind == "u" else "32FC1", data=pixel_data(pixels),
    )  # fmt: skip


def pixel_data(pixels: np.ndarray) -> array.array:
    """The bytes of an array, in the only type that rclpy accepts without checking each byte."""
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(pixels).data.cast("B"))
    return data


def check_header(header: Header) -> None:
    if not header.frame_id:
        raise Rejected("frame_id", "header.frame_id is empty; it must be the camera's optical frame")
    if header.stamp.sec < 0 or header.stamp.nanosec >= 10**9:
        raise Rejected(
            "stamp", f"header.stamp is {header.stamp.sec} s and {header.stamp.nanosec} ns, which is not a valid time"
        )


def check_size(width: int, height: int) -> None:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise Rejected(
            "size",
            f"image size is {width}x{height}; each side must be 1 to {MAX_SIDE}, with at most {MAX_PIXELS} pixels",
        )


def pixel_type(encoding: str) -> np.dtype:
    if encoding not in PIXEL_TYPES:
        known = ", ".join(PIXEL_TYPES)
        raise Rejected("encoding", f"encoding is {encoding!r}, not one of {known}; is this a depth topic?")
    return PIXEL_TYPES[encoding]
