"""Recorded depth images without a hand, into which hands are composed."""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import yaml

from fingerpose_ros.files import read_image
from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.pose.crop import Crop
from fingerpose_ros.recording.frame_folder import FrameFolder, natural_order

from .sensors import SENSORS

log = logging.getLogger(__name__)

SPLIT = Path(__file__).with_name("backgrounds.yaml")
"""Sensor and part of each known recording."""

TRAINING, THRESHOLDS = PARTS = ("training", "thresholds")

DEFAULT_SENSOR = "realsense_d435"

GRID_GAIN = 0.08
"""Fraction of pixels that closing one-pixel gaps must add for an image to count as a grid with gaps."""


@dataclass(frozen=True)
class Background:
    """One recorded or rendered image.

    Attributes:
        source: name of the recording, or of the kind of rendering.
        raw: (height, width) uint16, in steps of `unit` metres, 0 for invalid pixels.
        unit: metres a step.
        camera: that took it.
        sensor: a name of `SENSORS`, whose noise rendered surfaces get.
    """

    source: str
    raw: np.ndarray
    unit: float
    camera: Camera
    sensor: str

    @classmethod
    def rendered(cls, source: str, depth: np.ndarray, camera: Camera, sensor: str) -> "Background":
        """A rendered image (height, width) in metres, 0 for invalid pixels, in steps of a millimetre."""
        return cls(source, np.round(np.minimum(depth, 65) * 1000).astype(np.uint16), 0.001, camera, sensor)

    def point(self, row: int, column: int) -> np.ndarray:
        """The surface point (3,) at a pixel, metres in the camera's optical frame; depth 0 for an invalid pixel."""
        return self.camera.back_project(np.array([column, row]), np.array(self.raw[row, column] * self.unit))

    def view(self, crop: Crop, size: int, extent: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """The image as seen by the virtual camera of a crop.

        Args:
            crop: the virtual camera.
            size: side of the view, pixels.
            extent: half the width of the view; 1 is the cube's edge.

        Returns:
            Depth (size, size) along the crop's axis, metres, 0 for invalid pixels; and which pixels (size, size) lie in
            the recorded image.
        """
        slope = crop.half_size / crop.distance * extent
        u, v = self.camera.look_up(crop.to_crop, size / (2 * slope), size)
        inside = (u > -0.5) & (v > -0.5) & (u < self.camera.width - 0.5) & (v < self.camera.height - 0.5)
        z = cv2.remap(self.raw, u, v, cv2.INTER_NEAREST, borderValue=0) * np.float32(self.unit)
        axis = ((2 * np.arange(size) + 1) / size - 1) * slope
        along = axis * crop.to_crop[0, 2] + (axis * crop.to_crop[1, 2] + crop.to_crop[2, 2])[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = np.where(inside & (along > 0), z / along, 0)
        return depth.astype(np.float32), inside


class Backgrounds:
    """All images of some recordings, in memory.

    Args:
        folders: each is a recording (`depth/*.png` and `meta.json`), or holds recordings, read in natural order.
        part: one of `PARTS`, see `SPLIT`.

    Raises:
        FileNotFoundError: a folder holds no recording of this part.
        ValueError: a recording cannot be read; the message names the file.
    """

    def __init__(self, folders: Iterable[Path], part: str = TRAINING):
        known = yaml.safe_load(SPLIT.read_text())
        self._by_source: list[list[Background]] = []
        for folder in map(Path, folders):
            is_recording = (folder / "meta.json").exists()
            recordings = [folder] if is_recording else sorted(folder.iterdir(), key=natural_order)
            opened = [path for path in recordings if (path / "meta.json").exists()]
            if not opened:
                raise FileNotFoundError(f"{folder} holds no recording: a folder with depth/*.png and meta.json")
            for path in opened:
                entry = known.get(path.name, {"part": TRAINING})
                if entry["part"] == part:
                    sensor = entry.get("sensor") or _sensor_of(path)
                    self._by_source.append(_read(FrameFolder.open(path), sensor))
        if not self._by_source:
            raise FileNotFoundError(f"no recording of the part {part!r} is in {', '.join(map(str, folders))}")
        # Sources with many images are alike: the square root of the count is a compromise.
        weights = np.sqrt([len(images) for images in self._by_source])
        self._weights = weights / weights.sum()

    @property
    def images(self) -> list[Background]:
        """All images, source by source."""
        return [image for images in self._by_source for image in images]

    def sample(self, rng: np.random.Generator) -> Background:
        """A random image of a random source."""
        images = self._by_source[rng.choice(len(self._by_source), p=self._weights)]
        return images[rng.integers(len(images))]


@lru_cache(maxsize=2)
def shared_backgrounds(folders: tuple[Path, ...], part: str) -> Backgrounds:
    """`Backgrounds`, read once a process."""
    return Backgrounds(folders, part)


def part_for_thresholds(folders: tuple[Path, ...]) -> str:
    """`THRESHOLDS` or, with a warning, `TRAINING` if no recording is of that part."""
    try:
        shared_backgrounds(folders, THRESHOLDS)
        return THRESHOLDS
    except FileNotFoundError:
        log.warning("no recording of the part %r: thresholds are chosen on recordings of training", THRESHOLDS)
        return TRAINING


def _sensor_of(path: Path) -> str:
    name = json.loads((path / "meta.json").read_text()).get("sensor_model")
    if name is None:
        log.warning("%s: meta.json has no sensor_model; rendered surfaces get the noise of %s", path, DEFAULT_SENSOR)
        return DEFAULT_SENSOR
    if name not in SENSORS:
        raise ValueError(f"{path / 'meta.json'}: sensor_model {name!r} is not one of {', '.join(SENSORS)}")
    return name


def _read(folder: FrameFolder, sensor: str) -> list[Background]:
    images = []
    for path in folder.images:
        raw = read_image(path)
        if raw.dtype != np.uint16 or raw.shape != (folder.camera.height, folder.camera.width):
            raise ValueError(f"{path} is no 16-bit depth image of {folder.camera.width}x{folder.camera.height} pixels")
        images.append(Background(folder.path.name, fill_grid(raw), folder.unit, folder.camera, sensor))
    return images


def fill_grid(raw: np.ndarray) -> np.ndarray:
    """Fill the one-pixel gaps of depth that was aligned to a larger colour image; other images stay as they are.

    Rendered surfaces have no such gaps. A network would learn to tell them from recorded ones by that.
    """
    valid = (raw > 0).astype(np.uint8)
    closed = cv2.morphologyEx(valid, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    gaps = (closed > 0) & (valid == 0)
    if gaps.mean() < GRID_GAIN * valid.mean():
        return raw
    return np.where(gaps, cv2.dilate(raw, np.ones((3, 3), np.uint8)), raw)  # the farther side: no mixed pixels
