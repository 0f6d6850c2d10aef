"""Hand poses: anatomical limits with coupled joints, a library of named poses, and interpolation between them."""

import numpy as np

from fingerpose_ros.perception.anatomy import CUPPING, DIP_PER_PIP, FLEXION_LIMITS, THUMB_FLEXION_LIMITS, THUMB_LIMITS

from .hands import ADULT_LENGTH, Angles, HandBank

# Degrees. Index to little: (MCP, PIP); the spread of each; thumb: radial, palmar, MCP, IP. Spread is positive towards
# the little finger, so a hand opens with (-, 0, +, +). People's fingers part by 17, 14 and 32 degrees at most (means;
# Chatzioglou et al., Anat Cell Biol 2024). Bent fingers converge on the thumb's base.
CLOSED, OPEN_SPREAD = (-2, 0, 2, 7), (-15, 0, 13, 30)
LIBRARY = {
    "flat": ([(0, 3)] * 4, CLOSED, (35, 15, 5, 0)),
    "open": ([(-5, 3)] * 4, OPEN_SPREAD, (60, 20, 0, -5)),
    "wide": ([(-12, 5)] * 4, (-20, -1, 15, 45), (80, 10, -5, -12)),
    "relaxed": ([(18, 25), (24, 30), (28, 32), (30, 30)], (-5, 0, 4, 8), (35, 30, 12, 15)),
    "fist": ([(84, 104), (88, 107), (90, 107), (88, 103)], (4, -1, -7, -13), (50, 63, 45, 74)),
    "loose_fist": ([(60, 80), (65, 85), (66, 85), (66, 80)], (2, -1, 2, -9), (46, 49, 34, 51)),
    "thumbs_up": ([(80, 103), (84, 106), (86, 105), (84, 101)], (4, -1, -7, -13), (65, 0, -5, -10)),
    "point": ([(0, 4), (78, 101), (82, 104), (82, 99)], (-3, -1, -6, -12), (39, 57, 42, 58)),
    "gun": ([(0, 4), (78, 101), (82, 104), (82, 99)], (-3, -1, -6, -12), (70, 5, 0, -5)),
    "two": ([(0, 4), (0, 4), (80, 104), (80, 99)], (-10, 6, -5, -11), (21, 37, 50, 62)),
    "three": ([(0, 4), (0, 4), (0, 6), (80, 98)], (-10, 0, 10, -8), (9, 49, 51, 69)),
    "four": ([(0, 4), (0, 4), (0, 6), (0, 6)], (-10, -2, 8, 20), (8, 50, 48, 45)),
    "shaka": ([(80, 103), (84, 106), (82, 104), (0, 8)], (0, 0, 0, 22), (70, 5, 0, -10)),
    "horns": ([(0, 4), (80, 105), (82, 104), (0, 8)], (-8, 0, 0, 18), (42, 59, 41, 68)),
    "ok": ([(45, 50), (15, 15), (8, 10), (0, 8)], (-5, 0, 8, 18), (29, 64, 32, 22)),
    "pinch_index": ([(40, 51), (40, 40), (42, 42), (42, 40)], (-2, 0, 2, 4), (17, 62, 27, 17)),
    "pinch_closed": ([(46, 53), (68, 75), (74, 85), (76, 85)], (-2, 0, 9, 0), (44, 61, 44, 22)),
    "pinch_middle": ([(20, 15), (41, 66), (35, 30), (30, 25)], (-6, 0, 5, 10), (15, 66, 33, 26)),
    "pinch_ring": ([(12, 12), (18, 15), (36, 76), (30, 25)], (-6, 0, 2, 8), (9, 66, 55, 29)),
    "pinch_little": ([(8, 10), (12, 12), (25, 20), (35, 68)], (-6, 0, 4, -4), (6, 65, 57, 33)),
    "tripod": ([(48, 47), (56, 46), (62, 66), (64, 70)], (0, 0, 0, 0), (21, 66, 29, 20)),
    "five_pinch": ([(52, 40), (54, 42), (56, 42), (58, 40)], (2, 0, -4, -8), (18, 66, 40, 23)),
    "key": ([(60, 65), (66, 76), (70, 80), (70, 80)], (2, 0, 5, -4), (43, 29, 35, 63)),
    "hook": ([(8, 95), (8, 100), (8, 100), (8, 95)], CLOSED, (35, 25, 10, 15)),
    "claw": ([(-15, 75), (-15, 75), (-15, 75), (-15, 70)], (-10, 0, 8, 18), (55, 25, 5, 45)),
    "flat_bent": ([(80, 8), (80, 8), (80, 8), (78, 8)], CLOSED, (35, 35, 10, 5)),
    "grasp_thin": ([(62, 78), (66, 82), (68, 82), (68, 78)], (-2, 0, 13, 7), (51, 63, 33, 39)),
    "grasp_cup": ([(38, 50), (42, 52), (44, 52), (46, 50)], (-6, 0, 4, 8), (38, 52, 12, 15)),
    "grasp_wide": ([(22, 36), (26, 38), (28, 38), (30, 36)], (-12, 0, 8, 18), (52, 45, 5, 10)),
    "grasp_ball": ([(35, 35), (38, 35), (38, 36), (38, 36)], (-14, 0, 12, 24), (48, 50, 8, 12)),
    "grasp_plate": ([(55, 10), (55, 10), (55, 10), (55, 10)], CLOSED, (35, 55, 5, 5)),
    "grasp_large": ([(15, 28), (16, 30), (18, 30), (18, 28)], (-10, 0, 6, 14), (58, 40, 0, 5)),
    "grasp_disk": ([(15, 55), (18, 58), (18, 58), (15, 52)], (-16, 0, 14, 28), (60, 40, 5, 25)),
    "grasp_prismatic": ([(50, 28), (52, 30), (54, 30), (54, 30)], (0, 0, 0, 0), (22, 62, 25, 15)),
    "grasp_pinch": ([(45, 35), (25, 30), (28, 32), (28, 30)], (0, 0, 3, 8), (20, 62, 25, 15)),
    "grasp_pointing": ([(25, 12), (66, 82), (70, 84), (70, 80)], (-3, 0, 8, 4), (50, 50, 25, 25)),
    "handle": ([(70, 85), (72, 88), (74, 88), (76, 85)], (0, 0, 8, -2), (70, 59, 41, 55)),
    "mouse": ([(20, 22), (18, 24), (24, 28), (26, 28)], (-8, -2, 5, 10), (48, 28, 5, 10)),
}  # fmt: skip
PINCHES = {
    "ok": 0,
    "pinch_index": 0,
    "pinch_closed": 0,
    "pinch_middle": 1,
    "pinch_ring": 2,
    "pinch_little": 3,
    "tripod": 0,
}
"""Poses in which the thumb's tip should meet that finger's."""

