"""From the positions of a hand's 21 joints to where the hand is, how its joints stand, and how far they are bent.

Conventions. A joint's frame has x along the bone that starts at it, z dorsal and y = z x x, the axis it flexes about:
a positive turn about y takes the finger towards the palm, on either hand. The palm's frame is the wrist's: x to the
middle finger's knuckle, z out of the back of the hand.

A base joint (a finger's MCP, the thumb's CMC) is a saddle: it first turns by the abduction about the palm's z, then by
the flexion about the y which that turned. The hinges beyond bend about the axis they show when bent; on a straight
finger, where that axis would be noise, it is the one of the joint before. So the thumb's CMC is measured and oriented
against the palm like any finger's base: its flexion takes the thumb out of the palm's plane, its abduction away from
the index finger within it.
"""

from typing import Any

import numpy as np

from .hand import LEFT, RIGHT, Finger
from .skeleton import FINGER_JOINTS, FINGERS, JOINTS, TIPS, WRIST

_CHAINS = np.array([FINGER_JOINTS[finger] for finger in FINGERS])
_INDEX, _MIDDLE, _LITTLE = (JOINTS.index(f"{finger}_mcp") for finger in ("index", "middle", "little"))
PALM = [WRIST, *(JOINTS.index(f"{finger}_mcp") for finger in ("index", "middle", "ring", "little"))]

_THUMB_ROLL = np.radians(60.0)
"""How far a straight thumb's hinges are rolled about its bone from its base's axis: the thumb faces the fingers."""

_AWAY = np.array([1, 1, 1, -1, -1])
"""Which way abduction is positive, by finger: towards the thumb's side or, for ring and little finger, away from it."""

_FULL_CURL = np.radians([[0, 50, 80], *[[92, 112, 69]] * 4])
"""The flexions (5, 3) of fully bent fingers. The thumb's CMC has no part in its curl: it swings, it does not curl."""


def hand_centre(positions: np.ndarray) -> np.ndarray:
    """Positions (..., 21, 3) -> the centre (..., 3) of the cube that a crop puts around the hand: the joints' mean.

    Joints that are not known (NaN) are left out; a hand without any known joint has no centre (NaN).
    """
    known = np.isfinite(positions).all(axis=-1, keepdims=True)
    count = known.sum(axis=-2)
    total = np.where(known, positions, 0).sum(axis=-2)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def palm_position(positions: np.ndarray) -> np.ndarray:
    """Positions (..., 21, 3) -> the mean (..., 3) of wrist and four finger knuckles; NaN if one is not known."""
    return positions[..., PALM, :].mean(axis=-2)


def hand_direction(positions: np.ndarray) -> np.ndarray:
    """Positions (..., 21, 3) -> from the wrist to the four fingers' knuckles (..., 3), not of unit length."""
    return positions[..., PALM[1:], :].mean(axis=-2) - positions[..., WRIST, :]


def joint_frames(positions: np.ndarray, handedness: str) -> np.ndarray:
    """Positions (..., 21, 3) of "right" or "left" hands -> rotations (..., 21, 3, 3), columns x, y, z of each joint.

    A tip takes the frame of the joint before it. NaN where a position that is needed is NaN, or a bone has no length.

    Raises:
        ValueError: the handedness is neither.
    """
    palm, bones = _palm_frame(positions, handedness), _bones(positions)
    seen = bones @ palm[..., None, :, :]
    axes = _hinge_axes(seen, _ahead(seen), _side(handedness))
    y = _unit(axes - _dot(axes, seen) * seen)
    fingers = palm[..., None, None, :, :] @ np.stack([seen, y, _cross(seen, y)], axis=-1)
    frames = np.empty((*positions.shape, 3))
    frames[..., WRIST, :, :] = palm
    frames[..., _CHAINS[:, :3], :, :] = fingers
    frames[..., TIPS, :, :] = fingers[..., 2, :, :]
    return frames


