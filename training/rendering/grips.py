"""Grips: places objects in hands, and closes the fingers until they touch the surface.

Everything is in metres in the wrist bone's frame of a right hand: y distal, +z to the thumb's side, -x palmar.
"""

from dataclasses import dataclass

import numpy as np

from fingerpose_ros.perception.skeleton import BASE_JOINTS, FINGER_JOINTS, WRIST

from .hands import ADULT_LENGTH, FINGERS, PALMAR, THUMB, Angles, HandBank
from .holds import ENCLOSING, FLAT_ON_PALM, HOOK, LATERAL, PINCH, TWO_HANDS, Hold
from .object_kinds import SampledObject
from .object_pool import pool
from .poses import named, spheres
from .primitives import random_direction, unit

PENETRATION = 0.003
"""Largest depth of flesh within an object, metres."""

CONTACT = 0.0015
"""Depth of flesh within an object at which a digit stops closing, metres."""

STEPS, REFINEMENTS = 9, 3
"""Steps in which digits close, and bisections of the last step."""

PALM_VERTICES = 160
"""Vertices of palm and forearm that are kept out of an object."""

OPENING, OPENING_STEPS = 0.1, 8
"""Step in which digits open that start within the object, and how many steps they may take."""

PALM_SKIN = 0.012
"""Distance of the palm's skin from the plane of MCPs and wrist, metres on an adult hand."""

PAD = 0.007
"""Distance of a fingertip's or thumb's pad from its joint, metres on an adult hand."""

PRESHAPES = {
    ENCLOSING: (("grasp_large", "grasp_wide", "wide"), ("fist", "grasp_thin", "handle")),
    PINCH: (("grasp_large", "grasp_prismatic", "grasp_wide"), ("pinch_closed", "pinch_index", "five_pinch", "tripod")),
    LATERAL: (("relaxed",), ("key",)),
    HOOK: (("flat", "relaxed"), ("hook",)),
    FLAT_ON_PALM: (("flat", "open", "wide", "relaxed"), ("grasp_large", "grasp_wide")),
    TWO_HANDS: (("flat", "open", "grasp_plate"), ("grasp_large", "grasp_wide", "grasp_ball")),
}
"""Grip -> the library's poses from which, and towards which, the digits close."""

PROBABILITIES = {ENCLOSING: 0.36, PINCH: 0.26, LATERAL: 0.1, HOOK: 0.08, FLAT_ON_PALM: 0.12, TWO_HANDS: 0.08}
"""How often each grip is tried. Not every object offers each."""


@dataclass(frozen=True)
class Gripped:
    """Hands that hold an object, arrays (n, ...).

    Attributes:
        angles: of n hands.
        objects: the n objects.
        grips: the n grips.
        to_wrist: (n, 4, 4) object frame -> wrist frame.
        other_hand: (n, 4, 4) reflection of the hand into a second one on the object's other side; zero without one.
        valid: (n,) bool: flesh lies nowhere deeper in the object than `PENETRATION`, and something touches it.
    """

    angles: Angles
    objects: list[SampledObject]
    grips: list[str]
    to_wrist: np.ndarray
    other_hand: np.ndarray
    valid: np.ndarray


def sample_grips(rng: np.random.Generator, bank: HandBank, shapes: np.ndarray, length: np.ndarray) -> Gripped:
    """Give each of the hands `shapes` (n,) of `length` (n,) metres a random object in a random grip."""
    grips = [str(grip) for grip in rng.choice(list(PROBABILITIES), len(shapes), p=list(PROBABILITIES.values()))]
    which = np.array([rng.choice(pool().by_grip[grip]) for grip in grips])
    return grip_objects(rng, bank, shapes, length, grips, which)


