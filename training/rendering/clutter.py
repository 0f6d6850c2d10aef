"""Things in composed images that no hand holds: loose objects, bundles of rods, and robot arms at work.

They are in both images of a pair, so what a hand might hold does not tell that there is a hand.
"""

import numpy as np

from .backgrounds import Background
from .meshes import Mesh, tube, union
from .object_pool import pool
from .placing import Placement, place_floating, place_resting
from .primitives import Primitives, basis, direction_near, random_direction
from .robots import sample_robot

OBJECTS = {0: 0.4, 1: 0.15, 2: 0.15, 3: 0.1, 5: 0.1, 8: 0.1}
"""Probabilities of the count of loose objects in an image."""

ROBOT_FRACTION = 0.15
"""Fraction of images for which a robot arm is sampled."""

BUNDLE_FRACTION, RESTING_FRACTION, STANDING_FRACTION, BEHIND_FRACTION = 0.12, 0.75, 0.6, 0.3
"""Fractions of loose objects: bundles; those that rest on a surface; of these, those that stand as they do in use; and
of the others those beside or behind a recorded surface."""

NEAREST, FARTHEST = 0.25, 1.6
"""Distances of things, metres."""

LEAST_ROBOT = 0.12
"""Robots of which anything is nearer are left out: they would fill the image, metres."""


def sample_clutter(rng: np.random.Generator, background: Background) -> list[Mesh | Primitives]:
    """Random things on and before the surfaces of a recorded image, in the camera's optical frame; often none."""
    clutter: list[Mesh | Primitives] = []
    for _ in range(rng.choice(list(OBJECTS), p=list(OBJECTS.values()))):
        mesh = _bundle(rng) if rng.uniform() < BUNDLE_FRACTION else _object(rng)
        placement = _place(rng, background, mesh)
        if placement:
            clutter.append(mesh.transformed(placement.rotation, placement.translation))
    if rng.uniform() < ROBOT_FRACTION:
        robot = _robot(rng, background)
        if robot.primitives and robot.corners[:, 2].min() > LEAST_ROBOT:
            clutter.append(robot)
    return clutter


def _object(rng: np.random.Generator) -> Mesh:
    objects = pool().objects
    return objects[rng.integers(len(objects))].mesh


def _bundle(rng: np.random.Generator) -> Mesh:
    """Rods or leaves that spread from one place: cutlery in a cup, a plant, a cable's end, a broom."""
    axis, cone, radius = random_direction(rng), rng.uniform(10, 50), rng.uniform(0.003, 0.012)
    length, bend = rng.uniform(0.06, 0.2), rng.uniform(0, 0.5)
    rods = []
    for _ in range(rng.integers(3, 8)):
        along = direction_near(rng, axis, cone)
        steps = np.linspace(0, length * rng.uniform(0.7, 1), 5)[:, None]
        path = steps * along + bend * steps**2 / length * random_direction(rng)
        rods.append(tube(path, radius, up=np.cross(along, random_direction(rng)), segments=6))
    return union(*rods)


def _place(rng: np.random.Generator, background: Background, mesh: Mesh) -> Placement | None:
    if rng.uniform() < RESTING_FRACTION:
        up = np.eye(3)[1] if rng.uniform() < STANDING_FRACTION else rng.choice([-1, 1]) * np.eye(3)[rng.integers(3)]
        middle = mesh.bounds.mean(0)
        foot = middle + ((mesh.vertices - middle) @ up).min() * up
        placement = place_resting(rng, background, foot, up, NEAREST, FARTHEST)
        if placement:
            return placement
    behind = rng.uniform() < BEHIND_FRACTION
    return place_floating(rng, background, mesh.bounds.mean(0), NEAREST, FARTHEST, behind)


def _robot(rng: np.random.Generator, background: Background) -> Primitives:
    robot, placement = sample_robot(rng), place_floating(rng, background, np.zeros(3), NEAREST, FARTHEST)
    if placement is None:
        return Primitives()
    # An arm seldom points at the camera.
    turn = basis(direction_near(rng, np.array([0, 0, 1.0]), 110), rng)
    return robot.transformed(turn, placement.translation)