GRASPS = tuple(name for name in LIBRARY if name.startswith("grasp") or name in ("handle", "tripod", "five_pinch"))
"""The wraps, pinches, disks, spheres and index finger extension of the GRASP taxonomy (Feix et al., IEEE THMS 2016)."""

REACHING = 0.5
"""Fraction of holding hands whose pose lies between two grasps, or between a grasp and an open hand."""

OPENED = ("flat", "open", "wide", "relaxed", "mouse", "flat_bent", "claw", "grasp_wide", "grasp_ball")
FOLDED = (*["fist"] * 3, "loose_fist", "thumbs_up", "handle", "key", *["hook"] * 2, "grasp_thin", "point")
"""Poses between which a hand opens and closes."""

FREE, CLOSING = 0.28, 0.35
"""Fractions of hands without object or table: with any pose within the limits, and with a pose from open to closed,
mostly closed. The library alone has few poses that bend every finger as far as a fist does."""

LAGGING, BEHIND = 0.5, (0.3, 1)
"""Fraction of closing hands whose MCPs lag behind their PIPs, and the MCPs' progress relative to the PIPs'. The deep
flexor alone bends PIPs by 42 degrees and MCPs, later, by 20 (Nimbarte et al., J. Orthop. Surg. Res. 3, 2008)."""

SUPPLE = (0.95, 1.14)
"""Range of people's PIP and DIP flexion relative to the library's. Normal PIPs of a full fist are 100 (American Medical
Association) to 120 degrees (American Society for Surgery of the Hand)."""

RESTING = ("flat", "open", "wide", "relaxed", "mouse", "flat", "relaxed")
"""Poses of hands that rest on a surface."""

_CANDIDATES = 6
_TOLERANCE = 0.003
"""Tolerated penetration of flesh into flesh, metres."""

# Spheres along the bones approximate the flesh in the collision test: three per phalanx, three per metacarpal.
_STEPS = np.array([0.25, 0.6, 0.95])
_BONE_RADII = np.array([(0.0105, 0.0095, 0.0085), *[(0.009, 0.008, 0.007)] * 3, (0.0078, 0.007, 0.0062)])
_PALM_RADIUS = 0.008


def named(names: list[str]) -> Angles:
    """The library's poses `names`, exactly."""
    entries = [LIBRARY[name] for name in names]
    bends = np.radians([entry[0] for entry in entries])
    thumb = np.radians([entry[2] for entry in entries])
    n = len(names)
    return Angles(
        flexion=np.concatenate([bends, DIP_PER_PIP * bends[..., 1:]], axis=2),
        spread=np.radians([entry[1] for entry in entries]),
        metacarpal=np.clip(bends[..., 0], 0, None) * CUPPING,
        thumb=thumb[:, :2],
        thumb_twist=np.zeros(n),
        thumb_flexion=thumb[:, 2:],
        wrist=np.zeros((n, 3)),
    )