def grip_objects(
    rng: np.random.Generator,
    bank: HandBank,
    shapes: np.ndarray,
    length: np.ndarray,
    grips: list[str],
    which: np.ndarray,
) -> Gripped:  # fmt: skip
    """Put the objects `which` (n,) of the pool into the hands `shapes` (n,) of `length` (n,) metres.

    The digits start open and close, each by itself, until they touch the object.
    """
    n, scale = len(shapes), length / bank.length[shapes]
    size = length / ADULT_LENGTH
    things = [pool().objects[i] for i in which]
    opened, closed = (_varied(rng, named([str(rng.choice(PRESHAPES[grip][end])) for grip in grips])) for end in (0, 1))
    holds = []
    for grip, thing in zip(grips, things, strict=True):
        offered = [hold for hold in thing.holds if hold.grip == grip]
        holds.append(offered[rng.integers(len(offered))])

    def joints_at(closing: np.ndarray) -> np.ndarray:
        return bank.pose(shapes, _mixed(opened, closed, closing))[1] * scale[:, None, None]

    def palm_depths(closing: np.ndarray, to_wrist: np.ndarray) -> np.ndarray:
        transforms, _ = bank.pose(shapes, _mixed(opened, closed, closing))
        skin = _palm_skin(bank, shapes, transforms) * scale[:, None, None]
        return -pool().distances(which, _in_objects(skin, to_wrist)).min(1)

    start = _apertures(joints_at, grips, np.array([hold.thickness for hold in holds]), size)
    joints = joints_at(start)
    placed = [_placed(rng, *each) for each in zip(grips, holds, joints, size, strict=True)]
    to_wrist, across = (np.stack(arrays) for arrays in zip(*placed, strict=True))
    wraps = ~np.isin(grips, (PINCH, LATERAL))
    for limit in (-0.02, -0.02, 0.0, 0.0):  # towards the palm and away from it, at last only away
        depth = np.maximum(_depths(joints, to_wrist, which, size).max(1), palm_depths(start, to_wrist)) - CONTACT
        to_wrist[wraps, :3, 3] += np.clip(depth[wraps], limit, 0.02)[:, None] * PALMAR
    most = _used(rng, grips, n)
    for last in (False, False, True):
        closing = _closed_until_contact(joints_at, start, to_wrist, which, size, most)
        palm = palm_depths(closing, to_wrist)
        if not last:  # the palm cups as fingers close, so the object moves off it
            to_wrist[:, :3, 3] += np.clip(palm - 0.5 * CONTACT, 0, 0.02)[:, None] * PALMAR
    depths = _depths(joints_at(closing), to_wrist, which, size).max(1)
    valid = (np.maximum(depths, palm) <= PENETRATION) & (np.maximum(depths, palm) > -PENETRATION)
    other = np.zeros((n, 4, 4))
    for i in np.flatnonzero([grip == TWO_HANDS for grip in grips]):
        other[i] = _reflection(to_wrist[i], holds[i].point, across[i])
    return Gripped(_mixed(opened, closed, closing), things, grips, to_wrist, other, valid)


def _varied(rng: np.random.Generator, angles: Angles) -> Angles:
    """The same poses with a few degrees of noise."""
    n = len(angles.spread)
    return Angles(
        flexion=angles.flexion + np.radians(rng.normal(0, 4, (n, 4, 3))) * (1, 1, 0.6),
        spread=angles.spread + np.radians(rng.normal(0, 3, (n, 4))),
        metacarpal=angles.metacarpal,
        thumb=angles.thumb + np.radians(rng.normal(0, 4, (n, 2))),
        thumb_twist=np.radians(rng.normal(0, 5, n)),
        thumb_flexion=angles.thumb_flexion + np.radians(rng.normal(0, 5, (n, 2))),
        wrist=np.clip(
            rng.normal(0, 1, (n, 3)) * np.radians((25, 10, 30)), *np.radians([(-70, -25, -70), (70, 25, 70)])
        ),
    )


def _mixed(opened: Angles, closed: Angles, closing: np.ndarray) -> Angles:
    """Poses between `opened` and `closed`: `closing` (n, 5) is how far each digit is, thumb first."""
    fingers, thumb = closing[:, 1:], closing[:, 0]

    def between(name: str, share: np.ndarray) -> np.ndarray:
        a, b = getattr(opened, name), getattr(closed, name)
        return a + share.reshape(*share.shape, *[1] * (a.ndim - share.ndim)) * (b - a)

    return Angles(
        flexion=between("flexion", fingers), spread=between("spread", fingers),
        metacarpal=between("metacarpal", fingers), thumb=between("thumb", thumb),
        thumb_twist=between("thumb_twist", thumb), thumb_flexion=between("thumb_flexion", thumb), wrist=opened.wrist,
    )  # fmt: skip


