"""People at work: both hands over a table or a bench, seen from above or from beside it.

The frame of a workplace: x to the person's right, y from the person to the table, z up. The table's edge before the
person is at y = 0, its top at z = 0. Metres.
"""

from dataclasses import dataclass

import numpy as np
import warp as wp

from fingerpose_ros.perception.detection.surface import decimation
from fingerpose_ros.perception.kinematics import palm_position

from .backgrounds import Background
from .bodies import BodyBank, Posed, pose_body
from .body_posing import pick
from .composed_people import MAX_COST, too_near, wrist_of, wrist_rotation
from .hand_free_images import HandFreeScene, add_object, camera_of, measured
from .hand_sampling import SampledHands
from .holding import Held
from .primitives import unit
from .renderer import BOX, shared_renderer
from .sensors import SENSORS

VIEWS = {"own": 0.5, "across": 0.25, "above": 0.15, "side": 0.1}
"""Probabilities of the camera's place: near the person's head, beyond the table, above it, and beside it."""

LYING_FRACTION, SITTING_FRACTION = 0.4, 0.7
"""Fractions of hands over the table that lie on it, and of people who sit."""

NEAREST, FARTHEST, APART = 0.25, 1.4, 0.1
"""Distances of palms from the camera along z, and the least distance between two, metres."""

TRIES = 8

UP = np.array([0.0, 0, 1])

AMID_HANDS = np.array([0.0, 0.15, 0.1, 1.0])
"""A point among the hands, metres. It is within range of the sensor."""


@dataclass(frozen=True)
class Workplace:
    """A table without people, as a camera sees it.

    Attributes:
        background: its depth image.
        to_camera: (4, 4) workplace frame -> camera optical frame.
    """

    background: Background
    to_camera: np.ndarray

    def turned(self, direction: np.ndarray) -> np.ndarray:
        """A direction (3,) of the workplace's frame in the camera's."""
        return self.to_camera[:3, :3] @ direction


def sample_workplace(rng: np.random.Generator, min_focal: float) -> Workplace:
    """A random table with things on it, and a camera.

    Args:
        min_focal: see `composed_images.ComposedImages`.
    """
    renderer, to_camera = shared_renderer(), _camera_pose(rng)
    distance = to_camera[2] @ AMID_HANDS
    sensor = str(rng.choice([name for name, one in SENSORS.items() if one.near < distance < 1.1 * one.far]))
    camera = camera_of(sensor)
    camera = camera.scaled(decimation(camera.fx, min_focal))
    size, focal = camera.width, wp.array([camera.fx], dtype=float, device="cpu")
    depth = renderer.empty(1, size)
    kinds, placements = zip(*_scene(rng).primitives, strict=True)
    renderer.draw_primitives(depth, focal, np.array([kinds]), to_camera @ np.array([placements]))
    seen = measured(rng, depth, camera.fx, sensor)
    top = (camera.width - camera.height) // 2
    return Workplace(Background.rendered("workplace", seen[top : top + camera.height], camera, sensor), to_camera)


def sample_worker(
    rng: np.random.Generator, bank: BodyBank, workplace: Workplace, hands: SampledHands, held: list[Held | None]
) -> tuple[list[np.ndarray], Posed | None]:
    """Up to two hands of one person at the workplace.

    Returns:
        The wrist frames' places (4, 4) in the camera's frame, mirrored for left hands; and the body. None of both where
        no natural ones were found.
    """
    first = rng.choice([-1, 1])
    sides = [first, -first][: len(held)]
    for _ in range(TRIES):
        to_world = [_hand(rng, hands, i, held[i], side) for i, side in enumerate(sides)]
        to_camera = [workplace.to_camera @ matrix for matrix in to_world]
        palms = np.array([m[:3, :3] @ palm_position(hands.joints[i]) + m[:3, 3] for i, m in enumerate(to_camera)])
        if not ((palms[:, 2] > NEAREST) & (palms[:, 2] < FARTHEST)).all():
            continue
        if len(palms) == 2 and np.linalg.norm(palms[0] - palms[1]) <= APART:
            continue
        wrists = [wrist_of(matrix, hands, i) for i, matrix in enumerate(to_camera)]
        posture = "sitting" if rng.uniform() < SITTING_FRACTION else "standing"
        facing = workplace.turned(np.array([0.0, 1, 0]))
        body = pose_body(rng, bank, wrists, workplace.turned(UP), facing, np.zeros(3), posture=posture)
        if body.cost < MAX_COST * len(wrists) and not too_near(workplace.background.camera, body):
            return to_camera, body
    return [], None


