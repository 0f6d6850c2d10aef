"""Answers against the truth."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from stand_in import make_hand

from fingerpose_ros.replay.scoring import MISSED_MM, score

RIGHT, LEFT = make_hand((0.1, 0, 0.6), "right"), make_hand((-0.2, 0, 0.6), "left", track_id=2)


def moved(hand, *by):
    return replace(hand, positions=hand.positions + by)


def test_the_error_is_the_distance_of_the_joints():
    result = score({1: [RIGHT, LEFT]}, {1: [moved(LEFT, 0, 0.003, 0.004), moved(RIGHT, 0.015, 0, 0)]})
    assert (result.hands, result.found, result.right_side, result.surplus) == (2, 1, 1, 0)
    assert result.error_mm == pytest.approx((5 + 15) / 2)
    assert result.error_with_missed_mm == result.error_mm
    assert result.fingers_mm["ring"] == pytest.approx(10)


def test_a_missed_hand_lowers_the_share_and_counts_as_far_off():
    result = score({1: [RIGHT], 2: [RIGHT]}, {1: [moved(RIGHT, 0.01, 0, 0)], 2: []})
    assert result.found == 0.5 and result.error_mm == pytest.approx(10)
    assert result.error_with_missed_mm == pytest.approx((10 + MISSED_MM) / 2)


def test_an_answer_far_from_every_true_hand_is_surplus_and_not_an_error():
    result = score({1: [RIGHT]}, {1: [moved(RIGHT, 0.3, 0, 0)]})
    assert (result.found, result.surplus) == (0, 1) and np.isnan(result.error_mm)


def test_the_nearest_answer_is_a_hands_own():
    result = score({1: [RIGHT]}, {1: [moved(RIGHT, 0.08, 0, 0), moved(RIGHT, 0.002, 0, 0)]})
    assert result.surplus == 1 and result.error_mm == pytest.approx(2)


@pytest.mark.parametrize("order", tuple(permutations(range(3))))
def test_an_answer_of_which_no_joint_is_known_takes_no_ones_place(order):
    near, lost = moved(RIGHT, 0.1, 0, 0), moved(RIGHT, np.nan, 0, 0)
    answers = [RIGHT, near, lost]
    result = score({1: [RIGHT, near]}, {1: [answers[i] for i in order]})
    assert (result.found, result.error_mm, result.surplus) == (1, 0, 1)


def test_the_wrong_side_is_told():
    assert score({1: [RIGHT]}, {1: [replace(RIGHT, handedness="left")]}).right_side == 0


def test_a_joint_that_is_not_known_is_no_error():
    positions = RIGHT.positions + (0.005, 0, 0)
    positions[4] = np.nan
    result = score({1: [RIGHT]}, {1: [replace(RIGHT, positions=positions, valid=np.arange(21) != 4)]})
    assert result.error_mm == pytest.approx(5) and result.joints_known == pytest.approx(20 / 21)


def test_a_true_hand_that_is_partly_out_of_the_image_does_not_count_either_way():
    cut = make_hand((0.1, 0, 0.6), valid=np.arange(21) > 3)
    for answer in ([], [RIGHT]):
        result = score({1: [cut]}, {1: answer})
        assert result.hands == 0 and result.surplus == 0


def test_images_without_an_answer_are_left_out():
    assert score({1: [RIGHT], 2: [RIGHT]}, {2: [RIGHT]}).hands == 1
