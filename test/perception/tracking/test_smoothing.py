"""Smoothing of joint positions over time: the One-Euro filter alone, and on a whole hand."""

import numpy as np
import pytest
from articulated_hand import ArticulatedHand
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from fingerpose_ros.perception.tracking.smoothing import OneEuroFilter, PoseFilter

STAMPS = np.arange(90) / 30
ALL = np.ones(21, bool)


def test_a_constant_value_is_unchanged():
    point = np.array([[0.1, 0.2, 0.3]])
    smooth = OneEuroFilter(1.0, 40.0)
    assert all(np.allclose(smooth(point, stamp), point) for stamp in STAMPS)


def test_it_is_the_published_filter():
    """One coordinate, compared with the paper's formulas."""
    min_cutoff, beta, random = 1.2, 30.0, np.random.default_rng(0)
    values, stamps = random.normal(0, 0.01, 50).cumsum(), random.uniform(0.01, 0.05, 50).cumsum()
    smooth = OneEuroFilter(min_cutoff, beta)
    gain = lambda cutoff, elapsed: 1 / (1 + (1 / (2 * np.pi * cutoff)) / elapsed)  # noqa: E731
    expected, speed = values[0], 0.0
    for i in range(50):
        if i:
            elapsed = stamps[i] - stamps[i - 1]
            speed += gain(1.0, elapsed) * ((values[i] - expected) / elapsed - speed)
            expected += gain(min_cutoff + beta * abs(speed), elapsed) * (values[i] - expected)
        assert smooth(np.array([values[i], 0, 0]), stamps[i])[0] == pytest.approx(expected)


def test_noise_at_rest_is_reduced_and_steady_motion_has_little_lag():
    random = np.random.default_rng(1)
    rest, moving = OneEuroFilter(1.0, 40.0), OneEuroFilter(1.0, 40.0)
    noise = random.normal(0, 0.002, (90, 21, 3))
    smoothed = np.stack([rest(n, stamp) for n, stamp in zip(noise, STAMPS, strict=True)])
    assert smoothed[30:].std() < 0.6 * noise[30:].std()
    for stamp in STAMPS:
        lag = 1.0 * stamp - moving(np.array([[1.0 * stamp, 0, 0]]), stamp)[0, 0]
    assert 0 < lag < 0.015  # metres, and at 1 m/s also seconds


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.floats(-3, 3)] * 3), st.integers(0, 1000))
def test_smoothing_does_not_depend_on_the_cameras_orientation(turn, seed):
    random = np.random.default_rng(seed)
    poses = ArticulatedHand().positions() + random.normal(0, 0.01, (20, 21, 3)).cumsum(axis=0)
    rotation = Rotation.from_rotvec(turn)
    a, b = PoseFilter(1.0, 40.0), PoseFilter(1.0, 40.0)
    for pose, stamp in zip(poses, STAMPS, strict=False):
        smooth, turned = a(pose, stamp, ALL), b(rotation.apply(pose), stamp, ALL)
    assert np.allclose(rotation.apply(smooth), turned, atol=1e-9)


def test_smoothing_of_an_invalid_joint_restarts_when_it_becomes_valid():
    hand, tip = ArticulatedHand().positions(), 8
    for invalid in (tip, 0):  # the wrist belongs to the palm, so without it no joint is smoothed
        smooth, valid = PoseFilter(1.0, 40.0), ALL.copy()
        valid[invalid] = False
        wrong = hand.copy()
        wrong[invalid] += (0.06, 0, 0)
        for stamp in STAMPS[:5]:
            np.testing.assert_allclose(smooth(wrong, stamp, valid)[invalid], wrong[invalid], atol=1e-12)
        for stamp in STAMPS[5:8]:
            np.testing.assert_allclose(smooth(hand, stamp, ALL), hand, atol=1e-12)
    later = smooth(hand + 0.01 * np.eye(21, 3), STAMPS[8], ALL) - hand
    assert 0 < later.max() < 0.009  # smoothed from then on


def test_a_hand_that_moves_as_a_whole_keeps_its_shape():
    smooth = PoseFilter(1.0, 40.0)
    hand = ArticulatedHand().positions()
    for stamp in STAMPS:
        pose = smooth(hand + (np.sin(4 * stamp), 0, 0.6), stamp, ALL)
        assert np.allclose(pose - pose[0], hand - hand[0], atol=1e-9)


def test_values_are_unchanged_while_the_clock_stands_still():
    smooth = OneEuroFilter(1.0, 40.0)
    for i in range(10):
        assert np.allclose(smooth(np.full((1, 3), 0.1 * i), 0.0), 0.1 * i)


@given(st.floats(0.1, 30), st.floats(0, 1000), st.floats(1e-4, 1))
def test_the_output_lies_between_the_old_and_the_new_value(min_cutoff, beta, elapsed):
    smooth = OneEuroFilter(min_cutoff, beta)
    smooth(np.zeros((1, 3)), 0.0)
    assert (smooth(np.ones((1, 3)), elapsed) >= 0).all() and (smooth(np.ones((1, 3)), 2 * elapsed) <= 1).all()
