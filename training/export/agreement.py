"""Differences between two backends for the same network, in millimetres, on synthetic and recorded crops."""

import os
from pathlib import Path

import numpy as np

from fingerpose_ros.perception.pose.crop import Crop
from fingerpose_ros.perception.pose.prediction import Backend
from fingerpose_ros.recording.frame_folder import FrameFolder, natural_order
from training.learning.losses import HALF_CUBE_MM
from training.rendering.rendered_batches import RenderedBatches
from training.rendering.view_sampling import HALF_SIZE

SEED = 20_250_408
MEAN_MM, P99_MM = 0.3, 1.0
"""Allowed differences between two backends over all joints: mean and 99th percentile."""

TEST_DATA = "FINGERPOSE_TEST_DATA"
"""Environment variable: a folder with recordings under `real/`."""


def synthetic_crops(size: int, count: int) -> np.ndarray:
    """Network inputs (count, 1, size, size) of right hands."""
    return RenderedBatches(size=size, batch=count, seed=SEED, left_fraction=0, negative_fraction=0)[0]["image"]


def recorded_crops(size: int) -> np.ndarray | None:
    """Crops around the true hand in every labelled frame below `FINGERPOSE_TEST_DATA`; None if that is not set."""
    root = os.environ.get(TEST_DATA)
    if not root:
        return None
    crops = []
    for joints in sorted(Path(root).glob("real/**/joints.npz"), key=natural_order):
        folder = FrameFolder.open(joints.parent)
        for index, points in enumerate(folder.joints):
            crops.append(Crop(points.mean(0), HALF_SIZE).image(folder.depth(index), folder.camera, size))
    if not crops:
        raise FileNotFoundError(f"{TEST_DATA} is {root}, but there is no joints.npz below its folder `real`")
    return np.stack(crops)[:, None].astype(np.float32)


def distances(one: Backend, other: Backend, crops: np.ndarray) -> dict[str, float]:
    """Mean and 99th percentile of the distance between both predictions of a joint, in mm at the cube's centre."""
    error = np.linalg.norm(one.infer(crops).uvd - other.infer(crops).uvd, axis=-1) * HALF_CUBE_MM
    return {"mean_mm": float(error.mean()), "p99_mm": float(np.percentile(error, 99))}


def agrees(distance: dict[str, float]) -> bool:
    """Whether the differences are within the limits."""
    return distance["mean_mm"] <= MEAN_MM and distance["p99_mm"] <= P99_MM
