"""Smoothing, prediction and handedness over time."""

import numpy as np
import pytest
from articulated_hand import ArticulatedHand
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from fingerpose_ros.perception.tracking.tracks import LONGEST, MAX_SPEED, OneEuroFilter, PoseFilter, Track

STAMPS = np.arange(90) / 30
ALL = np.ones(21, bool)
UP = np.array([0, -0.08, 0])


def test_the_first_value_and_a_resting_one_pass_unchanged():
    point = np.array([[0.1, 0.2, 0.3]])
    smooth = OneEuroFilter(1.0, 40.0)
    assert all(np.allclose(smooth(point, stamp), point) for stamp in STAMPS)


def test_it_is_the_published_filter():
    """One coordinate against the paper's formulas, written out."""
    min_cutoff, beta, random = 1.2, 30.0, np.random.default_rng(0)
    values, stamps = random.normal(0, 0.01, 50).cumsum(), random.uniform(0.01, 0.05, 50).cumsum()
    smooth = OneEuroFilter(min_cutoff, beta)
    gain = lambda cutoff, passed: 1 / (1 + (1 / (2 * np.pi * cutoff)) / passed)  # noqa: E731
    expected, speed = values[0], 0.0
    for i in range(50):
        if i:
            passed = stamps[i] - stamps[i - 1]
            speed += gain(1.0, passed) * ((values[i] - expected) / passed - speed)
            expected += gain(min_cutoff + beta * abs(speed), passed) * (values[i] - expected)
        assert smooth(np.array([values[i], 0, 0]), stamps[i])[0] == pytest.approx(expected)


def test_noise_at_rest_shrinks_and_a_steady_motion_is_hardly_late():
    random = np.random.default_rng(1)
    rest, moving = OneEuroFilter(1.0, 40.0), OneEuroFilter(1.0, 40.0)
    noise = random.normal(0, 0.002, (90, 21, 3))
    calm = np.stack([rest(n, stamp) for n, stamp in zip(noise, STAMPS, strict=True)])
    assert calm[30:].std() < 0.6 * noise[30:].std()
    for stamp in STAMPS:
        late = 1.0 * stamp - moving(np.array([[1.0 * stamp, 0, 0]]), stamp)[0, 0]
    assert 0 < late < 0.015  # metres at 1 m/s: seconds


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.floats(-3, 3)] * 3), st.integers(0, 1000))
def test_smoothing_does_not_depend_on_how_the_camera_is_turned(turn, seed):
    random = np.random.default_rng(seed)
    poses = ArticulatedHand().positions() + random.normal(0, 0.01, (20, 21, 3)).cumsum(axis=0)
    rotation = Rotation.from_rotvec(turn)
    a, b = PoseFilter(1.0, 40.0), PoseFilter(1.0, 40.0)
    for pose, stamp in zip(poses, STAMPS, strict=False):
        smooth, turned = a(pose, stamp, ALL), b(rotation.apply(pose), stamp, ALL)
    assert np.allclose(rotation.apply(smooth), turned, atol=1e-9)


def test_a_joint_that_was_only_guessed_starts_anew_once_it_is_known():
    hand, tip = ArticulatedHand().positions(), 8
    for guessed in (tip, 0):  # of one that the palm rests on nothing is known from there
        smooth, valid = PoseFilter(1.0, 40.0), ALL.copy()
        valid[guessed] = False
        wrong = hand.copy()
        wrong[guessed] += (0.06, 0, 0)
        for stamp in STAMPS[:5]:
            np.testing.assert_allclose(smooth(wrong, stamp, valid)[guessed], wrong[guessed], atol=1e-12)
        for stamp in STAMPS[5:8]:
            np.testing.assert_allclose(smooth(hand, stamp, ALL), hand, atol=1e-12)
    later = smooth(hand + 0.01 * np.eye(21, 3), STAMPS[8], ALL) - hand
    assert 0 < later.max() < 0.009  # and is smoothed from then on


def test_a_hand_that_moves_as_a_whole_keeps_its_shape():
    smooth = PoseFilter(1.0, 40.0)
    hand = ArticulatedHand().positions()
    for stamp in STAMPS:
        pose = smooth(hand + (np.sin(4 * stamp), 0, 0.6), stamp, ALL)
        assert np.allclose(pose - pose[0], hand - hand[0], atol=1e-9)


def test_a_clock_that_stands_still_does_not_hold_the_hand():
    smooth = OneEuroFilter(1.0, 40.0)
    for i in range(10):
        assert np.allclose(smooth(np.full((1, 3), 0.1 * i), 0.0), 0.1 * i)


