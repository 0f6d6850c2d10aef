"""The `compressedDepth` image transport: `sensor_msgs/CompressedImage` -> depth image.

The data are a header (int32 kind, float32 a, float32 b) and a 16-bit image as PNG or RVL. Its values are millimetres,
or for 32FC1 inverse depth: depth = a / (value - b). 0 is an invalid pixel.
Protocol: https://github.com/ros-perception/image_transport_plugins, compressed_depth_image_transport.
"""

import struct

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage

from . import rvl
from .depth_image import DepthImage, check_header, check_size, pixel_type
from .rejection import Rejected

_HEADER = struct.Struct("<iff")
_RVL_SIZE = struct.Struct("<II")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_SIZE = struct.Struct(">8x8xII")


def from_compressed(message: CompressedImage) -> DepthImage:
    """Decompress an image.

    Raises:
        Rejected: frame_id, stamp, format, encoding, corrupt, size.
    """
    check_header(message.header)
    encoding, _, transport = (part.strip() for part in message.format.partition(";"))
    if transport not in _DECODERS:
        raise Rejected("format", f"format is {message.format!r}, not '<encoding>; compressedDepth' [png|rvl]")
    pixel = pixel_type(encoding)
    if len(message.data) <= _HEADER.size:
        raise Rejected("corrupt", f"{len(message.data)} bytes of data are too few for a compressed image")
    _, a, b = _HEADER.unpack_from(message.data)
    values = _DECODERS[transport](memoryview(message.data)[_HEADER.size :])
    if pixel.kind == "u":
        return DepthImage(message.header, values)
    if not (np.isfinite(a) and np.isfinite(b) and a > 0):
        raise Rejected(
            "corrupt", f"the inverse-depth parameters a = {a} and b = {b} are invalid; depth is a / (value - b)"
        )
    with np.errstate(divide="ignore"):
        metres = np.float32(a) / (values - np.float32(b))
    metres[values == 0] = np.nan
    return DepthImage(message.header, metres)


def _decode_png(data: memoryview) -> np.ndarray:
    """PNG -> (height, width) uint16."""
    if data[:8] != _PNG_SIGNATURE or len(data) < _PNG_SIZE.size:
        raise Rejected("corrupt", f"the {len(data)} bytes after the header are not a PNG")
    check_size(*_PNG_SIZE.unpack_from(data))
    try:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise Rejected("corrupt", f"the PNG cannot be decoded: {error}") from error
    if values is None:
        raise Rejected("corrupt", f"{len(data)} bytes cannot be decoded as a PNG")
    if values.dtype != np.uint16 or values.ndim != 2:
        raise Rejected("corrupt", f"the PNG is {values.shape} of {values.dtype}; depth has one channel of 16 bits")
    return values


def _decode_rvl(data: memoryview) -> np.ndarray:
    """Width, height and RVL runs -> (height, width) uint16."""
    if len(data) < _RVL_SIZE.size:
        raise Rejected("corrupt", f"{len(data)} bytes are too few for an RVL image")
    width, height = _RVL_SIZE.unpack_from(data)
    check_size(width, height)
    return rvl.decode(data[_RVL_SIZE.size :], width * height).reshape(height, width)


_DECODERS = {"compressedDepth": _decode_png, "compressedDepth png": _decode_png, "compressedDepth rvl": _decode_rvl}
"""The part of `format` after the encoding -> decoder. Without png or rvl: ROS before RVL was added."""
