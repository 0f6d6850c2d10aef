"""Places that look like the end of an arm, in rendered scenes."""

import numpy as np
import pytest
from articulated_hand import ArticulatedHand
from rendered_scene import CAMERA, along, hand_balls, placed, render

from fingerpose_ros.perception.kinematics import hand_centre, hand_direction
from training.rendering.arm_ends import find_arm_ends

TABLE = ((0.0, 0.6, 0.8), 0.62)


def find(depth, camera=CAMERA, count=4):
    return find_arm_ends(depth, camera, min_distance=0.15, max_distance=1.5, count=count)


def miss(candidate, joints):
    return np.linalg.norm(candidate.centre - hand_centre(joints))


@pytest.mark.parametrize(
    "turn", [(0, 0, a) for a in np.arange(-3, 3.1, 1.0)] + [(0, 0.7, 0), (0.8, 0, 0), (0, -0.7, 1)]
)
@pytest.mark.parametrize("distance", (0.35, 0.6, 1.0))
def test_a_hand_in_the_air_is_the_best_candidate(turn, distance):
    joints = placed(at=(0.02, -0.01, distance), turn=turn)
    found = find(render(CAMERA, hand_balls(joints, forearm=0.8)))  # it leaves the image: a stump would be another hand
    assert miss(found[0], joints) < 0.06


@pytest.mark.parametrize("angle", np.arange(-3, 3.1, 1.0))
def test_a_hand_points_where_its_forearm_points(angle):
    joints = placed(at=(0.02, -0.01, 0.6), turn=(0, 0, angle))
    (found,) = find(render(CAMERA, hand_balls(joints, forearm=0.8)), count=1)
    cosine = found.direction @ hand_direction(joints) / np.linalg.norm(found.direction)
    assert cosine / np.linalg.norm(hand_direction(joints)) > np.cos(np.radians(30))


def test_where_no_arm_leads_to_nothing_points():
    ball = [(np.array([0.0, 0.0, 0.6]), 0.05)]
    image = render(CAMERA, ball)
    assert [candidate.direction for candidate in find(image)] == [None]
    column = CAMERA.project(np.array([0.14, 0.0, 0.6])).astype(int)
    image[column[1] : column[1] + 4, column[0] : column[0] + 4] = 0.6  # a few stray pixels are no arm
    assert [candidate.direction for candidate in find(image)] == [None]


@pytest.mark.parametrize(
    ("at", "turn"), [((0.1, -0.1), -2.5), ((-0.1, 0.08), 0.4), ((-0.2, 0.1), 2.2), ((0.15, 0.12), 1.9)]
)
def test_an_arm_that_the_border_cuts_is_not_another_hand(at, turn):
    joints = placed(ArticulatedHand("right"), (*at, 0.6), (0, 0, turn))
    first, *others = find(render(CAMERA, hand_balls(joints, forearm=0.6), [((0.0, 0.6, 0.8), 0.75)]))
    assert miss(first, joints) < 0.06
    assert all(np.linalg.norm(other.centre - first.centre) > 0.3 for other in others)


def test_a_hand_beside_another_is_a_hand_however_it_is_turned():
    joints = [
        placed(ArticulatedHand("right"), (0.022, -0.006, 0.502), (0.34, -0.25, -1.17)),
        placed(ArticulatedHand("left"), (-0.234, -0.044, 0.432), (-0.2, 0.05, -1.85)),
    ]
    balls = [ball for hand in joints for ball in hand_balls(hand, forearm=0.6)]
    found = find(render(CAMERA, balls, [((0.0, 0.6, 0.8), 0.75)]))
    assert all(min(miss(candidate, hand) for candidate in found) < 0.08 for hand in joints)


@pytest.mark.parametrize("posture", ("fist", "open"))
def test_fist_and_open_hand_are_both_found(posture):
    hand = ArticulatedHand()
    bend = [85, 100, 60] if posture == "fist" else [0, 0, 0]
    hand.flexion = {finger: np.radians(bend) * (finger != "thumb") for finger in hand.flexion}
    joints = placed(hand)
    assert miss(find(render(CAMERA, hand_balls(joints)))[0], joints) < 0.06


def test_a_hand_above_a_table_with_things_on_it():
    for x in (-0.1, 0.0, 0.1):
        joints = placed(at=(x, 0.05, 0.6), turn=(0.3, 0, 1.2))
        things = [(np.array([0.22, 0.05, 0.72]), 0.035), (np.array([-0.25, -0.05, 0.78]), 0.04)]
        depth = render(CAMERA, hand_balls(joints, forearm=0.5) + things, [TABLE])
        assert miss(find(depth)[0], joints) < 0.06


def test_a_hand_before_a_body_is_found_before_the_body():
    body = along(np.array([0.0, -0.1, 1.1]), np.array([0.0, 0.8, 1.1]), 0.2, 20) + [(np.array([0, -0.45, 1.1]), 0.11)]
    joints = placed(at=(-0.05, 0.05, 0.6), turn=(0, 0.3, 2.0))
    assert miss(find(render(CAMERA, hand_balls(joints) + body))[0], joints) < 0.06


def test_both_hands_are_among_the_candidates():
    left = placed(ArticulatedHand("left"), at=(-0.2, 0.05, 0.65), turn=(0, 0, -1.3))
    right = placed(at=(0.2, 0.0, 0.55), turn=(0, 0, -1.8))
    found = find(render(CAMERA, hand_balls(left) + hand_balls(right)))
    for joints in (left, right):
        assert min(miss(candidate, joints) for candidate in found[:2]) < 0.06


@pytest.mark.parametrize("empty", (0.0, np.nan, np.inf))
def test_an_image_without_valid_pixels_has_no_candidate(empty):
    assert find(np.full((480, 640), empty, np.float32)) == []


def test_a_bare_table_or_wall_has_no_candidate():
    noise = np.random.default_rng(0).normal(0, 0.002, (480, 640)).astype(np.float32)
    assert find(render(CAMERA, planes=[TABLE]) + noise) == []
    assert find(render(CAMERA, planes=[((0, 0, 1), 0.7)]) + noise) == []


@pytest.mark.parametrize("distance", (0.12, 1.6))
def test_outside_the_working_range_nothing_is_found(distance):
    assert find(render(CAMERA, [(np.array([0, 0, distance + 0.04]), 0.04)])) == []


def test_at_most_as_many_as_asked_for_apart_from_each_other_and_best_first():
    balls = [(np.array([x, y, 0.8]), 0.05) for x in (-0.35, -0.1, 0.15) for y in (-0.2, 0.1)]
    for count in (1, 2, 4):
        found = find(render(CAMERA, balls), count=count)
        assert len(found) == count
        assert [c.score for c in found] == sorted((c.score for c in found), reverse=True)
        apart = [np.linalg.norm(a.centre - b.centre) for i, a in enumerate(found) for b in found[:i]]
        assert min(apart, default=1) > 0.1


def test_the_same_image_gives_the_same_answer():
    depth = render(CAMERA, hand_balls(placed()), [TABLE])
    assert all((a.centre == b.centre).all() for a, b in zip(find(depth), find(depth), strict=True))
