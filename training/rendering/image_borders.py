"""Which pixels of a crop the camera's image has: its borders may cut a hand, an arm, or leave a hole.

Places in a crop are in its u and v, see `fingerpose_ros.perception.pose.crop`.
"""

import numpy as np

from fingerpose_ros.perception.pose.crop import BACKGROUND

IN_VIEW = 7
"""Of how many of its joints a hand that a border cuts must keep at least."""

LEAVING_REACH = (-0.2, 0.8)
"""Where the border is at which an arm leaves the image: from the middle, in u and v, or before the forearm's end."""


def pixels(size: int, extent: float) -> np.ndarray:
    """The u and v (size, size, 2) of the pixels of an image that reaches to `extent`."""
    grid = ((np.arange(size) + 0.5) * 2 / size - 1) * extent
    return np.stack(np.meshgrid(grid, grid), axis=-1)


def network_input(depth: np.ndarray, in_view: np.ndarray, distance: np.ndarray | float, half_size: float) -> np.ndarray:
    """Depth (..., size, size) along a crop's axis, metres, 0 unknown -> network input of the same shape, float32.

    `in_view` tells which pixels the camera's image has; the cube of `half_size` metres lies at `distance` metres.
    """
    d = (depth - distance) / half_size
    return np.where(in_view & (depth > 0) & (np.abs(d) < 1), d, BACKGROUND).astype(np.float32)


def discs(pixels: np.ndarray, centres: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """Which `pixels` of crops (n, size, size) are within `radii` (n,) of `centres` (n, 2), in u and v."""
    return np.linalg.norm(pixels - centres[:, None, None], axis=-1) < radii[:, None, None]


def _this_side(pixels: np.ndarray, outward: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Which `pixels` of crops (n, size, size) are on this side of a border, `reach` (n,) along `outward` (n, 2)."""
    return np.einsum("yxk,nk->nyx", pixels, outward) < reach[:, None, None]


def _directions(turn: np.ndarray) -> np.ndarray:
    """Unit vectors (n, 2) at angles (n,) from u towards v."""
    return np.stack([np.cos(turn), np.sin(turn)], axis=-1)


def where_it_leaves(rng: np.random.Generator, arms: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Which `pixels` (n, size, size) are in the image where arms, which end at `arms` (n, 2) in u and v, leave it."""
    turn = np.arctan2(arms[:, 1], arms[:, 0]) + np.radians(rng.normal(0, 25, len(arms)))
    least, most = LEAVING_REACH
    reach = rng.uniform(least, np.clip(np.einsum("nk,nk->n", arms, _directions(turn)), least, most))
    return _this_side(pixels, _directions(turn), reach)


def within_borders(
    rng: np.random.Generator, joints: np.ndarray, pixels: np.ndarray, share: np.ndarray, tilt: np.ndarray
) -> np.ndarray:
    """Which `pixels` (n, size, size) of crops with `joints` (n, 21, 2) are in the camera's image.

    All, but with probability `share` (n,) one border, or two at a corner, runs through, anywhere beyond the middle, if
    it leaves enough of the hand. Borders are along u or v but for the `tilt` (n,) in radians, and a little more.
    """
    n = len(joints)
    cut, corner = rng.uniform(0, 1, (2, n))
    turn = tilt + np.pi / 2 * rng.integers(0, 4, n) + np.radians(rng.normal(0, 4, n))
    inside, kept = np.ones((n, *pixels.shape[:2]), bool), np.ones(joints.shape[:2], bool)
    for quarter, cuts in ((0, cut < share), (np.pi / 2, (cut < share) & (corner < 0.15))):
        outward, reach = _directions(turn + quarter), np.where(cuts, rng.uniform(0, 1, n), np.inf)
        inside &= _this_side(pixels, outward, reach)
        kept &= np.einsum("njk,nk->nj", joints, outward) < reach[:, None]
    return inside | (kept.sum(1) < IN_VIEW)[:, None, None]