def _anatomical(rng: np.random.Generator, n: int) -> Angles:
    """Random poses within the limits. Neighbouring fingers tend to bend together, with less spread the more they
    bend."""
    together = rng.uniform(0, 1, (n, 1)) < 0.6
    share = np.where(together, rng.beta(0.8, 0.8, (n, 1)) + rng.normal(0, 0.12, (n, 4)), rng.beta(0.7, 0.7, (n, 4)))
    pip_share = np.clip(np.where(rng.uniform(0, 1, (n, 1)) < 0.6, share, rng.beta(0.7, 0.7, (n, 4))), 0, 1)
    low, high = np.radians(FLEXION_LIMITS).T
    mcp = low[0] + (high[0] - low[0]) * np.clip(share + rng.normal(0, 0.1, (n, 4)), 0, 1)
    pip = high[1] * np.clip(pip_share + rng.normal(0, 0.06, (n, 4)), 0, 1)
    dip = DIP_PER_PIP * pip + np.radians(rng.normal(0, 5, (n, 4)))
    fan = np.radians([-17, -1, 13, 38]) * rng.uniform(-0.15, 1.2, (n, 1)) + np.radians(rng.normal(0, 4, (n, 4)))
    converged = np.radians([3, -1, -6, -11]) * np.clip(mcp / np.radians(80), 0, 1)
    return Angles(
        flexion=np.stack([mcp, pip, dip], axis=2),
        spread=fan * np.clip(1.1 - mcp / np.radians(80), 0.1, 1) + converged,
        metacarpal=np.clip(mcp, 0, None) * CUPPING,
        thumb=np.radians(np.stack([rng.uniform(0, 90, n), rng.uniform(-5, 65, n)], axis=1)),
        thumb_twist=np.radians(rng.normal(0, 8, n)),
        thumb_flexion=np.radians(np.stack([rng.uniform(-10, 58, n), rng.uniform(-15, 80, n)], axis=1)),
        wrist=np.zeros((n, 3)),
    )


def jitter(rng: np.random.Generator, angles: Angles, degrees: np.ndarray) -> Angles:
    """Add normal noise of `degrees` (n,) to finger and thumb angles, and sample wrist angles, within the limits."""
    scale = np.radians(degrees)
    n = len(scale)
    flexion = angles.flexion + rng.normal(0, 1, (n, 4, 3)) * scale[:, None, None] * (1.0, 1.2, 0.7)
    low, high = np.radians(FLEXION_LIMITS).T
    wrist = rng.normal(0, 1, (n, 3)) * np.radians((32, 10, 30))
    return Angles(
        flexion=np.clip(flexion, low, high),
        spread=angles.spread + rng.normal(0, 0.5, (n, 4)) * scale[:, None],
        metacarpal=angles.metacarpal,
        thumb=np.clip(angles.thumb + rng.normal(0, 1, (n, 2)) * scale[:, None], *np.radians(THUMB_LIMITS).T),
        thumb_twist=angles.thumb_twist + rng.normal(0, 0.8, n) * scale,
        thumb_flexion=np.clip(
            angles.thumb_flexion + rng.normal(0, 1, (n, 2)) * scale[:, None], *np.radians(THUMB_FLEXION_LIMITS).T
        ),
        wrist=np.clip(wrist, *np.radians([(-75, -25, -70), (75, 25, 70)])),
    )


