"""The classifier's crops, cut out of larger stored ones with random changes after which the labels are still known.

A sample is drawn from the replay buffer several times, each time turned, scaled, mirrored, moved and covered anew, with
noise, and as if stereo matching had merged its fingers.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from fingerpose_ros.perception.detection.prediction import CONTEXT_HALF, CONTEXT_SIZE, DETAIL_HALF, DETAIL_SIZE


class CropShape(NamedTuple):
    """Side of a square metric crop, pixels, and half its side, metres."""

    size: int
    half: float


CLASSIFIER_CROPS = {"context": CropShape(CONTEXT_SIZE, CONTEXT_HALF), "detail": CropShape(DETAIL_SIZE, DETAIL_HALF)}

STORED_CROPS = {"context": CropShape(80, 0.3), "detail": CropShape(80, 0.15)}
"""What is stored of a sample: more than the classifier sees, with pixels of the same size."""

TURN, SCALE, SHIFT, MAX_SHIFT = np.radians(15), 0.15, 0.008, 0.02
"""Standard deviation of the turn about the line of sight, radians; largest logarithm of the scale; standard deviation
of the centre's shift along each axis, and its limit, metres."""

MERGED_FRACTION, MERGED = 0.2, (0.006, 0.022)
"""Fraction of samples in which near surfaces cover gaps of such widths beside them, metres."""

NOISY_FRACTION, NOISE, HOLES = 0.2, (0.001, 0.006), 0.06
"""Fraction of samples with noise, its standard deviation, metres, and the largest fraction of invalid pixels."""

COVERED_FRACTION, COVERED = 0.15, (0.1, 0.35)
"""Fraction of crops with a covered rectangle, and its sides, of the crop's."""


@dataclass(frozen=True)
class Change:
    """A random change of one sample. A point p about the centre becomes `scale * turn @ (p - shift)`.

    Attributes:
        turn: (2, 2) rotation about the line of sight, with a reflection for mirrored samples.
        scale: factor of lengths.
        shift: (3,) of the centre, metres.
        merged: width of gaps that are covered, metres.
        noise: standard deviation of the depth, metres.
        holes: fraction of invalid pixels.
    """

    turn: np.ndarray
    scale: float
    shift: np.ndarray
    merged: float
    noise: float
    holes: float

    def direction(self, vector: np.ndarray) -> np.ndarray:
        """A changed direction (3,)."""
        return np.append(self.turn @ vector[:2], vector[2])

    def offset(self, vector: np.ndarray) -> np.ndarray:
        """A changed offset (3,) from the centre, metres."""
        return self.scale * self.direction(vector - self.shift)


NO_CHANGE = Change(np.eye(2), 1.0, np.zeros(3), 0.0, 0.0, 0.0)


def sample_change(rng: np.random.Generator) -> Change:
    angle, mirrored = rng.normal(0, TURN), rng.uniform() < 0.5
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag([-1.0 if mirrored else 1.0, 1.0])
    noisy = rng.uniform() < NOISY_FRACTION
    return Change(
        turn=turn,
        scale=float(np.exp(rng.uniform(-SCALE, SCALE))),
        shift=np.clip(rng.normal(0, SHIFT, 3), -MAX_SHIFT, MAX_SHIFT),
        merged=rng.uniform(*MERGED) if rng.uniform() < MERGED_FRACTION else 0.0,
        noise=rng.uniform(*NOISE) if noisy else 0.0,
        holes=rng.uniform(0, HOLES) if noisy else 0.0,
    )


def changed(rng: np.random.Generator, stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A batch for the classifier of n stored samples.

    Args:
        stored: the `STORED_CROPS` (n, size, size) from -1 to 1, `label` (n,), `offset` (n, 3) metres and `direction`
            (n, 3).

    Returns:
        The `CLASSIFIER_CROPS` and the same labels.
    """
    count = len(stored["label"])
    changes = [sample_change(rng) for _ in range(count)]
    batch = {
        name: np.stack([cut(rng, stored[name][k], name, change) for k, change in enumerate(changes)])
        for name in CLASSIFIER_CROPS
    }
    present = (stored["label"] > 0)[:, None]
    offsets = np.stack([each.offset(value) for each, value in zip(changes, stored["offset"], strict=True)])
    directions = np.stack([each.direction(value) for each, value in zip(changes, stored["direction"], strict=True)])
    return batch | {
        "label": stored["label"],
        "offset": np.where(present, offsets, 0).astype(np.float32),
        "direction": np.where(present, directions, 0).astype(np.float32),
    }


def cut(rng: np.random.Generator, source: np.ndarray, name: str, change: Change) -> np.ndarray:
    """One of the `CLASSIFIER_CROPS` (size, size) float32 out of its stored crop, changed."""
    stored, (size, half) = STORED_CROPS[name], CLASSIFIER_CROPS[name]
    pixel, source_pixel = 2 * half / size, 2 * stored.half / stored.size
    source = np.asarray(source, np.float32)
    width = int(change.merged / source_pixel) | 1
    if change.merged and width > 1:
        source = cv2.erode(source, np.ones((width, width), np.uint8))  # the nearest depth of the neighbours
    linear = np.linalg.inv(change.turn) / change.scale * (pixel / source_pixel)
    middle = change.shift[:2] / source_pixel + (stored.size - 1) / 2 - linear.sum(1) * (size - 1) / 2
    crop = cv2.warpAffine(
        source, np.column_stack([linear, middle]), (size, size),
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    # Limited values stay: they are invalid pixels, or too far for a change to matter.
    inner = np.abs(crop) < 1
    depth = (crop * stored.half - change.shift[2]) * change.scale + rng.normal(0, change.noise, crop.shape)
    crop = np.where(inner, np.clip(depth / half, -1, 1), crop).astype(np.float32)
    crop[rng.uniform(size=crop.shape) < change.holes] = 1
    if rng.uniform() < COVERED_FRACTION:
        cover(rng, crop)
    return crop


def cover(rng: np.random.Generator, crop: np.ndarray) -> None:
    """Cover a rectangle of a crop, in place: by something before the hand, or by invalid pixels."""
    height, width = (rng.uniform(*COVERED, 2) * len(crop)).astype(int) + 1
    top, left = rng.integers(len(crop) - height + 1), rng.integers(len(crop) - width + 1)
    crop[top : top + height, left : left + width] = rng.choice([-1, 1])
