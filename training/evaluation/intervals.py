"""95 % bootstrap intervals (percentile method) of means over images.

Images of one recording are often neighbours in time and alike. Resampling single images then gives intervals that are
too narrow. A circular block bootstrap (Politis and Romano, 1992) resamples runs of `block` neighbouring images instead.
"""

import numpy as np

BLOCK = 10
"""Neighbouring images that are resampled together."""

RESAMPLES = 1000


def resampling(count: int, block: int = 1, seed: int = 0, resamples: int = RESAMPLES) -> np.ndarray:
    """How often each image occurs in each resample, (resamples, count).

    Args:
        count: number of images.
        block: number of neighbouring images that are resampled together. After the last image follows the first. If
            there are not more images than that, single images are resampled.
    """
    block = block if count > block else 1
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, count, (resamples, -(-count // block)))
    images = (starts[..., None] + np.arange(block)).reshape(resamples, -1)[:, :count] % count
    flat = images + count * np.arange(resamples)[:, None]
    return np.bincount(flat.ravel(), minlength=resamples * count).reshape(resamples, count)


def ratios(weights: np.ndarray, numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Ratio of sums over images in each resample, (resamples, ...); NaN where the denominator's sum is 0.

    Args:
        weights: (resamples, images).
        numerator, denominator: (images, ...).
    """
    total = (weights @ denominator).astype(np.float64)
    return np.divide(weights @ numerator, total, out=np.full(total.shape, np.nan), where=total > 0)


def interval(samples: np.ndarray) -> list[float] | None:
    """The 95 % interval of `samples` (resamples,), without NaN; None if nothing remains."""
    known = samples[np.isfinite(samples)]
    return np.percentile(known, (2.5, 97.5)).tolist() if known.size else None


def resampled_means(values: np.ndarray, block: int = 1, seed: int = 0) -> np.ndarray:
    """Means (resamples,) over the known `values` (images, ...) in each resample of images; NaN marks unknown values."""
    values = np.asarray(values, np.float64).reshape(len(values), -1)
    known = np.isfinite(values)
    return ratios(resampling(len(values), block, seed), np.where(known, values, 0).sum(1), known.sum(1))


def mean_interval(values: np.ndarray, block: int = 1) -> list[float] | None:
    """95 % interval of the mean over the known `values` (images, ...); None without two blocks or without a value."""
    return None if len(values) <= block > 1 else interval(resampled_means(values, block))
