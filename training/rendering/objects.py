"""Primitives as objects in a hand's grip, beside it and on its arm; and distractors for crops without a hand.

`RenderedBatches` uses these. Objects as meshes (`object_kinds`, `grips`) are those of `ComposedBatches`.

All in metres in the wrist bone's frame of the hand: y distal, +z to the thumb's side, -x palmar.
"""

import numpy as np

from fingerpose_ros.perception.skeleton import BASE_JOINTS, PARENTS, TIPS, WRIST

from .hands import PALMAR
from .primitives import Primitives, basis, direction_near, random_direction, unit
from .renderer import BOX, CYLINDER, SPHERE

FLESH = 0.009
"""Thickness of flesh around a joint, metres."""


def _along_bones(joints: np.ndarray) -> np.ndarray:
    """Joints (21, 3) -> the joints and the midpoints of the bones between them (41, 3)."""
    return np.concatenate([joints, 0.5 * (joints[1:] + joints[list(PARENTS[1:])])])


def add_held(rng: np.random.Generator, primitives: Primitives, joints: np.ndarray, scale: float):
    """Add an object in the grip, as thick as the space between the fingers."""
    tips = joints[list(TIPS)]
    palm = 0.75 * joints[list(BASE_JOINTS[1:])].mean(0) + 0.25 * joints[WRIST]
    share = rng.uniform(0.2, 0.8)
    centre = share * 0.5 * (tips[0] + tips[1:3].mean(0)) + (1 - share) * (palm + 0.03 * scale * PALMAR)
    axis = unit(joints[BASE_JOINTS[1]] - joints[BASE_JOINTS[4]] + rng.normal(0, 0.015, 3))
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
    primitives.add(int(kind), centre + along * axis, half, basis(axis, rng))


def add_standing(
    rng: np.random.Generator, primitives: Primitives, joints: np.ndarray, scale: float, up: np.ndarray
) -> float:
    """Add an object that stands on a table with its upper end in the grip: a box as thick as the space between the
    fingers, or a bottle. Returns the height of its lower end along `up`, metres."""
    tips = joints[list(TIPS)]
    centre = 0.5 * (tips[0] + tips[1:3].mean(0))
    along = joints[BASE_JOINTS[1]] - joints[BASE_JOINTS[4]]
    along = unit(along - (along @ up) * up)
    sides = np.stack([np.cross(up, along), up, along], axis=1)
    bones = (_along_bones(joints) - centre) @ sides
    room = np.clip(np.hypot(bones[:, 0], bones[:, 1]).min() - FLESH * scale, 0.004, 0.06)
    top, bottom, half_width = room * rng.uniform(0.3, 0.9), rng.uniform(0.03, 0.18), rng.uniform(0.015, 0.1)
    round_ = rng.uniform() < 0.4
    thick, wide = (0.7 * room, 0.7 * room) if round_ else (0.7 * room * rng.uniform(0.7, 1), half_width)
    for _ in range(4):  # shorten it where a finger is curled under it
        inside = (np.abs(bones[:, 0]) < thick) & (np.abs(bones[:, 2]) < wide)
        if not (inside & (bones[:, 1] < top) & (bones[:, 1] > -bottom)).any():
            break
        bottom = max(0.5 * bottom, 0.7 * room)
    half = np.array((thick, (top + bottom) / 2, wide))
    middle = centre + 0.5 * (top - bottom) * up
    primitives.add(CYLINDER if round_ else BOX, middle, half, sides)
    return float(centre @ up - bottom)


def add_clutter(
    rng: np.random.Generator, primitives: Primitives, joints: np.ndarray, up: np.ndarray | None, ground: float
):
    """Add objects beside the hand, on the table if there is one, without touching the joints."""
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
        primitives.add(kind, place, size * shrink if kind != SPHERE else np.full(3, size[1] * shrink), rotation)


def add_clothes(rng: np.random.Generator, primitives: Primitives, arm: np.ndarray, width: float):
    """Add a sleeve or a watch. `arm` (3,) points from the wrist up the forearm, `width` is the forearm's half-width."""
    rotation = basis(arm, rng)
    if rng.uniform() < 0.7:
        start, radius = rng.uniform(-0.01, 0.10), width * rng.uniform(1.05, 1.7)
        primitives.add(CYLINDER, arm * (start + 0.2), (radius, 0.2, radius * rng.uniform(0.8, 1)), rotation)
    else:
        radius = width * rng.uniform(1.05, 1.2)
        primitives.add(CYLINDER, arm * rng.uniform(0.015, 0.05), (radius, rng.uniform(0.008, 0.018), radius), rotation)


def add_distractor(rng: np.random.Generator, primitives: Primitives, place: np.ndarray):
    """Add an object at `place` (3,) that a detector may mistake for a hand. Most crops without a hand show such
    objects."""
    middle = place + random_direction(rng) * rng.uniform(0, 0.04)
    along, choice = random_direction(rng), rng.uniform()
    if choice < 0.3:  # a limb, with an elbow, knee or stump in the middle
        radius = rng.uniform(0.022, 0.06)
        primitives.add(SPHERE, middle, np.full(3, radius) * rng.uniform(0.9, 1.2, 3), basis(along, rng))
        for direction in (along, direction_near(rng, -along, 110))[: rng.integers(1, 3)]:
            half = rng.uniform(0.05, 0.2)
            thick = radius * rng.uniform(0.75, 1.05)
            primitives.add(CYLINDER, middle + half * direction, (thick, half, thick), basis(direction, rng))
    elif choice < 0.5:  # a head, a shoulder, a torso
        half = (0.08, 0.115, 0.10) if rng.uniform() < 0.6 else (0.17, 0.30, 0.12)
        half = np.array(half) * rng.uniform(0.8, 1.2, 3)
        rotation = basis(along, rng)
        outward = random_direction(rng)
        reach = np.linalg.norm(half * (rotation.T @ outward))
        head = middle - outward * reach * rng.uniform(0, 1)
        primitives.add(SPHERE, head, half, rotation)
        if rng.uniform() < 0.5:
            primitives.add(SPHERE, head + along * (half[1] + rng.uniform(0.15, 0.3)), (0.2, 0.25, 0.13), rotation)
    elif choice < 0.7:  # the edge or corner of something large
        half, rotation = rng.uniform(0.01, 0.4, 3), basis(along, rng)
        corner = half * rng.choice([-1, 1], 3) * np.where(rng.uniform(0, 1, 3) < 0.8, 1, rng.uniform(-1, 1, 3))
        primitives.add(BOX, middle - rotation @ corner, half, rotation)
    elif choice < 0.9:  # objects
        for _ in range(rng.integers(1, 4)):
            kind = int(rng.choice([SPHERE, BOX, CYLINDER]))
            half = rng.uniform(0.01, 0.08, 3) if kind != SPHERE else np.full(3, rng.uniform(0.015, 0.08))
            primitives.add(kind, middle + random_direction(rng) * rng.uniform(0, 0.06), half, basis(along, rng))
    else:  # sticks and cables, as thin as fingers but not in a hand's order
        for _ in range(rng.integers(2, 7)):
            half, direction = rng.uniform(0.03, 0.12), random_direction(rng)
            where = middle + random_direction(rng) * rng.uniform(0, 0.05)
            primitives.add(CYLINDER, where, (0.007, half, 0.007) * rng.uniform(0.7, 1.4, 3), basis(direction, rng))
