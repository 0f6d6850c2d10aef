"""Hard negatives: crops without a hand where an arm seems to end, so that the network learns to reject them."""

from dataclasses import replace

import numpy as np

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.pose.crop import Crop
from fingerpose_ros.perception.settings import EstimatorSettings

from . import image_borders
from .arm_ends import find_arm_ends
from .hand_free_images import HandFreeImages, cut_away, passes

SEED = 20_250_401
"""Seed of the scenes; the evaluation uses another."""

STEP = 4
"""Every `STEP`-th pixel, each way, is rendered to find arm ends. No more is read (`arm_ends.GRID_WIDTH`)."""

CANDIDATES = 4
"""Maximum number of arm ends in an image."""

HOLE_FRACTION, HOLE_RADIUS = 0.4, (0.05, 0.2)
"""Fraction of images with a hole, and its radius, metres. Filters that remove the robot from its view leave such
holes."""

JITTER = 0.02
"""Standard deviation of a crop's centre about the candidate, along each axis, metres."""

FOREARM_FRACTION = 0.6
"""Fraction of rotated crops that are aligned with the forearm. The others are rotated at random, as crops are that
follow a prediction where there is no hand."""


class HardNegatives:
    """Renders hard negatives of `size` pixels: candidates of whole images, rendered as a hand's crop is."""

    def __init__(self, size: int):
        self._size, self._images, self._settings = size, HandFreeImages(SEED, STEP), EstimatorSettings()
        self._pixels = image_borders.pixels(size, 1.0)

    def render(self, rng: np.random.Generator, turned: np.ndarray) -> np.ndarray:
        """Network inputs (n, size, size); `turned` (count,) says which of them are rotated.

        n is `count`, or less where the detector proposes too few candidates.
        """
        count, crops = len(turned), []
        near, far = self._settings.min_distance, self._settings.max_distance
        for _ in range(count):
            index = int(rng.integers(2**31))
            _, camera, depth = self._images[index]
            hole, radius = np.zeros(3), 0.0
            rows, columns = np.nonzero(depth)
            if len(rows) and rng.uniform() < HOLE_FRACTION:
                k = rng.integers(len(rows))
                hole = camera.back_project(np.array([columns[k], rows[k]]), depth[rows[k], columns[k]])
                radius = rng.uniform(*HOLE_RADIUS)
                depth = cut_away(depth, camera, hole, radius)
            for candidate in find_arm_ends(depth, camera, near, far, CANDIDATES)[: count - len(crops)]:
                centre = candidate.centre + rng.normal(0, JITTER, 3)
                mirrored = bool(rng.uniform() < 0.5)
                crop = Crop(centre, self._settings.cube_half_size, mirrored)
                if turned[len(crops)]:
                    crop = self._turned(rng, crop, candidate.direction)
                crops.append(self._crop(index, camera, crop, hole, radius))
            if len(crops) == count:
                break
        return np.array(crops, np.float32).reshape(-1, self._size, self._size)

    def _turned(self, rng: np.random.Generator, crop: Crop, forearm: np.ndarray | None) -> Crop:
        by_arm, roll = rng.uniform() < FOREARM_FRACTION, rng.uniform(-np.pi, np.pi)
        return crop.upright(forearm) if by_arm and forearm is not None else replace(crop, roll=roll)

    def _crop(self, index: int, camera: Camera, crop: Crop, hole: np.ndarray, radius: float) -> np.ndarray:
        slope = crop.half_size / crop.distance
        z = self._images.view(index, crop.to_crop, self._size / (2 * slope), self._size, crop.roll)
        rays = np.concatenate([self._pixels * slope, np.ones((*self._pixels.shape[:2], 1))], axis=-1) @ crop.to_crop
        u, v = np.moveaxis(camera.project(rays), -1, 0)
        shown = (np.abs(u - camera.cx) <= camera.width / 2) & (np.abs(v - camera.cy) <= camera.height / 2)
        shown &= (rays[..., 2] > 0) & ~passes(rays, hole, radius)
        return image_borders.network_input(z, shown, crop.distance, crop.half_size)
