"""RVL, the fast lossless compression of depth images that `compressedDepth` supports beside PNG.

An image is a sequence of runs: number of zeros, number of values, then the values, each as the zigzag-coded difference
to the previous value. Numbers are written in nibbles of three bits, lowest first; the fourth bit is set if more follow.
Eight nibbles fill a 32-bit little-endian word, highest nibble first.
Source: A. D. Wilson, "Fast Lossless Depth Image Compression", ISS 2017.
"""

import numpy as np

from .rejection import Rejected

_LONGEST = 11
"""Nibbles in the longest valid number, 32 bits."""


def decode(data: memoryview, size: int) -> np.ndarray:
    """The runs of an image of `size` pixels -> (size,) uint16.

    Raises:
        Rejected: corrupt, if the runs do not fill the image exactly.
    """
    numbers = _numbers(data)
    runs, filled, at = [], 0, 0  # runs: the index in `numbers` where each starts
    while filled < size:
        if at + 1 >= len(numbers):
            raise Rejected("corrupt", f"the RVL data end after {filled} of {size} pixels")
        zeros, count = int(numbers[at]), int(numbers[at + 1])
        runs.append(at)
        filled += zeros + count
        at += 2 + count
        if zeros + count == 0 or filled > size or at > len(numbers):
            raise Rejected("corrupt", f"an RVL run of {zeros} zeros and {count} values does not fit {size} pixels")
    heads = np.array(runs, np.int64)[:, None] + (0, 1)
    lengths = numbers[heads]
    zigzag = np.delete(numbers[:at], heads.ravel()).astype(np.int64)
    image = np.zeros(size, np.uint16)
    has_value = np.repeat(np.tile([False, True], len(runs)), lengths.ravel())
    image[has_value] = np.cumsum((zigzag >> 1) ^ -(zigzag & 1)).astype(np.uint16)
    return image


def _numbers(data: memoryview) -> np.ndarray:
    """All numbers in the data, (n,) uint32; a truncated number at the end is left out."""
    octets = np.frombuffer(data[: len(data) // 4 * 4], np.uint8).reshape(-1, 4)[:, ::-1].ravel()
    nibbles = np.stack([octets >> 4, octets & 0xF], axis=-1).ravel()
    last = np.flatnonzero(nibbles < 8)  # last nibble of each number
    if not len(last):
        return np.zeros(0, np.uint32)
    first = np.concatenate([[0], last[:-1] + 1])
    lengths = last - first + 1
    if lengths.max() > _LONGEST:
        raise Rejected("corrupt", f"an RVL number has {lengths.max()} nibbles; the maximum is {_LONGEST}")
    numbers = (nibbles[first] & 7).astype(np.uint32)
    for place in range(1, int(lengths.max())):
        longer = np.flatnonzero(lengths > place)
        numbers[longer] |= (nibbles[first[longer] + place] & 7).astype(np.uint32) << np.uint32(3 * place)
    return numbers
