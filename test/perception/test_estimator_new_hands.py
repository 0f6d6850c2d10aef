"""The estimator accepting new hands; an oracle replaces the networks (see `oracle`)."""

from itertools import pairwise

import numpy as np
import pytest
from oracle import LEFT, RIGHT, estimator, left_at, right_at, see

from fingerpose_ros.perception.estimator import LONG_INTERVAL, TENTATIVE_IMAGES, WORTHWHILE
from fingerpose_ros.perception.kinematics import palm_position
from fingerpose_ros.perception.tracking.rejections import FIRST_WAIT, SURER


@pytest.mark.parametrize("scene", (right_at(), left_at(), right_at(0.15, -0.1, 0.45, 0.5), left_at(-0.1, 0.1, 0.7, 2)))
def test_a_hand_is_reported_at_once_as_it_is(oracle, scene):
    joints, handedness = scene
    (hand,) = see(estimator(oracle), oracle, [scene], 1.0)
    assert np.allclose(hand.positions, joints, atol=1e-5)
    assert hand.handedness == handedness and hand.handedness_score == pytest.approx(0.95)
    assert hand.confidence == pytest.approx(0.97) and hand.valid.all()
    assert np.allclose(hand.palm_position, palm_position(joints), atol=1e-5)
    truth = (RIGHT if handedness == "right" else LEFT).flexion["index"]
    assert np.allclose(hand.fingers["index"].flexion, truth, atol=0.05)


def test_the_crop_of_a_new_hand_is_centred_and_upright_before_it_is_accepted(oracle, monkeypatch):
    original = oracle.predict

    def present_if_centred(crop):
        offset = min(np.linalg.norm(joints.mean(0) - crop.centre) for joints, _ in oracle.hands)
        return *original(crop)[:3], 0.97 if offset < 0.002 else 0.1

    monkeypatch.setattr(oracle, "predict", present_if_centred)
    assert len(see(estimator(oracle), oracle, [right_at()], 0.0)) == 1
    assert oracle.batches == [2, 2]


@pytest.mark.parametrize("finish", (False, True))
def test_a_second_hand_is_predicted_after_the_answer_and_reported_in_the_next_image(oracle, finish):
    follow = estimator(oracle)
    see(follow, oracle, [right_at(0.16)], 0.0)
    images = []
    for i in range(1, 5):
        oracle.batches.clear()
        images.append([hand.handedness for hand in see(follow, oracle, [right_at(0.16), left_at(-0.16)], i / 30)])
        assert i > 1 or oracle.batches == [1]
        if finish:
            follow.finish()
            assert i > 1 or oracle.batches == [1, 2]
        assert i != 2 or oracle.batches[-1] == 3  # the new hand again, with its mirror image
    assert images == [["right"]] + [["right", "left"]] * 3
    assert oracle.batches == [2]  # both in one request


def test_a_second_hand_is_reported_at_once_when_images_come_slowly(oracle):
    follow = estimator(oracle)
    see(follow, oracle, [right_at(0.16)], 0.0)
    assert len(see(follow, oracle, [right_at(0.16), left_at(-0.16)], 1.1 * LONG_INTERVAL)) == 2


def test_beside_a_tracked_hand_the_search_takes_one_request_and_not_in_each_image(oracle):
    follow, searches = estimator(oracle), []
    see(follow, oracle, [right_at(0.2)], 0.0)
    oracle.false = [(0.0, 0.1, 0.7), (0.0, 0.2, 0.7), (0.09, 0.2, 0.7)]
    for i in range(1, 31):
        oracle.batches.clear()
        assert len(see(follow, oracle, [right_at(0.2)], i / 30)) == 1
        assert oracle.batches == [1]
        follow.finish()
        searches.append(sum(oracle.batches[1:]))
    assert max(searches) == 2 and all(first == 0 or second == 0 for first, second in pairwise(searches))
    for i in range(31, 46):
        hands = see(follow, oracle, [right_at(0.2), left_at(-0.25)], i / 30)
    assert len(hands) == 2


