"""Places in a depth image that look like the end of an arm, found by rules: for hard negatives in rendered scenes.

The image is thinned to a cloud of surface patches, and large planes (tables, walls) are removed. The rest is searched
for places like a hand. The ball of a hand contains as much surface as a hand has. Around that ball there is one narrow
way out, the forearm, or nothing.

The node's detector is a network (`perception/detection`). These rules stay, so that rendered batches are the same on
every machine and do not depend on weights.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fingerpose_ros.perception.camera import Camera

GRID_WIDTH = 160
"""Columns of an image that are read: 1 in 4 of VGA."""

PATCH = 0.02
"""Side of a surface patch, metres."""

SEEDS = 300
"""Maximum number of places that are scored, the nearest first."""

HAND_RADIUS = 0.1
"""A ball of this radius around a hand's centre holds most of it, metres."""

SHELL_RADIUS = 0.19
"""Between the two radii there is the forearm alone, metres."""

HAND_LENGTH = 0.135
"""How much of an arm's end is taken for the hand: between a fist's 0.09 and an open hand's 0.19 m."""

SKIN_TO_CENTRE = 0.01
"""How far the joints lie behind the surface that the camera sees, metres."""

HAND_AREA = 0.008
"""What a hand shows the camera, square metres; a quarter of it is sufficient."""

ARM_REACH, FAINT = 0.3, 0.2
"""What lies up the arm of a place, no farther than this in metres, and scores less than this share of it, is that arm
and not another hand: cut by the border of the image, an arm looks like one."""

ARM_LIKE = 0.5
"""What leads away from a place is an arm if so much of it goes one way, from 0 to 1."""

PLANE_AREA = 0.08
"""A plane with more surface than this is a table or a wall, and not a hand with its forearm (0.03), square metres."""


@dataclass(frozen=True)
class Candidate:
    """A place where a hand may be.

    Attributes:
        centre: (3,) metres in the camera's optical frame.
        score: to rank by.
        direction: (3,) where the forearm points; None where no arm leads to the place.
    """

    centre: np.ndarray
    score: float
    direction: np.ndarray | None = None


def find_arm_ends(
    depth: np.ndarray, camera: Camera, min_distance: float, max_distance: float, count: int
) -> list[Candidate]:
    """Depth (height, width) in metres, unknown = 0, NaN or infinite -> at most `count` candidates, best first.

    Only surfaces between the two distances from the image plane, in metres, are used.
    """
    surface = _without_planes(_surface(depth, camera, min_distance, max_distance))
    if len(surface.points) == 0:
        return []
    seeds = surface.points[np.unique(_cells(surface.points, 3 * PATCH), return_index=True)[1]]
    seeds = seeds[np.argsort(seeds[:, 2], kind="stable")[:SEEDS]]
    scores, ways = _score(seeds, surface)
    found: list[tuple[Candidate, np.ndarray]] = []  # each with the way its arm goes
    for i in np.argsort(-scores):
        if scores[i] <= 0 or len(found) == count:
            break
        direction = -ways[i] if np.linalg.norm(ways[i]) > ARM_LIKE else None
        place = Candidate(_centre(seeds[i], ways[i], surface), float(scores[i]), direction)
        if all(_is_another(place, *better) for better in found):
            found.append((place, ways[i]))
    return [place for place, _ in found]


def _is_another(place: Candidate, better: Candidate, arm: np.ndarray) -> bool:
    """Whether a place is neither the hand at a `better` one, nor up the `arm` (3,) that leads there."""
    way = place.centre - better.centre
    apart = np.linalg.norm(way)
    up_the_arm = apart < ARM_REACH and way @ arm > 0.7 * apart * np.linalg.norm(arm)
    return bool(apart > 1.2 * HAND_RADIUS and not (up_the_arm and place.score < FAINT * better.score))


@dataclass(frozen=True)
class _Surface:
    """What the camera sees, as patches.

    Attributes:
        points: (n, 3) centres, metres.
        areas: (n,) as they face the camera, square metres.
        cut: (n,) whether the surface goes on where it is not seen: at the image's edge, at the largest distance.
    """

    points: np.ndarray
    areas: np.ndarray
    cut: np.ndarray

    def select(self, mask: np.ndarray) -> "_Surface":
        return _Surface(self.points[mask], self.areas[mask], self.cut[mask])


def _cells(points: np.ndarray, side: float) -> np.ndarray:
    """Points (n, 3) -> the number (n,) of the cell of a grid, cells `side` metres wide, that each is in."""
    return (np.floor(points / side).astype(np.int64) * (1, 1 << 20, 1 << 40)).sum(axis=1)


@lru_cache(maxsize=4)
def _rays(camera: Camera, step: int) -> np.ndarray:
    """The points (height, width, 3) that every `step`-th pixel shows at a depth of one metre."""
    camera = camera.scaled(step)
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    return camera.back_project(np.stack([u, v], axis=-1), np.ones(u.shape))


