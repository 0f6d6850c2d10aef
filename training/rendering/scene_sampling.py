"""Samples the scene around a hand and the camera's direction: tables, walls, bodies, objects, sleeves, a second hand.

All in metres in the wrist bone's frame of the hand: y distal, +z to the thumb's side, -x palmar.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from fingerpose_ros.perception.skeleton import BASE_JOINTS, TIPS, WRIST

from . import objects
from .hands import PALMAR
from .primitives import Primitives, basis, direction_near, random_direction, unit
from .renderer import BOX, SPHERE

FREE, TABLE, BODY, WALL = "free", "table", "body", "wall"
BACKGROUNDS = (FREE, TABLE, BODY, WALL)

STANDING_FRACTION = 0.6
"""Fraction of hands picking something from a table whose object stands there or is lifted."""


@dataclass
class Scene(Primitives):
    """The scene around one hand, in its wrist frame.

    Attributes:
        background: one of `BACKGROUNDS`.
        view: (3, 3) rotation, wrist frame -> camera.
        touching: the hand is within 5 mm of the table, body or wall.
        held: an object is in the grip.
        other_hand: (4, 4) wrist frame of a second hand -> wrist frame of this hand; None without one.
    """

    background: str
    view: np.ndarray
    touching: bool = False
    held: bool = False
    other_hand: np.ndarray | None = None


def look_from(direction: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Wrist frame -> camera, for a camera in `direction` from the hand with a random roll."""
    right, back, down = basis(direction, rng).T
    return np.stack([right, down, -back])


def view_direction(rng: np.random.Generator, scene_up: np.ndarray | None) -> np.ndarray:
    """A random direction (3,) from hand to camera, above a surface if `scene_up` is its normal."""
    for _ in range(20):
        if scene_up is not None:
            direction = direction_near(rng, scene_up, 78)
        elif rng.uniform() < 0.4:
            direction = direction_near(rng, PALMAR * rng.choice([-1, 1]), 60)
        else:
            direction = random_direction(rng)
        if direction[1] > -0.92:  # from the elbow only the forearm is visible
            break
    return direction


def table_up(rng: np.random.Generator) -> np.ndarray:
    """A table's normal in the wrist frame. Mostly the palm faces down, or the hand rests on its side."""
    choice = rng.uniform()
    if choice < 0.6:
        return unit(-PALMAR + rng.normal(0, 0.45, 3))
    if choice < 0.8:
        return unit(np.array([0.3, 0.1, 1.0]) + rng.normal(0, 0.35, 3))
    if choice < 0.9:
        return unit(PALMAR + rng.normal(0, 0.4, 3))
    return random_direction(rng)


def up_at_rest(rng: np.random.Generator, joints: np.ndarray, arm: np.ndarray) -> np.ndarray:
    """The normal of a table on which the hand rests with its palm or its back: a face of the joints' convex hull that
    leaves the arm above the table."""
    hull = ConvexHull(joints)
    normals, offsets = hull.equations[:, :3], hull.equations[:, 3]
    down = unit((-PALMAR if arm @ PALMAR > 0 else PALMAR) + rng.normal(0, 0.15, 3))
    along = normals @ down
    rises = -normals @ arm  # the arm's sine above a table on that face
    along[rises < min(0.1, rises.max())] = 0
    with np.errstate(divide="ignore"):
        reach = np.where(along > 1e-6, -(normals @ joints.mean(0) + offsets) / along, np.inf)
    return unit(-normals[reach.argmin()] + rng.normal(0, 0.05, 3))


def up_when_picking(rng: np.random.Generator, joints: np.ndarray, arm: np.ndarray) -> np.ndarray:
    """The normal of a table that the hand picks something from: fingertips point down, the arm comes from above."""
    reach = unit(joints[list(TIPS)].mean(0) - joints[[WRIST, *BASE_JOINTS[1:]]].mean(0))
    for _ in range(5):
        flat = rng.uniform(0, 1)
        up = -unit((1 - flat) * reach + flat * PALMAR + rng.normal(0, 0.2, 3))
        if arm @ up > 0.15:
            break
    return up


def gap(rng: np.random.Generator, touching: float, reach: float) -> float:
    """Distance between hand and surface, metres; negative where flesh is compressed."""
    return rng.uniform(-0.002, 0.004) if rng.uniform() < touching else rng.uniform(0.0, 1.0) ** 1.5 * reach


