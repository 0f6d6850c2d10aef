"""Places a torso so that given wrists are in reach: random candidates, and the cost of each."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from . import body_arms as arms
from .body_arms import ArmPose, cross, dot, unit
from .body_shapes import CHEST, FOREARM, HAND, SHOULDER, UPPER_ARM

MIRROR = np.array([[1.0, 1, 1], [-1, 1, 1]])
"""Factors from body axes to arm coordinates, for the left and the right arm."""

DEVIATION = np.radians(8.0)
"""Deviation of a forearm from the requested direction that costs 1."""


class Wrist(NamedTuple):
    """A rendered hand that the body has to reach.

    Attributes:
        position: (3,) of the wrist bone.
        arm: (3,) unit vector from the wrist up the forearm.
        right: handedness.
        hand_length: wrist to middle fingertip, metres.
        thumb: (3,) direction to the thumb's side of the wrist (+z of the wrist frame). With it the forearm is not
            twisted by more than people can.
    """

    position: np.ndarray
    arm: np.ndarray
    right: bool
    hand_length: float
    thumb: np.ndarray | None = None


def chest_frames(
    rng: np.random.Generator, count: int, up: np.ndarray, facing: np.ndarray | None, arms_up: Sequence = ()
) -> np.ndarray:
    """Random orientations (count, 3, 3) of the chest, body axes -> scene, within 25 degrees of `up`.

    Without `facing` people face roughly away from their elbows, whose directions (3,) are `arms_up`. The torso leans
    forward, and a little to a side.
    """
    guess = np.zeros(3)
    if facing is not None:
        guess = np.asarray(facing, float)
    elif len(arms_up):
        guess = -np.sum(arms_up, axis=0)
    guess = guess - (guess @ up) * up
    if np.linalg.norm(guess) < 0.2:
        guess, spread = cross(up, unit(rng.normal(0, 1, 3))), 180.0
    else:
        spread = 30.0 if facing is not None else 90.0
    guess = unit(guess)
    yaw = np.radians(rng.uniform(-spread, spread, (count, 1)))
    forward = np.cos(yaw) * guess + np.sin(yaw) * cross(up, guess)
    left = cross(up, forward)
    lean, roll = rng.uniform(-4, 22, (count, 1)), np.clip(rng.normal(0, 4, (count, 1)), -9, 9)
    z = unit(up + np.tan(np.radians(lean)) * forward + np.tan(np.radians(roll)) * left)
    back = -unit(forward - dot(forward, z)[:, None] * z)
    return np.stack([cross(back, z), back, z], axis=2)


def girdle(chest: np.ndarray, upper: np.ndarray, side: int) -> np.ndarray:
    """Rotations (n, 3, 3) of a shoulder girdle in body axes, for upper arms in the directions `upper` (n, 3)."""
    mirror = MIRROR[side]
    turn = arms.shoulder_girdle(to_arm(chest, upper, side))
    return mirror[:, None] * turn * mirror


def to_arm(chest: np.ndarray, vectors: np.ndarray, side: int) -> np.ndarray:
    """Vectors (n, 3) of the scene -> arm coordinates."""
    return np.einsum("nij,ni->nj", chest, vectors) * MIRROR[side]


def lengths(rest: np.ndarray, side: int) -> tuple[float, float]:
    """Lengths of upper arm and forearm of a body with the joints `rest` (bones, 3)."""
    chain = rest[[UPPER_ARM[side], FOREARM[side], HAND[side]]]
    upper, forearm = np.linalg.norm(np.diff(chain, axis=0), axis=1)
    return float(upper), float(forearm)


def place(
    rng: np.random.Generator, rest: np.ndarray, chest: np.ndarray, wrists: Sequence[Wrist]
) -> tuple[np.ndarray, list[ArmPose]]:
    """Random positions (n, 3) of the chest bone so that the elbows are where the given forearms have them.

    Args:
        rest: (bones, 3) joints of the body at rest.
        chest: (n, 3, 3) its orientations.

    Returns also the arms. The shoulder girdle follows them, so everything is placed twice.
    """
    sides = [int(wrist.right) for wrist in wrists]
    length = [lengths(rest, side) for side in sides]
    elbows = [w.position + forearm * w.arm for w, (_, forearm) in zip(wrists, length, strict=True)]
    upper = length[0][0]
    from_chest = [(rest[SHOULDER[side]] - rest[CHEST], rest[UPPER_ARM[side]] - rest[SHOULDER[side]]) for side in sides]
    shoulders = [chest @ (base + offset) for base, offset in from_chest]
    if len(wrists) == 1:
        arm = np.einsum("nij,nj->ni", chest, arms.sample_upper(rng, len(chest)) * MIRROR[sides[0]])
        position = elbows[0] - upper * arm - shoulders[0]
    else:
        centres = [elbow - shoulder for elbow, shoulder in zip(elbows, shoulders, strict=True)]
        position = arms.place_on_circle(*centres, upper, rng.normal(0, 1, (len(chest), 3)))
    for last in (False, True):
        poses = [
            arms.solve(position + shoulder, wrist.position, elbow, *each)
            for shoulder, wrist, elbow, each in zip(shoulders, wrists, elbows, length, strict=True)
        ]
        if last:
            break
        turns = [girdle(chest, unit(pose.elbow - pose.shoulder), side) for pose, side in zip(poses, sides, strict=True)]
        shoulders = [
            np.einsum("nij,nj->ni", chest, base + turn @ offset)
            for (base, offset), turn in zip(from_chest, turns, strict=True)
        ]
        if len(wrists) == 1:
            position = elbows[0] - upper * arm - shoulders[0]
        else:
            centres = [elbow - shoulder for elbow, shoulder in zip(elbows, shoulders, strict=True)]
            position = arms.place_on_circle(*centres, upper, position - (centres[0] + centres[1]) / 2)
    return position, poses


def cost(
    chest: np.ndarray,
    position: np.ndarray,
    wrists: Sequence[Wrist],
    poses: list[ArmPose],
    facing: np.ndarray | None,
    camera: np.ndarray | None,
    size: float,
) -> np.ndarray:
    """Cost (n,) of placements; about 1 for each thing that is just noticeable.

    Counted are the forearms' deviation and distance from the requested wrists, joints beyond their limits, hands and
    arms in the body, the body before the wrists as seen from `camera`, and the deviation from `facing`.
    """
    total = np.zeros(len(chest))
    points = []
    for wrist, pose in zip(wrists, poses, strict=True):
        side = int(wrist.right)
        upper, forearm = unit(pose.elbow - pose.shoulder), unit(pose.wrist - pose.elbow)
        off = np.arccos(np.clip(-(forearm @ wrist.arm), -1, 1))
        miss = np.linalg.norm(pose.wrist - wrist.position, axis=1)
        total += (off / DEVIATION) ** 2 + (miss / 0.01) ** 2
        total += arms.limits_cost(to_arm(chest, upper, side), to_arm(chest, forearm, side))
        if wrist.thumb is not None:
            total += arms.pronation_cost(pose, wrist.thumb)
        hand = wrist.position - 0.6 * wrist.hand_length * wrist.arm
        points += [hand + np.zeros_like(pose.wrist), pose.wrist, (pose.wrist + pose.elbow) / 2, pose.elbow]
        if camera is not None:
            sight = np.array([0.0, 0.25, 0.5, 0.75, 0.9])[:, None, None] * (pose.wrist - camera) + camera
            points += list(sight)
    local = np.einsum("nij,kni->knj", chest, np.stack(points) - position)
    total += 30 * arms.inside_torso(local, size).max(0)
    if facing is not None:
        facing = np.asarray(facing, float)
        cosine = np.clip(-(chest[:, :, 1] @ facing) / np.linalg.norm(facing), -1, 1)
        total += (np.arccos(cosine) / 0.7) ** 2
    return total