def _scene(rng: np.random.Generator) -> HandFreeScene:
    scene, width = HandFreeScene(), rng.uniform(0.3, 1.2)
    depth = rng.uniform(0.25, 0.5)
    scene.add(BOX, (rng.uniform(-0.2, 0.2), depth, -0.02), (width, depth, 0.02), np.eye(3))
    if rng.uniform() < 0.7:
        scene.add(BOX, (0, 0, -0.77), (4, 4, 0.01), np.eye(3))
    if rng.uniform() < 0.5:
        scene.add(BOX, (0, 2 * depth + rng.uniform(0, 1.5), 0.5), (4, 0.01, 2), np.eye(3))
    for _ in range(rng.integers(0, 8)):
        place = np.array([rng.uniform(-width, width), rng.uniform(0.05, 2 * depth), 0])
        add_object(rng, scene, place, UP)
    return scene


def _camera_pose(rng: np.random.Generator) -> np.ndarray:
    """A random camera's (4, 4) workplace frame -> optical frame."""
    view = pick(rng, VIEWS)
    upwards = UP + np.array([0.0, 1, 0])
    if view == "own":
        eye = rng.uniform((-0.25, -0.3, 0.45), (0.25, 0.2, 1.0))
        target = rng.uniform((-0.15, -0.05, 0), (0.15, 0.3, 0.05))
    elif view == "across":
        eye = rng.uniform((-0.4, 0.55, 0.2), (0.4, 1.1, 0.9))
        target, upwards = rng.uniform((-0.2, -0.1, 0), (0.2, 0.2, 0.2)), UP
    elif view == "above":
        eye = rng.uniform((-0.4, -0.1, 0.55), (0.4, 0.5, 1.15))
        target = eye * (1, 1, 0) + np.append(rng.normal(0, 0.12, 2), 0)
        angle = rng.uniform(0, 2 * np.pi)
        upwards = np.array([np.cos(angle), np.sin(angle), 0.1])
    else:
        eye = rng.uniform((0.45, -0.2, 0.15), (1.0, 0.4, 0.7)) * (rng.choice([-1, 1]), 1, 1)
        target, upwards = rng.uniform((-0.1, -0.1, 0), (0.1, 0.3, 0.15)), UP
    forward = unit(target - eye)
    right = unit(np.cross(forward, upwards + rng.normal(0, 0.1, 3)))
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    matrix[:3, 3] = -matrix[:3, :3] @ eye
    return matrix


def _hand(rng: np.random.Generator, hands: SampledHands, i: int, held: Held | None, side: int) -> np.ndarray:
    """A place (4, 4) in the workplace's frame of hand `i`, a left one (-1) or a right one (1)."""
    wrist = np.array([side * rng.uniform(-0.05, 0.35), rng.uniform(-0.15, 0.4), 0])
    elbow = np.array([side * rng.uniform(0.15, 0.42), wrist[1] - rng.uniform(0.1, 0.24), rng.uniform(-0.12, 0.15)])
    # The thumb points to the other hand where the palm looks down, and often higher.
    roll = np.radians(rng.normal(25, 40))
    thumb = np.array([-side * np.cos(roll), 0, np.sin(roll)])
    matrix = np.eye(4)
    matrix[:3, :3] = wrist_rotation(hands.arms[i], unit(elbow - wrist), thumb, right=side > 0)
    vertices = hands.skinned.numpy()[i] * hands.scale[i]
    vertices = vertices[np.linalg.norm(vertices - hands.joints[i].mean(0), axis=1) < 0.25]
    if held is not None:
        vertices = np.concatenate([vertices, held.vertices])
    lowest = (vertices @ matrix[:3, :3].T)[:, 2].min()
    if wrist[1] < -0.05:  # before the table
        wrist[2] = rng.uniform(-0.15, 0.25)
    else:
        wrist[2] = -lowest + (0 if rng.uniform() < LYING_FRACTION else rng.uniform(0, 0.25))
    matrix[:3, 3] = wrist
    return matrix
