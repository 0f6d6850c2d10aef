"""Reading folders of depth images: `depth/*.png`, `meta.json` and, if there is ground truth, `joints.npz`."""

import json
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


def read_camera(path: Path) -> tuple[Camera, float]:
    """A `meta.json` -> its camera, and the depth unit in metres per step.

    Raises:
        ValueError: not JSON, or a key is missing or invalid; the message names the file.
    """
    try:
        meta = json.loads(path.read_text())
        camera = Camera(**{key: meta[key] for key in ("width", "height", "fx", "fy", "cx", "cy")})
        unit = float(meta["depth_unit_m"])
        if not 0 < unit < 1:
            raise ValueError(f"depth_unit_m is {unit}; it must be metres per step, usually 0.001")
    except KeyError as error:
        raise ValueError(f"{path} has no {error}") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    return camera, unit


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
            raise FileNotFoundError(f"{path / 'depth'} contains no PNG")
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
