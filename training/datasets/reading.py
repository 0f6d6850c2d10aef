"""Readers for the datasets' files. All content is checked before it is used."""

import zlib
from pathlib import Path

import cv2
import numpy as np

from fingerpose_ros.perception.camera import Camera

from .sample import DatasetError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
FAR_M, NEAR_M = 10.0, 0.02
"""Range of the joints' distance from the camera in the benchmarks."""
OUTSIDE_MARGIN = 0.5
"""How far outside the image a label may lie, in image sizes: hands at the edge are labelled too."""


def read_bytes(path: Path) -> bytes:
    """The whole file.

    Raises:
        DatasetError: it is missing or cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(path, f"cannot be read: {error.strerror or error}") from error


def read_lines(path: Path, ended: bool = True) -> list[tuple[int, str]]:
    """The lines of a text file that are not blank, each with its number, counted from 1.

    Args:
        ended: require a line break at the end of the last line. Without one, a truncated number would go unnoticed.

    Raises:
        DatasetError: it cannot be read, is not text, has no lines, or lacks the last line break.
    """
    raw = read_bytes(path)
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise DatasetError(path, f"not plain text: byte {raw[error.start]:#04x}", offset=error.start) from error
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise DatasetError(path, "is empty")
    if ended and not text.endswith("\n"):
        problem = "the last line has no line break: the file is truncated (if it is complete, add a line break)"
        raise DatasetError(path, problem, line=lines[-1][0])
    return lines


def numbers(fields: list[str], count: int, path: Path, line: int) -> np.ndarray:
    """`count` finite numbers of a line, float64.

    Raises:
        DatasetError: there are more or fewer of them, or one is not a finite number.
    """
    if len(fields) != count:
        raise DatasetError(path, f"{len(fields)} numbers, expected {count}", line=line)
    try:
        values = np.array([float(field) for field in fields])
    except ValueError as error:
        raise DatasetError(path, f"{error}", line=line) from error
    if not np.isfinite(values).all():
        raise DatasetError(path, f"{fields[int(np.argmin(np.isfinite(values)))]} is not a finite number", line=line)
    return values


def check_joints(joints_m: np.ndarray, camera: Camera, path: Path, line: int | None = None) -> None:
    """Check that joints (J, 3), in metres in the optical frame, are plausible for this camera.

    Raises:
        DatasetError: one is not finite, not between 2 cm and 10 m in front of the camera, or far outside the image.
    """
    if not np.isfinite(joints_m).all():
        raise DatasetError(path, "a joint is not finite", line=line)
    z = joints_m[:, 2]
    if (z < NEAR_M).any() or (z > FAR_M).any():
        worst = z[np.argmax(np.abs(z - 0.5))]
        raise DatasetError(path, f"a joint lies {worst:.3f} m in front of the camera", line=line)
    pixels, size = camera.project(joints_m), np.array([camera.width, camera.height])
    outside = ((pixels < -OUTSIDE_MARGIN * size) | (pixels > (1 + OUTSIDE_MARGIN) * size)).any(-1)
    if outside.any():
        u, v = pixels[np.argmax(outside)]
        raise DatasetError(path, f"a joint lies at pixel ({u:.0f}, {v:.0f}), far outside the image", line=line)


def read_png(path: Path, width: int, height: int, dtype: type, channels: int) -> np.ndarray:
    """A PNG of exactly this format: (height, width), or (height, width, channels) in the order blue, green, red.

    Raises:
        DatasetError: not a PNG, truncated, corrupt (a wrong checksum), or of another size or depth.
    """
    raw = read_bytes(path)
    if raw[:8] != PNG_SIGNATURE:
        raise DatasetError(path, "is not a PNG file", offset=0)
    position, kind = 8, b""
    while kind != b"IEND":
        head = raw[position : position + 8]
        end = position + 12 + int.from_bytes(head[:4], "big")
        if len(head) < 8 or end > len(raw):
            raise DatasetError(path, "the PNG file is truncated", offset=len(raw))
        kind = head[4:]
        if zlib.crc32(raw[position + 4 : end - 4]) != int.from_bytes(raw[end - 4 : end], "big"):
            raise DatasetError(path, f"the checksum of the PNG's {kind!r} chunk is wrong", offset=position)
        if position == 8:
            _check_header(path, raw[16 : end - 4] if kind == b"IHDR" else b"", width, height, dtype, channels)
        position = end
    image = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_UNCHANGED)
    shape = (height, width, channels) if channels > 1 else (height, width)
    if image is None or image.dtype != dtype or image.shape != shape:
        raise DatasetError(path, "the PNG's pixels cannot be decoded", offset=8)
    return image


def two_byte_depth(image: np.ndarray, high: int, low: int) -> np.ndarray:
    """(height, width, 3) uint8 -> (height, width) uint16 with the bytes from the channels `high` and `low`."""
    return cv2.merge([cv2.extractChannel(image, low), cv2.extractChannel(image, high)]).view("<u2")[..., 0]


def metres(depth: np.ndarray, unit_m: float) -> np.ndarray:
    """Depths in units of `unit_m` -> float32 metres."""
    result = depth.astype(np.float32)
    result *= np.float32(unit_m)
    return result


def _check_header(path: Path, header: bytes, width: int, height: int, dtype: type, channels: int) -> None:
    """Check the PNG's IHDR: size, bit depth and colour type (0 grey, 2 RGB)."""
    expected = (width, height, 8 * np.dtype(dtype).itemsize, 2 if channels == 3 else 0)
    actual = (int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big"), *header[8:10])
    if actual != expected:
        names = "width {} height {} bits {} colour type {}"
        raise DatasetError(path, f"is a PNG of {actual}, not of {names.format(*expected)}", offset=16)
