"""A sphere in space, in which no hand is expected: around a robot's gripper, for instance."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Sphere:
    """A sphere in the camera's optical frame.

    Attributes:
        centre: (3,) metres.
        radius: metres.
    """

    centre: np.ndarray
    radius: float


def within_any(point: np.ndarray, spheres: Iterable[Sphere]) -> bool:
    """Whether a point (3,), in metres, lies within one of the spheres."""
    return any(np.linalg.norm(point - sphere.centre) <= sphere.radius for sphere in spheres)
