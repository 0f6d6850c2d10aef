"""A dataset of crops at the detector's detections in composed images: what the pose network is asked about at work.

Each sample trains presence and handedness only. Most are the detector's mistakes, so they are mined again whenever it
changes.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from fingerpose_ros.perception.backends.torch_detection import TorchDetectionNetworks
from fingerpose_ros.perception.detection.confidence import DETECTOR_ALONE
from fingerpose_ros.perception.detection.detector import HandDetector
from fingerpose_ros.perception.kinematics import hand_centre, hand_direction
from fingerpose_ros.perception.pose.crop import Crop

from .backgrounds import TRAINING
from .composed_images import FARTHEST, NEAREST, ComposedImage, ComposedImages
from .view_sampling import HALF_SIZE

MIN_FOCAL = 450.0
"""Recorded images are decimated as long as their focal length stays at least this, pixels. More detail is hardly ever
in a crop of the network's size."""

UNCLEAR = 0.17
"""A detection whose crop is centred farther than this from every hand is false, metres."""

MIN_VISIBLE = 0.3
"""Hands of which less is visible are neither positive nor negative."""

FALSE_WITH, FALSE_WITHOUT = 2, 5
"""Maximum number of false detections of an image with and without hands that become samples."""

JITTER, TURN_ERROR = 0.012, 0.25
"""Standard deviation of a crop's centre along each axis, metres, and of its roll, radians."""


@lru_cache(maxsize=1)
def _detector(path: Path) -> HandDetector:
    return HandDetector(TorchDetectionNetworks.load(path), DETECTOR_ALONE)


@dataclass(frozen=True)
class MinedBatches:
    """`batches[k]` is a dict of arrays, the same at every call with the same detector.

    Args:
        size: side of the image, pixels.
        batch: samples in a batch.
        seed: of the whole dataset.
        backgrounds: folders of recorded images without hands, see `backgrounds.Backgrounds`.
        detector: file of the detector's weights.
        part: of the recordings, see `backgrounds.SPLIT`.

    A batch holds `image`, `uvd` (zeros), `valid` (none), `present` and `right`, as in `learning.data.Batches`.
    """

    size: int
    batch: int
    seed: int
    backgrounds: tuple[Path, ...]
    detector: Path
    part: str = TRAINING

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng((self.seed, index, 81))
        images = ComposedImages(self.seed + 1, self.backgrounds, self.part, MIN_FOCAL)
        samples: list[tuple[np.ndarray, bool, bool]] = []
        number = index * self.batch  # so no image is in two batches: each gives one sample or more
        while len(samples) < self.batch:
            samples += self._samples(rng, images[number])
            number += 1
        image, present, right = zip(*samples[: self.batch], strict=True)
        return {
            "image": np.stack(image)[:, None].astype(np.float32),
            "uvd": np.zeros((self.batch, 21, 3), np.float32),
            "valid": np.zeros((self.batch, 21), bool),
            "present": np.array(present),
            "right": np.array(right),
        }

    def _samples(self, rng: np.random.Generator, image: ComposedImage) -> list[tuple[np.ndarray, bool, bool]]:
        """Crops of one image with and without hands: whether they show a hand, and a right one once mirrored."""
        centres = hand_centre(image.joints)
        directions = hand_direction(image.joints)
        detector, distances = _detector(self.detector), (NEAREST, FARTHEST)
        places = [
            (image.depth, centre, direction, k)
            for k, (centre, direction) in enumerate(zip(centres, directions, strict=True))
            if image.visible[k] >= MIN_VISIBLE
        ]
        places += [(image.without, centre, direction, -1) for _, centre, direction, _ in places]
        for depth, count in ((image.depth, FALSE_WITH), (image.without, FALSE_WITHOUT)):
            false = []
            for detection in detector.detect(depth, image.camera, distances):
                hands = centres if depth is image.depth else centres[:0]
                if not (np.linalg.norm(hands - detection.centre, axis=1) < UNCLEAR).any():
                    false.append((depth, detection.centre, detection.direction, -1))
            places += false[:count]
        samples = []
        for depth, centre, direction, k in places:
            mirrored = bool(rng.uniform() < 0.5)
            crop = self._crop(rng, centre, direction, mirrored)
            if crop is not None:
                present = k >= 0
                right = present and bool(image.left[k]) == mirrored
                samples.append((crop.image(depth, image.camera, self.size), present, right))
        return samples

    def _crop(self, rng: np.random.Generator, centre: np.ndarray, direction: np.ndarray, mirrored: bool) -> Crop | None:
        centre = centre + rng.normal(0, JITTER, 3)
        if centre[2] <= HALF_SIZE / 2:
            return None
        upright = Crop(centre, HALF_SIZE, mirrored).upright(direction)
        return Crop(centre, HALF_SIZE, mirrored, upright.roll + rng.normal(0, TURN_ERROR))
