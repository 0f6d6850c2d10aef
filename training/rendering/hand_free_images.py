"""Whole rendered depth images without a hand, as a robot's camera sees most of the time.

All in metres in the camera's optical frame: x right, y down, z forward.
"""

from dataclasses import dataclass, field

import numpy as np
import warp as wp

from fingerpose_ros.perception.camera import Camera

from .hands import ADULT_LENGTH, ARM_END, BONES, HandBank
from .primitives import Primitives, basis, direction_near, random_direction, unit
from .renderer import BOX, CYLINDER, SPHERE, Renderer
from .sensor_simulation import simulate_sensors
from .sensors import SENSORS, sample_sensor_noise

KINDS = ("table", "wall", "body", "forearm", "clutter")

SIZES = {"kinect_v2": (512, 424), "azure_kinect_wfov": (512, 512), "tof_qvga": (320, 240)}
"""Sensor -> width and height of its image, where that is not VGA."""

DOWN = np.array([0.0, 1, 0])


@dataclass
class HandFreeScene(Primitives):
    """Primitives in the camera's frame, and arms that end before the hand.

    Attributes:
        arms: list of (wrist (3,), unit vector (3,) from it up the arm).
    """

    arms: list = field(default_factory=list)

    def add_between(self, start: np.ndarray, end: np.ndarray, radius: float, rng: np.random.Generator):
        """A cylinder."""
        half = np.linalg.norm(end - start) / 2
        self.add(CYLINDER, (start + end) / 2, (radius, half, radius), basis(end - start, rng))


def camera_of(sensor: str) -> Camera:
    width, height = SIZES.get(sensor, (640, 480))
    focal = SENSORS[sensor].image_focal
    return Camera(width, height, focal, focal, (width - 1) / 2, (height - 1) / 2)


def measured(
    rng: np.random.Generator, depth: wp.array, focal: float, sensor: str, angle: float = 0.0
) -> np.ndarray:  # fmt: skip
    """Perfect depth (1, size, size) as a sensor measures it: (size, size) metres, 0 for invalid; see `view`."""
    scale, focals = np.full(1, focal / SENSORS[sensor].focal), wp.array([focal], dtype=float, device=depth.device)
    noise = sample_sensor_noise([sensor], scale, rng, difficulty=1.0, angle=angle)
    return simulate_sensors(depth, focals, noise, rng.integers(0, 2**31 - 64, 1)).numpy()[0]


def cut_away(depth: np.ndarray, camera: Camera, centre: np.ndarray, radius: float) -> np.ndarray:
    """Depth (height, width) set to 0 where the line of sight passes `centre` (3,) within `radius` metres."""
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    rays = camera.back_project(np.stack([u, v], axis=-1), np.ones(u.shape))
    return np.where(passes(rays, centre, radius), np.float32(0), depth)


