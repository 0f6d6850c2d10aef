"""The estimator finding hands, with an oracle in the network's place (see `oracle`)."""

import numpy as np
import pytest
from oracle import CAMERA, LEFT, RIGHT, TABLE, estimator, left_at, picture, right_at, see

from fingerpose_ros.perception.detection import search
from fingerpose_ros.perception.detection.hand_finder import Candidate
from fingerpose_ros.perception.estimator import PUT_OFF, SEARCH_EVERY
from fingerpose_ros.perception.kinematics import hand_centre


@pytest.mark.parametrize("scene", (right_at(), left_at(), right_at(0.15, -0.1, 0.45, 0.5), left_at(-0.1, 0.1, 0.7, 2)))
def test_a_hand_is_there_at_once_as_it_is(oracle, scene):
    joints, handedness = scene
    (hand,) = see(estimator(oracle), oracle, [scene], 1.0)
    assert np.allclose(hand.positions, joints, atol=1e-5)
    assert hand.handedness == handedness and hand.handedness_score == pytest.approx(0.95)
    assert hand.confidence == pytest.approx(0.97) and hand.valid.all()
    assert np.allclose(hand.palm_position, joints[[0, 5, 9, 13, 17]].mean(axis=0), atol=1e-5)
    truth = (RIGHT if handedness == "right" else LEFT).flexion["index"]
    assert np.allclose(hand.fingers["index"].flexion, truth, atol=0.05)


def test_beside_a_tracked_hand_others_are_looked_for_once_the_image_is_answered(oracle, monkeypatch):
    follow, searched = estimator(oracle, max_hands=3), []
    find = search.find_hands
    monkeypatch.setattr(search, "find_hands", lambda *a, **k: searched.append(True) or find(*a, **k))

    def cost() -> tuple[int, int]:
        paid = len(searched), sum(oracle.batches)
        searched.clear()
        oracle.batches.clear()
        return paid

    answers, between = [], []
    for i in range(31):
        hands = see(follow, oracle, [right_at(0.16)] + [left_at(-0.16)] * (i > 15), i / 30)
        answers.append((len(hands), *cost()))
        follow.look_around()
        between.append(cost())
    assert all(searches == 0 and looks == hands for hands, searches, looks in answers[1:]) and answers[-1][0] == 2
    assert all(searches + looks <= 2 for searches, looks in between)  # 2: the last look, and one at its mirror image
    assert sum(searches for searches, _ in between) <= 9 and sum(searches + looks for searches, looks in between) < 20


def test_while_the_next_image_waits_others_are_looked_for_in_few_images_but_they_are_found(oracle, monkeypatch):
    follow, searched = estimator(oracle), []
    find = search.find_hands
    monkeypatch.setattr(search, "find_hands", lambda *a, **k: searched.append(True) or find(*a, **k))
    see(follow, oracle, [right_at(0.16)], 0.0)
    for i in range(1, 101):
        hands = see(follow, oracle, [right_at(0.16), left_at(-0.16)], i / 30)
        searched.clear()
        oracle.batches.clear()
        follow.look_around(late=True)
        assert i % (PUT_OFF + 1) == 0 or not searched + oracle.batches
    assert len(hands) == 2


def test_a_second_hand_is_found_beside_the_first_within_half_a_second(oracle):
    follow = estimator(oracle)
    see(follow, oracle, [right_at(0.16)], 0.0)
    counts = [len(see(follow, oracle, [right_at(0.16), left_at(-0.16)], i / 30)) for i in range(1, 16)]
    assert counts[-1] == 2


def test_no_more_hands_than_asked_for(oracle):
    assert len(see(estimator(oracle, max_hands=1), oracle, [right_at(0.16), left_at(-0.16)], 0.0)) == 1


@pytest.mark.parametrize(("false", "gives_way"), [(0.75, True), (0.79, False), (0.9, False)])
def test_what_hardly_is_a_hand_gives_way_to_what_surely_is(oracle, false, gives_way):
    """The one that is there first, a right one, is tracked: no more hands may be."""
    follow, oracle.present = estimator(oracle, max_hands=1), {"right": false}
    assert len(see(follow, oracle, [right_at(0.16)], 0.0)) == 1
    for i in range(1, 31):
        hands = see(follow, oracle, [right_at(0.16), left_at(-0.16)], i / 30)
        assert len(hands) <= 1
    assert [hand.handedness for hand in hands] == (["left"] if gives_way else ["right"])
    oracle.batches.clear()
    see(follow, oracle, [right_at(0.16), left_at(-0.16)], 31 / 30)
    assert not gives_way or oracle.batches == [1]  # it is sure again: no other is looked for