def sample_scene(
    rng: np.random.Generator,
    joints: np.ndarray,
    vertices: np.ndarray,
    arm: np.ndarray,
    scale: float,
    grasping: bool,
    resting: bool,
    picking: bool,
    difficulty: float,
) -> Scene:
    """Sample the scene around one hand.

    Args:
        joints: (21, 3) and `vertices`: (V, 3) of the hand and forearm.
        arm: (3,) unit vector from the wrist up the forearm.
        scale: size of the hand relative to an adult's.
        grasping: its pose is a grasp, so it holds an object.
        resting: it lies on a table.
        picking: it picks something from a table.
        difficulty: 0 for a hand alone in free space, to 1 for everything.
    """
    centre = joints.mean(0)
    busy = rng.uniform() < difficulty
    background = str(rng.choice(BACKGROUNDS, p=(0.38, 0.32, 0.18, 0.12))) if busy else FREE
    at_table = resting or picking
    if at_table:
        background = TABLE
    near = vertices[np.linalg.norm(vertices - centre, axis=1) < 0.25]
    up, ground = None, 0.0
    if resting:
        up = up_at_rest(rng, joints, arm)
    elif picking:
        up = up_when_picking(rng, joints, arm)
    elif background == TABLE:
        up = table_up(rng)
    direction = view_direction(rng, up)
    scene = Scene(background, look_from(direction, rng))
    if background == WALL:
        up = direction_near(rng, direction, 40)
    foot = np.inf
    if picking and rng.uniform() < STANDING_FRACTION:
        scene.held = True
        foot = objects.add_standing(rng, scene, joints, scale, up) - (rng.uniform() < 0.3) * rng.uniform(0.02, 0.25)
    if background in (TABLE, WALL):
        touching = 0.85 if at_table else 0.5 if background == TABLE else 0.25
        distance = gap(rng, touching, 0.05 if at_table else 0.15)
        # If the arm rises from the surface, only the hand touches it.
        hand = near[near @ arm < 0.01]
        ground = min(((hand if arm @ up > 0.05 else near) @ up).min() - distance, foot)
        scene.touching = bool((hand @ up).min() - ground < 0.005)
        extent = rng.uniform(0.08, 0.4, 2) if rng.uniform() < 0.25 else np.array([2.0, 2.0])
        rotation = basis(up, rng)
        shift = rotation @ np.array([rng.uniform(-0.8, 0.8) * extent[0], 0, rng.uniform(-0.8, 0.8) * extent[1]])
        on = centre + (ground - centre @ up) * up + (shift if extent[0] < 1 else 0)
        scene.add(BOX, on - 0.02 * up, (extent[0], 0.02, extent[1]), rotation)
    if background == BODY:
        distance = gap(rng, 0.3, 0.12)
        scene.touching = distance < 0.005
        head = rng.uniform() < 0.3
        half = np.array((0.08, 0.11, 0.10) if head else (0.17, 0.30, 0.12)) * rng.uniform(0.8, 1.3, 3)
        rotation = basis(random_direction(rng), rng)
        reach = np.linalg.norm(half * (rotation.T @ direction))
        side = np.cross(direction, random_direction(rng)) * rng.uniform(0, 0.12)
        scene.add(
            SPHERE,
            centre + side + ((near @ direction).min() - centre @ direction - distance - reach) * direction,
            half,
            rotation,
        )
    if grasping and not scene.held:
        scene.held = True
        objects.add_held(rng, scene, joints, scale)
    if busy and rng.uniform() < (0.5 if background == TABLE else 0.15):
        objects.add_clutter(rng, scene, joints, up if background == TABLE else None, ground)
    if rng.uniform() < 0.45 * difficulty:
        objects.add_clothes(rng, scene, arm, 0.028 * scale)
    if rng.uniform() < 0.15 * difficulty:
        scene.other_hand = np.eye(4)
        scene.other_hand[:3, :3] = Rotation.random(random_state=rng).as_matrix()
        middle = centre + random_direction(rng) * rng.uniform(0.09, 0.18)  # two hands are not in one place
        scene.other_hand[:3, 3] = middle - scene.other_hand[:3, :3] @ centre
    return scene