def passes(rays: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    """Mask (...) of the lines of sight `rays` (..., 3) that pass `centre` (3,) within `radius` metres."""
    rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    return np.linalg.norm(np.cross(rays, centre), axis=-1) < radius


def add_object(rng: np.random.Generator, scene: HandFreeScene, foot: np.ndarray, up: np.ndarray):
    """Add a ball, box or cylinder that stands or lies with its lowest point at `foot`."""
    kind = int(rng.choice([SPHERE, BOX, CYLINDER]))
    half = rng.uniform(0.01, 0.12, 3) if rng.uniform() < 0.7 else rng.uniform(0.008, 0.03, 3) * (1, 5, 1)
    rotation = basis(up, rng)
    if rng.uniform() < 0.4:  # it lies
        rotation, half = rotation[:, [2, 0, 1]], half[[2, 0, 1]]
    if kind == SPHERE:
        half = np.full(3, half[1])
    scene.add(kind, foot + np.abs(rotation.T @ up) @ half * up, half, rotation)


def _table(rng: np.random.Generator, scene: HandFreeScene, objects: int) -> tuple[np.ndarray, np.ndarray]:
    """Add a table with objects, 0.4 to 1.1 m away. Returns its point on the optical axis, and its normal."""
    tilt = rng.uniform(0.1, 1.4)
    up = direction_near(rng, np.array([0, -np.sin(tilt), -np.cos(tilt)]), 10)
    middle = np.array([0, 0, rng.uniform(0.4, 1.1)])
    extent = (2.0, 0.02, 2.0) if rng.uniform() < 0.6 else (rng.uniform(0.25, 0.6), 0.02, rng.uniform(0.25, 0.6))
    rotation = basis(up, rng)
    scene.add(BOX, middle - 0.02 * up, extent, rotation)
    for _ in range(objects):
        add_object(rng, scene, middle + rotation[:, [0, 2]] @ rng.uniform(-0.35, 0.35, 2), up)
    return middle, up


def _person(rng: np.random.Generator, scene: HandFreeScene) -> np.ndarray:
    """Add torso, head, neck and upper arms. Returns the elbows (2, 3)."""
    size, lean = rng.uniform(0.85, 1.15), basis(direction_near(rng, DOWN, 15), rng)
    head = np.array([rng.uniform(-0.25, 0.25), rng.uniform(-0.3, 0.15), rng.uniform(0.5, 1.3)])
    scene.add(SPHERE, head, size * np.array((0.08, 0.12, 0.10)), lean)
    scene.add(SPHERE, head + size * DOWN * 0.52, size * np.array((0.2, 0.36, 0.13)))
    scene.add_between(head, head + size * DOWN * 0.25, size * 0.055, rng)
    if rng.uniform() < 0.3:
        scene.add(BOX, head - size * DOWN * 0.1, size * np.array((0.1, 0.03, 0.13)), lean)  # a cap
    elbows = []
    for side in (-1, 1):
        shoulder = head + size * np.array([side * 0.2, 0.27, 0])
        elbow = shoulder + size * 0.3 * direction_near(rng, DOWN + (0, 0, -0.5), 50)
        scene.add_between(shoulder, elbow, size * rng.uniform(0.035, 0.055), rng)
        elbows.append(elbow)
    return np.array(elbows)


def _arms(rng: np.random.Generator, scene: HandFreeScene, middle: np.ndarray):
    """Add one or two forearms that end at the wrist: inside the image, or cut by its border."""
    for _ in range(rng.integers(1, 3)):
        wrist = middle + random_direction(rng) * rng.uniform(0, 0.2)
        if wrist[2] < 0.3:
            wrist *= 0.3 / max(wrist[2], 0.1)
        along = unit(random_direction(rng) * (1, 1, 0.5))
        if rng.uniform() < 0.5:
            wrist = wrist - along * rng.uniform(0.2, 1.0) * wrist[2]
        scene.arms.append((wrist, along))
        elbow = wrist + 0.24 * along
        upper = direction_near(rng, along, 60)
        scene.add_between(elbow, elbow + 0.35 * upper, rng.uniform(0.035, 0.055), rng)
        if rng.uniform() < 0.4:  # a sleeve
            scene.add_between(wrist + along * rng.uniform(0.03, 0.12), elbow, rng.uniform(0.035, 0.05), rng)


def sample_scene(rng: np.random.Generator, kind: str) -> HandFreeScene:
    """A scene of one of the `KINDS`."""
    scene = HandFreeScene()
    if kind == "table":
        _table(rng, scene, rng.integers(0, 12))
    if kind == "wall":
        facing, distance = direction_near(rng, np.array([0, 0, -1.0]), 40), rng.uniform(0.5, 1.8)
        scene.add(BOX, (0, 0, distance), (3, 0.01, 3), basis(facing, rng))
        for _ in range(rng.integers(0, 8)):  # shelves, frames, handles, pipes
            place = np.array([*rng.uniform(-0.4, 0.4, 2) * distance, distance * rng.uniform(0.7, 1)])
            add_object(rng, scene, place, facing if rng.uniform() < 0.5 else -DOWN)
    if kind == "body":
        _person(rng, scene)
        if rng.uniform() < 0.5:
            scene.add(BOX, (0, 0, rng.uniform(1.5, 3)), (4, 4, 0.01))
        if rng.uniform() < 0.3:
            scene.add(BOX, (0, rng.uniform(0.25, 0.45), 0.9), (0.6, 0.02, 0.35))
    if kind == "forearm":
        middle = np.array([0, 0, rng.uniform(0.4, 1.1)])
        if rng.uniform() < 0.5:
            middle, up = _table(rng, scene, rng.integers(0, 5))
            middle = middle + up * rng.uniform(0.04, 0.2)
        elif rng.uniform() < 0.5:
            _person(rng, scene)
        _arms(rng, scene, middle)
    if kind == "clutter":
        for _ in range(rng.integers(3, 16)):
            place = np.array([*rng.uniform(-0.5, 0.5, 2), 1]) * rng.uniform(0.35, 1.5)
            add_object(rng, scene, place, random_direction(rng))
    return scene


class HandFreeImages:
    """Images without a hand: `images[k]` is (kind, camera, depth (height, width) float32 metres, 0 unknown).

    The same for the same seed and k, with kinds and `sensors` in turn. Every `step`-th pixel, each way, is rendered.
    """

    def __init__(self, seed: int, step: int = 1, sensors: tuple[str, ...] = tuple(SENSORS)):
        self._seed, self._step, self._sensors, self._renderer = seed, step, sensors, Renderer(HandBank())

    def __getitem__(self, index: int) -> tuple[str, Camera, np.ndarray]:
        camera = camera_of(self.sensor(index)).scaled(self._step)
        seen = self.view(index, np.eye(3), camera.fx, camera.width)
        top = (camera.width - camera.height) // 2
        return KINDS[index % len(KINDS)], camera, seen[top : top + camera.height]

    def sensor(self, index: int) -> str:
        """Name of the sensor of an image."""
        return self._sensors[index // len(KINDS) % len(self._sensors)]

    def view(self, index: int, to_view: np.ndarray, focal: float, size: int, angle: float = 0.0) -> np.ndarray:
        """The scene seen by a virtual camera at the same place, (size, size) metres along its axis, 0 for invalid.

        Args:
            to_view: (3, 3) the camera's optical frame -> that of the virtual camera; a rotation, or one with a
                reflection.
            focal: focal length of the virtual camera, pixels. Its image is square, its principal point in the centre.
            angle: direction of the sensor's rows in that image, radians from u towards v.
        """
        rng, sensor = np.random.default_rng((self._seed, index)), self.sensor(index)
        scene = sample_scene(rng, KINDS[index % len(KINDS)])
        depth, turn = self._renderer.empty(1, size), np.eye(4)
        turn[:3, :3] = to_view
        focals = wp.array([focal], dtype=float, device=depth.device)
        for wrist, along in scene.arms:
            self._draw_arm(rng, depth, focals, turn, wrist, along)
        kinds, placements = zip(*scene.primitives, strict=True)
        self._renderer.draw_primitives(depth, focals, np.array([kinds]), turn @ np.array([placements]))
        return measured(rng, depth, focal, sensor, angle)

    def _draw_arm(self, rng: np.random.Generator, depth: wp.array, focal: wp.array, turn: np.ndarray, wrist, along):
        bank = self._renderer.bank
        shape = rng.integers(len(bank.child), size=1)
        vertices = self._renderer.skin(shape, np.broadcast_to(np.eye(4), (1, len(BONES), 4, 4)))
        up_the_arm = -bank.rest[shape[0], ARM_END, :3, 1]
        placed = np.eye(4)
        placed[:3, :3] = basis(along, rng) @ basis(up_the_arm, rng).T * (ADULT_LENGTH / bank.length[shape[0]])
        placed[:3, 3] = wrist
        first, last = np.array([bank.hand_faces]), np.array([len(bank.faces)])
        self._renderer.draw_hands(depth, focal, vertices, np.zeros(1, int), (turn @ placed)[None], first, last)
