"""Fitting the articulated hand's pose to measured joints."""

from dataclasses import replace

import numpy as np
import pytest
from anatomical_hand import COVARIANCE, SIGMA, pose_of, shape_of

from fingerpose_ros.perception import anatomy
from fingerpose_ros.perception.tracking.articulation import FLEXION, MIDDLE, OUTER
from fingerpose_ros.perception.tracking.pose_fit import Measured, fit
from fingerpose_ros.perception.tracking.rotations import rotation_of

TIP = 8
"""The index finger's."""


def mean_error(one, other) -> float:
    return float(np.linalg.norm(one - other, axis=1).mean())


@pytest.mark.parametrize("seed", range(10))
def test_a_known_hand_is_recovered_from_exact_joints(seed):
    """Without an earlier pose, in any pose and orientation."""
    random = np.random.default_rng(seed)
    shape, truth = shape_of(random), pose_of(random)
    pose, _ = fit(Measured.of(truth.joints(shape), 1e-3 * COVARIANCE), shape, None)
    assert np.linalg.norm(pose.joints(shape) - truth.joints(shape), axis=1).max() < 0.0015
    np.testing.assert_allclose(pose.angles[1:, 1:], truth.angles[1:, 1:], atol=np.radians(4))
    np.testing.assert_allclose(pose.rotation, truth.rotation, atol=0.03)


def test_noise_is_reduced():
    random, raw, fitted = np.random.default_rng(0), [], []
    for _ in range(20):
        shape, truth = shape_of(random), pose_of(random)
        noisy = truth.joints(shape) + random.normal(0, 1, (21, 3)) * SIGMA
        pose, _ = fit(Measured.of(noisy, COVARIANCE), shape, truth)
        raw.append(mean_error(noisy, truth.joints(shape)))
        fitted.append(mean_error(pose.joints(shape), truth.joints(shape)))
    assert np.mean(fitted) < 0.65 * np.mean(raw)


def test_a_hand_that_has_opened_and_turned_over_at_once_is_fitted_from_a_first_guess():
    random = np.random.default_rng(1)
    shape = shape_of(random)
    fist, flat = pose_of(random, 1.0), pose_of(random, 0.0)
    fist = replace(fist, rotation=flat.rotation @ np.diag([1.0, -1, -1]))
    pose, _ = fit(Measured.of(flat.joints(shape), COVARIANCE), shape, fist)
    assert mean_error(pose.joints(shape), flat.joints(shape)) < 0.001


def test_angles_stay_within_the_limits():
    """The joints of a finger that is bent backwards by 60 degrees at each joint, and of one that is bent too far."""
    random = np.random.default_rng(2)
    shape = shape_of(random)
    for bend in (-60, 150):
        wrong = pose_of(random, 0.0)
        wrong.angles[1:, [FLEXION, MIDDLE, OUTER]] = np.radians(bend)
        for start in (None, pose_of(random, 0.5)):
            pose, _ = fit(Measured.of(wrong.joints(shape), COVARIANCE), shape, start)
            (_, _), (low, high), (dip_low, dip_high) = np.radians(anatomy.FLEXION_LIMITS)
            assert (low <= pose.angles[1:, MIDDLE]).all() and (pose.angles[1:, MIDDLE] <= high).all()
            assert (dip_low <= pose.angles[1:, OUTER]).all() and (pose.angles[1:, OUTER] <= dip_high).all()


def test_a_joint_counts_as_much_as_its_covariance_allows():
    """A fingertip that is 20 mm off: stated as uncertain it is corrected, stated as exact it is followed."""
    random = np.random.default_rng(3)
    shape, truth = shape_of(random), pose_of(random, 0.4)
    joints, off = truth.joints(shape), []
    moved = joints.copy()
    moved[TIP] += 0.02 * truth.rotation[:, 2]
    for factor in (100.0, 1.0, 0.04):
        covariance = COVARIANCE.copy()
        covariance[TIP] *= factor
        pose, _ = fit(Measured.of(moved, covariance), shape, truth)
        off.append(np.linalg.norm(pose.joints(shape)[TIP] - joints[TIP]))
    assert off[0] < 0.003 and off[0] < off[1] < off[2]


def test_the_direction_of_the_uncertainty_counts():
    """An error along the axis on which a joint is uncertain moves the fit less than one along another axis."""
    random = np.random.default_rng(4)
    shape, truth = shape_of(random), pose_of(random, 0.4)
    covariance = np.tile(np.diag((0.002, 0.002, 0.02)) ** 2, (21, 1, 1))
    shift = []
    for axis in (0, 2):
        moved = truth.joints(shape)
        moved[5:9] += 0.01 * np.eye(3)[axis]
        pose, _ = fit(Measured.of(moved, covariance), shape, truth)
        shift.append(mean_error(pose.joints(shape)[5:9], truth.joints(shape)[5:9]))
    assert shift[1] < shift[0]


def test_a_wrong_joint_hardly_moves_the_others():
    random = np.random.default_rng(5)
    shape, truth = shape_of(random), pose_of(random, 0.3)
    moved = truth.joints(shape)
    moved[TIP] += (0.0, 0.08, 0.05)
    pose, _ = fit(Measured.of(moved, COVARIANCE), shape, truth)
    others = np.delete(np.arange(21), [5, 6, 7, 8])
    assert np.linalg.norm(pose.joints(shape) - truth.joints(shape), axis=1)[others].max() < 0.004


def test_a_rotation_vector_is_turned_into_its_rotation():
    np.testing.assert_allclose(rotation_of(np.array([0, 0, np.pi / 2])), [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-12)
    np.testing.assert_array_equal(rotation_of(np.zeros(3)), np.eye(3))
