"""What is around a hand, and where the camera is: tables, walls, bodies, held and lying objects, sleeves, another hand.

All in metres in the wrist bone's frame of the hand: y distal, +z to the thumb's side, -x palmar.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from fingerpose_ros.perception.skeleton import KNUCKLES, PARENTS, TIPS, WRIST

from .hands import PALMAR
from .render import BOX, CYLINDER, NOTHING, SPHERE

FREE, TABLE, BODY, WALL = "free", "table", "body", "wall"
SURROUNDINGS = (FREE, TABLE, BODY, WALL)

STANDING_SHARE = 0.6
"""Of hands that take something from a table so many take what stands there, or lift it."""

FLESH = 0.009
"""Metres of flesh around a joint."""


@dataclass
class Solids:
    """Solids put together.

    Attributes:
        solids: list of (kind, placement (4, 4) from the solid's unit frame to the scene's).
    """

    solids: list = field(default_factory=list, kw_only=True)

    def add(self, kind: int, centre: np.ndarray, half_sizes, rotation: np.ndarray | None = None):
        placement = np.eye(4)
        placement[:3, :3] = (np.eye(3) if rotation is None else rotation) * np.asarray(half_sizes, float)
        placement[:3, 3] = centre
        self.solids.append((kind, placement))


@dataclass
class Scene(Solids):
    """Surroundings of one hand; the solids in the frame of its wrist.

    Attributes:
        surrounding: one of `SURROUNDINGS`.
        view: (3, 3) rotation, wrist frame -> camera.
        touching: the hand is within 5 mm of the table, body or wall.
        held: an object is in its grip.
        other_hand: placement (4, 4) of a second hand's wrist frame in this one's, or None.
    """

    surrounding: str
    view: np.ndarray
    touching: bool = False
    held: bool = False
    other_hand: np.ndarray | None = None


def stacked(scenes: list[Scene]) -> tuple[np.ndarray, np.ndarray]:
    """The solids of n scenes, as many for each as the fullest has: kinds (n, k) and placements (n, k, 4, 4)."""
    most = max(1, *(len(scene.solids) for scene in scenes))
    kinds = np.full((len(scenes), most), NOTHING)
    placements = np.broadcast_to(np.eye(4), (len(scenes), most, 4, 4)).copy()
    for i, scene in enumerate(scenes):
        for k, (kind, placement) in enumerate(scene.solids):
            kinds[i, k], placements[i, k] = kind, placement
    return kinds, placements


def unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v)


def random_direction(rng: np.random.Generator) -> np.ndarray:
    return unit(rng.normal(0, 1, 3))


def direction_near(rng: np.random.Generator, axis: np.ndarray, degrees: float) -> np.ndarray:
    """A direction, evenly spread over the cap of `degrees` around `axis`."""
    cosine = rng.uniform(np.cos(np.radians(degrees)), 1)
    side = unit(np.cross(axis, random_direction(rng)))
    return cosine * unit(axis) + np.sqrt(1 - cosine**2) * side


def basis(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A rotation whose second column is `y`, turned about it at random."""
    y = unit(y)
    x = unit(np.cross(y, random_direction(rng)))
    return np.stack([x, y, np.cross(x, y)], axis=1)


