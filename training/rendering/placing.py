"""Places a hand in a recorded scene: floating before it, resting on a surface of it, or partly behind it."""

from dataclasses import dataclass

import numpy as np

from .backgrounds import Background
from .hand_sampling import SampledHands
from .holding import Held
from .primitives import basis
from .scene_sampling import (
    STANDING_FRACTION,
    gap,
    look_from,
    table_up,
    up_at_rest,
    up_when_picking,
    view_direction,
)  # fmt: skip

FLOATING, RESTING, BEHIND = MODES = ("floating", "resting", "behind")

MARGIN = 0.03
"""Least distance of a floating hand's centre from the surface behind it, metres."""

PLANE_RADIUS, PLANE_TOLERANCE, PLANE_INLIERS = 0.05, 0.008, 0.7
"""A surface patch of this radius, metres, is flat if this fraction of its points lies this close to a plane, metres."""

TRIES = 20


@dataclass(frozen=True)
class Placement:
    """A hand in the camera's frame.

    Attributes:
        mode: one of `MODES`.
        rotation: (3, 3) wrist frame -> camera optical frame.
        translation: (3,) of the wrist in the camera optical frame, metres.
    """

    mode: str
    rotation: np.ndarray
    translation: np.ndarray

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) in the wrist frame -> camera optical frame."""
        return points @ self.rotation.T + self.translation


def place_floating(
    rng: np.random.Generator, background: Background, centre: np.ndarray, near: float, far: float, behind: bool = False
) -> Placement | None:
    """Place a hand's `centre` (3,), wrist frame, at a random pixel between `near` and `far` metres.

    It is before the recorded surface, or with `behind` at the depth of a surface and beside its pixel, so that recorded
    objects may occlude it. None where the image leaves no room.
    """
    camera = background.camera
    for _ in range(TRIES):
        row, column = rng.integers(camera.height), rng.integers(camera.width)
        surface = float(background.raw[row, column]) * background.unit
        if behind:
            if not near < surface < far:
                continue
            z = surface + rng.uniform(-0.02, 0.1)
        else:
            most = min(far, surface - MARGIN) if surface else far
            if most <= near:
                continue
            z = near + (most - near) * rng.beta(1.2, 1.4)
        point = camera.back_project(np.array([column, row], float), np.array(z))
        if behind:
            point = point + np.append(rng.normal(0, 0.04, 2), 0)
        rotation = look_from(view_direction(rng, None), rng)
        return Placement(BEHIND if behind else FLOATING, rotation, point - rotation @ centre)
    return None


def place_resting(
    rng: np.random.Generator, background: Background, foot: np.ndarray, up: np.ndarray, near: float, far: float
) -> Placement | None:
    """Place a hand so that `foot` (3,), wrist frame, lies on a flat recorded surface whose normal is `up` (3,).

    None where the image has no such surface between `near` and `far` metres.
    """
    camera = background.camera
    for _ in range(TRIES):
        row, column = rng.integers(camera.height), rng.integers(camera.width)
        surface = float(background.raw[row, column]) * background.unit
        if not near < surface < far:
            continue
        normal = _normal(background, row, column, surface)
        if normal is not None:
            point = background.point(row, column)
            rotation = basis(normal, rng) @ basis(up, rng).T
            return Placement(RESTING, rotation, point - rotation @ foot)
    return None


def _normal(background: Background, row: int, column: int, depth: float) -> np.ndarray | None:
    """The unit normal (3,) towards the camera of a flat surface around a pixel; None if it is not flat."""
    camera = background.camera
    reach = max(2, int(camera.fx * PLANE_RADIUS / depth))
    offsets = np.linspace(-reach, reach, 9).round().astype(int)
    rows, columns = np.meshgrid(row + offsets, column + offsets, indexing="ij")
    inside = (rows >= 0) & (columns >= 0) & (rows < camera.height) & (columns < camera.width)
    if inside.mean() < PLANE_INLIERS:
        return None
    rows, columns = rows[inside], columns[inside]
    z = background.raw[rows, columns] * background.unit
    points = camera.back_project(np.stack([columns, rows], axis=-1).astype(float), z)
    near = points[np.abs(z - depth) < 2 * PLANE_RADIUS]
    if len(near) < PLANE_INLIERS * offsets.size**2:
        return None
    for _ in range(2):
        middle = near.mean(0)
        normal = np.linalg.svd(near - middle, full_matrices=False)[2][2]
        close = np.abs((points - middle) @ normal) < PLANE_TOLERANCE
        if close.sum() < PLANE_INLIERS * offsets.size**2:
            return None
        near = points[close]
    return normal if normal @ middle < 0 else -normal


def resting_contact(
    rng: np.random.Generator, hands: SampledHands, i: int, held: Held | None
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Sample where hand `i` or its object rests on a surface, wrist frame.

    Returns:
        A point (3,) on the surface below the hand's centre, and the surface's normal (3,).
    """
    joints, arm = hands.joints[i], hands.arms[i]
    if held is not None and rng.uniform() < STANDING_FRACTION:
        up = held.to_wrist[:3, 1] * (1 if arm @ held.to_wrist[:3, 1] > 0 else -1)
    elif hands.picking[i]:
        up = up_when_picking(rng, joints, arm)
    elif hands.resting[i]:
        up = up_at_rest(rng, joints, arm)
    else:
        up = table_up(rng)
    centre = joints.mean(0)
    vertices = hands.skinned.numpy()[i] * hands.scale[i]
    near = vertices[np.linalg.norm(vertices - centre, axis=1) < 0.25]
    # If the arm rises from the surface, only the hand touches it.
    touching = near[near @ arm < 0.01] if arm @ up > 0.05 else near
    if held is not None:
        touching = np.concatenate([touching, held.vertices])
    ground = (touching @ up).min() - gap(rng, 0.85, 0.05)
    return centre - (centre @ up - ground) * up, up
