"""Whole people for rendered scenes: bodies posed so that their wrists are where the rendered hands are.

Points are metres in the caller's scene frame, with any direction up. In arrays of both sides the left is first.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from . import body_placing
from .body_arms import ArmPose, unit
from .body_placing import Wrist
from .body_posing import Person, Posed, pick
from .body_shapes import CHEST, SIDES, BodyBank

__all__ = ["BodyBank", "Posed", "Wrist", "pose_body", "pose_bystander"]

CANDIDATES = 128
"""Placements of the torso that are compared for one person."""

FREE_ARM_PROBABILITIES = {"hanging": 0.45, "on table": 0.3, "on hip": 0.1, "raised": 0.15}
HIDDEN_ARM_PROBABILITIES = {"hanging": 0.2, "in pocket": 0.25, "behind back": 0.3, "crossed": 0.15, "on hip": 0.1}
"""Of the free arm beside a given wrist, and of a bystander's arms."""


def pose_body(
    rng: np.random.Generator,
    bank: BodyBank,
    wrists: Sequence[Wrist],
    up: np.ndarray = (0, -1, 0),
    facing: np.ndarray | None = None,
    camera: np.ndarray | None = None,
    free_arm: str | None = None,
    posture: str | None = None,
) -> Posed:
    """A random person with the given wrists: one, or a left and a right.

    Args:
        up: (3,) of the scene; by default of a level camera's optical frame.
        facing: (3,) rough direction in which the person faces; by default away from the elbows.
        camera: (3,) its position. The body stays out of the lines of sight to the wrists. The person may look there.
        free_arm: name in `body_posing.FREE_ARMS` for an arm without a given wrist; by default random.
        posture: one of `body_posing.POSTURES`; by default random.

    Raises:
        ValueError: there is no wrist, or there are two of one side.

    One of the cheapest of `CANDIDATES` random placements of the torso is taken.
    """
    if len(wrists) not in (1, 2) or len({wrist.right for wrist in wrists}) != len(wrists):
        raise ValueError("a body needs one wrist, or a left and a right one")
    up = unit(np.asarray(up, float))
    wrists = [w._replace(position=np.asarray(w.position, float), arm=unit(np.asarray(w.arm, float))) for w in wrists]
    body, size = bank.choose(rng, float(np.mean([wrist.hand_length for wrist in wrists])))
    rest = bank.joints[body] * size
    chest = body_placing.chest_frames(rng, CANDIDATES, up, facing, [wrist.arm for wrist in wrists])
    positions, poses = body_placing.place(rng, rest, chest, wrists)
    stature = bank.height[body] * size
    cost = body_placing.cost(chest, positions, wrists, poses, facing, camera, stature / 1.75)
    best = int(np.argmin(cost + rng.exponential(0.7, len(cost))))
    given = {int(w.right): ArmPose(*(part[best] for part in pose)) for w, pose in zip(wrists, poses, strict=True)}
    free = ["" if side in given else free_arm or pick(rng, FREE_ARM_PROBABILITIES) for side in SIDES]
    hands = np.stack([wrist.position for wrist in wrists])
    target = hands.mean(0) if camera is None or rng.uniform() < 0.5 else np.asarray(camera, float)
    person = Person(rng, bank, body, size, up, chest[best], positions[best])
    middles = np.stack([wrist.position - 0.6 * wrist.hand_length * wrist.arm for wrist in wrists])
    posed = person.finish(
        given, free, target if rng.uniform() < 0.85 else None, posture, np.concatenate([hands, middles])
    )
    sides = [int(wrist.right) for wrist in wrists]
    cosine = np.einsum("ni,ni->n", posed.arms[sides], np.stack([wrist.arm for wrist in wrists]))
    return replace(
        posed,
        deviation=np.degrees(np.arccos(np.clip(cosine, -1, 1))),
        miss=np.linalg.norm(posed.wrists[sides] - hands, axis=1),
        cost=float(cost[best]),
    )


def pose_bystander(
    rng: np.random.Generator,
    bank: BodyBank,
    head: np.ndarray,
    up: np.ndarray = (0, -1, 0),
    facing: np.ndarray | None = None,
    camera: np.ndarray | None = None,
    free_arms: tuple[str, str] | None = None,
    posture: str | None = None,
    child_fraction: float = 0.15,
) -> Posed:
    """A random person without hands, with the head at about `head` (3,).

    Args:
        facing: (3,) rough direction in which the person faces; by default random.
        camera: (3,) where the person may look.
        free_arms: names in `body_posing.FREE_ARMS`, left and right; by default mostly poses that hide the hands.

    The other arguments are as for `pose_body`.
    """
    up = unit(np.asarray(up, float))
    body = int(rng.choice(np.flatnonzero(bank.child == (rng.uniform() < child_fraction))))
    size = float(rng.uniform(0.96, 1.04))
    chest = body_placing.chest_frames(rng, 1, up, facing)[0]
    if free_arms is None:
        name = other = pick(rng, HIDDEN_ARM_PROBABILITIES)
        if name not in ("behind back", "crossed") and rng.uniform() < 0.4:
            other = "hanging"
        free_arms = (name, other) if rng.uniform() < 0.5 else (other, name)
    place = np.asarray(head, float) - chest @ (bank.head_centre[body] - bank.joints[body, CHEST]) * size
    target = None if camera is None or rng.uniform() < 0.5 else np.asarray(camera, float)
    person = Person(rng, bank, body, size, up, chest, place)
    return person.finish({}, list(free_arms), target, posture, np.zeros((0, 3)))
