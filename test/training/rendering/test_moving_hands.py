"""Rendered sequences of moving hands."""

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from fingerpose_ros.perception.kinematics import joint_frames
from fingerpose_ros.perception.skeleton import PARENTS
from training.rendering.moving_hands import CHILD_EVERY, SIZE, moving_hand
from training.rendering.renderer import Renderer, shared_renderer


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return shared_renderer("cpu")


def bone_lengths(joints: np.ndarray) -> np.ndarray:
    bones = [joint for joint in range(1, 21) if PARENTS[joint] != 0]
    return np.linalg.norm(joints[:, bones] - joints[:, [PARENTS[joint] for joint in bones]], axis=2)


@pytest.mark.parametrize("number", range(6))
def test_a_person_moves_smoothly_and_rests(renderer, number):
    hand = moving_hand(renderer.bank, 3, number, 90)
    step = np.linalg.norm(np.diff(hand.joints, axis=0), axis=2)
    still = (hand.resting[1:] >= 0) & (hand.resting[1:] == hand.resting[:-1])
    assert 20 < still.sum() < 75 and step[still].max() < 1e-9
    assert 0.001 < step[~still].mean() and step.max() < 0.08  # 2.4 m/s
    assert bone_lengths(hand.joints).std(axis=0).max() < 1e-9
    assert (hand.joints[..., 2] > 0.15).all()


def test_persons_differ_and_one_of_six_is_a_child(renderer):
    sizes = [bone_lengths(moving_hand(renderer.bank, 3, number, 1).joints)[0].sum() for number in range(6)]
    assert len(set(sizes)) == 6 and int(np.argmin(sizes)) == CHILD_EVERY - 1


def test_sequences_differ_and_are_reproducible(renderer):
    first, again, other = (moving_hand(renderer.bank, seed, 0, 40) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.joints, again.joints)
    assert np.abs(first.joints - other.joints).max() > 0.01


def test_left_hands_are_left_hands(renderer):
    """A fist or a flat hand bends towards the palm: the normal of the palm is on the other side of a left hand."""
    for number, handedness in ((0, "right"), (1, "left")):
        hand = moving_hand(renderer.bank, 3, number, 90)
        assert hand.handedness == handedness
        dorsal = joint_frames(hand.joints, handedness)[:, 0, :, 2]
        tips = hand.joints[:, 8::4].mean(axis=1) - hand.joints[:, 5::4].mean(axis=1)
        assert np.einsum("ni,ni->n", tips, dorsal).mean() < -0.005


def test_the_joints_lie_below_the_rendered_skin(renderer):
    hand = moving_hand(renderer.bank, 3, 0, 8)
    images = list(hand.images(renderer))
    assert len(images) == 8 and images[0].shape == (SIZE, SIZE)
    gaps = []
    for joints, depth in zip(hand.joints, images, strict=True):
        pixels = np.round(hand.camera.project(joints)).astype(int)
        u, v = pixels[((pixels >= 0) & (pixels < SIZE)).all(axis=1)].T
        measured = depth[v, u]
        gaps.append((joints[((pixels >= 0) & (pixels < SIZE)).all(axis=1), 2] - measured)[measured > 0])
    gaps = np.concatenate(gaps)
    assert len(gaps) > 100 and (gaps > -0.01).mean() > 0.95  # a joint may be behind a finger, but not before the skin
    assert ((gaps > 0) & (gaps < 0.03)).mean() > 0.4
