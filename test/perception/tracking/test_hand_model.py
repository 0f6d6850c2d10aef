"""A hand whose bones keep their lengths, over many images."""

import numpy as np
import pytest
from anatomical_hand import ALL, COVARIANCE, SIGMA, moving, pose_of, shape_of
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerpose_ros.perception.kinematics import joint_frames
from fingerpose_ros.perception.skeleton import PARENTS
from fingerpose_ros.perception.tracking.hand_model import HandModel

SMOOTHED = (1.0, 40.0)
BONES = [joint for joint in range(1, 21) if PARENTS[joint] != 0]
SECONDS = 3


def bone_lengths(joints):
    return np.linalg.norm(joints[..., BONES, :] - joints[..., [PARENTS[joint] for joint in BONES], :], axis=-1)


def sequence(seed: int, length: float = 0.187):
    """A person's lengths (15,), true joints and noisy ones (images, 21, 3); half of the noise lasts for some images."""
    random = np.random.default_rng(seed)
    shape = shape_of(random, length)
    poses = moving(random, 30 * SECONDS, pose_of(random, 0.1), pose_of(random, 0.8))
    truth = np.stack([pose.joints(shape) for pose in poses])
    own, lasting = random.normal(0, 1, (2, *truth.shape))
    for i in range(1, len(truth)):
        lasting[i] = 0.8 * lasting[i - 1] + 0.6 * lasting[i]
    return shape, truth, truth + (own + lasting) / np.sqrt(2) * SIGMA


def follow(model, positions, valid=ALL, handedness="right", covariance=COVARIANCE):
    return np.stack([model(p, covariance, valid, handedness, i / 30) for i, p in enumerate(positions)])


@pytest.mark.parametrize("length", (0.13, 0.187, 0.21))
def test_the_lengths_settle_to_those_of_the_person_and_stay_constant(length):
    shape, truth, noisy = sequence(1, length)
    model = HandModel(None)
    assert not model.settled
    fitted = follow(model, noisy)
    assert model.settled and model.length == pytest.approx(shape.length, rel=0.03)
    lengths = bone_lengths(fitted)
    assert np.abs(lengths[-1] - shape.bones.ravel()).mean() < 0.0015
    assert lengths[30:].std(axis=0).mean() < 0.0003 < 0.1 * bone_lengths(noisy)[30:].std(axis=0).mean()


def test_exact_joints_are_followed_exactly_but_the_lengths_do_not_settle_at_once():
    shape, truth, _ = sequence(2, 0.2)
    model = HandModel(None)
    follow(model, truth[:20], covariance=1e-2 * COVARIANCE)
    assert not model.settled
    fitted = follow(HandModel(None), truth, covariance=1e-2 * COVARIANCE)
    assert np.linalg.norm(fitted - truth, axis=2)[30:].max() < 0.0025


def test_errors_are_smaller_than_the_predictions():
    _, truth, noisy = sequence(3)
    fitted = follow(HandModel(None), noisy)
    assert np.linalg.norm(fitted - truth, axis=2).mean() < 0.8 * np.linalg.norm(noisy - truth, axis=2).mean()


def test_smoothing_keeps_the_lengths_and_reduces_jitter():
    random = np.random.default_rng(4)
    shape, pose = shape_of(random), pose_of(random, 0.4)
    noisy = pose.joints(shape) + random.normal(0, 1, (90, 21, 3)) * SIGMA
    plain, smooth = follow(HandModel(None), noisy)[30:], follow(HandModel(SMOOTHED), noisy)[30:]
    assert smooth.std(axis=0).mean() < 0.6 * plain.std(axis=0).mean()
    np.testing.assert_allclose(bone_lengths(smooth), bone_lengths(plain), atol=1e-9)


def test_the_frame_of_the_wrist_does_not_jump():
    """Noise of 3 to 5 mm. The hand turns by at most 1.3 degrees from image to image, its frame by little more."""
    _, _, noisy = sequence(5)
    wrist = joint_frames(follow(HandModel(SMOOTHED), noisy), "right")[30:, 0]
    cosine = (np.einsum("nij,nij->n", wrist[1:], wrist[:-1]) - 1) / 2
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 4


def test_a_left_hand_is_the_mirror_image_of_a_right_hand():
    _, _, noisy = sequence(6)
    mirror = np.array([-1, 1, 1])
    covariance = COVARIANCE + 2e-6 * np.array([[0, 1, 2], [1, 0, 1], [2, 1, 0]])
    right = follow(HandModel(SMOOTHED), noisy[:20], covariance=covariance)
    left = follow(HandModel(SMOOTHED), noisy[:20] * mirror, ALL, "left", covariance * np.outer(mirror, mirror))
    np.testing.assert_allclose(left * mirror, right, atol=1e-9)


def test_joints_that_are_not_valid_have_little_weight():
    _, truth, noisy = sequence(7)
    valid = ALL.copy()
    valid[12] = False
    wrong = noisy.copy()
    wrong[:, 12] += (0.03, 0, 0)
    results = [follow(HandModel(None), wrong, which) for which in (ALL, valid)]
    trusted, doubted = (np.linalg.norm(joints - truth, axis=2)[30:, 9:13].mean() for joints in results)
    assert doubted < 0.7 * trusted


def test_nothing_changes_while_the_clock_stands_still():
    _, _, noisy = sequence(8)
    model = HandModel(SMOOTHED)
    lengths = [bone_lengths(model(noisy[0], COVARIANCE, ALL, "right", 0.0)) for _ in range(5)]
    np.testing.assert_allclose(lengths, lengths[:1] * 5, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from([0.0, 1e-6, 0.01, 0.3, 10.0]),
    sigma=st.sampled_from([1e-6, 1e-3, 0.05, 10.0]),
    valid=st.lists(st.booleans(), min_size=21, max_size=21),
    elapsed=st.lists(st.sampled_from([0.0, 1e-4, 1 / 30, 2.0]), min_size=3, max_size=3),
    smooth=st.booleans(),
)
def test_no_input_raises_or_gives_an_unknown_joint(seed, size, sigma, valid, elapsed, smooth):
    """Joints anywhere, with any uncertainty: the result is finite, and its bones have a hand's lengths."""
    random, stamp = np.random.default_rng(seed), 100.0
    model = HandModel(SMOOTHED if smooth else None)
    for step in (0.0, *elapsed):
        stamp += step
        axes = random.normal(0, sigma, (21, 3, 3))
        joints = model(random.normal(0, size, (21, 3)), axes @ axes.swapaxes(1, 2), np.array(valid), "left", stamp)
        assert np.isfinite(joints).all()
        assert (bone_lengths(joints) > 0.004).all() and (bone_lengths(joints) < 0.1).all()
        assert 0.08 < model.length < 0.3