def _apertures(joints_at, grips: list[str], thickness: np.ndarray, size: np.ndarray) -> np.ndarray:
    """How far digits (n, 5) are closed before they touch: of pinches, until thumb and fingers are an object apart."""
    n = len(grips)
    start = np.zeros((n, 5))
    pinching = np.isin(grips, (PINCH, LATERAL))
    if not pinching.any():
        return start
    wanted = thickness + 2 * PAD * size + 0.004
    gaps = []
    steps = np.linspace(0, 1, 8)
    for share in steps:
        joints = joints_at(np.full((n, 5), share))
        gaps.append(np.linalg.norm(_opposed(joints, grips) - joints[:, 4], axis=1))
    wide = np.array(gaps) >= wanted
    last = np.where(wide.any(0), len(steps) - 1 - wide[::-1].argmax(0), 0)
    start[pinching] = steps[last][pinching, None]
    return start


def _opposed(joints: np.ndarray, grips: list[str]) -> np.ndarray:
    """The points (n, 3) opposite the thumb's tip: index and middle tips, or the side of the index."""
    index = FINGER_JOINTS["index"]
    tips = 0.6 * joints[:, index[3]] + 0.4 * joints[:, FINGER_JOINTS["middle"][3]]
    side = 0.5 * (joints[:, index[1]] + joints[:, index[2]])
    return np.where((np.array(grips) == LATERAL)[:, None], side, tips)


