"""Tracks: predicted position, direction, handedness and confidence over time."""

import numpy as np
import pytest

from fingerpose_ros.perception.tracking.tracks import MAX_EXTRAPOLATION, MAX_SPEED, Track

STAMPS = np.arange(90) / 30
UP = np.array([0, -0.08, 0])


def new_track(right=0.9):
    track = Track(np.array([0, 0.03, 0.5]), np.array([0, 0, 0.5]), UP, 0.0)
    track.weigh(6.0, 2.0, 0.0)
    track.set_handedness(right)
    return track


def observe(track, stamp, centre=None, direction=UP):
    centre = track.centre if centre is None else np.array(centre)
    track.observe(centre + (0, 0.03, 0), centre, np.array(direction), stamp)


def is_doubted(track):
    return len(track.sides) == 2


def test_steady_motion_is_extrapolated_up_to_a_limit():
    track = new_track()
    for stamp in STAMPS[1:]:
        observe(track, stamp, (0.6 * stamp, 0, 0.5))
    soon = STAMPS[-1] + 1 / 30
    assert np.linalg.norm(track.predict_centre(soon) - (0.6 * soon, 0, 0.5)) < 0.002
    step = np.linalg.norm(track.predict_centre(soon + 10) - track.centre)
    assert step == pytest.approx(MAX_SPEED * MAX_EXTRAPOLATION)
    fast = new_track()
    for stamp in STAMPS[1:]:
        observe(fast, stamp, (6 * stamp, 0, 0.5))
    assert np.linalg.norm(fast.predict_centre(soon) - fast.centre) == pytest.approx(0.05)


def test_steady_motion_is_extrapolated_at_five_images_per_second():
    track = new_track()
    for stamp in np.arange(1, 10) / 5:
        observe(track, stamp, (0.9 * stamp, 0, 0.5))
    assert np.linalg.norm(track.predict_centre(2.0) - (1.8, 0, 0.5)) < 0.002


def test_running_means_follow_although_the_clock_stands_still():
    track = new_track()
    for _ in range(30):
        track.weigh(-6.0, -3.0, 0.0)
        track.observe_handedness(0.02, 0.0)
        observe(track, 0.0)
    assert is_doubted(track) and track.confidence < 0.1


def test_the_direction_is_updated_unless_it_is_along_the_line_of_sight():
    track, sight = new_track(), np.array([0.2, 0, 0.5])
    for stamp, direction, kept in zip(
        STAMPS[1:], ([0.05, 0.05, 0], 0.1 * sight + 0.005, -sight), (1, 0, 0), strict=False
    ):
        observe(track, stamp, sight, direction)
        assert np.array_equal(track.direction, direction) == kept
    assert np.array_equal(track.direction, [0.05, 0.05, 0])


def test_the_palm_moves_with_the_centre():
    track = new_track()
    for stamp in STAMPS[1:]:
        observe(track, stamp, (0.6 * stamp, 0, 0.5))
    soon = STAMPS[-1] + 1 / 30
    assert np.allclose(track.predict_palm(soon) - track.predict_centre(soon), (0, 0.03, 0))


def test_a_new_track_has_both_handednesses_until_it_was_looked_for():
    track = Track(np.zeros(3), np.zeros(3), UP, 0.0)
    assert is_doubted(track) and not track.confirmed
    assert not track.set_handedness(0.05) and track.handedness == "left" and is_doubted(track)
    track.weigh(1.0, 1.0, 0.0)
    assert track.sides == ("left",)


def test_handedness_is_doubted_only_after_several_contradicting_predictions():
    track, doubted = new_track(), []
    for stamp in STAMPS[1:]:
        track.observe_handedness(0.02, stamp)
        observe(track, stamp)
        doubted.append(is_doubted(track))
        assert track.handedness == "right" and 0.5 <= track.handedness_score <= 0.9
    assert not any(doubted[:3]) and 0.2 < STAMPS[1 + doubted.index(True)] < 0.8
    assert track.set_handedness(0.05)
    assert track.handedness == "left" and track.handedness_score == pytest.approx(0.95)


def test_confirmed_handedness_is_not_doubted_again_at_once():
    track = new_track()
    track.observe_handedness(0.02, 5.0)
    observe(track, 5.0)
    assert is_doubted(track) and not track.set_handedness(0.6)
    assert track.handedness == "right" and track.handedness_score == pytest.approx(0.6)
    track.observe_handedness(0.02, 5.0 + 1 / 30)
    assert not is_doubted(track)


def test_undecided_predictions_never_change_the_handedness():
    track, random = new_track(0.1), np.random.default_rng(0)
    for stamp in np.arange(1, 2000) / 30:
        track.observe_handedness(random.uniform(0.2, 0.8), stamp)
        observe(track, stamp)
        assert not is_doubted(track)


def test_evidence_is_averaged_over_time_and_half_of_the_confidence_is_the_last_images():
    track = new_track()
    assert track.evidence == 2 and track.confidence == pytest.approx(1 / (1 + np.exp(-2)))
    for stamp in STAMPS[1:]:
        track.weigh(6.0, -2.0, stamp)
        observe(track, stamp)
        if stamp < 0.05:
            assert track.evidence > 1 and track.confidence < 0.5
    assert track.evidence == pytest.approx(-2, abs=0.01)
