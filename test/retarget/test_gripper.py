"""A gripper's opening and the grasp's frame."""

import numpy as np
import pytest
from robots import gripper_urdf
from stand_in import make_hand

from fingerpose_ros.retarget.gripper import INDEX_TIP, THUMB_TIP, Gripper, GripperSettings, grasp_frame
from fingerpose_ros.retarget.robot import read_robot


def gripper(opens_upwards=True, mimic=True):
    return Gripper(read_robot(gripper_urdf(mimic)), GripperSettings(0.02, 0.1, opens_upwards, 0.08))


def apart(distance):
    hand = make_hand([0, 0, 0.6])
    direction = hand.positions[INDEX_TIP] - hand.positions[THUMB_TIP]
    hand.positions[INDEX_TIP] = hand.positions[THUMB_TIP] + distance * direction / np.linalg.norm(direction)
    return hand


@pytest.mark.parametrize(("distance", "width"), [(0.0, 0.0), (0.02, 0.0), (0.06, 0.04), (0.1, 0.08), (0.2, 0.08)])
@pytest.mark.parametrize("opens_upwards", [True, False])
def test_the_gripper_opens_as_the_fingers_do(distance, width, opens_upwards):
    opened = gripper(opens_upwards).retarget(apart(distance))
    np.testing.assert_allclose(opened, width / 2 if opens_upwards else 0.04 - width / 2, atol=1e-12)
    np.testing.assert_allclose(gripper(opens_upwards).width(opened), width, atol=1e-12)


def test_two_motors_move_together():
    mapping = gripper(mimic=False)
    assert mapping.joints == ("finger_1", "finger_2")
    np.testing.assert_allclose(mapping.retarget(apart(0.06)), [0.02, 0.02])


def test_the_grasp_is_between_the_tips_and_looks_away_from_the_wrist():
    hand = make_hand([0, 0, 0.6])
    centre, rotation = grasp_frame(hand)
    thumb, index = hand.positions[THUMB_TIP], hand.positions[INDEX_TIP]
    np.testing.assert_allclose(centre, (thumb + index) / 2)
    np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) > 0
    np.testing.assert_allclose(rotation[:, 1], (index - thumb) / np.linalg.norm(index - thumb))
    assert rotation[:, 2] @ (centre - hand.positions[0]) > 0


def test_without_both_tips_there_is_no_grasp():
    hand = make_hand([0, 0, 0.6], valid=np.arange(21) != THUMB_TIP)
    assert grasp_frame(hand) is None
    assert grasp_frame(apart(0.0)) is None
