"""What the hand finder takes for a hand where there is none: crops that the network must learn to refuse."""

import numpy as np

from fingerpose_ros.perception.crop import Crop
from fingerpose_ros.perception.hand_finder import find_hands
from fingerpose_ros.perception.search import CANDIDATES
from fingerpose_ros.perception.settings import EstimatorSettings

from .empty import EmptyImages, cut_away

SEED = 20_250_401
"""Of the scenes: not that of the evaluation's."""

STEP = 2
"""One pixel in so many, each way, is rendered: enough for a crop, in a quarter of the time."""

CUT_SHARE, CUT_RADIUS = 0.4, (0.05, 0.2)
"""In so many images there is a hole, its radius in metres: filters that take the robot out of its view leave such."""

JITTER = 0.02
"""Standard deviation, along each axis, of where the network looks around what was found, metres."""


class Lures:
    """Draws such crops, `size` pixels wide, from whole images without a hand."""

    def __init__(self, size: int):
        self._size, self._images, self._settings = size, EmptyImages(SEED, STEP), EstimatorSettings()

    def draw(self, rng: np.random.Generator, rolls: np.ndarray) -> np.ndarray:
        """Network inputs (n, size, size), each turned by one of `rolls` (count,) in radians.

        There are at most `count`: fewer where the finder is not taken in often enough.
        """
        count, crops = len(rolls), []
        for _ in range(count):
            _, camera, depth = self._images[int(rng.integers(2**31))]
            rows, columns = np.nonzero(depth)
            if len(rows) and rng.uniform() < CUT_SHARE:
                k = rng.integers(len(rows))
                seen = camera.back_project(np.array([columns[k], rows[k]]), depth[rows[k], columns[k]])
                depth = cut_away(depth, camera, seen, rng.uniform(*CUT_RADIUS))
            near, far = self._settings.min_distance, self._settings.max_distance
            for candidate in find_hands(depth, camera, near, far, CANDIDATES)[: count - len(crops)]:
                centre = candidate.centre + rng.normal(0, JITTER, 3)
                mirrored = bool(rng.uniform() < 0.5)
                crop = Crop(centre, self._settings.cube_half_size, mirrored, rolls[len(crops)])
                crops.append(crop.image(depth, camera, self._size))
            if len(crops) == count:
                break
        return np.array(crops, np.float32).reshape(-1, self._size, self._size)
