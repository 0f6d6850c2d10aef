"""How far two ways of running a network lie apart, in millimetres, on synthetic crops and recorded ones."""

import os
from pathlib import Path

import numpy as np

from fingerpose_ros.perception.pose.crop import Crop
from fingerpose_ros.perception.pose.prediction import Backend
from fingerpose_ros.recording.frame_folder import FrameFolder
from training.learning.losses import HALF_CUBE_MM
from training.rendering.rendered_batches import RenderedBatches
from training.rendering.view_sampling import HALF_SIZE

SEED = 20_250_408
MEAN_MM, P99_MM = 0.3, 1.0
"""What two ways of running the same network may differ by, over all joints: in the mean, and at the 99th percentile."""

TEST_DATA = "FINGERPOSE_TEST_DATA"
"""Environment variable: a folder with recordings under `real/`."""


def synthetic_crops(size: int, count: int) -> np.ndarray:
    """(count, 1, size, size) network inputs that show right hands."""
    return RenderedBatches(size=size, batch=count, seed=SEED, left_share=0, empty_share=0)[0]["image"]


def recorded_crops(size: int) -> np.ndarray | None:
    """Every labelled frame below `FINGERPOSE_TEST_DATA`, cut around the true hand; None where that is not set."""
    root = os.environ.get(TEST_DATA)
    if not root:
        return None
    crops = []
    for joints in sorted(Path(root).glob("real/**/joints.npz")):
        folder = FrameFolder.open(joints.parent)
        for index, points in enumerate(folder.joints):
            crops.append(Crop(points.mean(0), HALF_SIZE).image(folder.depth(index), folder.camera, size))
    if not crops:
        raise FileNotFoundError(f"{TEST_DATA} is {root}, but there is no joints.npz below its folder `real`")
    return np.stack(crops)[:, None].astype(np.float32)


def distances(one: Backend, other: Backend, crops: np.ndarray) -> dict[str, float]:
    """Mean and 99th percentile, in mm at the cube's centre, of how far apart the two put the joints of these crops."""
    apart = np.linalg.norm(one.infer(crops).uvd - other.infer(crops).uvd, axis=-1) * HALF_CUBE_MM
    return {"mean_mm": float(apart.mean()), "p99_mm": float(np.percentile(apart, 99))}


def agrees(distance: dict[str, float]) -> bool:
    """Whether they are within the bar."""
    return distance["mean_mm"] <= MEAN_MM and distance["p99_mm"] <= P99_MM
