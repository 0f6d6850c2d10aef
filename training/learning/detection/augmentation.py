"""Changes of a training batch after which its labels are still known.

A sample is drawn from the replay buffers several times. Unchanged, the networks would learn it by heart.
"""

import numpy as np

DEPTH_SHIFT = 0.008
"""Standard deviation of a shift of the centre along z, metres."""

COVERED_FRACTION, COVERED = 0.25, (0.1, 0.35)
"""Fraction of samples with a covered rectangle, and its sides, of the crop's."""


def augmented(
    rng: np.random.Generator, batch: dict[str, np.ndarray], halves: dict[str, float]
) -> dict[str, np.ndarray]:
    """A batch of n samples, half of them mirrored, with centres shifted along z and parts covered.

    Args:
        batch: crops (n, size, size) by name, `offset` (n, 3) metres, `direction` (n, 3), and other labels.
        halves: half the side of each kind of crop, metres.
    """
    batch = dict(batch)
    count = len(batch["offset"])
    mirrored, shift = rng.uniform(size=count) < 0.5, rng.normal(0, DEPTH_SHIFT, count).astype(np.float32)
    sign = np.ones((count, 3), np.float32)
    sign[mirrored, 0] = -1
    for name, half in halves.items():
        crops = batch[name].astype(np.float32)
        crops[mirrored] = crops[mirrored, :, ::-1]
        # Limited values stay: they are invalid pixels, or too far for a shift to matter.
        inner = np.abs(crops) < 1
        crops = np.where(inner, np.clip(crops - shift[:, None, None] / np.float32(half), -1, 1), crops)
        _cover(rng, crops)
        batch[name] = crops
    present = (batch["label"] > 0)[:, None]
    offset = batch["offset"] * sign - shift[:, None] * np.array([0, 0, 1])
    batch["offset"] = np.where(present, offset, 0).astype(np.float32)
    batch["direction"] = (batch["direction"] * sign).astype(np.float32)
    return batch


def _cover(rng: np.random.Generator, crops: np.ndarray) -> None:
    """Cover a rectangle of some crops (n, size, size), in place: by something before the hand, or by invalid pixels."""
    size = crops.shape[1]
    for i in np.flatnonzero(rng.uniform(size=len(crops)) < COVERED_FRACTION):
        height, width = (rng.uniform(*COVERED, 2) * size).astype(int) + 1
        top, left = rng.integers(size - height + 1), rng.integers(size - width + 1)
        crops[i, top : top + height, left : left + width] = rng.choice([-1, 1])
