"""Known articulated hands with random poses within the anatomical limits, for tests of the hand model."""

import numpy as np
from scipy.spatial.transform import Rotation

from fingerpose_ros.perception import anatomy
from fingerpose_ros.perception.tracking.articulation import ArticulatedPose, HandShape

SIGMA = np.array([0.003, 0.003, 0.005])
"""Standard deviations of a network's errors along the camera's axes, metres."""

COVARIANCE = np.tile(np.diag(SIGMA**2), (21, 1, 1))
ALL = np.ones(21, bool)


def shape_of(random: np.random.Generator, length: float = 0.187) -> HandShape:
    """A person's hand."""
    axes = anatomy.AXES + random.normal(0, 1, (5, 3)) * anatomy.AXES_SPREAD
    bones = anatomy.BONES + random.normal(0, 1, (5, 3)) * anatomy.BONES_SPREAD
    return HandShape(length * axes, length * bones)


def pose_of(random: np.random.Generator, bend: float | None = None) -> ArticulatedPose:
    """A pose before the camera. `bend` is the share of each finger's flexion, 0 to 1; None: random for each."""
    share = random.uniform(0.1, 0.9, 5) if bend is None else np.full(5, bend)
    angles = np.zeros((5, 5))
    angles[0] = np.radians([20, 20, 0, 0, 0]) + np.radians([50, 35, 0, 50, 60]) * share[0]
    angles[1:, 0] = np.radians(random.uniform(-10, 10, 4))
    angles[1:, 1] = np.radians(90) * share[1:]
    angles[1:, 3] = np.radians(100) * share[1:]
    angles[1:, 4] = anatomy.DIP_PER_PIP * angles[1:, 3]
    rotation = Rotation.random(random_state=random).as_matrix()
    return ArticulatedPose(random.uniform(-0.1, 0.1, 3) + (0, 0, 0.6), rotation, angles)


def moving(
    random: np.random.Generator, count: int, start: ArticulatedPose, end: ArticulatedPose
) -> list[ArticulatedPose]:
    """`count` poses to and fro between two, by 10 cm and 20 degrees."""
    share = 0.5 - 0.5 * np.cos(np.arange(count) / 10)
    along, axis = random.normal(0, 1, (2, 3))
    turn = Rotation.from_rotvec(share[:, None] * np.radians(20) * axis / np.linalg.norm(axis)).as_matrix()
    shift = 0.1 * along / np.linalg.norm(along)
    return [
        ArticulatedPose(start.wrist + s * shift, t @ start.rotation, start.angles + s * (end.angles - start.angles))
        for s, t in zip(share, turn, strict=True)
    ]
