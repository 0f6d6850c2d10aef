"""Reader for one numeric array in a MATLAB 5 file (`save -v6` and `-v7`). Every length is checked before it is used.

`scipy.io.loadmat` is not used because it crashes the process with a segmentation fault on some damaged files. Source:
MathWorks, "MAT-File Format", version 5.
"""

import struct
import zlib
from pathlib import Path

import numpy as np

from .reading import read_bytes
from .sample import DatasetError

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_NUMERIC_CLASSES = range(6, 16)
_COMPLEX = 0x0800
_MAX_ARRAY_BYTES = 2_000_000_000
"""The largest array of the benchmarks takes 0.2 GB."""
_NAME_BYTES = 512
"""Number of bytes of a compressed array that are unpacked to read its name."""


class _Damaged(ValueError):
    """Describes the invalid bytes; the caller adds the file and the offset."""


def read_array(path: Path, name: str) -> np.ndarray:
    """The array of real numbers called `name`.

    Raises:
        DatasetError: the file or the array is missing, truncated, damaged, not MATLAB 5, or not real numbers.
    """
    raw = read_bytes(path)
    if len(raw) < _HEADER or raw[124:128] != b"\x00\x01IM":
        hint = " (7.3 files are HDF5: save it with -v7)" if raw[:10] == b"MATLAB 7.3" else ""
        raise DatasetError(path, f"is not a little-endian MATLAB 5 file{hint}", offset=min(len(raw), 124))
    offset = _HEADER
    while offset < len(raw):
        try:
            kind, start, end = _element(raw, offset, len(raw))
            array = _array_if_named(kind, memoryview(raw)[start:end], name)
        except _Damaged as damage:
            raise DatasetError(path, str(damage), offset=offset) from damage
        if array is not None:
            return array
        offset = end if kind == _COMPRESSED else min(len(raw), start + -(-(end - start) // 8) * 8)
    raise DatasetError(path, f"has no variable {name}", offset=len(raw))


def _element(raw: bytes | memoryview, offset: int, limit: int) -> tuple[int, int, int]:
    """The element at `offset`: its type, and the start and end of its data."""
    if offset + 8 > limit:
        raise _Damaged("the file ends within the header of an element")
    kind, size = struct.unpack_from("<II", raw, offset)
    start = offset + 8
    if kind >> 16:  # a small element: size and type share the first four bytes, the data are the next four
        kind, size, start = kind & 0xFFFF, kind >> 16, offset + 4
        if size > 4:
            raise _Damaged(f"a small element of {size} bytes")
    if start + size > limit:
        raise _Damaged(f"an element of {size} bytes where {limit - start} are left")
    return kind, start, start + size


def _array_if_named(kind: int, data: memoryview, name: str) -> np.ndarray | None:
    """The array in a top-level element, or None if it is another variable."""
    if kind == _MATRIX:
        return _array(data) if _name(data) == name else None
    if kind != _COMPRESSED:
        raise _Damaged(f"an element of type {kind} instead of a variable")
    unpacker = zlib.decompressobj()
    try:
        head = unpacker.decompress(data, _NAME_BYTES)
        inner, size = struct.unpack_from("<II", head) if len(head) >= 8 else (0, 0)
        if inner != _MATRIX or size > _MAX_ARRAY_BYTES:
            raise _Damaged(f"a compressed element of type {inner} and {size} bytes")
        if _name(memoryview(head)[8 : 8 + size]) != name:
            return None
        unpacked = head + unpacker.decompress(unpacker.unconsumed_tail, max(1, size + 9 - len(head)))
    except zlib.error as error:
        raise _Damaged(f"a damaged compressed element ({error})") from error
    if len(unpacked) != size + 8 or not unpacker.eof:
        raise _Damaged(f"a compressed element of {len(unpacked)} bytes instead of {size + 8}")
    return _array(memoryview(unpacked)[8:])


def _parts(data: memoryview, count: int) -> list[tuple[int, memoryview]]:
    """The first `count` elements within a variable: type and data."""
    parts, offset = [], 0
    for _ in range(count):
        kind, start, end = _element(data, offset, len(data))
        parts.append((kind, data[start:end]))
        offset += 8 if start == offset + 4 else 8 + -(-(end - start) // 8) * 8
    return parts


def _name(data: memoryview) -> str:
    """The name of a variable. It follows the array's flags and size."""
    return bytes(_parts(data, 3)[2][1]).decode("ascii", "replace")


def _array(data: memoryview) -> np.ndarray:
    (flag_type, flags), (size_type, sizes), _, (kind, values) = _parts(data, 4)
    if flag_type != 6 or len(flags) != 8 or size_type != 5 or len(sizes) % 4:
        raise _Damaged("an array's flags or size are not of their type")
    flag = struct.unpack_from("<I", flags)[0]
    if flag & 0xFF not in _NUMERIC_CLASSES or flag & _COMPLEX or kind not in _TYPES:
        raise _Damaged("the variable is not an array of numbers")
    shape = np.frombuffer(sizes, "<i4").tolist()
    dtype = np.dtype(f"<{_TYPES[kind]}")
    count = 1
    for side in shape:
        count *= side
    if min(shape, default=-1) < 0 or count * dtype.itemsize != len(values):
        raise _Damaged(f"an array of {len(values)} bytes is not of shape {tuple(shape[:8])}")
    return np.frombuffer(values, dtype).reshape(shape, order="F")
