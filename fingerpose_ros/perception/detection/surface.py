"""Points on the surfaces of a depth image, and metric crops around points."""

from functools import lru_cache

import numpy as np

from ..camera import Camera

GRID_WIDTH = 160
"""Columns of the image that are read to sample points: every fourth of VGA."""

SPACING = 0.045
"""Distance between sampled points, metres."""

WORKING_FOCAL = 250.0
"""Images are decimated as long as their focal length stays at least this, pixels: 3.2 mm a pixel at 0.8 m."""


def decimation(focal: float, min_focal: float = WORKING_FOCAL) -> int:
    """Every how many-th pixel is kept so that the focal length stays at least `min_focal` pixels; 0 keeps all."""
    return max(1, int(focal // min_focal)) if min_focal else 1


def decimated(depth: np.ndarray, camera: Camera) -> tuple[np.ndarray, Camera]:
    """An image (height, width) and its camera as the detector's networks are trained, see `WORKING_FOCAL`."""
    step = decimation(camera.fx)
    return np.ascontiguousarray(depth[::step, ::step], np.float32), camera.scaled(step)


@lru_cache(maxsize=4)
def _rays(camera: Camera, step: int) -> np.ndarray:
    """Points (height, width, 3) at a depth of one metre on every `step`-th pixel; NaN where the lens model has none."""
    camera = camera.scaled(step)
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    return camera.back_project(np.stack([u, v], axis=-1), np.ones(u.shape)).astype(np.float32)


def surface_points(depth: np.ndarray, camera: Camera, min_distance: float, max_distance: float) -> np.ndarray:
    """Points (n, 3) on the surfaces of a depth image, about `SPACING` apart, metres in the camera's optical frame.

    Args:
        depth: (height, width) metres; 0, NaN and infinite are invalid.
        min_distance, max_distance: range of depths, metres.
    """
    step = max(1, round(camera.width / GRID_WIDTH))
    rays, z = _rays(camera, step), depth[::step, ::step]
    with np.errstate(invalid="ignore"):
        used = (z >= min_distance) & (z <= max_distance) & np.isfinite(rays[..., 0])
    points = rays[used] * z[used][:, None]
    if not len(points):
        return np.zeros((0, 3), np.float32)
    cells = np.floor(points / np.float32(SPACING)).astype(np.int64) @ np.array([1, 1 << 20, 1 << 40])
    _, cell, count = np.unique(cells, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(cell, points[:, k]) for k in range(3)], axis=1)
    return (sums / count[:, None]).astype(np.float32)


def metric_crops(depth: np.ndarray, camera: Camera, centres: np.ndarray, half_size: float, size: int) -> np.ndarray:
    """Square crops (n, size, size) float32 of constant metric size around points.

    A crop's rows and columns are those of the image, so it costs one look-up a pixel. Values are the depth relative to
    the centre in units of `half_size`, from -1 to 1. Invalid pixels and surfaces beyond are 1, surfaces before are -1.
    Pixels outside the image are -1, too, like something hidden: otherwise surfaces would seem to end at the border.

    Args:
        depth: (height, width) float32 metres, 0 for invalid pixels.
        centres: (n, 3) metres in the camera's optical frame, in front of it.
        half_size: half the side of a crop, metres.
        size: side of a crop, pixels.
    """
    centres = np.asarray(centres, np.float32).reshape(-1, 3)
    middle = camera.project(centres).astype(np.float32)
    axis = (2 * np.arange(size, dtype=np.float32) + 1) / size - 1
    reach = np.float32(half_size) / centres[:, 2:]
    columns = np.rint(middle[:, :1] + np.float32(camera.fx) * reach * axis).astype(np.intp)
    rows = np.rint(middle[:, 1:] + np.float32(camera.fy) * reach * axis).astype(np.intp)
    rows_outside, columns_outside = ((rows < 0) | (rows >= camera.height), (columns < 0) | (columns >= camera.width))
    np.clip(rows, 0, camera.height - 1, out=rows)
    np.clip(columns, 0, camera.width - 1, out=columns)
    # In place, as there are hundreds of thousands of pixels in hundreds of crops.
    crops = np.take(depth, rows[:, :, None] * camera.width + columns[:, None], mode="clip")
    np.copyto(crops, np.inf, where=~(crops > 0))
    crops -= centres[:, 2, None, None]
    crops /= np.float32(half_size)
    np.clip(crops, -1, 1, out=crops)
    crops[rows_outside] = -1
    crops.swapaxes(1, 2)[columns_outside] = -1
    return crops
