"""Arms of a posed body: placement of the torso so that the wrists are in reach, and two-bone inverse kinematics.

Arm coordinates are lateral (away from the midline), back and up. They are right-handed for a left arm and mirrored for
a right arm, so both arms have the same angles. All functions take n candidates at once.
"""

from typing import NamedTuple

import numpy as np

MAX_FLEXION = np.radians(145.0)
"""Largest flexion of the elbow."""

ROTATION = np.radians((-70.0, 100.0))
"""Range of the humerus' rotation, internal positive. At 0 the forearm bends forward from a hanging upper arm."""

EXTENSION, ADDUCTION = np.sin(np.radians((45.0, 35.0)))
"""Sines of the largest angles of an upper arm backwards and across the midline."""

ELEVATION = np.radians(150.0)
"""Largest angle of an upper arm from hanging."""

CLAVICLE_UP, CLAVICLE_FORWARD = np.radians(28.0), np.radians(14.0)
"""Largest elevation and protraction of the shoulder girdle."""

DOWN, FORWARD = np.array([0, 0, -1.0]), np.array([0, -1.0, 0])


class ArmPose(NamedTuple):
    """n poses of one arm. `wrist` is the requested one where it is reached."""

    shoulder: np.ndarray
    elbow: np.ndarray
    wrist: np.ndarray


class Angles(NamedTuple):
    """Angles of n arms, radians.

    Attributes:
        elevation: of the upper arm from hanging.
        azimuth: direction of the elevation: 0 forward, pi / 2 lateral.
        rotation: of the humerus, internal positive.
        flexion: of the elbow.
    """

    elevation: np.ndarray
    azimuth: np.ndarray
    rotation: np.ndarray
    flexion: np.ndarray