def test_a_new_hand_that_its_first_prediction_leaves_in_doubt_does_not_delay_the_answer(oracle, monkeypatch):
    original = oracle.predict

    def doubtful_if_not_centred(crop):
        *prediction, present = original(crop)
        offset = min(np.linalg.norm(joints.mean(0) - crop.centre) for joints, _ in oracle.hands)
        return *prediction, present if offset < 0.002 else 0.1

    follow = estimator(oracle)
    see(follow, oracle, [right_at(0.16)], 0.0)
    monkeypatch.setattr(oracle, "predict", doubtful_if_not_centred)
    found = []
    for i in range(1, 6):
        oracle.batches.clear()
        found.append(len(see(follow, oracle, [right_at(0.16), left_at(-0.16)], i / 30)))
        assert oracle.batches in ([1], [2])
        follow.finish()
    assert found == [1, 1, 1, 2, 2]


def test_a_second_hand_is_reported_at_once_in_an_image_in_which_the_tracked_one_is_lost(oracle):
    follow = estimator(oracle)
    see(follow, oracle, [right_at(0.16)], 0.0)
    (hand,) = see(follow, oracle, [left_at(-0.16)], 1 / 30)
    assert hand.handedness == "left"


@pytest.mark.parametrize(("present", "requests"), [(0.9 * WORTHWHILE, 1), (1.1 * WORTHWHILE, 2)])
def test_beside_a_tracked_hand_places_that_are_no_hand_are_predicted_ever_more_rarely(
    oracle, monkeypatch, present, requests
):
    follow, tries = estimator(oracle), []
    original = oracle.predict
    monkeypatch.setattr(oracle, "predict", lambda crop: (*original(crop)[:3], max(present, original(crop)[3] - 0.03)))
    see(follow, oracle, [right_at(0.16)], 0.0)
    oracle.false = [(-0.2, 0.1, 0.7)]
    for i in range(1, 61):
        oracle.batches.clear()
        assert len(see(follow, oracle, [right_at(0.16)], i / 30)) == 1
        follow.finish()
        assert oracle.batches[0] == 1
        tries += [i / 30] if len(oracle.batches) > 1 else []
    assert tries[0] == 1 / 30 and len(tries) % requests == 0
    waits = np.array(tries[requests::requests]) - tries[requests - 1 : -1 : requests]
    assert (waits >= FIRST_WAIT).all() and (np.diff(waits) > -1e-6).all() and 3 <= len(waits) <= 6


def test_a_place_that_was_rejected_is_predicted_at_once_when_the_detector_is_surer(oracle):
    follow = estimator(oracle)
    see(follow, oracle, [right_at(0.16)], 0.0)
    oracle.false = [palm_position(left_at(-0.16)[0])]
    oracle.logit = 6.0 - 1.1 * SURER
    for i in range(1, 4):
        see(follow, oracle, [right_at(0.16)], i / 30)
    oracle.false = []
    images = [len(see(follow, oracle, [right_at(0.16), left_at(-0.16)], i / 30)) for i in range(4, 8)]
    assert images in ([1, 2, 2, 2], [1, 1, 2, 2])


def test_no_more_hands_than_max_hands(oracle):
    assert len(see(estimator(oracle, max_hands=1), oracle, [right_at(0.16), left_at(-0.16)], 0.0)) == 1


def test_of_two_new_hands_the_surer_one_is_reported(oracle):
    oracle.present = {"right": 0.8, "left": 0.9}
    (hand,) = see(estimator(oracle, max_hands=1), oracle, [right_at(0.16), left_at(-0.16)], 0.0)
    assert hand.handedness == "left"


