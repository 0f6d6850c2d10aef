"""Through which camera the hands of a batch are seen, from where, and what their crops are centred on and turned by."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fingerpose_ros.perception.kinematics import hand_direction
from fingerpose_ros.perception.pose.crop import roll_matrix, upright_roll
from fingerpose_ros.perception.settings import EstimatorSettings

from . import objects, scene_sampling
from .hand_sampling import Hands
from .sensors import SENSORS, cameras

HALF_SIZE = EstimatorSettings.cube_half_size
"""Half the edge of the cube around a hand, metres: the estimator's default."""

OFF_CENTRE = 0.11
"""A crop that is to show no hand, but has one beside its middle, is centred farther than this from it, in metres."""

ASTRAY_SHARE, ASTRAY = 0.2, (0.02, 0.08)
"""Of crops that show a hand so many are centred so far up its forearm, in metres, beside how centres are off anyway: of
a hand that melts into a table the arm is what a finder sees best."""

LEAVING_SHARE = 0.6
"""Of crops that show the arm so many are cut by the border of the image where the arm leaves it, as an arm mostly does,
and looks like a hand half out of view."""

ALIGNED_SHARE = 0.75
"""Of crops so many are turned so that the hand points up, as the estimator turns them once it knows where it points."""

TURN_ERROR = np.radians((8.0, 4.0))
"""Standard deviation by which they miss that, in radians: of a hand seen from the side, and what is added to it when it
points towards the camera or away, at 1 / sine of the angle between."""

FOREARM_SHARE, FOREARM_ERROR = 0.33, np.radians((0.0, 12.0))
"""Of turned crops so many are turned as the forearm points, and by how much they miss that: so the estimator's first
look at a new hand is, and the wrist may be bent."""


class RandomStates(NamedTuple):
    """A batch's generators of random numbers: what one decides does not depend on how often others are asked."""

    main: np.random.Generator
    decoys: np.random.Generator
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
    """Through which camera each of n hands is seen, and from where: arrays (n, ...).

    Attributes:
        names: of the cameras.
        distance: to the middle of the cube, metres.
        to_camera: (n, 4, 4) from the wrist's frame.
        aligned: turned so that the hand points up, nearly.
        tilt: where the sensor's rows lie in the image, radians clockwise.
        up_arm: the cube is about a place on the forearm, `reach` metres from the wrist.
        leaving: the arm leaves the image there.
        uvd: (n, 21, 3) the joints in the crop's coordinates.
        depth: (n, 21) theirs from the camera, metres.
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
        """(n,) focal lengths of images in which the cube is `across` pixels wide."""
        return across / 2 * self.distance / HALF_SIZE


def choose_views(
    dice: RandomStates,
    hands: Hands,
    composed: list[scene_sampling.Scene],
    sensors: tuple[str, ...],
    aligned_share: float,
    astray_share: float,
) -> Views:
    """Whose camera it is, how far off, how well the cube is centred; and of what, where no hand is in its middle:
    such things are put into the scene_sampling."""
    rng, n = dice.main, len(composed)
    names = rng.choice([camera for name in sensors for camera in cameras(name)], n)
    near, far = np.array([(SENSORS[name].near, SENSORS[name].far) for name in names]).T
    distance = near + (far - near) * rng.beta(1.1, 1.6, n)
    radius = np.abs(rng.normal(0, 0.016, n)) + (rng.uniform(0, 1, n) < 0.15) * rng.uniform(0, 0.05, n)
    radius = np.where(hands.misplaced, rng.uniform(OFF_CENTRE + 0.005, 0.25, n), radius)
    offset = rng.normal(0, 1, (n, 3))
    offset *= (radius / np.linalg.norm(offset, axis=1))[:, None]

    to_camera = np.broadcast_to(np.eye(4), (n, 4, 4)).copy()
    to_camera[:, :3, :3] = [scene.view for scene in composed]
    aligned = dice.turns.uniform(0, 1, n) < aligned_share
    turn, tilt = _turns(dice.turns, to_camera[:, :3, :3], hands.joints, hands.arms)
    turn, tilt = np.where(aligned, turn, 0), np.where(aligned, tilt, 0)
    to_camera[:, :3, :3] = roll_matrix(turn) @ to_camera[:, :3, :3]

    middle = hands.joints.mean(1)
    astray = ~hands.empty & (dice.centres.uniform(0, 1, n) < astray_share)
    middle += np.where(astray, dice.centres.uniform(*ASTRAY, n), 0)[:, None] * hands.arms
    # The elbow's end of an arm looks much like a fist: be there often, with and without a hand at the other end.
    up_arm = hands.bare | (hands.misplaced & (dice.decoys.uniform(0, 1, n) < 0.6))
    reach = np.where(hands.bare, dice.decoys.uniform(-0.02, 0.26, n), dice.decoys.uniform(0.1, 0.28, n))
    middle[up_arm] = (hands.arms * reach[:, None])[up_arm]
    leaving = up_arm & (dice.decoys.uniform(0, 1, n) < LEAVING_SHARE * hands.difficulty)
    offset[up_arm] *= 0.016 / np.linalg.norm(offset[up_arm], axis=1, keepdims=True)
    for i in np.flatnonzero(hands.nobody):
        objects.add_decoy(dice.decoys, composed[i], middle[i])
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
    """How to turn views (n, 3, 3) of hands (n, 21, 3) about the camera's axis so that they point up, nearly, or their
    forearms do; `arms` (n, 3) lead up these.

    Returns:
        Radians (n,), clockwise, after which they point up; and where the sensor's rows lie then (n,), in radians
        clockwise from the image's: as the view has them or, as a camera may be held any way, some quarters from there.
    """
    by_arm = rng.uniform(0, 1, len(arms)) < FOREARM_SHARE
    pointing = np.where(by_arm[:, None], -arms, hand_direction(joints))
    along = np.einsum("nij,nj->ni", views, pointing)
    sine = np.linalg.norm(along[:, :2], axis=1) / np.linalg.norm(along, axis=1)
    at_side, added = np.where(by_arm, *np.broadcast_arrays(FOREARM_ERROR[:, None], TURN_ERROR[:, None]))
    error = rng.normal(0, 1, len(along)) * (at_side + added / np.maximum(sine, 0.02))
    turn = upright_roll(along) + error
    return turn, turn + np.pi / 2 * rng.integers(0, 4, len(along))