def joint_angles(positions: np.ndarray, handedness: str) -> tuple[np.ndarray, np.ndarray]:
    """Positions (..., 21, 3) -> flexion (..., 5, 3) of the hinges, base to tip, and abduction (..., 5); radians.

    Flexion is zero when straight and positive towards the palm. Abduction is zero in the plane of the middle finger's
    metacarpal and the palm's z, and positive away from it (for the middle finger itself, towards the index finger).
    NaN where a position that is needed is NaN, or a bone has no length.

    Raises:
        ValueError: the handedness is neither "right" nor "left".
    """
    palm, bones = _palm_frame(positions, handedness), _bones(positions)
    seen, side = bones @ palm[..., None, :, :], _side(handedness)
    ahead = _ahead(seen)
    base = np.arctan2(-seen[..., 0, 2], (ahead * seen[..., 0, :2]).sum(axis=-1))
    abduction = np.where(np.isfinite(base), side * _AWAY * np.arctan2(ahead[..., 1], ahead[..., 0]), np.nan)
    axes = _hinge_axes(seen, ahead, side)
    # The angle between two bones is the hinge's, whatever the axis; only its sign needs one. But of a nearly straight
    # finger's angle most is noise in any direction: there only the part about the axis counts.
    bend = _cross(seen[..., :-1, :], seen[..., 1:, :])
    size = _length(bend)
    angle = np.arctan2(size, _dot(seen[..., :-1, :], seen[..., 1:, :]))
    about = _dot(bend, axes[..., 1:, :]) / np.maximum(size, 1e-12)
    sure = _ramp(angle, np.radians(10), np.radians(25))
    hinges = angle * ((1 - sure) * about + sure * np.where(about < 0, -1, 1))
    return np.concatenate([base[..., None], hinges[..., 0]], axis=-1), abduction


def known_parts(positions: np.ndarray, valid: np.ndarray, handedness: str) -> dict[str, Any]:
    """What is known of a hand of which some joints are not: fields of `Hand`.

    Args:
        positions: (21, 3) of all joints, as well as they can be told; NaN where not at all.
        valid: (21,) bool, which of them are known.
    """
    known = np.where(valid[:, None], positions, np.nan)
    frames = joint_frames(known, handedness)
    oriented = np.isfinite(frames).all(axis=(1, 2))  # an axis alone is no orientation
    rotations = np.where(oriented[:, None, None], frames, np.nan)
    return {
        "positions": known,
        "rotations": rotations,
        "valid": valid,
        "palm_position": palm_position(known),
        "fingers": finger_states(positions, valid, handedness),
    }


def finger_states(positions: np.ndarray, valid: np.ndarray, handedness: str) -> dict[str, Finger]:
    """The angles of the five fingers of one hand, by name, thumb first; arguments as of `known_parts`.

    A hinge's angle is known if the bones that meet there are, a base's if its bone and the palm are. Where the palm is
    not known, which way a hinge bends, though not how far, is told by where the palm may be.
    """
    known = np.where(valid[:, None], positions, np.nan)
    (flexion, supposed), (abduction, _) = joint_angles(np.stack([known, positions]), handedness)
    bones = _known_bones(valid)
    supposed[:, 0], supposed[:, 1:][~(bones[:, 1:] & bones[:, :-1])] = np.nan, np.nan
    flexion = np.where(np.isfinite(flexion), flexion, supposed)
    curl = np.clip(np.where(_FULL_CURL > 0, flexion, 0).sum(axis=-1) / _FULL_CURL.sum(axis=-1), 0, 1)
    distance = _length(known[TIPS, :] - known[TIPS[0]])[:, 0]
    return {
        name: Finger(flexion[i], float(abduction[i]), float(curl[i]), float(distance[i]))
        for i, name in enumerate(FINGERS)
    }


def _known_bones(valid: np.ndarray) -> np.ndarray:
    """Which bones (5, 3) of the fingers are known: those with both ends."""
    chains = valid[_CHAINS]
    return chains[:, 1:] & chains[:, :-1]


def _side(handedness: str) -> float:
    """+1 where the palm's y points to the thumb's side (a right hand), -1 where it points away from it."""
    if handedness not in (RIGHT, LEFT):
        raise ValueError(f"handedness {handedness!r} is neither {RIGHT!r} nor {LEFT!r}")
    return 1.0 if handedness == RIGHT else -1.0


