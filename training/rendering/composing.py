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

    The sensor is simulated on the nearer of both surfaces, so that edges, shadows and stereo matching between rendered
    and recorded surfaces are as the sensor would record them. Recorded pixels that this does not concern stay as they
    are.

    Args:
        rendered: (n, size, size) perfect depth along the crops' axes, metres.
        focal: (n,) focal lengths of the crops, pixels.
        views: recorded image and crop of each.
        difficulty: of the simulated noise, 0 to 1.
        extent: half the width of the images; 1 is the cube's edge.

    Returns:
        Depth (n, size, size) along the crops' axes, metres: 0 for invalid pixels, NaN outside the recorded image.
        Perfect depth (n, size, size) of the nearer surface, far away where there is none.
    """
    perfect = rendered.numpy()
    n, size = len(perfect), perfect.shape[1]
    recorded, inside = (
        np.stack(arrays) for arrays in zip(*(b.view(crop, size, extent) for b, crop in views), strict=True)
    )
    whole = np.where((recorded > 0) & (recorded < perfect), recorded, perfect)
    names = [background.sensor for background, _ in views]
    # Sensor pixels as the recorded image has them: depth that is aligned to colour has smaller ones.
    widths = np.array([SENSORS[b.sensor].enlarged / b.camera.fx for b, _ in views])
    scale = focal.numpy() * widths
    roll = np.array([crop.roll for _, crop in views])
    device = rendered.device
    simulated = sample_and_simulate(
        wp.array(whole.astype(np.float32), dtype=float, device=device), names, focal, scale, rng, difficulty, roll
    ).numpy()
    added = (perfect < FAR) & (perfect <= whole)
    out = recorded.copy()
    for i in range(n):
        if not added[i].any():
            continue
        width = 2 * int(np.ceil(REACH * scale[i] / 2)) + 1
        near = cv2.dilate(added[i].astype(np.uint8), np.ones((width, width), np.uint8)) > 0
        changed = added[i] | (near & (np.abs(simulated[i] - whole[i]) > SAME) & (recorded[i] > 0))
        out[i][changed] = simulated[i][changed]
    return np.where(inside, out, np.nan), whole
