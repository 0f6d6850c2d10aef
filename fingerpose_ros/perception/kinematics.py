"""Kinematics of the hand: from 21 joint positions to the palm's position, joint frames, flexion and abduction.

Joint frame: x along the bone that starts at the joint, z dorsal, y = z x x. y is the flexion axis. A positive rotation
about y moves the finger towards the palm, on either hand. The palm's frame is the wrist's: x to the middle finger's
MCP, z out of the back of the hand.

Base joints (a finger's MCP, the thumb's CMC) are saddle joints: a rotation by the abduction about the palm's z, then by
the flexion about the rotated y. The thumb's CMC is measured relative to the palm, like any finger's base joint: flexion
moves the thumb out of the palm's plane, abduction moves it away from the index finger within that plane.

The joints beyond are hinges. A bent finger shows their axes: normal to the two bones. On a straight finger these axes
would be noise, so there a hinge takes the axis of the joint before it.
"""

from typing import Any

import numpy as np

from .hand import LEFT, RIGHT, Finger
from .skeleton import FINGER_JOINTS, FINGERS, JOINTS, TIPS, WRIST

_CHAINS = np.array([FINGER_JOINTS[finger] for finger in FINGERS])
_INDEX, _MIDDLE, _LITTLE = (JOINTS.index(f"{finger}_mcp") for finger in ("index", "middle", "little"))
PALM = [WRIST, *(JOINTS.index(f"{finger}_mcp") for finger in ("index", "middle", "ring", "little"))]

_THUMB_ROLL = np.radians(60.0)
"""Roll, about the thumb's bone, from the CMC's flexion axis to the axes of a straight thumb's hinges."""

_AWAY = np.array([1, 1, 1, -1, -1])
"""Sign of the abduction, by finger: positive towards the thumb or, for ring and little finger, away from it."""

_FULL_CURL = np.radians([[0, 50, 80], *[[92, 112, 69]] * 4])
"""The flexions (5, 3) of fully bent fingers. The curl of the thumb excludes its CMC, whose flexion is opposition."""


def hand_centre(positions: np.ndarray) -> np.ndarray:
    """Positions (..., 21, 3) -> the centre (..., 3) of the hand's crop: the mean of all joints.

    Unknown joints (NaN) are left out; NaN if no joint is known.
    """
    known = np.isfinite(positions).all(axis=-1, keepdims=True)
    count = known.sum(axis=-2)
    total = np.where(known, positions, 0).sum(axis=-2)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def palm_position(positions: np.ndarray) -> np.ndarray:
    """Positions (..., 21, 3) -> the mean (..., 3) of the wrist and the four fingers' MCPs; NaN if one is unknown."""
    return positions[..., PALM, :].mean(axis=-2)


def hand_direction(positions: np.ndarray) -> np.ndarray:
    """Positions (..., 21, 3) -> from the wrist to the mean of the four fingers' MCPs (..., 3), not of unit length."""
    return positions[..., PALM[1:], :].mean(axis=-2) - positions[..., WRIST, :]


def joint_frames(positions: np.ndarray, handedness: str) -> np.ndarray:
    """Positions (..., 21, 3) of "right" or "left" hands -> rotations (..., 21, 3, 3), columns x, y, z of each joint.

    A tip takes the frame of the joint before it. NaN where a position that is needed is NaN, or a bone has no length.

    Raises:
        ValueError: the handedness is neither.
    """
    palm, local, _, axes = _directions(positions, handedness)
    return _frames(palm, local, axes)