def neutral(upper: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Directions (n, 3) in which a forearm bends at rotation 0 and 90 degrees from upper arms `upper` (n, 3).

    The neutral direction is forward, carried along by the shortest rotation from hanging to `upper`.
    """
    axis = cross(DOWN, upper)
    across = cross(axis, FORWARD)
    factor = 1 / np.maximum(1 + upper @ DOWN, 0.05)
    forward = FORWARD + across + cross(axis, across) * factor[:, None]
    forward = unit(forward - dot(forward, upper)[:, None] * upper)
    return forward, cross(upper, forward)


def directions(angles: Angles) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors (n, 3) along upper arm and forearm, towards the hand, in arm coordinates."""
    sine = np.sin(angles.elevation)
    upper = np.stack(
        [sine * np.sin(angles.azimuth), -sine * np.cos(angles.azimuth), -np.cos(angles.elevation)], axis=-1
    )
    forward, inward = neutral(upper)
    bend = np.cos(angles.rotation)[:, None] * forward + np.sin(angles.rotation)[:, None] * inward
    flexion = angles.flexion[:, None]
    return upper, np.cos(flexion) * upper + np.sin(flexion) * bend


def angles_of(upper: np.ndarray, forearm: np.ndarray) -> Angles:
    """Angles of arms with these directions (n, 3) in arm coordinates: the inverse of `directions`."""
    forward, inward = neutral(upper)
    return Angles(
        np.arccos(np.clip(-upper[:, 2], -1, 1)),
        np.arctan2(upper[:, 0], -upper[:, 1]),
        np.arctan2(dot(forearm, inward), dot(forearm, forward)),
        np.arccos(np.clip(dot(upper, forearm), -1, 1)),
    )


def shoulder_girdle(upper: np.ndarray) -> np.ndarray:
    """Rotation (n, 3, 3) of the shoulder girdle, arm coordinates, with upper arms `upper` (n, 3)."""
    raised = np.arccos(np.clip(-upper[:, 2], -1, 1)) - np.radians(30)
    up = np.clip(0.35 * raised, 0, CLAVICLE_UP)
    forward = np.clip(-0.3 * upper[:, 1], -0.5 * CLAVICLE_FORWARD, CLAVICLE_FORWARD)
    c, s, cf, sf = np.cos(up), np.sin(up), np.cos(forward), np.sin(forward)
    zero = np.zeros_like(c)
    # About back (lateral goes up), then about up (lateral goes forward).
    return np.stack([c * cf, sf, -s * cf, -c * sf, cf, s * sf, s, zero, c], axis=1).reshape(-1, 3, 3)


def solve(shoulder: np.ndarray, wrist: np.ndarray, elbow: np.ndarray, upper: float, forearm: float) -> ArmPose:
    """Two-bone inverse kinematics: the elbow nearest to the desired `elbow` (n, 3).

    Args:
        shoulder: (n, 3).
        wrist: (3,) or (n, 3) to be reached.
        upper, forearm: lengths, metres.

    An arm that is too short is stretched towards the wrist.
    """
    to_wrist = wrist - shoulder
    distance = np.linalg.norm(to_wrist, axis=1, keepdims=True)
    along = to_wrist / np.maximum(distance, 1e-6)
    least = np.sqrt(upper**2 + forearm**2 + 2 * upper * forearm * np.cos(MAX_FLEXION))
    reach = np.clip(distance, least, 0.9995 * (upper + forearm))
    offset = elbow - shoulder
    offset = unit(offset - dot(offset, along)[:, None] * along)
    at = (upper**2 - forearm**2 + reach**2) / (2 * reach)
    return ArmPose(
        shoulder, shoulder + at * along + np.sqrt(np.maximum(upper**2 - at**2, 0)) * offset, shoulder + reach * along
    )


def place_on_circle(first: np.ndarray, second: np.ndarray, radius: float, towards: np.ndarray) -> np.ndarray:
    """Points (n, 3) at the distance `radius` from both `first` and `second` (n, 3).

    Of the circle of such points, those in the direction `towards` (n, 3) from its centre. Where `first` and `second`
    are too far apart, the point half-way.
    """
    across = second - first
    axis = unit(across)
    side = unit(towards - dot(towards, axis)[:, None] * axis)
    return (first + second) / 2 + np.sqrt(np.maximum(radius**2 - dot(across, across) / 4, 0))[:, None] * side


def sample_upper(rng: np.random.Generator, count: int) -> np.ndarray:
    """Random plausible directions (count, 3) of an upper arm, arm coordinates."""
    high = rng.uniform(0, 1, count) < 0.2
    elevation = np.radians(np.where(high, rng.uniform(70, 140, count), rng.uniform(3, 80, count)))
    azimuth = np.radians(rng.uniform(-35, 115, count))
    zeros = np.zeros(count)
    return directions(Angles(elevation, azimuth, zeros, zeros))[0]


def limits_cost(upper: np.ndarray, forearm: np.ndarray) -> np.ndarray:
    """Cost (n,) of arms (arm coordinates): 0 within the joints' limits, about 1 at 8 degrees beyond."""
    angles = angles_of(upper, forearm)
    bent = np.sin(angles.flexion)
    over = np.maximum(angles.rotation - ROTATION[1], ROTATION[0] - angles.rotation).clip(0) * bent
    over = np.maximum(over, (upper[:, 1] - EXTENSION).clip(0))
    over = np.maximum(over, (-upper[:, 0] - ADDUCTION).clip(0))
    over = np.maximum(over, (angles.elevation - ELEVATION).clip(0))
    preferred = 0.3 * (angles.elevation / 1.2) ** 2 + 0.3 * bent * ((angles.rotation - 0.3) / 0.9) ** 2
    return (over / 0.14) ** 2 + preferred


def pronation_cost(pose: ArmPose, thumb: np.ndarray) -> np.ndarray:
    """Cost (n,) of forearms twisted by more than 90 degrees, with the thumb on the side `thumb` (3,) of the wrist.

    Neither pronated nor supinated, the thumb is on the side to which the elbow bends.
    """
    along = unit(pose.wrist - pose.elbow)
    bend = pose.shoulder - pose.elbow
    bend = bend - dot(bend, along)[:, None] * along
    side = thumb - (along @ thumb)[:, None] * along
    cosine = dot(bend, side) / np.maximum(np.linalg.norm(bend, axis=1) * np.linalg.norm(side, axis=1), 1e-6)
    bent = np.linalg.norm(bend, axis=1) / np.maximum(np.linalg.norm(pose.shoulder - pose.elbow, axis=1), 1e-6)
    over = (np.arccos(np.clip(cosine, -1, 1)) - np.radians(90)).clip(0)
    return bent * (over / 0.25) ** 2


def inside_torso(points: np.ndarray, size: float) -> np.ndarray:
    """Depth from 0 (on the surface) to 1 of `points` (..., 3), relative to the chest bone in body axes, in a torso and
    head of a person `size` times as large as an adult."""
    x, y, z = np.moveaxis(points / size, -1, 0)
    trunk = 1 - (x / 0.17) ** 2 - ((y + 0.01) / 0.14) ** 2
    trunk = np.where((z > -0.65) & (z < 0.17), trunk, 0)
    head = 1 - (x**2 + (y + 0.07) ** 2 + ((z - 0.37) / 1.25) ** 2) / 0.12**2
    return np.maximum(np.maximum(trunk, head), 0)


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...i,...i->...", a, b)


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross product (..., 3); faster than NumPy's for few vectors."""
    if a.ndim == b.ndim == 1:
        (a0, a1, a2), (b0, b1, b2) = a.tolist(), b.tolist()
        return np.array([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0])
    out = np.empty(np.broadcast_shapes(a.shape, b.shape))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        np.subtract(a[..., j] * b[..., k], a[..., k] * b[..., j], out=out[..., i])
    return out


def unit(v: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) of length 1."""
    if v.ndim == 1:
        return v / max(float(v @ v) ** 0.5, 1e-9)
    return v / np.maximum(np.sqrt(dot(v, v)), 1e-9)[..., None]
