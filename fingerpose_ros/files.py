"""Images and results on disk: file names of any bytes, and results that are complete or not there.

OpenCV cannot take a name that is not UTF-8: it ends the process. Python can, so it reads and writes all files.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Errors of the operating system within the body name `path`, which the body writes.

    Raises:
        OSError: the path cannot be written; the message is for people.
    """
    try:
        yield
    except OSError as error:
        raise OSError(f"{path} cannot be written: {error.strerror or error}") from error


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path for the body to write to. What it wrote replaces `path` at the end, and is removed after any error.

    The new path is in the same folder and has the same suffix. A device or a pipe at `path` is written to itself.

    Raises:
        OSError: `path` cannot be written; what was there before is unchanged.
    """
    part = path.with_name(f"{path.stem}.part{path.suffix}") if path.is_file() or not path.exists() else path
    try:
        with writing(path):
            yield part
            if part != path:
                os.replace(part, path.resolve())  # a link stays a link
    finally:
        if part != path:
            with suppress(OSError):
                part.unlink()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file. Raises OSError, see `whole_file`."""
    with whole_file(path) as part:
        part.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write a whole text file in UTF-8. Raises OSError, see `whole_file`."""
    write_bytes(path, text.encode())


def write_arrays(path: Path, **arrays: Any) -> None:
    """Write a whole compressed NumPy archive. Raises OSError, see `whole_file`."""
    with whole_file(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_image(path: Path, flags: int = cv2.IMREAD_UNCHANGED) -> np.ndarray:
    """Pixels (height, width) or (height, width, channels); `flags` as of `cv2.imdecode`.

    Raises:
        ValueError: the file cannot be read, or is no image; the message names it.
    """
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        image = cv2.imdecode(data, flags) if data.size else None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except cv2.error:
        image = None
    if image is None:
        raise ValueError(f"{path} cannot be read as an image")
    return image


def write_image(path: Path, image: np.ndarray) -> None:
    """Write pixels as of `read_image` in the format of the name's suffix.

    Raises:
        ValueError: there is no such format.
        OSError: see `whole_file`.
    """
    if not (path.suffix and path.suffix.isascii() and cv2.haveImageWriter(path.suffix)):
        raise ValueError(f"{path} has no image format's suffix, such as .png")
    write_bytes(path, cv2.imencode(path.suffix, image)[1].tobytes())
