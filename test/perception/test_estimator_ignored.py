"""The estimator leaves out hands in ignored spheres; an oracle replaces the networks (see `oracle`)."""

import numpy as np
import pytest
from oracle import estimator, left_at, picture, right_at, see
from rendered_scene import CAMERA

from fingerpose_ros.perception.kinematics import palm_position
from fingerpose_ros.perception.sphere import Sphere


def around(scene, radius=0.15, offset=(0.0, 0.0, 0.0)) -> Sphere:
    return Sphere(palm_position(scene[0]) + offset, radius)


def ignoring(follow, oracle, scenes, stamp, *spheres):
    """The estimator's hands in one image of these scenes."""
    oracle.hands = scenes
    depth = picture(tuple(joints.tobytes() for joints, _ in scenes), ())
    return follow.estimate(depth, CAMERA, stamp, spheres)


@pytest.mark.parametrize(("distance", "hands"), [(0.0, 0), (0.149, 0), (0.151, 1)])
def test_a_hand_is_left_out_if_its_palm_lies_within_the_radius(oracle, distance, hands):
    sphere = around(right_at(), offset=(0, 0, distance))
    assert len(ignoring(estimator(oracle), oracle, [right_at()], 0.0, sphere)) == hands
    assert bool(oracle.batches) == bool(hands)  # an ignored detection costs no prediction


def test_the_other_hand_is_tracked_as_without_the_sphere(oracle):
    follow, plain = estimator(oracle, max_hands=1), estimator(oracle, max_hands=1)
    for i in range(5):
        (hand,) = ignoring(follow, oracle, [right_at(0.16), left_at(-0.16)], i / 30, around(right_at(0.16)))
        (alone,) = see(plain, oracle, [left_at(-0.16)], i / 30, ())
        assert hand.handedness == "left" and hand.track_id == 1
        np.testing.assert_allclose(hand.positions, alone.positions, atol=1e-5)


def test_a_tracked_hand_that_comes_into_a_sphere_ends_and_is_a_new_one_outside(oracle):
    follow, sphere = estimator(oracle), around(right_at(0.1), 0.1)
    seen = [ignoring(follow, oracle, [right_at(-0.1 + 0.02 * i)], i / 30, sphere) for i in range(9)]
    assert [len(hands) for hands in seen] == [1] * 5 + [0] * 4
    assert not follow.tracked
    (hand,) = ignoring(follow, oracle, [right_at(-0.1)], 10 / 30, sphere)
    assert hand.track_id == 2


def test_a_sphere_that_comes_to_an_undetected_track_ends_it(oracle):
    follow = estimator(oracle)
    see(follow, oracle, [right_at()], 0.0)
    assert ignoring(follow, oracle, [], 1 / 30) == [] and follow.tracked == {1}  # lost just now
    assert ignoring(follow, oracle, [], 2 / 30, around(right_at(), 0.05)) == [] and not follow.tracked


def test_a_detection_outside_whose_predicted_palm_lies_inside_is_no_hand(oracle):
    palm = palm_position(right_at()[0])
    oracle.false, oracle.undetected = [palm + (0.06, 0, 0)], [palm]
    assert len(ignoring(estimator(oracle), oracle, [right_at()], 0.0)) == 1
    assert ignoring(estimator(oracle), oracle, [right_at()], 0.0, around(right_at(), 0.05)) == []
