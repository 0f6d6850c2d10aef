"""Which pixels of a crop lie in the camera's image: borders may cut a hand or an arm, and holes may lie within.

Coordinates in a crop are its u and v, see `fingerpose_ros.perception.pose.crop`.
"""

import numpy as np

from fingerpose_ros.perception.pose.crop import BACKGROUND

IN_VIEW = 7
"""Least number of joints that stay in view where a border cuts a hand."""

LEAVING_REACH = (-0.2, 0.8)
"""Distance from the crop's centre, in u and v, of a border at which an arm leaves the image."""


def pixels(size: int, extent: float) -> np.ndarray:
    """The u and v (size, size, 2) of the pixels of an image that covers -`extent` to `extent`."""
    grid = ((np.arange(size) + 0.5) * 2 / size - 1) * extent
    return np.stack(np.meshgrid(grid, grid), axis=-1)


def network_input(depth: np.ndarray, in_view: np.ndarray, distance: np.ndarray | float, half_size: float) -> np.ndarray:
    """Depth (..., size, size) along a crop's axis, metres, 0 for invalid -> network input of the same shape, float32.

    Args:
        in_view: (..., size, size) bool, which pixels lie in the camera's image.
        distance: from the camera to the cube's centre, metres.
        half_size: half the side of the cube, metres.
    """
    d = (depth - distance) / half_size
    return np.where(in_view & (depth > 0) & (np.abs(d) < 1), d, BACKGROUND).astype(np.float32)


def discs(pixels: np.ndarray, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Mask (n, size, size) of the `pixels` within `radii` (n,) of `centres` (n, 2), in u and v."""
    return np.linalg.norm(pixels - centres[:, None, None], axis=-1) < radii[:, None, None]


def _this_side(pixels: np.ndarray, outward: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Mask (n, size, size) of the `pixels` on the inner side of a border at `reach` (n,) along `outward` (n, 2)."""
    return np.einsum("yxk,nk->nyx", pixels, outward) < reach[:, None, None]


def _directions(turn: np.ndarray) -> np.ndarray:
    """Unit vectors (n, 2) at angles `turn` (n,), from u towards v."""
    return np.stack([np.cos(turn), np.sin(turn)], axis=-1)


def cut_at_arm(rng: np.random.Generator, arms: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Mask (n, size, size) of the `pixels` in view where a border cuts arms that end at `arms` (n, 2), in u and v."""
    turn = np.arctan2(arms[:, 1], arms[:, 0]) + np.radians(rng.normal(0, 25, len(arms)))
    least, most = LEAVING_REACH
    reach = rng.uniform(least, np.clip(np.einsum("nk,nk->n", arms, _directions(turn)), least, most))
    return _this_side(pixels, _directions(turn), reach)


def within_borders(
    rng: np.random.Generator, joints: np.ndarray, pixels: np.ndarray, probability: np.ndarray, tilt: np.ndarray
) -> np.ndarray:
    """Mask (n, size, size) of the `pixels` that random image borders leave in view.

    A border, or two at a corner, runs anywhere beyond the centre, if enough of the hand stays in view. Borders run
    along u or v, rotated by `tilt` and a small random angle.

    Args:
        joints: (n, 21, 2) in u and v.
        probability: (n,) probability that a border cuts the crop.
        tilt: (n,) direction of the sensor's rows, radians.
    """
    n = len(joints)
    cut, corner = rng.uniform(0, 1, (2, n))
    turn = tilt + np.pi / 2 * rng.integers(0, 4, n) + np.radians(rng.normal(0, 4, n))
    inside, kept = np.ones((n, *pixels.shape[:2]), bool), np.ones(joints.shape[:2], bool)
    for quarter, cuts in ((0, cut < probability), (np.pi / 2, (cut < probability) & (corner < 0.15))):
        outward, reach = _directions(turn + quarter), np.where(cuts, rng.uniform(0, 1, n), np.inf)
        inside &= _this_side(pixels, outward, reach)
        kept &= np.einsum("njk,nk->nj", joints, outward) < reach[:, None]
    return inside | (kept.sum(1) < IN_VIEW)[:, None, None]
