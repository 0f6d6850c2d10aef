"""Whose hands the images of a batch show, in which pose, and what around them."""

from dataclasses import dataclass

import numpy as np
import warp as wp

from . import poses, scene_sampling
from .hands import ADULT_LENGTH
from .renderer import Renderer

HAND_LENGTH, CHILD_LENGTH = (ADULT_LENGTH, 0.014, 0.152, 0.222), (0.135, 0.015, 0.105, 0.160)
"""Wrist to middle fingertip, metres, of adults and of children: mean, standard deviation, least, most."""

PLAIN_SHARE = 0.3
"""Of hands so many are shown more plainly than the stream's difficulty asks for, by any amount: most that a robot is to
follow are alone and well in view."""


@dataclass(frozen=True)
class Hands:
    """The n hands of a batch, each in the frame of its wrist, and what is to be shown of them: arrays (n, ...).

    Attributes:
        empty: the image shows no hand, or one far off centre.
        misplaced: the latter.
        bare: it shows a forearm without a hand; what is `empty` and neither of these shows nobody at all.
        difficulty: how hard the image is made.
        child, grasping, resting, picking: a child's; of a pose that holds something; lies on, takes from a table.
        scale: the hand's size over that of its shape.
        length: wrist to middle fingertip, metres.
        skinned: vertices, of Warp, in its shape's size.
        joints: (n, 21, 3) metres.
        arms: (n, 3) directions from the wrist up the forearm.
    """

    empty: np.ndarray
    misplaced: np.ndarray
    bare: np.ndarray
    difficulty: np.ndarray
    child: np.ndarray
    grasping: np.ndarray
    resting: np.ndarray
    picking: np.ndarray
    scale: np.ndarray
    length: np.ndarray
    skinned: wp.array
    joints: np.ndarray
    arms: np.ndarray

    @property
    def nobody(self) -> np.ndarray:
        return self.empty & ~self.misplaced & ~self.bare


def cast(rng: np.random.Generator, renderer: Renderer, count: int, difficulty: float, empty_share: float) -> Hands:
    """The own hands of `count` images, whether they are shown or not; see `stream.RenderedBatches`."""
    n, bank = count, renderer.bank
    kind = rng.uniform(0, 1, n)
    empty = kind < empty_share
    misplaced = kind < 0.25 * empty_share
    bare = empty & ~misplaced & (kind < 0.5 * empty_share)
    plain = ~empty & (rng.uniform(0, 1, n) < PLAIN_SHARE)
    difficulties = difficulty * np.where(plain, rng.uniform(0, 1, n), 1)
    child = rng.uniform(0, 1, n) < 0.15 * difficulty
    shapes = np.where(child, rng.choice(np.flatnonzero(bank.child), n), rng.choice(np.flatnonzero(~bank.child), n))
    grasping = rng.uniform(0, 1, n) < 0.32 * difficulties
    resting = ~grasping & (rng.uniform(0, 1, n) < 0.25 * difficulties)
    picking = grasping & (rng.uniform(0, 1, n) < 0.6)
    angles = poses.sample(rng, bank, shapes, grasping, resting)
    transforms, joints = bank.pose(shapes, angles)
    of_children, of_adults = (np.clip(rng.normal(m, sd, n), lo, hi) for m, sd, lo, hi in (CHILD_LENGTH, HAND_LENGTH))
    length = np.where(child, of_children, of_adults)
    scale = length / bank.length[shapes]
    joints *= scale[:, None, None]
    arms = -transforms[:, 1, :3, :3] @ bank.rest[shapes, 1, :3, 1][..., None]
    return Hands(
        empty=empty, misplaced=misplaced, bare=bare, difficulty=difficulties, child=child, grasping=grasping,
        resting=resting, picking=picking, scale=scale, length=length, skinned=renderer.skin(shapes, transforms),
        joints=joints, arms=arms[:, :, 0],
    )  # fmt: skip


def surround(rng: np.random.Generator, hands: Hands) -> list[scene_sampling.Scene]:
    """Put each hand into a scene of its own."""
    vertices = hands.skinned.numpy() * hands.scale[:, None, None]
    kinds = hands.grasping, hands.resting, hands.picking, hands.difficulty
    each = zip(hands.joints, vertices, hands.arms, hands.length / ADULT_LENGTH, *kinds, strict=True)
    return [scene_sampling.compose(rng, *hand) for hand in each]
