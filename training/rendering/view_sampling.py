"""Samples the camera views of a batch: sensor, distance, direction, and the centre and rotation of each crop."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fingerpose_ros.perception.kinematics import hand_direction
from fingerpose_ros.perception.pose.crop import roll_matrix, upright_roll
from fingerpose_ros.perception.settings import EstimatorSettings

from . import objects, scene_sampling
from .hand_sampling import SampledHands
from .sensors import SENSORS, cameras

HALF_SIZE = EstimatorSettings.cube_half_size
"""Half the side of the cube around a hand, metres: the estimator's default."""

OFF_CENTRE = 0.11
"""Least distance of a misplaced crop's centre from the hand in it, metres."""

OFF_CENTRE_ARM_FRACTION, OFF_CENTRE_ARM = 0.2, (0.02, 0.08)
"""Fraction of crops with a hand that are centred up its forearm, and by how much, metres. This adds to the usual error
of the centre. A detector sees the arm best where a hand melts into a table."""

LEAVING_FRACTION = 0.6
"""Fraction of crops of an arm that the image border cuts. Most arms leave the image, and then look like a hand that is
half out of view."""

ALIGNED_FRACTION = 0.75
"""Fraction of crops rotated so that the hand points up. The estimator rotates them once it knows the hand's
direction."""

TURN_ERROR = np.radians((8.0, 4.0))
"""Standard deviation of that rotation's error, radians: for a hand seen from the side, and a term that is divided by
the sine of the angle between the hand's direction and the line of sight."""

FOREARM_FRACTION, FOREARM_ERROR = 0.33, np.radians((0.0, 12.0))
"""Fraction of rotated crops that are aligned with the forearm, and the error of that. The estimator's first crop of a
new hand is aligned so, and the wrist may be bent."""


class RandomStates(NamedTuple):
    """The random generators of a batch. Independent ones: how often one is used does not change the others' numbers."""

    main: np.random.Generator
    negatives: np.random.Generator
    borders: np.random.Generator
    coarse: np.random.Generator
    turns: np.random.Generator
    centres: np.random.Generator

    @classmethod
    def of(cls, seed: int, index: int) -> "RandomStates":
        return cls(
            np.random.default_rng((seed, index)), *(np.random.default_rng((seed, index, k)) for k in range(1, 6))
        )


@dataclass(frozen=True)
class Views:
    """Camera and viewpoint of each of n hands: arrays (n, ...).

    Attributes:
        names: names of the sensors.
        distance: from the camera to the cube's centre, metres.
        to_camera: (n, 4, 4) wrist frame -> camera.
        aligned: the crop is rotated so that the hand points up, with an error.
        tilt: direction of the sensor's rows in the image, radians clockwise.
        up_arm: the cube's centre is on the forearm, `reach` metres from the wrist.
        leaving: the arm leaves the image there.
        uvd: (n, 21, 3) the joints in the crop's coordinates.
        depth: (n, 21) depths of the joints, metres.
    """

    names: list[str]
    distance: np.ndarray
    to_camera: np.ndarray
    aligned: np.ndarray
    tilt: np.ndarray
    up_arm: np.ndarray
    reach: np.ndarray
    leaving: np.ndarray
    uvd: np.ndarray
    depth: np.ndarray

    def focal(self, across: float) -> np.ndarray:
        """(n,) focal lengths, pixels, of images in which the cube is `across` pixels wide."""
        return across / 2 * self.distance / HALF_SIZE