def spheres(joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centres (n, 45 + 12, 3) of the spheres along the phalanges and in the palm, and their radii on an adult hand."""
    start, end = joints[:, 1:].reshape(-1, 5, 4, 3)[:, :, :3], joints[:, 1:].reshape(-1, 5, 4, 3)[:, :, 1:]
    bones = start[..., None, :] + _STEPS[:, None] * (end - start)[..., None, :]
    wrist, knuckles = joints[:, None, None, 0], joints[:, 5::4, None]
    palm = wrist + np.array([0.35, 0.65, 0.95])[:, None] * (knuckles - wrist)
    centres = np.concatenate([bones.reshape(-1, 45, 3), palm.reshape(-1, 12, 3)], axis=1)
    return centres, np.concatenate([np.repeat(_BONE_RADII.reshape(-1), 3), np.full(12, _PALM_RADIUS)])


def _may_touch() -> np.ndarray:
    """Pairs of spheres (57, 57) that must not collide: of different fingers, and of outer phalanges and the palm."""
    owner = np.concatenate([np.repeat(np.arange(5), 9), np.full(12, 5)])
    outer = np.concatenate([np.tile(np.repeat([0, 1, 1], 3), 5), np.ones(12)]).astype(bool)
    apart = owner[:, None] != owner[None]
    palm = owner == 5
    return np.triu(apart & (~(palm[:, None] | palm[None]) | (outer[:, None] & outer[None])))


_ROWS, _COLUMNS = np.nonzero(_may_touch())


def penetration(joints: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Penetration of fingers into each other or the palm, metres (n,). `scale` (n,) is the size relative to an
    adult's."""
    centres, radii = spheres(joints)
    gap = np.linalg.norm(centres[:, _ROWS] - centres[:, _COLUMNS], axis=2)
    depth = (radii[_ROWS] + radii[_COLUMNS]) * scale[:, None] - gap
    return np.maximum(depth.max(axis=1), 0)


def each(values: np.ndarray) -> np.ndarray:
    """`values` (n,) repeated for each candidate of a hand, (n * _CANDIDATES,)."""
    return np.repeat(values, _CANDIDATES)


def collision_cost(bank: HandBank, shapes: np.ndarray, angles: Angles) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Penetration above the tolerance, metres on an adult hand (n,); joints (n, 21, 3); size relative to an adult's
    (n,)."""
    _, joints = bank.pose(shapes, angles)
    scale = bank.length[shapes] / ADULT_LENGTH
    return np.maximum(penetration(joints, scale) / scale - _TOLERANCE, 0), joints, scale


def best_candidates(angles: Angles, cost: np.ndarray) -> Angles:
    """The candidate with the least `cost` (n * _CANDIDATES,) of each of n hands."""
    best = cost.reshape(-1, _CANDIDATES).argmin(axis=1)
    return angles[best + np.arange(len(best)) * _CANDIDATES]


def sample(
    rng: np.random.Generator, bank: HandBank, shapes: np.ndarray, grasping=np.False_, resting=np.False_
) -> Angles:
    """Sample poses for hands `shapes` (n,) of `bank`: `grasping` (n,) ones hold an object, `resting` ones lie on a
    table.

    A few candidates are sampled for each hand. The one with the least penetration is kept; of pinches, the one that
    closes best.
    """
    n = len(shapes) * _CANDIDATES
    hold, lie = (each(np.broadcast_to(flag, len(shapes))) for flag in (grasping, resting))
    kind = each(rng.uniform(0, 1, len(shapes)))
    free, closing = (kind < FREE) & ~hold & ~lie, (kind > 1 - CLOSING) & ~hold & ~lie
    # A hand's candidates share a pose of the library, and differ in its variation.
    some = [each(rng.choice(names, len(shapes))) for names in (GRASPS, RESTING, OPENED, list(LIBRARY))]
    first = np.select([hold, lie, closing], some[:3], some[3])
    others = [each(rng.choice((*GRASPS, *OPENED), len(shapes))), each(rng.choice(FOLDED, len(shapes)))]
    last = np.select([hold, closing], others, rng.choice(list(LIBRARY), n))
    between = each(rng.uniform(0, 1, len(shapes))) < np.where(hold, REACHING, 0.35)
    between = between * rng.uniform(0, 1, n)
    between = np.where(closing, each(rng.beta(0.8, 0.35, len(shapes))), between)
    angles = Angles.mix(named(list(first)), named(list(last)), between)
    lagging = closing & each(rng.uniform(0, 1, len(shapes)) < LAGGING)
    angles.flexion[lagging, :, 0] *= each(rng.uniform(*BEHIND, len(shapes)))[lagging, None]
    angles.flexion[..., 1:] *= each(rng.uniform(*SUPPLE, len(shapes)))[:, None, None]
    share = free * np.where(rng.uniform(0, 1, n) < 0.7, 1.0, rng.uniform(0, 1, n))
    angles = Angles.mix(angles, _anatomical(rng, n), share)
    angles = jitter(rng, angles, np.where(free, 2.0, rng.uniform(3, 11, n)))
    # A resting hand is bent back at the wrist, as the arm is above the table. Some rest on their back.
    back = np.where(each(rng.uniform(0, 1, len(shapes)) < 0.9), -1, 1)
    angles.wrist[lie, 0] = (back * np.radians(12 + np.abs(rng.normal(0, 16, n))))[lie]

    cost, joints, scale = collision_cost(bank, each(shapes), angles)
    pinch = np.array([PINCHES.get(name, -1) for name in first])
    tips = np.take_along_axis(joints[:, 8::4], np.maximum(pinch, 0)[:, None, None], axis=1)[:, 0]
    open_pinch = np.abs(np.linalg.norm(tips - joints[:, 4], axis=1) / scale - 0.014)
    cost += np.where((pinch >= 0) & (between == 0) & ~free, open_pinch * 0.5, 0)
    return best_candidates(angles, cost)