@given(st.floats(0.1, 30), st.floats(0, 1000), st.floats(1e-4, 1))
def test_what_comes_out_lies_between_old_and_new(min_cutoff, beta, passed):
    smooth = OneEuroFilter(min_cutoff, beta)
    smooth(np.zeros((1, 3)), 0.0)
    assert (smooth(np.ones((1, 3)), passed) >= 0).all() and (smooth(np.ones((1, 3)), 2 * passed) <= 1).all()


def new_track(handedness="right", right=0.9):
    return Track(1, handedness, right, 0.9, np.array([0, 0, 0.5]), UP, 0.0, None)


def test_a_steady_motion_is_foreseen_and_a_leap_only_so_far():
    track = new_track()
    for stamp in STAMPS[1:]:
        track.see(np.array([0.6 * stamp, 0, 0.5]), UP, 0.9, stamp)
    soon = STAMPS[-1] + 1 / 30
    assert np.linalg.norm(track.expected(soon) - (0.6 * soon, 0, 0.5)) < 0.002
    assert np.linalg.norm(track.expected(soon + 10) - track.centre) == pytest.approx(MAX_SPEED * LONGEST)
    hasty = new_track()
    for stamp in STAMPS[1:]:
        hasty.see(np.array([6 * stamp, 0, 0.5]), UP, 0.9, stamp)
    assert np.linalg.norm(hasty.expected(soon) - hasty.centre) == pytest.approx(0.05)


def test_a_steady_motion_is_foreseen_at_five_images_a_second():
    track = new_track()
    for stamp in np.arange(1, 10) / 5:
        track.see(np.array([0.9 * stamp, 0, 0.5]), UP, 0.9, stamp)
    assert np.linalg.norm(track.expected(2.0) - (1.8, 0, 0.5)) < 0.002


def test_a_clock_that_stands_still_does_not_hold_opinions():
    track = new_track()
    for _ in range(30):
        doubted = track.doubts_handedness(0.02, 0.0)
        track.see(track.centre, UP, 0.1, 0.0)
    assert doubted and track.confidence < 0.15


def test_it_is_known_where_a_hand_points_unless_it_points_at_the_camera_or_away():
    track, sight = new_track(), np.array([0.2, 0, 0.5])
    for stamp, direction, kept in zip(
        STAMPS[1:], ([0.05, 0.05, 0], 0.1 * sight + 0.005, -sight), (1, 0, 0), strict=False
    ):
        track.see(sight, np.array(direction), 0.9, stamp)
        assert np.array_equal(track.direction, direction) == kept
    assert np.array_equal(track.direction, [0.05, 0.05, 0])


def test_handedness_is_doubted_only_on_lasting_evidence():
    track = new_track()
    for stamp in STAMPS[1:4]:  # 0.1 s of doubt
        assert not track.doubts_handedness(0.02, stamp)
        track.see(track.centre, UP, 0.9, stamp)
    assert track.handedness == "right" and 0.5 <= track.handedness_score < 0.9
    doubted = []
    for stamp in STAMPS[4:]:
        doubted.append(track.doubts_handedness(0.02, stamp))
        track.see(track.centre, UP, 0.9, stamp)
    assert 0.2 < STAMPS[4 + doubted.index(True)] < 0.8 and track.handedness == "right"
    assert track.settle_handedness(0.05, "left")
    assert track.handedness == "left" and track.handedness_score == pytest.approx(0.95)


def test_a_doubt_that_came_to_nothing_does_not_come_back_at_once():
    track = new_track()
    assert track.doubts_handedness(0.02, STAMPS[0] + 5)
    track.see(track.centre, UP, 0.9, STAMPS[0] + 5)
    assert not track.settle_handedness(0.6, "right")
    assert track.handedness == "right" and track.handedness_score == pytest.approx(0.6)
    assert not track.doubts_handedness(0.02, STAMPS[0] + 5 + 1 / 30)


def test_an_undecided_network_never_flips_a_hand():
    track = new_track("left", 0.1)
    random = np.random.default_rng(0)
    for stamp in np.arange(1, 2000) / 30:
        assert not track.doubts_handedness(random.uniform(0.2, 0.8), stamp)
        track.see(track.centre, UP, 0.9, stamp)
    assert track.handedness == "left"


def test_confidence_is_averaged_over_time():
    track = new_track()
    for stamp in STAMPS[1:]:
        track.see(track.centre, UP, 0.5, stamp)
        if stamp < 0.05:
            assert track.confidence > 0.8
    assert track.confidence == pytest.approx(0.5, abs=0.01)