def look_from(direction: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Wrist frame -> camera for a camera that sits in `direction` from the hand, rolled at random."""
    right, back, down = basis(direction, rng).T
    return np.stack([right, down, -back])


def _view(rng: np.random.Generator, scene_up: np.ndarray | None) -> np.ndarray:
    """Direction from hand to camera."""
    for _ in range(20):
        if scene_up is not None:
            direction = direction_near(rng, scene_up, 78)
        elif rng.uniform() < 0.4:
            direction = direction_near(rng, PALMAR * rng.choice([-1, 1]), 60)
        else:
            direction = random_direction(rng)
        if direction[1] > -0.92:  # from the elbow there is only forearm to see
            break
    return direction


def _table_up(rng: np.random.Generator) -> np.ndarray:
    """The table's normal, in the wrist frame: mostly the palm is down, or the hand stands on its side."""
    choice = rng.uniform()
    if choice < 0.6:
        return unit(-PALMAR + rng.normal(0, 0.45, 3))
    if choice < 0.8:
        return unit(np.array([0.3, 0.1, 1.0]) + rng.normal(0, 0.35, 3))
    if choice < 0.9:
        return unit(PALMAR + rng.normal(0, 0.4, 3))
    return random_direction(rng)


def _up_at_rest(rng: np.random.Generator, joints: np.ndarray, arm: np.ndarray) -> np.ndarray:
    """The normal of a table on which the hand lies palm down, or on its back: on that face of its hull it stands on,
    the arm above the table."""
    hull = ConvexHull(joints)
    normals, offsets = hull.equations[:, :3], hull.equations[:, 3]
    down = unit((-PALMAR if arm @ PALMAR > 0 else PALMAR) + rng.normal(0, 0.15, 3))
    along = normals @ down
    rises = -normals @ arm  # the arm's sine above a table on that face
    along[rises < min(0.1, rises.max())] = 0
    with np.errstate(divide="ignore"):
        reach = np.where(along > 1e-6, -(normals @ joints.mean(0) + offsets) / along, np.inf)
    return unit(-normals[reach.argmin()] + rng.normal(0, 0.05, 3))


def _up_when_picking(rng: np.random.Generator, joints: np.ndarray, arm: np.ndarray) -> np.ndarray:
    """The normal of a table that the hand takes something from: its fingertips reach down, the arm comes from above."""
    reach = unit(joints[list(TIPS)].mean(0) - joints[[WRIST, *KNUCKLES[1:]]].mean(0))
    for _ in range(5):
        flat = rng.uniform(0, 1)
        up = -unit((1 - flat) * reach + flat * PALMAR + rng.normal(0, 0.2, 3))
        if arm @ up > 0.15:
            break
    return up


def _gap(rng: np.random.Generator, touching: float, reach: float) -> float:
    """Metres between hand and surface; below zero where flesh gives."""
    return rng.uniform(-0.002, 0.004) if rng.uniform() < touching else rng.uniform(0.0, 1.0) ** 1.5 * reach


def _along_bones(joints: np.ndarray) -> np.ndarray:
    """Joints (21, 3) and the middles of the bones between them (41, 3)."""
    return np.concatenate([joints, 0.5 * (joints[1:] + joints[list(PARENTS[1:])])])


def _held_object(rng: np.random.Generator, scene: Scene, joints: np.ndarray, scale: float):
    """Something in the grip: as thick as the fingers leave room for."""
    tips = joints[list(TIPS)]
    palm = 0.75 * joints[list(KNUCKLES[1:])].mean(0) + 0.25 * joints[WRIST]
    share = rng.uniform(0.2, 0.8)
    centre = share * 0.5 * (tips[0] + tips[1:3].mean(0)) + (1 - share) * (palm + 0.03 * scale * PALMAR)
    axis = unit(joints[KNUCKLES[1]] - joints[KNUCKLES[4]] + rng.normal(0, 0.015, 3))
    if rng.uniform() < 0.25:
        axis = random_direction(rng)
    offset = _along_bones(joints) - centre
    kind = rng.choice([SPHERE, BOX, CYLINDER, CYLINDER])
    if kind != SPHERE:
        offset = offset - np.outer(offset @ axis, axis)
    radius = np.clip(np.linalg.norm(offset, axis=1).min() - FLESH * scale, 0.004, 0.06)
    length = rng.uniform(0.02, 0.16) if rng.uniform() < 0.7 else rng.uniform(0.01, 0.04)
    wide, deep = rng.uniform(0.6, 1, 2)
    corner = radius / np.hypot(wide, deep)
    half = {SPHERE: (radius,) * 3, CYLINDER: (radius, length, radius)}.get(
        int(kind), (corner * wide, length, corner * deep)
    )
    along = rng.uniform(-0.5, 0.5) * max(length - 0.04, 0) if kind != SPHERE else 0
    scene.add(int(kind), centre + along * axis, half, basis(axis, rng))
    scene.held = True


def _standing_object(rng: np.random.Generator, scene: Scene, joints: np.ndarray, scale: float, up: np.ndarray) -> float:
    """Something that stands on a table, its upper end in the grip: a box as thick as the fingers leave room for, or a
    bottle. Where it ends along `up`, metres."""
    tips = joints[list(TIPS)]
    centre = 0.5 * (tips[0] + tips[1:3].mean(0))
    along = joints[KNUCKLES[1]] - joints[KNUCKLES[4]]
    along = unit(along - (along @ up) * up)
    sides = np.stack([np.cross(up, along), up, along], axis=1)
    bones = (_along_bones(joints) - centre) @ sides
    room = np.clip(np.hypot(bones[:, 0], bones[:, 1]).min() - FLESH * scale, 0.004, 0.06)
    top, bottom, half_width = room * rng.uniform(0.3, 0.9), rng.uniform(0.03, 0.18), rng.uniform(0.015, 0.1)
    round_ = rng.uniform() < 0.4
    thick, wide = (0.7 * room, 0.7 * room) if round_ else (0.7 * room * rng.uniform(0.7, 1), half_width)
    for _ in range(4):  # it ends where a finger is curled under it
        inside = (np.abs(bones[:, 0]) < thick) & (np.abs(bones[:, 2]) < wide)
        if not (inside & (bones[:, 1] < top) & (bones[:, 1] > -bottom)).any():
            break
        bottom = max(0.5 * bottom, 0.7 * room)
    half = np.array((thick, (top + bottom) / 2, wide))
    middle = centre + 0.5 * (top - bottom) * up
    scene.add(CYLINDER if round_ else BOX, middle, half, sides)
    scene.held = True
    return float(centre @ up - bottom)


def _clutter(rng: np.random.Generator, scene: Scene, joints: np.ndarray, up: np.ndarray | None, ground: float):
    """Objects beside the hand, on the table if there is one, clear of the joints."""
    centre = joints.mean(0)
    for _ in range(rng.integers(1, 4)):
        kind = int(rng.choice([SPHERE, BOX, CYLINDER]))
        size = rng.uniform(0.01, 0.07, 3)
        offset = random_direction(rng) * rng.uniform(0.05, 0.2)
        rotation = basis(up if up is not None else random_direction(rng), rng)
        place = centre + offset
        if up is not None:
            place = place - (place @ up - ground - size[1]) * up
        clearance = np.linalg.norm(joints - place, axis=1).min() - 0.015
        if clearance < 0.008:
            continue
        shrink = min(1.0, clearance / np.linalg.norm(size))
        if up is not None:
            place = place - (1 - shrink) * size[1] * up
        scene.add(kind, place, size * shrink if kind != SPHERE else np.full(3, size[1] * shrink), rotation)


def _clothes(rng: np.random.Generator, scene: Scene, arm: np.ndarray, width: float):
    """A sleeve or a watch on the forearm; `arm` (3,) points from the wrist up the arm, `width` is its half-width."""
    rotation = basis(arm, rng)
    if rng.uniform() < 0.7:
        start, radius = rng.uniform(-0.01, 0.10), width * rng.uniform(1.05, 1.7)
        scene.add(CYLINDER, arm * (start + 0.2), (radius, 0.2, radius * rng.uniform(0.8, 1)), rotation)
    else:
        radius = width * rng.uniform(1.05, 1.2)
        scene.add(CYLINDER, arm * rng.uniform(0.015, 0.05), (radius, rng.uniform(0.008, 0.018), radius), rotation)


def compose(
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
    """Surround one hand.

    Args:
        joints: (21, 3) and `vertices`: (V, 3) of the hand and forearm.
        arm: (3,) unit vector from the wrist up the forearm.
        scale: the hand's size over an adult's.
        grasping: its pose is a grasp, so something is in it.
        resting: it lies on a table.
        picking: it takes something from a table.
        difficulty: 0 leaves the hand alone in space; 1 is everything.
    """
    centre = joints.mean(0)
    busy = rng.uniform() < difficulty
    surrounding = str(rng.choice(SURROUNDINGS, p=(0.38, 0.32, 0.18, 0.12))) if busy else FREE
    at_table = resting or picking
    if at_table:
        surrounding = TABLE
    near = vertices[np.linalg.norm(vertices - centre, axis=1) < 0.25]
    up, ground = None, 0.0
    if resting:
        up = _up_at_rest(rng, joints, arm)
    elif picking:
        up = _up_when_picking(rng, joints, arm)
    elif surrounding == TABLE:
        up = _table_up(rng)
    direction = _view(rng, up)
    scene = Scene(surrounding, look_from(direction, rng))
    if surrounding == WALL:
        up = direction_near(rng, direction, 40)
    foot = np.inf
    if picking and rng.uniform() < STANDING_SHARE:
        foot = _standing_object(rng, scene, joints, scale, up) - (rng.uniform() < 0.3) * rng.uniform(0.02, 0.25)
    if surrounding in (TABLE, WALL):
        touching = 0.85 if at_table else 0.5 if surrounding == TABLE else 0.25
        gap = _gap(rng, touching, 0.05 if at_table else 0.15)
        # An arm that rises from the surface leaves it to the hand to touch it.
        hand = near[near @ arm < 0.01]
        ground = min(((hand if arm @ up > 0.05 else near) @ up).min() - gap, foot)
        scene.touching = bool((hand @ up).min() - ground < 0.005)
        extent = rng.uniform(0.08, 0.4, 2) if rng.uniform() < 0.25 else np.array([2.0, 2.0])
        rotation = basis(up, rng)
        shift = rotation @ np.array([rng.uniform(-0.8, 0.8) * extent[0], 0, rng.uniform(-0.8, 0.8) * extent[1]])
        on = centre + (ground - centre @ up) * up + (shift if extent[0] < 1 else 0)
        scene.add(BOX, on - 0.02 * up, (extent[0], 0.02, extent[1]), rotation)
    if surrounding == BODY:
        gap = _gap(rng, 0.3, 0.12)
        scene.touching = gap < 0.005
        head = rng.uniform() < 0.3
        half = np.array((0.08, 0.11, 0.10) if head else (0.17, 0.30, 0.12)) * rng.uniform(0.8, 1.3, 3)
        rotation = basis(random_direction(rng), rng)
        reach = np.linalg.norm(half * (rotation.T @ direction))
        side = np.cross(direction, random_direction(rng)) * rng.uniform(0, 0.12)
        scene.add(
            SPHERE,
            centre + side + ((near @ direction).min() - centre @ direction - gap - reach) * direction,
            half,
            rotation,
        )
    if grasping and not scene.held:
        _held_object(rng, scene, joints, scale)
    if busy and rng.uniform() < (0.5 if surrounding == TABLE else 0.15):
        _clutter(rng, scene, joints, up if surrounding == TABLE else None, ground)
    if rng.uniform() < 0.45 * difficulty:
        _clothes(rng, scene, arm, 0.028 * scale)
    if rng.uniform() < 0.15 * difficulty:
        scene.other_hand = np.eye(4)
        scene.other_hand[:3, :3] = Rotation.random(random_state=rng).as_matrix()
        middle = centre + random_direction(rng) * rng.uniform(0.09, 0.18)  # two hands are not in one place
        scene.other_hand[:3, 3] = middle - scene.other_hand[:3, :3] @ centre
    return scene


def add_decoy(rng: np.random.Generator, scene: Scene, place: np.ndarray):
    """Put something at `place` (3,) that a hand finder may take for a hand: what a crop without a hand mostly shows."""
    middle = place + random_direction(rng) * rng.uniform(0, 0.04)
    along, choice = random_direction(rng), rng.uniform()
    if choice < 0.3:  # a limb, with an elbow, knee or stump in the middle
        radius = rng.uniform(0.022, 0.06)
        scene.add(SPHERE, middle, np.full(3, radius) * rng.uniform(0.9, 1.2, 3), basis(along, rng))
        for direction in (along, direction_near(rng, -along, 110))[: rng.integers(1, 3)]:
            half = rng.uniform(0.05, 0.2)
            thick = radius * rng.uniform(0.75, 1.05)
            scene.add(CYLINDER, middle + half * direction, (thick, half, thick), basis(direction, rng))
    elif choice < 0.5:  # a head, a shoulder, a torso
        half = (0.08, 0.115, 0.10) if rng.uniform() < 0.6 else (0.17, 0.30, 0.12)
        half = np.array(half) * rng.uniform(0.8, 1.2, 3)
        rotation = basis(along, rng)
        outward = random_direction(rng)
        reach = np.linalg.norm(half * (rotation.T @ outward))
        head = middle - outward * reach * rng.uniform(0, 1)
        scene.add(SPHERE, head, half, rotation)
        if rng.uniform() < 0.5:
            scene.add(SPHERE, head + along * (half[1] + rng.uniform(0.15, 0.3)), (0.2, 0.25, 0.13), rotation)
    elif choice < 0.7:  # the edge or corner of something large
        half, rotation = rng.uniform(0.01, 0.4, 3), basis(along, rng)
        corner = half * rng.choice([-1, 1], 3) * np.where(rng.uniform(0, 1, 3) < 0.8, 1, rng.uniform(-1, 1, 3))
        scene.add(BOX, middle - rotation @ corner, half, rotation)
    elif choice < 0.9:  # things
        for _ in range(rng.integers(1, 4)):
            kind = int(rng.choice([SPHERE, BOX, CYLINDER]))
            half = rng.uniform(0.01, 0.08, 3) if kind != SPHERE else np.full(3, rng.uniform(0.015, 0.08))
            scene.add(kind, middle + random_direction(rng) * rng.uniform(0, 0.06), half, basis(along, rng))
    else:  # sticks and cables, as thin as fingers but not in a hand's order
        for _ in range(rng.integers(2, 7)):
            half, direction = rng.uniform(0.03, 0.12), random_direction(rng)
            where = middle + random_direction(rng) * rng.uniform(0, 0.05)
            scene.add(CYLINDER, where, (0.007, half, 0.007) * rng.uniform(0.7, 1.4, 3), basis(direction, rng))
