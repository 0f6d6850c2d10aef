"""Joint positions in the text format in which results on ICVL, NYU and MSRA are published.

One line per frame, in the test set's order. A joint is `u v d`: pixel, pixel, millimetres along the camera's axis.
All values are separated by blanks. Source: the collection of published results by Chen,
"awesome-hand-pose-estimation" (`evaluation`).
"""

import gzip
import io
import zlib
from pathlib import Path

import numpy as np

from fingerpose_ros.files import write_bytes
from fingerpose_ros.perception.camera import Camera
from training.datasets.reading import numbers, read_bytes
from training.datasets.sample import DatasetError

GZIP_MAGIC = b"\x1f\x8b"
LARGEST_BYTES = 200_000_000


def read_predictions(path: Path, joints: int) -> np.ndarray:
    """A plain or gzipped file -> (frames, joints, 3): u, v, d in pixels and millimetres.

    Raises:
        DatasetError: file missing, truncated or not text; a line with a wrong number of joints; a number not finite.
    """
    raw = read_bytes(path)
    if raw[:2] == GZIP_MAGIC:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as stream:
            try:
                raw = stream.read(LARGEST_BYTES + 1)
            except (OSError, EOFError, zlib.error) as error:
                raise DatasetError(path, f"is a damaged gzip file ({error})") from error
    if len(raw) > LARGEST_BYTES:
        raise DatasetError(path, f"is larger than {LARGEST_BYTES} bytes")
    try:
        lines = raw.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise DatasetError(path, f"not plain text: byte {raw[error.start]:#04x}", offset=error.start) from error
    frames = [numbers(text.split(), 3 * joints, path, line) for line, text in enumerate(lines, 1) if text.strip()]
    if not frames:
        raise DatasetError(path, "has no frame")
    return np.reshape(frames, (-1, joints, 3))


def write_predictions(path: Path, joints_m: np.ndarray, camera: Camera) -> None:
    """Joints (frames, J, 3) in metres in the camera's optical frame -> a text file, gzipped if its name ends in .gz.

    Raises:
        ValueError: a joint is not finite or not in front of the camera.
    """
    if not (np.isfinite(joints_m).all() and (joints_m[..., 2] > 0).all()):
        raise ValueError("a joint to be written is not finite, or not in front of the camera")
    uvd = np.concatenate([camera.project(joints_m), joints_m[..., 2:] * 1000], axis=-1)
    text = "".join(" ".join(f"{value:.3f}" for value in frame.ravel()) + "\n" for frame in uvd)
    write_bytes(path, gzip.compress(text.encode(), mtime=0) if path.suffix == ".gz" else text.encode())
