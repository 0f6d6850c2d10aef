"""Collections of spheres, boxes and cylinders, and the random directions that place them."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from .renderer import NOTHING


@dataclass
class Primitives:
    """A collection of primitives.

    Attributes:
        primitives: list of (kind, placement (4, 4) from the primitive's unit frame to the scene's).
    """

    primitives: list = field(default_factory=list, kw_only=True)

    def add(self, kind: int, centre: np.ndarray, half_sizes, rotation: np.ndarray | None = None):
        placement = np.eye(4)
        placement[:3, :3] = (np.eye(3) if rotation is None else rotation) * np.asarray(half_sizes, float)
        placement[:3, 3] = centre
        self.primitives.append((kind, placement))

    def transformed(self, rotation: np.ndarray, translation: np.ndarray) -> Self:
        """A copy with each point p moved to `rotation` @ p + `translation`."""
        matrix = np.eye(4)
        matrix[:3, :3], matrix[:3, 3] = rotation, translation
        return replace(self, primitives=[(kind, matrix @ placement) for kind, placement in self.primitives])

    @property
    def corners(self) -> np.ndarray:
        """(8 n, 3) the corners of the primitives' bounding boxes."""
        boxes = [placement[:3, 3] + _CORNERS @ placement[:3, :3].T for _, placement in self.primitives]
        return np.concatenate([np.empty((0, 3)), *boxes])


_CORNERS = np.stack(np.meshgrid(*[(-1.0, 1.0)] * 3), axis=-1).reshape(-1, 3)
"""(8, 3) corners of a primitive's unit frame."""


def stacked(scenes: list[Primitives]) -> tuple[np.ndarray, np.ndarray]:
    """The primitives of n scenes, padded to the largest count k: kinds (n, k) and placements (n, k, 4, 4)."""
    most = max(1, *(len(scene.primitives) for scene in scenes))
    kinds = np.full((len(scenes), most), NOTHING)
    placements = np.broadcast_to(np.eye(4), (len(scenes), most, 4, 4)).copy()
    for i, scene in enumerate(scenes):
        for k, (kind, placement) in enumerate(scene.primitives):
            kinds[i, k], placements[i, k] = kind, placement
    return kinds, placements


def unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v)


def random_direction(rng: np.random.Generator) -> np.ndarray:
    return unit(rng.normal(0, 1, 3))


def direction_near(rng: np.random.Generator, axis: np.ndarray, degrees: float) -> np.ndarray:
    """A unit vector, uniformly distributed over the cap of `degrees` around `axis`."""
    cosine = rng.uniform(np.cos(np.radians(degrees)), 1)
    side = unit(np.cross(axis, random_direction(rng)))
    return cosine * unit(axis) + np.sqrt(1 - cosine**2) * side


def basis(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A rotation matrix whose second column is `y`, with a random rotation about it."""
    y = unit(y)
    x = unit(np.cross(y, random_direction(rng)))
    return np.stack([x, y, np.cross(x, y)], axis=1)