def _frame(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A rotation (3, 3) with the columns `first`, what of `second` is square to it, and their cross product."""
    first = unit(first)
    second = second - (second @ first) * first
    norm = np.linalg.norm(second)
    if norm < 1e-6:
        second = np.cross(first, np.eye(3)[np.abs(first).argmin()])
    second = unit(second)
    return np.stack([first, second, np.cross(first, second)], axis=1)


def _placed(
    rng: np.random.Generator, grip: str, hold: Hold, joints: np.ndarray, size: float
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Object frame -> wrist frame (4, 4), so that the hold lies in the open grip; and the direction (3,) across it."""
    mcps = joints[list(BASE_JOINTS[1:])]
    along = unit(mcps[0] - mcps[3])
    palm = 0.72 * mcps.mean(0) + 0.28 * joints[WRIST] + PALM_SKIN * size * PALMAR
    if grip in (PINCH, LATERAL):
        opposed = _opposed(joints[None], [grip])[0]
        across = unit(opposed - joints[4])
        middle = 0.5 * (opposed + joints[4])
        axis = (
            random_direction(rng) if grip == PINCH else unit(mcps.mean(0) - joints[WRIST]) + 0.3 * random_direction(rng)
        )
    elif grip == HOOK:
        bent = joints[[FINGER_JOINTS[name][k] for name in ("index", "middle", "ring") for k in (1, 2)]].mean(0)
        across = unit(0.5 * unit(bent - mcps.mean(0)) - 0.3 * PALMAR)
        middle = bent + (0.012 * size + hold.thickness / 2) * PALMAR
        axis = along + 0.15 * random_direction(rng)
    else:
        across = unit(PALMAR + 0.12 * random_direction(rng))
        forward = rng.uniform(0, 0.045) * size if grip in (FLAT_ON_PALM, TWO_HANDS) else rng.uniform(-0.005, 0.012)
        middle = palm + forward * np.array([0, 1.0, 0]) + (hold.thickness / 2 + rng.uniform(0, 0.002)) * across
        axis = along + 0.25 * random_direction(rng) if grip == ENCLOSING else random_direction(rng)
    point, own_across, own_axis = hold.point, hold.across, hold.axis
    if own_axis is None:
        own_axis = random_direction(rng)
    else:
        point = point + rng.uniform(-hold.slide, hold.slide) * own_axis
        if hold.turns:
            own_across = np.cross(own_axis, random_direction(rng))
    rotation = _frame(across, axis * rng.choice([-1, 1])) @ _frame(own_across, own_axis).T
    placement = np.eye(4)
    placement[:3, :3], placement[:3, 3] = rotation, middle - rotation @ point
    return placement, across


def _depths(joints: np.ndarray, to_wrist: np.ndarray, which: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Depths (n, 57) of the flesh along the bones in the objects; negative outside. In the order of `poses.spheres`."""
    centres, radii = spheres(joints)
    return radii * size[:, None] - pool().distances(which, _in_objects(centres, to_wrist))


def _in_objects(points: np.ndarray, to_wrist: np.ndarray) -> np.ndarray:
    """Points (n, k, 3) in the wrist frame -> the objects' frames."""
    return (points - to_wrist[:, None, :3, 3]) @ to_wrist[:, :3, :3]


def _palm_skin(bank: HandBank, shapes: np.ndarray, transforms: np.ndarray) -> np.ndarray:
    """Some vertices (n, `PALM_VERTICES`, 3) of palm and forearm, in the shapes' size."""
    digits = (*THUMB[1:], *sum(FINGERS, ()))
    of_palm = np.flatnonzero((bank.bone_weight * np.isin(bank.bone_index, digits)).sum(1) < 0.3)
    which = of_palm[np.linspace(0, len(of_palm) - 1, PALM_VERTICES).astype(int)]
    points = np.append(bank.vertices[shapes][:, which], np.ones((len(shapes), len(which), 1)), axis=2)
    moved = np.einsum("nvkij,nvj->nvki", transforms[:, bank.bone_index[which]][..., :3, :], points)
    return np.einsum("vk,nvki->nvi", bank.bone_weight[which], moved)


def _used(rng: np.random.Generator, grips: list[str], n: int) -> np.ndarray:
    """How far each digit (n, 5) may close: not all take part in every grip."""
    most = np.ones((n, 5))
    for i, grip in enumerate(grips):
        if grip == PINCH and rng.uniform() < 0.5:
            most[i, rng.integers(2, 4) :] = rng.uniform(0.1, 1)
        if grip == FLAT_ON_PALM:
            most[i] = rng.uniform(0, 0.6)
        if grip == HOOK:
            most[i, 0] = rng.uniform(0, 1)
    return most


def _closed_until_contact(
    joints_at, start: np.ndarray, to_wrist: np.ndarray, which: np.ndarray, size: np.ndarray, most: np.ndarray
) -> np.ndarray:
    """How far each digit (n, 5) closes from `start` until it touches the object, up to `most`."""

    def touches(closing: np.ndarray) -> np.ndarray:
        depths = _depths(joints_at(closing), to_wrist, which, size)[:, :45]
        return depths.reshape(-1, 5, 9).max(2) > CONTACT

    reached, touching = start.copy(), touches(start)
    opening = touching.copy()  # a digit that starts in the object opens until it is out of it
    for _ in range(OPENING_STEPS):
        if not opening.any():
            break
        reached = np.where(opening, reached - OPENING, reached)
        opening &= touches(reached)
    free, step = ~touching, np.maximum(most - start, 0) / STEPS
    for _ in range(STEPS):
        trial = np.where(free, reached + step, reached)
        free &= ~touches(trial)
        reached = np.where(free, trial, reached)
    stopped = ~free & ~opening & (step > 0)
    step = np.where(touching, OPENING, step)
    for _ in range(REFINEMENTS):
        step = step / 2
        trial = np.where(stopped, reached + step, reached)
        reached = np.where(stopped & ~touches(trial), trial, reached)
    return reached


def _reflection(to_wrist: np.ndarray, point: np.ndarray, across: np.ndarray) -> np.ndarray:
    """The reflection (4, 4) that gives the second hand: at the plane square to `across` (3,), wrist frame, through
    `point` (3,), object frame."""
    through = to_wrist[:3, :3] @ point + to_wrist[:3, 3]
    reflection = np.eye(4)
    reflection[:3, :3] -= 2 * np.outer(across, across)
    reflection[:3, 3] = 2 * (across @ through) * across
    return reflection
