"""Rendered hands as recorded by a dataset's camera: the content of the fixtures."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import warp as wp
from scipy.spatial.transform import Rotation

from fingerpose_ros.perception.camera import Camera
from training.rendering import poses
from training.rendering.hands import HandBank
from training.rendering.renderer import BOX, Renderer
from training.rendering.sensor_simulation import sample_and_simulate
from training.rendering.sensors import SENSORS

HAND_LENGTH_M = 0.185
"""Wrist to middle fingertip, of an adult."""
MAX_ROTATION_DEG = 55.0
"""About each axis, from upright with the palm to the camera: the hands of the benchmarks face the camera."""


@dataclass(frozen=True)
class Frame:
    """A depth image of one hand and its joints.

    Attributes:
        depth_m: (height, width) float32, metres; 0 is an invalid pixel.
        joints_m: (21, 3) in our order, metres in the camera's optical frame.
    """

    depth_m: np.ndarray
    joints_m: np.ndarray


def render(camera: Camera, count: int, seed: int, sensor: str | None = None, near: float = 0.35, far: float = 0.5,
           right: bool = True) -> Iterator[Frame]:  # fmt: skip
    """`count` frames of a right (or left) hand with its forearm in front of a wall, the same for the same seed.

    Args:
        sensor: a name from `training.rendering.sensors.SENSORS` whose sensor effects are simulated; None for none.
        near, far: range of the hand's distance from the camera, metres.
    """
    rng = np.random.default_rng(seed)
    renderer = Renderer(HandBank())
    bank = renderer.bank
    adults = np.flatnonzero(~bank.child)
    for _ in range(count):
        shape = rng.choice(adults, 1)
        transforms, joints = bank.pose(shape, poses.sample(rng, bank, shape))
        scale = HAND_LENGTH_M / bank.length[shape[0]]
        distance = rng.uniform(near, far)
        # The wrist frame has y distal, -x palmar, +z to the thumb's side: upright with the palm to the camera.
        facing = np.array([[0, 0, 1], [0, -1, 0], [1, 0, 0]], float)
        angles = np.radians(rng.uniform(-MAX_ROTATION_DEG, MAX_ROTATION_DEG, 3))
        rotation = Rotation.from_rotvec(angles).as_matrix() @ facing
        centre = camera.back_project(
            np.array([camera.width, camera.height]) * rng.uniform(0.42, 0.58, 2), np.array(distance)
        )
        points = (joints[0] - joints[0].mean(0)) * scale @ rotation.T + centre
        to_camera = np.eye(4)
        to_camera[:3, :3], to_camera[:3, 3] = rotation * scale, centre - rotation @ joints[0].mean(0) * scale
        depth = _render_depth(renderer, camera, shape, transforms, to_camera, distance, sensor, rng)
        if not right:
            depth, points = _mirrored(depth, points, camera)
        yield Frame(depth, points)


def _render_depth(renderer, camera, shape, transforms, to_camera, distance, sensor, rng) -> np.ndarray:
    """One image of the hand and a wall behind it, (height, width) float32."""
    # The renderer's images are square with a central principal point. So a larger image at twice the resolution is
    # rendered and sampled at the camera's rays.
    resolution = 1 if sensor else 2
    size = 2 * resolution * int(max(camera.width, camera.height) / 2 + 16)
    focal = wp.array(np.float32([resolution * camera.fx]), dtype=float, device=renderer.device)
    depth = renderer.empty(1, size)
    first, last = np.zeros(1), np.array([len(renderer.bank.faces)])
    renderer.draw_hands(depth, focal, renderer.skin(shape, transforms), first, to_camera[None], first, last)
    wall = np.diag([3.0, 3.0, 0.02, 1.0])
    wall[:3, :3] = Rotation.from_rotvec(np.radians(rng.uniform(-15, 15, 3))).as_matrix() @ wall[:3, :3]
    wall[2, 3] = distance + rng.uniform(0.25, 0.45)
    renderer.draw_primitives(depth, focal, np.array([[BOX]]), wall[None, None])
    if sensor:
        depth = sample_and_simulate(depth, [sensor], focal, np.full(1, SENSORS[sensor].enlarged), rng, 0.5)
    image = depth.numpy()[0]
    image = np.where(image < 10, image, 0).astype(np.float32)
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    x, y = (resolution * (u - camera.cx), resolution * camera.fx * (v - camera.cy) / camera.fy)
    half = size / 2 - 0.5
    return cv2.remap(image, np.float32(x + half), np.float32(y + half), cv2.INTER_NEAREST)


def _mirrored(depth: np.ndarray, points: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """The image and the joints flipped left to right."""
    pixels = camera.project(points)
    pixels[:, 0] = camera.width - 1 - pixels[:, 0]
    return np.ascontiguousarray(depth[:, ::-1]), camera.back_project(pixels, points[:, 2])