def _surface(depth: np.ndarray, camera: Camera, min_distance: float, max_distance: float) -> _Surface:
    step = max(1, round(camera.width / GRID_WIDTH))
    rays, z = _rays(camera, step), depth[::step, ::step]
    height, width = z.shape
    with np.errstate(invalid="ignore"):
        rows, columns = np.nonzero((z >= min_distance) & (z <= max_distance) & np.isfinite(rays[..., 0]))
    z = z[rows, columns].astype(np.float64)
    points = rays[rows, columns] * z[:, None]
    if len(points) == 0:
        return _Surface(points, z, z > 0)
    cut = (rows < 2) | (columns < 2) | (rows >= height - 2) | (columns >= width - 2)
    cut |= z > max_distance - 2 * PATCH
    _, cell, number = np.unique(_cells(points, PATCH), return_inverse=True, return_counts=True)
    centres = np.stack([np.bincount(cell, points[:, i]) for i in range(3)], axis=-1) / number[:, None]
    return _Surface(centres, np.bincount(cell, (step * z) ** 2) / (camera.fx * camera.fy), np.bincount(cell, cut) > 0)


def _without_planes(surface: _Surface) -> _Surface:
    """Takes up to three large planes out: RANSAC (Fischler and Bolles 1981), then least squares on what lies near."""
    random = np.random.default_rng(0)  # the same image always gives the same answer
    for _ in range(3):
        points, areas = surface.points, surface.areas
        if areas.sum() < PLANE_AREA:
            break
        slack = 0.008 + 0.008 * points[:, 2] ** 2  # a depth camera's noise and waviness grow with the square
        a, b, c = points[random.integers(len(points), size=(3, 128))]
        normals = np.cross(b - a, c - a)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        offsets = (normals * a).sum(axis=1)
        some = random.integers(len(points), size=600)
        votes = areas[some] @ (np.abs(points[some] @ normals.T - offsets) < slack[some, None])
        normal, offset = normals[np.argmax(votes)], offsets[np.argmax(votes)]
        for _ in range(2):
            plane = np.abs(points @ normal - offset) < slack
            if not plane.any():
                break
            mean = np.average(points[plane], axis=0, weights=areas[plane])
            spread = points[plane] - mean
            normal = np.linalg.eigh((spread * areas[plane, None]).T @ spread)[1][:, 0]
            offset = normal @ mean
        plane = np.abs(points @ normal - offset) < slack
        if areas[plane].sum() < PLANE_AREA:
            break
        surface = surface.select(~plane)
    return surface


def _score(seeds: np.ndarray, surface: _Surface) -> tuple[np.ndarray, np.ndarray]:
    """Seeds (m, 3) -> how much each looks like a hand (m,), and which way its forearm goes (m, 3), up to length one
    and 0 where there is none."""
    points, seeds, areas = (array.astype(np.float32) for array in (surface.points, seeds, surface.areas))
    middle = points.mean(axis=0)  # small numbers, for single precision
    points, seeds = points - middle, seeds - middle
    one = np.ones_like
    squares = (
        np.column_stack([-2 * seeds, (seeds**2).sum(axis=1), one(seeds[:, 0])])
        @ np.column_stack([points, one(areas), (points**2).sum(axis=1)]).T
    )
    squares = np.maximum(squares, 1e-6)
    inside = (squares < HAND_RADIUS**2).astype(np.float32)
    hand = inside @ areas
    # Every patch in the shell pulls its way. One that is cut off pulls as the surface would that goes on beyond it.
    hidden = np.where(surface.cut, np.float32(PATCH * (SHELL_RADIUS - HAND_RADIUS)), 0)
    weights = (squares < SHELL_RADIUS**2) * (areas + hidden) - inside * areas
    way_out = weights.sum(axis=1)
    weights /= np.sqrt(squares)
    ways = weights @ points - weights.sum(axis=1, keepdims=True) * seeds
    ways /= np.maximum(way_out, 1e-9)[:, None]
    enough = np.minimum(hand / HAND_AREA, 1) * (hand > HAND_AREA / 4)
    narrow = 1 / (1 + (way_out / 0.010) ** 2)  # a forearm fills 0.006 square metres of the shell
    ways[way_out < 0.001] = 0  # a stray patch or two: nothing leads away from here
    one_way = np.where(way_out < 0.001, 0.3, (ways**2).sum(axis=1))  # an arm is likelier than a thing by itself
    near = np.exp(-(seeds[:, 2] + middle[2]) / 0.5)
    return enough * narrow * one_way * near, ways


def _centre(seed: np.ndarray, way: np.ndarray, surface: _Surface) -> np.ndarray:
    """The hand's centre: the mean of its surface, from its end, opposite the forearm, as far as a hand is long."""
    near = surface.select(np.linalg.norm(surface.points - seed, axis=1) < HAND_RADIUS + PATCH)
    along = (near.points - seed) @ way / max(np.linalg.norm(way), 1e-9)
    hand = near.select(along < np.quantile(along, 0.02) + HAND_LENGTH)
    centre = np.average(hand.points, axis=0, weights=hand.areas)
    return centre * (1 + SKIN_TO_CENTRE / np.linalg.norm(centre))