def _palm_frame(positions: np.ndarray, handedness: str) -> np.ndarray:
    """The rotation (..., 3, 3) of the palm."""
    x = _unit(positions[..., _MIDDLE, :] - positions[..., WRIST, :])
    across = _side(handedness) * (positions[..., _INDEX, :] - positions[..., _LITTLE, :])
    z = _unit(_cross(x, across))
    return np.stack([x, _cross(z, x), z], axis=-1)


def _bones(positions: np.ndarray) -> np.ndarray:
    """Unit vectors (..., 5, 3, 3) along the three bones of each finger."""
    chains = positions[..., _CHAINS, :]
    return _unit(chains[..., 1:, :] - chains[..., :-1, :])


def _ahead(bones: np.ndarray) -> np.ndarray:
    """Bones (..., 5, 3, 3) in the palm's frame -> where a finger's base points, seen from above the palm (..., 5, 2).

    A finger that stands straight up or down shows no direction from there. Then the plane in which it is bent tells
    it, or the palm's own x if the finger is straight too, or not known. A finger cannot point backwards: that one is
    bent over.
    """
    shown = np.nan_to_num(bones[..., 0, :2])
    shown = np.where(shown[..., :1] < 0, -shown, shown)
    bend = _cross(bones[..., 0, :], bones[..., 1, :])
    plane = np.stack([bend[..., 1], -bend[..., 0]], axis=-1)
    plane = np.where(plane[..., :1] < 0, -plane, plane)
    plane[..., 0, :] = 0  # the thumb does not bend about its base's axis
    plane = np.nan_to_num(plane)  # a finger's base does not need the joints beyond its bone
    size = _length(plane)
    bent = _ramp(size, np.sin(np.radians(10)), np.sin(np.radians(25)))
    standing = bent * plane / np.maximum(size, 1e-12) + (1 - bent) * (1.0, 0.0)
    size = _length(shown)
    lying = _ramp(size, np.sin(np.radians(10)), np.sin(np.radians(30)))
    return _unit(lying * shown / np.maximum(size, 1e-12) + (1 - lying) * standing)


def _hinge_axes(bones: np.ndarray, ahead: np.ndarray, side: float) -> np.ndarray:
    """The axes (..., 5, 3, 3) that each finger's joints flex about; everything in the palm's frame.

    Bones that are not known (NaN) show no axis: then it is the one of the joint before.
    """
    base = np.stack([-ahead[..., 1], ahead[..., 0], np.zeros_like(ahead[..., 0])], axis=-1)
    axis = base.copy()
    thumb = bones[..., 0, :, :]
    along = np.where(np.isfinite(thumb[..., :1, :]), thumb[..., :1, :], thumb[..., 1:2, :])
    along = np.where(np.isfinite(along), along, thumb[..., 2:, :])[..., 0, :]
    across = _cross(along, base[..., 0, :])
    axis[..., 0, :] = np.cos(_THUMB_ROLL) * base[..., 0, :] - side * np.sin(_THUMB_ROLL) * across
    bends = _cross(bones[..., :-1, :], bones[..., 1:, :])
    bends = np.nan_to_num(bends)
    sizes = _length(bends)
    shown = bends / np.maximum(sizes, 1e-12)
    weights = _ramp(sizes, np.sin(np.radians(30)), np.sin(np.radians(60)))
    axes = [base]
    for i in (0, 1):
        sign = np.where(_dot(shown[..., i, :], axis) < 0, -1, 1)
        axis = _unit((1 - weights[..., i, :]) * axis + weights[..., i, :] * sign * shown[..., i, :])
        axes.append(axis)
    return np.stack(axes, axis=-2)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=-1, keepdims=True)


_CROSS = np.zeros((9, 3))
for _i, _j, _k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
    _CROSS[3 * _i + _j, _k], _CROSS[3 * _j + _i, _k] = 1, -1


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`np.cross`, which takes four times as long on arrays as small as these."""
    products = a[..., :, None] * b[..., None, :]
    return products.reshape(*products.shape[:-2], 9) @ _CROSS


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(_dot(vectors, vectors))


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., n) at length one; NaN where they have none."""
    length = _length(vectors)
    return vectors / np.where(length > 1e-9, length, np.nan)


def _ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high`, smooth between."""
    t = np.minimum(np.maximum((value - low) / (high - low), 0), 1)
    return t * t * (3 - 2 * t)
