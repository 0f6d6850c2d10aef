"""Renders sequences of depth images of one moving hand each, with realistic sensors.

The hand moves from one pose of the repertoire to the next and rests in each. Half of the poses are named ones, half are
tracked real poses. Each sequence has another person, sensor and view; a wall is behind the hand.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import warp as wp
from scipy.spatial.transform import Rotation

from fingerpose_ros.perception.anatomy import CHILD_LENGTH, HAND_LENGTH
from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.hand import LEFT, RIGHT

from . import poses
from .hands import Angles, HandBank
from .real_poses import pack, real_poses, unpack
from .renderer import BOX, Renderer
from .sample_bag import placement_of, smooth
from .scene_sampling import look_from, view_direction
from .sensor_simulation import simulate_sensors
from .sensors import SENSORS, sample_sensor_noise

RATE = 30
SIZE = 400
"""Width and height of the images, pixels."""

CAMERAS = tuple(name for name, sensor in SENSORS.items() if sensor.enlarged == 1)

MOVE, REST = (10, 22), (12, 20)
"""Range of the number of images in which a hand moves to the next pose, and in which it rests there."""

TURN = np.radians(20)
"""Standard deviation of the rotation to the next pose about each axis, radians."""

ASIDE, NEARER = 0.1, 0.05
"""How far a hand moves across the line of sight, relative to its distance, and along it, metres."""

CHILD_EVERY = 6
"""Of so many sequences, one shows a child's hand."""

_CHUNK = 8


@dataclass(frozen=True)
class MovingHand:
    """A sequence of n images of one hand.

    Attributes:
        handedness: "right" or "left".
        camera: that takes the images.
        joints: (n, 21, 3) metres in the camera's optical frame.
        resting: (n,) number of the rest that each image is in, -1 while the hand moves.
    """

    handedness: str
    camera: Camera
    joints: np.ndarray
    resting: np.ndarray
    _sensor: str
    _shape: int
    _transforms: np.ndarray
    _placed: np.ndarray
    _seed: int

    def images(self, renderer: Renderer) -> Iterator[np.ndarray]:
        """Each depth image, (height, width) float32 metres, 0 for invalid pixels."""
        rng, count = np.random.default_rng(self._seed), len(self.joints)
        noise = sample_sensor_noise([self._sensor], np.ones(1), rng, rng.uniform(0, 1))
        wall = placement_of((0, 0, self._placed[:, 2, 3].max() + rng.uniform(0.15, 0.9)), (3, 3, 0.02))
        for begin in range(0, count, _CHUNK):
            part = slice(begin, begin + _CHUNK)
            transforms, placed = self._transforms[part], self._placed[part]
            n = len(placed)
            depth = renderer.empty(n, SIZE)
            focal = wp.array(np.full(n, self.camera.fx), dtype=float, device=renderer.device)
            vertices = renderer.skin(np.full(n, self._shape), transforms)
            every_face = np.full(n, len(renderer.bank.faces))
            renderer.draw_hands(depth, focal, vertices, np.arange(n), placed, np.zeros(n), every_face)
            renderer.draw_primitives(depth, focal, np.full((n, 1), BOX), np.tile(wall, (n, 1, 1, 1)))
            yield from simulate_sensors(depth, focal, noise.repeated(n), rng.integers(0, 2**31 - 64, n)).numpy()


def moving_hand(bank: HandBank, seed: int, number: int, images: int) -> MovingHand:
    """Sequence `number` of the sequences with this seed, of so many `images`; odd ones show left hands."""
    rng = np.random.default_rng((seed, number))
    child = number % CHILD_EVERY == CHILD_EVERY - 1
    mean, deviation, least, most = CHILD_LENGTH if child else HAND_LENGTH
    shape = int(rng.choice(np.flatnonzero(bank.child == child)))
    scale = np.clip(rng.normal(mean, deviation), least, most) / bank.length[shape]
    key, progress, resting = _timeline(rng, images)
    keys = key[-1] + 2
    columns = pack(_repertoire(rng, bank, shape, keys))
    angles = unpack(columns[key] + progress[:, None] * (columns[key + 1] - columns[key]))
    transforms, joints = bank.pose(np.full(images, shape), angles)

    sensor = SENSORS[name := str(rng.choice(CAMERAS))]
    centre = (SIZE - 1) / 2
    camera = Camera(SIZE, SIZE, sensor.focal, sensor.focal, centre, centre)
    distance = sensor.near + (min(sensor.far, 1.0) - sensor.near) * rng.beta(1.1, 1.6)
    distance = max(distance, 0.3)  # nearer, the hand would leave the image
    places = (0, 0, distance) + rng.uniform(-1, 1, (keys, 3)) * (ASIDE * distance, ASIDE * distance, NEARER)
    views = Rotation.from_matrix(look_from(view_direction(rng, None), rng))
    turns = [views]
    for turn in Rotation.from_rotvec(rng.normal(0, TURN, (keys - 1, 3))):
        turns.append(turn * turns[-1])
    turns = Rotation.concatenate(turns)
    change = (turns[key + 1] * turns[key].inv()).as_rotvec()
    rotation = (Rotation.from_rotvec(progress[:, None] * change) * turns[key]).as_matrix()
    middle = np.einsum("nij,nj->ni", rotation, scale * joints.mean(axis=1))
    wanted = places[key] + progress[:, None] * (places[key + 1] - places[key])

    left = bool(number % 2)
    flip = np.diag([-1.0 if left else 1.0, 1, 1])
    placed = np.tile(np.eye(4), (images, 1, 1))
    placed[:, :3, :3] = flip @ rotation * scale
    placed[:, :3, 3] = (wanted - middle) @ flip
    joints = np.einsum("nij,nkj->nki", placed[:, :3, :3], joints) + placed[:, None, :3, 3]
    return MovingHand(
        LEFT if left else RIGHT, camera, joints, resting, name, shape, transforms, placed, int(rng.integers(2**31))
    )


def _timeline(rng: np.random.Generator, images: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each image: the last pose, the progress to the next (0 to 1), and the number of the rest, or -1."""
    key, progress, resting = [], [], []
    number = 0
    while len(key) < images:
        rest, move = rng.integers(*REST), rng.integers(*MOVE)
        key += [number] * (rest + move)
        progress += [0.0] * rest + smooth(np.arange(1, move + 1) / (move + 1)).tolist()
        resting += [number] * rest + [-1] * move
        number += 1
    return np.array(key[:images]), np.array(progress[:images]), np.array(resting[:images])


def _repertoire(rng: np.random.Generator, bank: HandBank, shape: int, count: int) -> Angles:
    """Random poses, named and real ones."""
    named = pack(poses.named(list(rng.choice(list(poses.LIBRARY), count))))
    real = pack(real_poses().sample(rng, bank, np.full(count, shape)))
    return unpack(np.where(rng.uniform(0, 1, (count, 1)) < 0.5, named, real))