def _frames(palm: np.ndarray, local: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """`joint_frames` from `_directions`."""
    y = _unit(axes - _dot(axes, local) * local)
    fingers = palm[..., None, None, :, :] @ np.stack([local, y, _cross(local, y)], axis=-1)
    frames = np.empty((*palm.shape[:-2], len(JOINTS), 3, 3))
    frames[..., WRIST, :, :] = palm
    frames[..., _CHAINS[:, :3], :, :] = fingers
    frames[..., TIPS, :, :] = fingers[..., 2, :, :]
    return frames


def joint_angles(positions: np.ndarray, handedness: str) -> tuple[np.ndarray, np.ndarray]:
    """Positions (..., 21, 3) -> flexion (..., 5, 3), base to tip, and abduction (..., 5) of the base; radians.

    Flexion is zero when straight and positive towards the palm. Abduction is zero in the plane of the middle finger's
    metacarpal and the palm's z, and positive away from it (for the middle finger itself, towards the index finger).
    NaN where a position that is needed is NaN, or a bone has no length.

    Raises:
        ValueError: the handedness is neither "right" nor "left".
    """
    _, local, ahead, axes = _directions(positions, handedness)
    return _angles(local, ahead, axes, _handedness_sign(handedness))


def _angles(local: np.ndarray, ahead: np.ndarray, axes: np.ndarray, sign: float) -> tuple[np.ndarray, np.ndarray]:
    """`joint_angles` from `_directions`."""
    base = np.arctan2(-local[..., 0, 2], (ahead * local[..., 0, :2]).sum(axis=-1))
    abduction = np.where(np.isfinite(base), sign * _AWAY * np.arctan2(ahead[..., 1], ahead[..., 0]), np.nan)
    # A bent hinge's flexion is the angle between its bones; the axis gives its sign only. On a nearly straight finger
    # most of this angle is noise, in any direction: there only the component about the axis counts.
    bend = _cross(local[..., :-1, :], local[..., 1:, :])
    size = _length(bend)
    angle = np.arctan2(size, _dot(local[..., :-1, :], local[..., 1:, :]))
    cosine = _dot(bend, axes[..., 1:, :]) / np.maximum(size, 1e-12)
    bent = _ramp(angle, np.radians(10), np.radians(25))
    hinges = angle * ((1 - bent) * cosine + bent * np.where(cosine < 0, -1, 1))
    return np.concatenate([base[..., None], hinges[..., 0]], axis=-1), abduction


def known_parts(positions: np.ndarray, valid: np.ndarray, handedness: str) -> dict[str, Any]:
    """The fields of `Hand` that follow from the positions; NaN for what depends on a joint that is not valid.

    Args:
        positions: (21, 3) best estimates of all joints; NaN without an estimate.
        valid: (21,) bool, which joints are valid.
        handedness: "right" or "left".
    """
    known = np.where(valid[:, None], positions, np.nan)
    palm, local, ahead, axes = _directions(np.stack([known, positions]), handedness)
    frames = _frames(palm[0], local[0], axes[0])
    oriented = np.isfinite(frames).all(axis=(1, 2))  # x alone may be known: that is no orientation
    rotations = np.where(oriented[:, None, None], frames, np.nan)
    return {
        "positions": known,
        "rotations": rotations,
        "valid": valid,
        "palm_position": palm_position(known),
        "fingers": _fingers(known, valid, *_angles(local, ahead, axes, _handedness_sign(handedness))),
    }


def _fingers(known: np.ndarray, valid: np.ndarray, flexions: np.ndarray, abductions: np.ndarray) -> dict[str, Finger]:
    """The angles of the five fingers of one hand, by name, thumb first.

    A hinge's flexion is known if both its bones are valid, a base joint's angles if its bone and the palm are. If the
    palm is not valid, its best estimate gives the sign of a hinge's flexion; the amount does not depend on it.

    Args:
        known: (21, 3) positions of the valid joints, NaN for the others.
        valid: (21,) bool.
        flexions, abductions: (2, 5, 3) and (2, 5), from the known positions, and from the best estimates of all.
    """
    (flexion, with_estimates), abduction = flexions, abductions[0]
    bones = _known_bones(valid)
    with_estimates[:, 0], with_estimates[:, 1:][~(bones[:, 1:] & bones[:, :-1])] = np.nan, np.nan
    flexion = np.where(np.isfinite(flexion), flexion, with_estimates)
    curl = np.clip(np.where(_FULL_CURL > 0, flexion, 0).sum(axis=-1) / _FULL_CURL.sum(axis=-1), 0, 1)
    distance = _length(known[TIPS, :] - known[TIPS[0]])[:, 0]
    return {
        name: Finger(flexion[i], float(abduction[i]), float(curl[i]), float(distance[i]))
        for i, name in enumerate(FINGERS)
    }


def _known_bones(valid: np.ndarray) -> np.ndarray:
    """Which bones (5, 3) of the fingers have two valid ends."""
    chains = valid[_CHAINS]
    return chains[:, 1:] & chains[:, :-1]


def _handedness_sign(handedness: str) -> float:
    """+1 for a right hand, whose palm's y points towards the thumb, -1 for a left hand."""
    if handedness not in (RIGHT, LEFT):
        raise ValueError(f"handedness {handedness!r} is neither {RIGHT!r} nor {LEFT!r}")
    return 1.0 if handedness == RIGHT else -1.0


def _directions(positions: np.ndarray, handedness: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Positions (..., 21, 3) -> palm's frame (..., 3, 3); in it: bones, `_base_directions` and `_flexion_axes`."""
    palm, sign = _palm_frame(positions, handedness), _handedness_sign(handedness)
    local = _bones(positions) @ palm[..., None, :, :]
    ahead = _base_directions(local)
    return palm, local, ahead, _flexion_axes(local, ahead, sign)


def _palm_frame(positions: np.ndarray, handedness: str) -> np.ndarray:
    """The rotation (..., 3, 3) of the palm."""
    x = _unit(positions[..., _MIDDLE, :] - positions[..., WRIST, :])
    across = _handedness_sign(handedness) * (positions[..., _INDEX, :] - positions[..., _LITTLE, :])
    z = _unit(_cross(x, across))
    return np.stack([x, _cross(z, x), z], axis=-1)


def _bones(positions: np.ndarray) -> np.ndarray:
    """Unit vectors (..., 5, 3, 3) along the three bones of each finger."""
    chains = positions[..., _CHAINS, :]
    return _unit(chains[..., 1:, :] - chains[..., :-1, :])


def _base_directions(bones: np.ndarray) -> np.ndarray:
    """Bones (..., 5, 3, 3) in the palm's frame -> unit directions (..., 5, 2) of the first bones in its x-y plane.

    A bone that is nearly normal to that plane has no reliable direction in it. Then the direction is that of the plane
    in which the finger bends or, if the finger is straight or not known, the palm's x. A negative x is mirrored: a
    finger cannot point backwards, but its flexion can exceed 90 degrees.
    """
    projected = np.nan_to_num(bones[..., 0, :2])
    projected = np.where(projected[..., :1] < 0, -projected, projected)
    bend = _cross(bones[..., 0, :], bones[..., 1, :])
    plane = np.stack([bend[..., 1], -bend[..., 0]], axis=-1)
    plane = np.where(plane[..., :1] < 0, -plane, plane)
    plane[..., 0, :] = 0  # the thumb's hinges do not bend about its base joint's axis
    plane = np.nan_to_num(plane)  # the base joint's direction must not need the joints beyond its bone
    size = _length(plane)
    bent = _ramp(size, np.sin(np.radians(10)), np.sin(np.radians(25)))
    upright = bent * plane / np.maximum(size, 1e-12) + (1 - bent) * (1.0, 0.0)
    size = _length(projected)
    flat = _ramp(size, np.sin(np.radians(10)), np.sin(np.radians(30)))
    return _unit(flat * projected / np.maximum(size, 1e-12) + (1 - flat) * upright)


def _flexion_axes(bones: np.ndarray, ahead: np.ndarray, sign: float) -> np.ndarray:
    """The flexion axes (..., 5, 3, 3) of each finger's joints, in the palm's frame.

    Bones that are not known (NaN) show no axis: then a joint takes the axis of the joint before it.
    """
    base = np.stack([-ahead[..., 1], ahead[..., 0], np.zeros_like(ahead[..., 0])], axis=-1)
    axis = base.copy()
    thumb = bones[..., 0, :, :]
    along = np.where(np.isfinite(thumb[..., :1, :]), thumb[..., :1, :], thumb[..., 1:2, :])
    along = np.where(np.isfinite(along), along, thumb[..., 2:, :])[..., 0, :]
    across = _cross(along, base[..., 0, :])
    axis[..., 0, :] = np.cos(_THUMB_ROLL) * base[..., 0, :] - sign * np.sin(_THUMB_ROLL) * across
    bends = _cross(bones[..., :-1, :], bones[..., 1:, :])
    bends = np.nan_to_num(bends)
    sizes = _length(bends)
    observed = bends / np.maximum(sizes, 1e-12)
    weights = _ramp(sizes, np.sin(np.radians(30)), np.sin(np.radians(60)))
    axes = [base]
    for i in (0, 1):
        same_way = np.where(_dot(observed[..., i, :], axis) < 0, -1, 1)
        axis = _unit((1 - weights[..., i, :]) * axis + weights[..., i, :] * same_way * observed[..., i, :])
        axes.append(axis)
    return np.stack(axes, axis=-2)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(axis=-1, keepdims=True)


_CROSS = np.zeros((9, 3))
for _i, _j, _k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
    _CROSS[3 * _i + _j, _k], _CROSS[3 * _j + _i, _k] = 1, -1


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`np.cross`, four times faster on arrays as small as these."""
    products = a[..., :, None] * b[..., None, :]
    return products.reshape(*products.shape[:-2], 9) @ _CROSS


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(_dot(vectors, vectors))


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., n) normalised to length one; NaN for vectors without length."""
    length = _length(vectors)
    return vectors / np.where(length > 1e-9, length, np.nan)


def _ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high`, smooth between."""
    t = np.minimum(np.maximum((value - low) / (high - low), 0), 1)
    return t * t * (3 - 2 * t)
