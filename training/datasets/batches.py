"""Batches of network inputs from a dataset on disk, cropped and augmented as in the literature."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fingerpose_ros.perception.pose.crop import Crop
from fingerpose_ros.perception.skeleton import JOINTS

from .sample import DatasetError, HandDataset, Sample

SCALE = (0.8, 1.2)
"""Range of the cube's random scale, as in AWR (Huang et al., AAAI 2020) and TriHorn-Net (Rezaei et al. 2022)."""
JITTER_M = 0.010
"""Standard deviation of the cube's random shift along each axis; same sources."""
FLESH_M = 0.025
"""A joint farther than this behind the measured surface is occluded by something other than its own flesh."""


@lru_cache(maxsize=4)
def _permutation(seed: int, epoch: int, count: int) -> np.ndarray:
    """The order of an epoch, cached because it is as long as the dataset."""
    return np.random.default_rng((seed, 0, epoch)).permutation(count)


@dataclass(frozen=True)
class DatasetBatches:
    """An endless dataset of batches: `batches[k]` is a dict of arrays that depends only on `seed` and k.

    Args:
        dataset: source of the samples. Every epoch is another permutation of it.
        size: edge of the network's input, pixels.
        batch: samples in a batch.
        seed: of the order and of the augmentation.
        augment: rotate by up to 180 degrees, scale and shift the cube at random. Otherwise the crop is the protocol's.
        equivalent_only: label only joints that are the same anatomical points as ours, for mixing with other data.

    A batch holds:
        image: (batch, 1, size, size) float32, network input; left hands are mirrored.
        uvd: (batch, 21, 3) float32, the joints in the crop's coordinates; 0 where not valid.
        valid: (batch, 21) bool: the joint is labelled.
        visible: (batch, 21) bool: it is labelled, inside the crop, and occluded by nothing but its own flesh.
        present: (batch,) bool, all true: every image of the benchmarks shows a hand.
        right: (batch,) bool, all true: left hands are mirrored.
        half_mm: (batch,) float32, half of each cube's edge.
        classes_valid: (batch,) bool, all false: presence and handedness cannot be learnt from right hands only.

    Raises (on access):
        DatasetError: a file of the dataset cannot be read, or a sample has no labelled joint.
    """

    dataset: HandDataset
    size: int
    batch: int
    seed: int
    augment: bool = True
    equivalent_only: bool = False

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        count = len(self.dataset)
        rng = np.random.default_rng((self.seed, 1, index))
        positions = np.arange(index * self.batch, (index + 1) * self.batch)
        orders = {epoch: _permutation(self.seed, int(epoch), count) for epoch in set(positions // count)}
        items = [self._item(self.dataset[int(orders[i // count][i % count])], rng) for i in positions]
        image, uvd, valid, visible, half = (np.stack(part) for part in zip(*items, strict=True))
        ones = np.ones(self.batch, bool)
        return {"image": image[:, None], "uvd": uvd, "valid": valid, "visible": visible, "present": ones,
                "right": ones.copy(), "half_mm": half, "classes_valid": ~ones}  # fmt: skip

    def _item(self, sample: Sample, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        crop = self._crop(sample, rng)
        image = crop.image(sample.depth_m, sample.camera, self.size)
        hand, valid = self.dataset.joints.to_hand(sample.joints_m, sample.valid)
        if not valid.any():
            raise DatasetError(sample.name, "has no labelled joint to train on")
        uvd = np.where(valid[:, None], crop.to_uvd(np.where(valid[:, None], hand, crop.centre)), 0)
        if self.equivalent_only:
            valid = valid & np.array([name in self.dataset.joints.equivalent for name in JOINTS])
        visible = valid & self._unoccluded(image, uvd, crop.half_size)
        return image, uvd.astype(np.float32), valid, visible, np.float32(1000 * crop.half_size)

    def _crop(self, sample: Sample, rng: np.random.Generator) -> Crop:
        if not self.augment:
            return Crop(sample.centre_m, sample.cube_m / 2, mirrored=not sample.right)
        scale, roll, shift = rng.uniform(*SCALE), rng.uniform(-np.pi, np.pi), rng.normal(0, JITTER_M, 3)
        return Crop(sample.centre_m + shift, scale * sample.cube_m / 2, not sample.right, roll)

    def _unoccluded(self, image: np.ndarray, uvd: np.ndarray, half_size: float) -> np.ndarray:
        pixel = np.floor((uvd[:, :2] + 1) / 2 * self.size).astype(int)
        inside = ((pixel >= 0) & (pixel < self.size)).all(1)
        u, v = np.clip(pixel, 0, self.size - 1).T
        return inside & (image[v, u] > uvd[:, 2] - FLESH_M / half_size)
