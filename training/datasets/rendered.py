"""Rendered hands as a dataset's camera would record them: what the fixtures are made of."""

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
from training.rendering.sensor_simulation import measure
from training.rendering.sensors import SENSORS

HAND_LENGTH_M = 0.185
"""Wrist to middle fingertip, of an adult."""
FORWARDS = 55.0
"""Degrees by which a hand leans at most from upright with the palm to the camera: the benchmarks' hands face it."""


@dataclass(frozen=True)
class Frame:
    """A depth image of one hand: `depth_m` (height, width) float32, 0 where nothing was measured, and the 21 joints
    (21, 3) in our order, metres in the optical frame of the camera that recorded it."""

    depth_m: np.ndarray
    joints_m: np.ndarray


def render(camera: Camera, count: int, seed: int, sensor: str | None = None, near: float = 0.35, far: float = 0.5,
           right: bool = True) -> Iterator[Frame]:  # fmt: skip
    """`count` frames of a right (or left) hand with its forearm before a wall, the same for the same seed.

    Args:
        sensor: adds the flaws of this one of `training.rendering.sensors.SENSORS`; none without it.
        near, far: how far from the camera the hand is, metres.
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
        turn = Rotation.from_rotvec(np.radians(rng.uniform(-FORWARDS, FORWARDS, 3))).as_matrix() @ facing
        centre = camera.back_project(
            np.array([camera.width, camera.height]) * rng.uniform(0.42, 0.58, 2), np.array(distance)
        )
        points = (joints[0] - joints[0].mean(0)) * scale @ turn.T + centre
        to_camera = np.eye(4)
        to_camera[:3, :3], to_camera[:3, 3] = turn * scale, centre - turn @ joints[0].mean(0) * scale
        depth = _draw(renderer, camera, shape, transforms, to_camera, distance, sensor, rng)
        if not right:
            depth, points = _mirrored(depth, points, camera)
        yield Frame(depth, points)


def _draw(renderer, camera, shape, transforms, to_camera, distance, sensor, rng) -> np.ndarray:
    """One image of the hand and a wall behind it, (height, width) float32."""
    # The renderer's images are square with the axis in the middle: one that covers the camera's is drawn, twice as
    # fine, and looked up at the camera's rays.
    fine = 1 if sensor else 2
    size = 2 * fine * int(max(camera.width, camera.height) / 2 + 16)
    focal = wp.array(np.float32([fine * camera.fx]), dtype=float, device=renderer.device)
    depth = renderer.empty(1, size)
    first, last = np.zeros(1), np.array([len(renderer.bank.faces)])
    renderer.draw_hands(depth, focal, renderer.skin(shape, transforms), first, to_camera[None], first, last)
    wall = np.diag([3.0, 3.0, 0.02, 1.0])
    wall[:3, :3] = Rotation.from_rotvec(np.radians(rng.uniform(-15, 15, 3))).as_matrix() @ wall[:3, :3]
    wall[2, 3] = distance + rng.uniform(0.25, 0.45)
    renderer.draw_solids(depth, focal, np.array([[BOX]]), wall[None, None])
    if sensor:
        depth = measure(depth, [sensor], focal, np.full(1, SENSORS[sensor].enlarged), rng, 0.5)
    image = depth.numpy()[0]
    image = np.where(image < 10, image, 0).astype(np.float32)
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    x, y = (fine * (u - camera.cx), fine * camera.fx * (v - camera.cy) / camera.fy)
    half = size / 2 - 0.5
    return cv2.remap(image, np.float32(x + half), np.float32(y + half), cv2.INTER_NEAREST)


def _mirrored(depth: np.ndarray, points: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """The image flipped left to right, and the joints where it shows them."""
    pixels = camera.project(points)
    pixels[:, 0] = camera.width - 1 - pixels[:, 0]
    return np.ascontiguousarray(depth[:, ::-1]), camera.back_project(pixels, points[:, 2])
