"""The articulated hand: derivatives, directions of the angles, and its constants."""

import numpy as np
import pytest
from anatomical_hand import pose_of, shape_of

from fingerpose_ros.perception import anatomy
from fingerpose_ros.perception.kinematics import joint_angles
from fingerpose_ros.perception.tracking.articulation import FLEXION, MIDDLE, OUTER, SIDE, ArticulatedPose, articulate

STEP = 1e-6


def at_camera(angles):
    return ArticulatedPose(np.zeros(3), np.eye(3), angles)


@pytest.mark.parametrize("seed", range(5))
def test_the_derivatives_are_those_of_the_joints(seed):
    random = np.random.default_rng(seed)
    shape, angles = shape_of(random), random.normal(0.3, 0.4, (5, 5))
    hand = articulate(shape, angles)
    for angle in range(5):
        step = np.zeros((5, 5))
        step[:, angle] = STEP
        slope = (articulate(shape, angles + step).joints - articulate(shape, angles - step).joints) / (2 * STEP)
        np.testing.assert_allclose(hand.by_angle[..., angle], slope, atol=1e-7)


def test_bones_have_their_lengths_in_every_pose():
    random = np.random.default_rng(1)
    shape = shape_of(random)
    for _ in range(10):
        joints = articulate(shape, pose_of(random).angles).joints
        np.testing.assert_allclose(np.linalg.norm(np.diff(joints, axis=1), axis=2), shape.bones, atol=1e-12)


def test_the_length_of_a_straight_hand_is_that_along_its_middle_finger():
    shape = shape_of(np.random.default_rng(2), 0.16)
    joints = at_camera(np.zeros((5, 5))).joints(shape)
    along = np.linalg.norm(np.diff(joints[[0, 9, 10, 11, 12]], axis=0), axis=1).sum()
    assert shape.length == pytest.approx(along, rel=1e-3) and 0.14 < along < 0.18


def test_angles_are_those_that_are_published():
    """Flexion and spread as `kinematics` measures them, up to the turned axes of people's joints."""
    shape = shape_of(np.random.default_rng(3))
    angles = np.zeros((5, 5))
    angles[1:, FLEXION], angles[1:, MIDDLE], angles[1:, OUTER] = np.radians([[30], [60], [40]])
    angles[:, SIDE] = np.radians([40, 10, 0, -10, -20])
    flexion, abduction = joint_angles(at_camera(angles).joints(shape), "right")
    np.testing.assert_allclose(np.degrees(flexion[1:, 1:]), [[60, 40]] * 4, atol=3)
    np.testing.assert_allclose(np.degrees(flexion[1:, 0]), 30, atol=8)
    np.testing.assert_allclose(np.degrees(abduction), [40, 10, 0, 10, 20], atol=12)


def test_the_palm_cups_as_fingers_bend():
    shape, angles = shape_of(np.random.default_rng(4)), np.zeros((5, 5))
    straight = articulate(shape, angles)
    angles[1:, FLEXION] = np.pi / 2
    bent = articulate(shape, angles)
    base = bent.joints[:, 0, 2] - bent.directions[:, 0, 2] * anatomy.LABEL_GAP * shape.length
    before = straight.joints[:, 0, 2] - straight.directions[:, 0, 2] * anatomy.LABEL_GAP * shape.length
    lower = before - base
    assert (np.diff(lower[1:]) > 0).all() and lower[1] == pytest.approx(0) and 0.003 < lower[4] < 0.012
