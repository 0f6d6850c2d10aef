"""Scoring: estimated hands compared with ground truth."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from stand_in import make_hand

from fingerpose_ros.replay.scoring import MISSED_MM, score

RIGHT, LEFT = make_hand((0.1, 0, 0.6), "right"), make_hand((-0.2, 0, 0.6), "left", track_id=2)


def moved(hand, *by):
    return replace(hand, positions=hand.positions + by)


def test_the_error_is_the_mean_distance_of_the_joints():
    result = score({1: [RIGHT, LEFT]}, {1: [moved(LEFT, 0, 0.003, 0.004), moved(RIGHT, 0.015, 0, 0)]})
    assert (result.hands, result.detected, result.handedness_correct, result.false_positives) == (2, 1, 1, 0)
    assert result.error_mm == pytest.approx((5 + 15) / 2)
    assert result.error_with_missed_mm == result.error_mm
    assert result.fingers_mm["ring"] == pytest.approx(10)


def test_a_missed_hand_lowers_the_fraction_detected_and_counts_as_a_large_error():
    result = score({1: [RIGHT], 2: [RIGHT]}, {1: [moved(RIGHT, 0.01, 0, 0)], 2: []})
    assert result.detected == 0.5 and result.error_mm == pytest.approx(10)
    assert result.error_with_missed_mm == pytest.approx((10 + MISSED_MM) / 2)


def test_an_estimate_far_from_every_true_hand_is_a_false_positive_without_joint_error():
    result = score({1: [RIGHT]}, {1: [moved(RIGHT, 0.3, 0, 0)]})
    assert (result.detected, result.false_positives) == (0, 1) and np.isnan(result.error_mm)


def test_the_nearest_estimate_is_matched():
    result = score({1: [RIGHT]}, {1: [moved(RIGHT, 0.08, 0, 0), moved(RIGHT, 0.002, 0, 0)]})
    assert result.false_positives == 1 and result.error_mm == pytest.approx(2)


@pytest.mark.parametrize("order", tuple(permutations(range(3))))
def test_an_estimate_without_valid_joints_matches_no_hand(order):
    near, unknown = moved(RIGHT, 0.1, 0, 0), moved(RIGHT, np.nan, 0, 0)
    estimates = [RIGHT, near, unknown]
    result = score({1: [RIGHT, near]}, {1: [estimates[i] for i in order]})
    assert (result.detected, result.error_mm, result.false_positives) == (1, 0, 1)


def test_wrong_handedness_is_counted():
    assert score({1: [RIGHT]}, {1: [replace(RIGHT, handedness="left")]}).handedness_correct == 0


def test_an_invalid_joint_has_no_error():
    positions = RIGHT.positions + (0.005, 0, 0)
    positions[4] = np.nan
    result = score({1: [RIGHT]}, {1: [replace(RIGHT, positions=positions, valid=np.arange(21) != 4)]})
    assert result.error_mm == pytest.approx(5) and result.joints_known == pytest.approx(20 / 21)


def test_a_true_hand_partly_outside_the_image_is_neither_missed_nor_a_false_positive():
    truncated = make_hand((0.1, 0, 0.6), valid=np.arange(21) > 3)
    for estimates in ([], [RIGHT]):
        result = score({1: [truncated]}, {1: estimates})
        assert result.hands == 0 and result.false_positives == 0


def test_images_without_an_answer_are_ignored():
    assert score({1: [RIGHT], 2: [RIGHT]}, {2: [RIGHT]}).hands == 1