def test_a_hand_that_is_tracked_is_not_new_and_nobody_gives_way_to_it(oracle, monkeypatch):
    follow, oracle.present = estimator(oracle), {"left": 0.75}
    near = [Candidate(hand_centre(right_at(0.06)[0]), 0.3)]  # beside the right hand, which then moves there
    for i in range(20):
        scene = [right_at(0.16 - 0.01 * min(i, 8)), left_at(-0.16)]
        hands = see(follow, oracle, scene, i / 30)
        monkeypatch.setattr(search, "find_hands", lambda *_, **__: near)
    assert [(hand.track_id, hand.handedness) for hand in hands] in (
        [(1, "right"), (2, "left")],
        [(1, "left"), (2, "right")],
    )


@pytest.mark.parametrize("candidates", range(1, 6))
def test_beside_a_tracked_hand_every_place_is_looked_at_as_either_hand(oracle, monkeypatch, candidates):
    follow, looked = estimator(oracle), set()
    see(follow, oracle, [right_at(0.3)], 0.0)
    found = [Candidate(np.array([0.1 * i - 0.6, 0.0, 0.7]), 1.0 - 0.1 * i) for i in range(candidates)]
    monkeypatch.setattr(search, "find_hands", lambda *_, **__: found)
    for i in range(1, 8 * candidates * SEARCH_EVERY):
        see(follow, oracle, [right_at(0.3)], i / 30)
        follow.look_around()
        looked |= {(hand.centre[0], hand.handedness) for hand in follow._tentative}
    assert len(looked) == 2 * candidates


@pytest.mark.parametrize("scene", (right_at(), left_at()), ids=("right", "left"))
def test_a_hand_that_the_network_only_knows_as_what_it_is_is_found(oracle, monkeypatch, scene):
    said, (_, handedness) = oracle.predict, scene

    def knows(crop):
        uvd, sigma, right, present = said(crop)
        return uvd, sigma, right, present if crop.mirrored == (handedness == "left") else 0.1 * present

    monkeypatch.setattr(oracle, "predict", knows)
    assert len(see(estimator(oracle, min_tracking_confidence=0.4), oracle, [scene], 0.0)) == 1
    later = estimator(oracle, min_tracking_confidence=0.4)
    see(later, oracle, [], 0.0)
    seen = [see(later, oracle, [scene], i / 30) for i in range(1, 5)]
    assert len(seen[-1]) == 1


@pytest.mark.parametrize(
    ("says", "found"), [((0.5, 0.95), True), ((0.95, 0.5), True), ((0.5, 0.75), False), ((0.2,), False)]
)
def test_a_hand_in_doubt_off_centre_is_what_all_looks_at_it_say_together(oracle, monkeypatch, says, found):
    scene = right_at(0.16)
    off = Candidate(hand_centre(scene[0]) + (0.02, 0, 0), 0.3)
    monkeypatch.setattr(search, "find_hands", lambda *_, **__: [off])
    told, said = iter(says), oracle.predict
    monkeypatch.setattr(oracle, "predict", lambda crop: (*said(crop)[:3], next(told)))
    sure = estimator(oracle, handedness="right", min_detection_confidence=0.7)
    hands = see(sure, oracle, [scene], 0.0)
    assert [hand.confidence for hand in hands] == ([pytest.approx(np.mean(says))] if found else [])
    assert not list(told)


@pytest.mark.parametrize(("scores", "side"), [((0.3, 0.1), "right"), ((0.1, 0.3), "left")])
def test_of_two_hands_that_the_network_is_as_sure_of_the_finder_chooses(oracle, monkeypatch, scores, side):
    scene = [right_at(0.16), left_at(-0.16)]
    found = [Candidate(hand_centre(joints), score) for (joints, _), score in zip(scene, scores, strict=True)]
    monkeypatch.setattr(search, "find_hands", lambda *_, **__: found)
    assert [hand.handedness for hand in see(estimator(oracle, max_hands=1), oracle, scene, 0.0)] == [side]


