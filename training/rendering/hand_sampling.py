"""Samples the hands of a batch: shape, pose, size and how hard each image is made; and a scene for each hand."""

from dataclasses import dataclass

import numpy as np
import warp as wp

from fingerpose_ros.perception.anatomy import CHILD_LENGTH, HAND_LENGTH

from . import poses, scene_sampling
from .hands import ADULT_LENGTH
from .real_poses import real_poses
from .renderer import Renderer

PLAIN_FRACTION = 0.3
"""Fraction of hands shown with less than the requested difficulty, by a uniformly sampled factor. Most hands that a
robot tracks are alone and well in view."""


@dataclass(frozen=True)
class SampledHands:
    """The n hands of a batch, each in its wrist frame: arrays (n, ...).

    Attributes:
        negative: the crop is a negative: it shows no hand, or one far off centre.
        off_centre: the hand is far off centre.
        arm_only: the crop shows a forearm without a hand. A negative that is neither off centre nor an arm shows no
            person.
        difficulty: of the image, 0 to 1.
        child: the hand is a child's.
        grasping, resting, picking: the pose holds an object; lies on a table; takes something from a table.
        shapes: indices of the hands' shapes in the bank.
        scale: size of the hand divided by the size of its shape.
        length: wrist to middle fingertip, metres.
        skinned: vertices as a Warp array, in the size of the shape.
        joints: (n, 21, 3) metres.
        arms: (n, 3) directions from the wrist up the forearm.
    """

    negative: np.ndarray
    off_centre: np.ndarray
    arm_only: np.ndarray
    difficulty: np.ndarray
    child: np.ndarray
    grasping: np.ndarray
    resting: np.ndarray
    picking: np.ndarray
    shapes: np.ndarray
    scale: np.ndarray
    length: np.ndarray
    skinned: wp.array
    joints: np.ndarray
    arms: np.ndarray

    @property
    def no_person(self) -> np.ndarray:
        return self.negative & ~self.off_centre & ~self.arm_only


def sample_hands(
    rng: np.random.Generator,
    renderer: Renderer,
    count: int,
    difficulty: float,
    negative_fraction: float,
    real_fraction: float = 0.0,
) -> SampledHands:
    """The main hands of `count` images, whether they are rendered or not; see `rendered_batches.RenderedBatches`.

    `real_fraction` of the hands that neither grasp nor rest take a tracked real pose. These come from a generator of
    their own: everything else is the same for any fraction.
    """
    n, bank = count, renderer.bank
    kind = rng.uniform(0, 1, n)
    negative = kind < negative_fraction
    off_centre = kind < 0.25 * negative_fraction
    arm_only = negative & ~off_centre & (kind < 0.5 * negative_fraction)
    plain = ~negative & (rng.uniform(0, 1, n) < PLAIN_FRACTION)
    difficulties = difficulty * np.where(plain, rng.uniform(0, 1, n), 1)
    child = rng.uniform(0, 1, n) < 0.15 * difficulty
    shapes = np.where(child, rng.choice(np.flatnonzero(bank.child), n), rng.choice(np.flatnonzero(~bank.child), n))
    grasping = rng.uniform(0, 1, n) < 0.32 * difficulties
    resting = ~grasping & (rng.uniform(0, 1, n) < 0.25 * difficulties)
    picking = grasping & (rng.uniform(0, 1, n) < 0.6)
    angles = poses.sample(rng, bank, shapes, grasping, resting)
    if real_fraction > 0:
        own = rng.spawn(1)[0]
        real = (own.uniform(0, 1, n) < real_fraction) & ~grasping & ~resting
        for name, values in vars(real_poses().sample(own, bank, shapes[real])).items():
            getattr(angles, name)[real] = values
    transforms, joints = bank.pose(shapes, angles)
    of_children, of_adults = (np.clip(rng.normal(m, sd, n), lo, hi) for m, sd, lo, hi in (CHILD_LENGTH, HAND_LENGTH))
    length = np.where(child, of_children, of_adults)
    scale = length / bank.length[shapes]
    joints *= scale[:, None, None]
    arms = -transforms[:, 1, :3, :3] @ bank.rest[shapes, 1, :3, 1][..., None]
    return SampledHands(
        negative=negative, off_centre=off_centre, arm_only=arm_only, difficulty=difficulties, child=child,
        grasping=grasping, resting=resting, picking=picking, shapes=shapes, scale=scale, length=length,
        skinned=renderer.skin(shapes, transforms), joints=joints, arms=arms[:, :, 0],
    )  # fmt: skip


def sample_scenes(rng: np.random.Generator, hands: SampledHands) -> list[scene_sampling.Scene]:
    """Sample a scene for each hand."""
    vertices = hands.skinned.numpy() * hands.scale[:, None, None]
    kinds = hands.grasping, hands.resting, hands.picking, hands.difficulty
    each = zip(hands.joints, vertices, hands.arms, hands.length / ADULT_LENGTH, *kinds, strict=True)
    return [scene_sampling.sample_scene(rng, *hand) for hand in each]
