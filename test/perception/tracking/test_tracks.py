"""Tracks: predicted position, direction, handedness and confidence over time."""

import numpy as np
import pytest

from fingerpose_ros.perception.tracking.tracks import MAX_EXTRAPOLATION, MAX_SPEED, Track

STAMPS = np.arange(90) / 30
UP = np.array([0, -0.08, 0])


def new_track(handedness="right", right=0.9):
    return Track(1, handedness, right, 0.9, np.array([0, 0, 0.5]), UP, 0.0, None)


def test_steady_motion_is_extrapolated_up_to_a_limit():
    track = new_track()
    for stamp in STAMPS[1:]:
        track.update(np.array([0.6 * stamp, 0, 0.5]), UP, 0.9, stamp)
    soon = STAMPS[-1] + 1 / 30
    assert np.linalg.norm(track.predict_centre(soon) - (0.6 * soon, 0, 0.5)) < 0.002
    step = np.linalg.norm(track.predict_centre(soon + 10) - track.centre)
    assert step == pytest.approx(MAX_SPEED * MAX_EXTRAPOLATION)
    fast = new_track()
    for stamp in STAMPS[1:]:
        fast.update(np.array([6 * stamp, 0, 0.5]), UP, 0.9, stamp)
    assert np.linalg.norm(fast.predict_centre(soon) - fast.centre) == pytest.approx(0.05)


def test_steady_motion_is_extrapolated_at_five_images_per_second():
    track = new_track()
    for stamp in np.arange(1, 10) / 5:
        track.update(np.array([0.9 * stamp, 0, 0.5]), UP, 0.9, stamp)
    assert np.linalg.norm(track.predict_centre(2.0) - (1.8, 0, 0.5)) < 0.002


def test_running_means_follow_although_the_clock_stands_still():
    track = new_track()
    for _ in range(30):
        doubted = track.update_handedness(0.02, 0.0)
        track.update(track.centre, UP, 0.1, 0.0)
    assert doubted and track.confidence < 0.15


def test_the_direction_is_updated_unless_it_is_along_the_line_of_sight():
    track, sight = new_track(), np.array([0.2, 0, 0.5])
    for stamp, direction, kept in zip(
        STAMPS[1:], ([0.05, 0.05, 0], 0.1 * sight + 0.005, -sight), (1, 0, 0), strict=False
    ):
        track.update(sight, np.array(direction), 0.9, stamp)
        assert np.array_equal(track.direction, direction) == kept
    assert np.array_equal(track.direction, [0.05, 0.05, 0])


def test_handedness_is_doubted_only_after_several_contradicting_predictions():
    track = new_track()
    for stamp in STAMPS[1:4]:  # 0.1 s of doubt
        assert not track.update_handedness(0.02, stamp)
        track.update(track.centre, UP, 0.9, stamp)
    assert track.handedness == "right" and 0.5 <= track.handedness_score < 0.9
    doubted = []
    for stamp in STAMPS[4:]:
        doubted.append(track.update_handedness(0.02, stamp))
        track.update(track.centre, UP, 0.9, stamp)
    assert 0.2 < STAMPS[4 + doubted.index(True)] < 0.8 and track.handedness == "right"
    assert track.set_handedness(0.05, "left")
    assert track.handedness == "left" and track.handedness_score == pytest.approx(0.95)


def test_confirmed_handedness_is_not_doubted_again_at_once():
    track = new_track()
    assert track.update_handedness(0.02, STAMPS[0] + 5)
    track.update(track.centre, UP, 0.9, STAMPS[0] + 5)
    assert not track.set_handedness(0.6, "right")
    assert track.handedness == "right" and track.handedness_score == pytest.approx(0.6)
    assert not track.update_handedness(0.02, STAMPS[0] + 5 + 1 / 30)


def test_undecided_predictions_never_change_the_handedness():
    track = new_track("left", 0.1)
    random = np.random.default_rng(0)
    for stamp in np.arange(1, 2000) / 30:
        assert not track.update_handedness(random.uniform(0.2, 0.8), stamp)
        track.update(track.centre, UP, 0.9, stamp)
    assert track.handedness == "left"


def test_confidence_is_averaged_over_time():
    track = new_track()
    for stamp in STAMPS[1:]:
        track.update(track.centre, UP, 0.5, stamp)
        if stamp < 0.05:
            assert track.confidence > 0.8
    assert track.confidence == pytest.approx(0.5, abs=0.01)