@pytest.mark.parametrize(("present", "replaced"), [(0.75, True), (0.85, False), (0.95, False)])
def test_a_track_gives_way_only_if_it_would_not_be_accepted_as_a_new_hand(oracle, present, replaced):
    follow = estimator(oracle, max_hands=1, min_detection_confidence=0.8)
    assert len(see(follow, oracle, [right_at(0.16)], 0.0)) == 1
    oracle.present = {"right": present}
    for i in range(1, 40):
        hands = see(follow, oracle, [right_at(0.16), left_at(-0.16)], i / 30)
        assert len(hands) <= 1
    assert [hand.handedness for hand in hands] == (["left"] if replaced else ["right"])


def test_while_all_hands_are_tracked_and_sure_no_other_is_predicted(oracle):
    follow = estimator(oracle, max_hands=1)
    see(follow, oracle, [right_at(0.16)], 0.0)
    oracle.batches.clear()
    for i in range(1, 5):
        see(follow, oracle, [right_at(0.16), left_at(-0.16)], i / 30)
    assert oracle.batches == [1] * 4


@pytest.mark.parametrize("later", (0.9, 0.6))
def test_a_doubtful_hand_is_reported_once_a_later_image_confirms_it(oracle, later):
    follow, hands = estimator(oracle, min_detection_confidence=0.8), []
    for i in range(6):
        oracle.present = {"right": 0.75 if i == 0 else later}
        hands.append(see(follow, oracle, [right_at()], i / 30))
    assert hands[0] == [] and bool(hands[1]) == (later == 0.9)
    assert later == 0.9 or not any(hands)


def test_a_doubtful_hand_is_predicted_once_an_image_and_given_up_after_a_few(oracle):
    follow = estimator(oracle, min_detection_confidence=0.8)
    oracle.present = {"right": 0.7}
    crops = []
    for i in range(2 * TENTATIVE_IMAGES):
        oracle.batches.clear()
        assert see(follow, oracle, [right_at()], i / 30) == []
        crops.append(sum(oracle.batches))
    assert crops == [4] + [1] * (TENTATIVE_IMAGES - 1) + [4] + [1] * (TENTATIVE_IMAGES - 1)


def test_false_detections_are_no_hands_and_displace_none(oracle):
    follow = estimator(oracle)
    oracle.false = [(0.1 * i - 0.3, -0.2, 0.7) for i in range(3)]
    for i in range(10):
        (hand,) = see(follow, oracle, [right_at()], i / 30)
        assert hand.track_id == 1 and hand.handedness == "right"


@pytest.mark.parametrize("scene", (right_at(), left_at()), ids=("right", "left"))
def test_a_hand_whose_mirror_image_is_not_a_hand_to_the_network_is_found(oracle, monkeypatch, scene):
    original, (_, handedness) = oracle.predict, scene

    def present_as_it_is(crop):
        uvd, sigma, right, present = original(crop)
        return uvd, sigma, right, present if crop.mirrored == (handedness == "left") else 0.1 * present

    monkeypatch.setattr(oracle, "predict", present_as_it_is)
    assert len(see(estimator(oracle), oracle, [scene], 0.0)) == 1


def test_a_hand_out_of_the_working_range_is_not_reported(oracle):
    assert see(estimator(oracle, max_distance=0.5), oracle, [right_at(z=0.6)], 0.0) == []
    follow = estimator(oracle, max_distance=0.65)
    assert len(see(follow, oracle, [right_at(z=0.6)], 0.0)) == 1
    for i in range(1, 5):
        hands = see(follow, oracle, [right_at(z=0.6 + 0.03 * i)], i / 30)
    assert hands == []


def test_a_doubtful_hand_is_not_reported(oracle):
    assert see(estimator(oracle, min_detection_confidence=0.98), oracle, [right_at()], 0.0) == []


def test_a_fixed_handedness_takes_two_predictions_for_a_new_hand(oracle):
    (hand,) = see(estimator(oracle, handedness="left"), oracle, [left_at()], 0.0)
    assert hand.handedness == "left" and oracle.batches == [1, 1]
