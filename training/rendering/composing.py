"""Composes rendered surfaces into recorded depth images, by depth, with the sensor's own noise."""

import cv2
import numpy as np
import warp as wp

from fingerpose_ros.perception.pose.crop import Crop

from .backgrounds import Background
from .renderer import FAR
from .sensor_simulation import sample_and_simulate
from .sensors import SENSORS

REACH = 14
"""Distance from rendered surfaces up to which their edges and shadows may change a recorded pixel, sensor pixels."""

SAME = 0.008
"""Recorded pixels near rendered surfaces are kept where the simulation differs by less than this, metres."""


def compose(
    rng: np.random.Generator, rendered: wp.array, focal: wp.array, views: list[tuple[Background, Crop]],
    difficulty: float, extent: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Compose n rendered crops into recorded images.

    Args:
        rendered: (n, size, size) perfect depth along the crops' axes, metres.
        focal: (n,) focal lengths of the crops, pixels.
        views: recorded image and crop of each.
        difficulty: of the simulated noise, 0 to 1.
        extent: half the width of the images; 1 is the cube's edge.

    Returns:
        As `merge`, but NaN outside the recorded image.
    """
    size = rendered.shape[1]
    recorded, inside = (
        np.stack(arrays) for arrays in zip(*(b.view(crop, size, extent) for b, crop in views), strict=True)
    )
    scale = focal.numpy() * np.array([sensor_pixel(background) for background, _ in views])
    roll = np.array([crop.roll for _, crop in views])
    names = [background.sensor for background, _ in views]
    out, whole = merge(rng, rendered, focal, recorded, names, scale, roll, difficulty)
    return np.where(inside, out, np.nan), whole


def sensor_pixel(background: Background) -> float:
    """Width of a sensor pixel at a depth of one metre, metres. Depth that is aligned to colour has smaller pixels."""
    return SENSORS[background.sensor].enlarged / background.camera.fx


def merge(
    rng: np.random.Generator, rendered: wp.array, focal: wp.array, recorded: np.ndarray, names: list[str],
    scale: np.ndarray, roll: np.ndarray, difficulty: float,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Merge rendered and recorded depth of n views.

    The sensor is simulated on the nearer of both surfaces, so that edges, shadows and stereo matching between rendered
    and recorded surfaces are as the sensor would record them. Recorded pixels that this does not concern stay as they
    are.

    Args:
        rendered: (n, size, size) perfect depth, metres.
        focal: (n,) focal lengths, pixels.
        recorded: (n, size, size) recorded depth, metres, 0 for invalid pixels.
        names: (n,) sensors.
        scale: (n,) pixels of the views per sensor pixel.
        roll: (n,) direction of the sensor's rows, radians from u towards v.
        difficulty: of the simulated noise, 0 to 1.

    Returns:
        Depth (n, size, size), metres, 0 for invalid pixels.
        Perfect depth (n, size, size) of the nearer surface, far away where there is none.
    """
    perfect = rendered.numpy()
    whole = np.where((recorded > 0) & (recorded < perfect), recorded, perfect).astype(np.float32)
    nearest = wp.array(whole, dtype=float, device=rendered.device)
    simulated = sample_and_simulate(nearest, names, focal, scale, rng, difficulty, roll).numpy()
    added = (perfect < FAR) & (perfect <= whole)
    out = recorded.copy()
    for i in np.flatnonzero(added.any((1, 2))):
        width = 2 * int(np.ceil(REACH * scale[i] / 2)) + 1
        near = cv2.dilate(added[i].astype(np.uint8), np.ones((width, width), np.uint8)) > 0
        changed = added[i] | (near & (np.abs(simulated[i] - whole[i]) > SAME) & (recorded[i] > 0))
        out[i][changed] = simulated[i][changed]
    return out, whole