def sample_views(
    random: RandomStates,
    hands: SampledHands,
    scenes: list[scene_sampling.Scene],
    sensors: tuple[str, ...],
    aligned_fraction: float,
    off_centre_arm_fraction: float,
) -> Views:
    """Sample sensor, distance, direction and crop of each hand.

    Where no hand is at the crop's centre, a distractor is added to the scene there.
    """
    rng, n = random.main, len(scenes)
    names = rng.choice([camera for name in sensors for camera in cameras(name)], n)
    near, far = np.array([(SENSORS[name].near, SENSORS[name].far) for name in names]).T
    distance = near + (far - near) * rng.beta(1.1, 1.6, n)
    radius = np.abs(rng.normal(0, 0.016, n)) + (rng.uniform(0, 1, n) < 0.15) * rng.uniform(0, 0.05, n)
    radius = np.where(hands.off_centre, rng.uniform(OFF_CENTRE + 0.005, 0.25, n), radius)
    offset = rng.normal(0, 1, (n, 3))
    offset *= (radius / np.linalg.norm(offset, axis=1))[:, None]

    to_camera = np.broadcast_to(np.eye(4), (n, 4, 4)).copy()
    to_camera[:, :3, :3] = [scene.view for scene in scenes]
    aligned = random.turns.uniform(0, 1, n) < aligned_fraction
    turn, tilt = _turns(random.turns, to_camera[:, :3, :3], hands.joints, hands.arms)
    turn, tilt = np.where(aligned, turn, 0), np.where(aligned, tilt, 0)
    to_camera[:, :3, :3] = roll_matrix(turn) @ to_camera[:, :3, :3]

    middle = hands.joints.mean(1)
    off_centre_arm = ~hands.negative & (random.centres.uniform(0, 1, n) < off_centre_arm_fraction)
    middle += np.where(off_centre_arm, random.centres.uniform(*OFF_CENTRE_ARM, n), 0)[:, None] * hands.arms
    # The elbow's end of an arm looks much like a fist: be there often, with and without a hand at the other end.
    up_arm = hands.arm_only | (hands.off_centre & (random.negatives.uniform(0, 1, n) < 0.6))
    reach = np.where(hands.arm_only, random.negatives.uniform(-0.02, 0.26, n), random.negatives.uniform(0.1, 0.28, n))
    middle[up_arm] = (hands.arms * reach[:, None])[up_arm]
    leaving = up_arm & (random.negatives.uniform(0, 1, n) < LEAVING_FRACTION * hands.difficulty)
    offset[up_arm] *= 0.016 / np.linalg.norm(offset[up_arm], axis=1, keepdims=True)
    for i in np.flatnonzero(hands.no_person):
        objects.add_distractor(random.negatives, scenes[i], middle[i])
    to_camera[:, :3, 3] = offset - np.einsum("nij,nj->ni", to_camera[:, :3, :3], middle)
    to_camera[:, 2, 3] += distance

    points = np.einsum("nij,nkj->nki", to_camera[:, :3, :3], hands.joints) + to_camera[:, None, :3, 3]
    uv = points[..., :2] / points[..., 2:] * (distance / HALF_SIZE)[:, None, None]
    uvd = np.concatenate([uv, (points[..., 2:] - distance[:, None, None]) / HALF_SIZE], axis=-1)
    return Views(
        names=list(names), distance=distance, to_camera=to_camera, aligned=aligned, tilt=tilt, up_arm=up_arm,
        reach=reach, leaving=leaving, uvd=uvd, depth=points[..., 2],
    )  # fmt: skip


def _turns(
    rng: np.random.Generator, views: np.ndarray, joints: np.ndarray, arms: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Rotations about the optical axis after which hands or their forearms point up, with an error.

    Args:
        views: (n, 3, 3) wrist frame -> camera.
        joints: (n, 21, 3) of the hands.
        arms: (n, 3) directions from the wrists up the forearms.

    Returns:
        Clockwise rotations (n,), radians; and the direction of the sensor's rows afterwards (n,), radians clockwise
        from the image's rows. A camera may be mounted in four ways, so that direction is off by a multiple of 90
        degrees.
    """
    by_arm = rng.uniform(0, 1, len(arms)) < FOREARM_FRACTION
    pointing = np.where(by_arm[:, None], -arms, hand_direction(joints))
    along = np.einsum("nij,nj->ni", views, pointing)
    sine = np.linalg.norm(along[:, :2], axis=1) / np.linalg.norm(along, axis=1)
    at_side, added = np.where(by_arm, *np.broadcast_arrays(FOREARM_ERROR[:, None], TURN_ERROR[:, None]))
    error = rng.normal(0, 1, len(along)) * (at_side + added / np.maximum(sine, 0.02))
    turn = upright_roll(along) + error
    return turn, turn + np.pi / 2 * rng.integers(0, 4, len(along))