def found_again(oracle, monkeypatch, off: float, seconds: float) -> tuple[list[int], list[int], list[int]]:
    """How many hands, looks and searches two images have, so far apart, in which a hand is back that was lost."""
    follow, places = estimator(oracle, handedness="right"), []

    def find_hands(*_):
        places.append(hand_centre(right_at()[0]) + (0, off, 0))
        return [Candidate(places[-1], 1.0)]

    monkeypatch.setattr(search, "find_hands", find_hands)
    see(follow, oracle, [right_at()], 0.0)
    for i in range(1, 5):
        see(follow, oracle, [], i * seconds)
    hands, looks, searches = [], [], []
    for i in (5, 6):
        oracle.batches.clear()
        places.clear()
        hands.append(len(see(follow, oracle, [right_at()], i * seconds)))
        looks.append(sum(oracle.batches))
        searches.append(len(places))
    return hands, looks, searches


def test_a_hand_that_is_found_near_its_middle_is_back_at_once(oracle, monkeypatch):
    assert found_again(oracle, monkeypatch, off=0.02, seconds=1 / 30) == ([1, 1], [1, 1], [1, 0])


def test_a_hand_that_must_be_looked_at_again_is_when_the_next_image_is_there(oracle, monkeypatch):
    assert found_again(oracle, monkeypatch, off=0.05, seconds=1 / 30) == ([0, 1], [1, 1], [1, 0])


def test_where_there_is_time_it_is_looked_at_again_at_once(oracle, monkeypatch):
    assert found_again(oracle, monkeypatch, off=0.05, seconds=0.2) == ([1, 1], [2, 1], [1, 0])


def test_a_hand_out_of_the_working_range_is_not_there(oracle):
    assert see(estimator(oracle, max_distance=0.5), oracle, [right_at(z=0.6)], 0.0) == []
    follow = estimator(oracle, max_distance=0.65)
    assert len(see(follow, oracle, [right_at(z=0.6)], 0.0)) == 1
    for i in range(1, 5):
        hands = see(follow, oracle, [right_at(z=0.6 + 0.03 * i)], i / 30)
    assert hands == []


def test_a_hand_whose_joints_are_hardly_known_is_no_new_one_but_is_followed(oracle):
    follow = estimator(oracle)
    for stamp, sigma_mm, seen in ((0.0, 18, 0), (0.1, 9, 1), (0.2, 18, 1)):
        oracle.sigma[:] = sigma_mm / 140
        assert len(see(follow, oracle, [right_at()], stamp)) == seen
    oracle.sigma[4:] = 0.03  # some joints not known is no reason
    assert len(see(estimator(oracle), oracle, [right_at()], 0.0)) == 1


@pytest.mark.parametrize(("present", "known", "found"), [(0.97, 21, 1), (0.55, 21, 1), (0.97, 11, 1), (0.55, 11, 0)])
def test_doubt_of_a_hand_and_of_its_joints_add_up(oracle, present, known, found):
    oracle.present = {"right": present}
    oracle.sigma[known:] = 1.0
    assert len(see(estimator(oracle, handedness="right"), oracle, [right_at()], 0.0)) == found


@pytest.mark.parametrize(("seen", "found"), [(21, 1), (12, 1), (8, 0)])
def test_joints_where_nothing_is_seen_are_no_sign_of_a_hand(oracle, seen, found):
    oracle.hands = [right_at()]
    joints = oracle.hands[0][0]
    depth = picture((joints.tobytes(),), (TABLE,)).copy()
    for column, row in np.round(CAMERA.project(joints[seen:])).astype(int):
        depth[row - 7 : row + 8, column - 7 : column + 8] = 0  # nearly two pixels of the crop
    shown = [depth[row, column] > 0 for column, row in np.round(CAMERA.project(joints)).astype(int)]
    assert sum(shown) == seen
    assert len(estimator(oracle, handedness="right").estimate(depth, CAMERA, 0.0)) == found


def test_a_doubtful_hand_is_none(oracle):
    assert see(estimator(oracle, min_detection_confidence=0.98), oracle, [right_at()], 0.0) == []
