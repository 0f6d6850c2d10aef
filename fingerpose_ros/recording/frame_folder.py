"""Reading folders of depth images: `depth/*.png`, `meta.json` and, if there is ground truth, `joints.npz`."""

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from fingerpose_ros.files import read_image
from fingerpose_ros.perception.camera import Camera


def natural_order(path: Path) -> tuple[list, str]:
    """Sorting key for paths: digits compare as numbers, so `2.png` comes before `10.png`."""
    parts = re.split(r"(\d+)", str(path))
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], str(path)


_SIZE = ("a positive whole number of pixels", lambda value: isinstance(value, int) and value > 0)
_FOCAL_LENGTH = ("a positive number of pixels", lambda value: 0 < value < math.inf)
_CENTRE = ("a number of pixels", math.isfinite)

_KEYS = {
    "width": _SIZE, "height": _SIZE, "fx": _FOCAL_LENGTH, "fy": _FOCAL_LENGTH, "cx": _CENTRE, "cy": _CENTRE,
    "depth_unit_m": ("metres per step, usually 0.001", lambda value: 0 < value < 1),
}  # fmt: skip
"""Key of `meta.json` -> what its value must be, and whether a number is that."""

EXAMPLE = '{"width": 640, "height": 480, "fx": 385, "fy": 385, "cx": 319.5, "cy": 239.5, "depth_unit_m": 0.001}'
"""A `meta.json` with all keys."""


def read_camera(path: Path) -> tuple[Camera, float]:
    """A `meta.json` -> its camera, and the depth unit in metres per step.

    Raises:
        FileNotFoundError: there is no such file; the message shows an example of one.
        ValueError: not JSON, or a key is missing or invalid; the message names the file and the key.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; it must describe the camera, such as {EXAMPLE}")
    try:
        meta = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(meta, dict):
        raise ValueError(f"{path} is not a JSON object with the keys {', '.join(_KEYS)}")
    for key, (expected, is_valid) in _KEYS.items():
        if key not in meta:
            raise ValueError(f"{path} has no {key}; it must be {expected}")
        value = meta[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not is_valid(value):
            raise ValueError(f"{path}: {key} is {json.dumps(value)}; it must be {expected}")
    *intrinsics, unit = (meta[key] for key in _KEYS)
    return Camera(*intrinsics), float(unit)


def read_depth(path: Path, camera: Camera, unit: float) -> np.ndarray:
    """A 16-bit PNG -> depth (height, width) float32 in metres, 0 for invalid pixels.

    Raises:
        ValueError: not a 16-bit image with one channel of the camera's size; the message names the file.
    """
    image = read_image(path)
    if image.dtype != np.uint16 or image.shape != (camera.height, camera.width):
        expected = f"uint16 {(camera.height, camera.width)}"
        raise ValueError(f"{path} is {image.dtype} {image.shape}; its camera's depth images are {expected}")
    return image.astype(np.float32) * np.float32(unit)


@dataclass(frozen=True)
class FrameFolder:
    """One folder of depth images.

    Attributes:
        path: the folder.
        camera: of all images.
        unit: metres per step of the images' integers.
        images: paths of the depth images, in natural order of their names.
        joints: (frames, 21, 3) true joints in metres in the camera's optical frame, or None.
    """

    path: Path
    camera: Camera
    unit: float
    images: tuple[Path, ...]
    joints: np.ndarray | None

    @staticmethod
    def open(path: Path) -> "FrameFolder":
        """Open a folder. Raises FileNotFoundError or ValueError, naming the file, if it is missing or invalid."""
        camera, unit = read_camera(path / "meta.json")
        images = tuple(sorted((path / "depth").glob("*.png"), key=natural_order))
        if not images:
            raise FileNotFoundError(f"{path / 'depth'} contains no PNG; the depth images must be in this folder")
        joints = None
        if (path / "joints.npz").exists():
            try:
                with np.load(path / "joints.npz") as stored:
                    joints = stored["joints"].astype(np.float64)
            except (KeyError, ValueError, EOFError, BadZipFile) as error:
                raise ValueError(f"{path / 'joints.npz'} is not a NumPy archive with `joints`: {error}") from error
            if joints.shape != (len(images), 21, 3):
                raise ValueError(f"{path / 'joints.npz'} has joints {joints.shape} for {len(images)} images")
        return FrameFolder(path, camera, unit, images, joints)

    def depth(self, index: int) -> np.ndarray:
        """Frame `index` as depth (height, width) float32 in metres, 0 for invalid pixels."""
        return read_depth(self.images[index], self.camera, self.unit)
