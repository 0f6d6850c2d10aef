"""Changes of the proposal network's batches after which the labels are still known. For the classifier's, see
`crop_changes`.
"""

import numpy as np

from fingerpose_ros.perception.detection.prediction import PROPOSAL_HALF

from .crop_changes import cover

DEPTH_SHIFT = 0.008
"""Standard deviation of a shift of the centre along z, metres."""

COVERED_FRACTION = 0.25
"""Fraction of samples with a covered rectangle."""


def augmented(rng: np.random.Generator, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A batch of n samples, half of them mirrored, with centres shifted along z and parts covered.

    Args:
        batch: `crop` (n, size, size), `label` (n,), `offset` (n, 3) metres, and `direction` (n, 3).
    """
    batch = dict(batch)
    count = len(batch["offset"])
    mirrored, shift = rng.uniform(size=count) < 0.5, rng.normal(0, DEPTH_SHIFT, count).astype(np.float32)
    sign = np.ones((count, 3), np.float32)
    sign[mirrored, 0] = -1
    crops = batch["crop"].astype(np.float32)
    crops[mirrored] = crops[mirrored, :, ::-1]
    # Limited values stay: they are invalid pixels, or too far for a shift to matter.
    moved = np.clip(crops - shift[:, None, None] / np.float32(PROPOSAL_HALF), -1, 1)
    crops = np.where(np.abs(crops) < 1, moved, crops)
    for i in np.flatnonzero(rng.uniform(size=count) < COVERED_FRACTION):
        cover(rng, crops[i])
    batch["crop"] = crops
    present = (batch["label"] > 0)[:, None]
    offset = batch["offset"] * sign - shift[:, None] * np.array([0, 0, 1])
    batch["offset"] = np.where(present, offset, 0).astype(np.float32)
    batch["direction"] = (batch["direction"] * sign).astype(np.float32)
    return batch
