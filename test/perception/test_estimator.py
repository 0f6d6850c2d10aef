"""The estimator tracking hands; an oracle replaces the network (see `oracle`)."""

from threading import Event

import numpy as np
import pytest
from oracle import TABLE, estimator, left_at, right_at, see

from fingerpose_ros.perception.detection.confidence import Confidence
from fingerpose_ros.perception.estimator import MAX_GAP
from fingerpose_ros.perception.kinematics import hand_centre, hand_direction, palm_position


def test_tracking_one_hand_takes_one_crop_per_image(oracle):
    follow = estimator(oracle, max_hands=1)
    for i in range(30):
        see(follow, oracle, [right_at(0.01 * i - 0.15)], i / 30)
        if i:
            assert oracle.batches == [1]
        oracle.batches.clear()


@pytest.mark.parametrize("at", (right_at, left_at))
@pytest.mark.parametrize("turn", (-0.6, 0.4, 2.5))
def test_crops_are_rotated_so_that_the_hand_points_up(oracle, at, turn):
    follow, turning = estimator(oracle), 0.1
    for i in range(10):
        oracle.crops.clear()
        scene = at(turn=turn + turning * i)
        assert len(see(follow, oracle, [scene], i / 30)) == 1
        x, y, _ = np.array([crop.to_crop @ hand_direction(scene[0]) for crop in oracle.crops.values()]).T
        angle = np.abs(np.arctan2(x, -y))
        assert len(angle) and angle.max() < 1.5 * turning


@pytest.mark.parametrize("speed", (0.3, 1.0))
def test_a_moving_hand_keeps_its_track(oracle, speed):
    follow, estimates = estimator(oracle), []
    for i in range(20):
        scene = right_at(-0.25 + speed * i / 30)
        if scene[0][:, 0].max() > 0.3:
            break
        estimates += [
            (hand.track_id, np.abs(hand.positions - scene[0]).max()) for hand in see(follow, oracle, [scene], i / 30)
        ]
    assert len(estimates) >= 10 and {track for track, _ in estimates} == {1}
    assert max(error for _, error in estimates) < 1e-4


def test_a_fast_hand_that_reverses_suddenly_keeps_its_track(oracle, monkeypatch):
    original = oracle.predict

    def present_if_centred(crop):
        offset = min(np.linalg.norm(hand_centre(joints) - crop.centre) for joints, _ in oracle.hands)
        return *original(crop)[:3], 0.97 if offset < 0.05 else 0.1

    monkeypatch.setattr(oracle, "predict", present_if_centred)
    follow = estimator(oracle, max_hands=1)
    positions = [*np.arange(-0.14, 0.15, 0.04), *np.arange(0.10, -0.15, -0.04)]  # 1.2 m/s, forward and back
    images = [see(follow, oracle, [right_at(x)], i / 30) for i, x in enumerate(positions)]
    assert [hand.track_id for hands in images for hand in hands] == [1] * len(positions)


def test_two_hands_keep_their_tracks(oracle):
    follow = estimator(oracle)
    for i in range(12):
        scenes = [right_at(0.16 - 0.005 * i), left_at(-0.16 + 0.005 * i)]
        hands = see(follow, oracle, scenes, i / 30)
    assert [(hand.track_id, hand.handedness) for hand in sorted(hands, key=lambda h: h.handedness)] in (
        [(1, "left"), (2, "right")],
        [(2, "left"), (1, "right")],
    )


def test_a_track_that_is_often_missed_is_replaced(oracle):
    follow, oracle.present = estimator(oracle, max_hands=1), {}
    see(follow, oracle, [right_at(0.16)], 0.0)
    for i in range(1, 40):
        oracle.present = {"right": 0.9 if i % 3 == 0 else 0.2}
        hands = see(follow, oracle, [right_at(0.16), left_at(-0.16)], i / 30)
    assert [hand.handedness for hand in hands] == ["left"]


@pytest.mark.parametrize("planes", ((TABLE,), ()), ids=("table", "no surface"))
@pytest.mark.parametrize("rate", (5, 30))
def test_a_lost_hand_is_absent_at_once_and_its_track_ends_within_a_third_of_a_second(oracle, planes, rate):
    follow = estimator(oracle)
    see(follow, oracle, [right_at()], 0.0)
    assert see(follow, oracle, [], 1 / rate, planes) == [] and follow.tracked == {1}
    assert [hand.track_id for hand in see(follow, oracle, [right_at()], 2 / rate)] == [1]
    for i in range(1, 1 + int(0.34 * rate) + 1):
        assert see(follow, oracle, [], (2 + i) / rate, planes) == []
    assert follow.tracked == set()
    assert [hand.track_id for hand in see(follow, oracle, [right_at()], 1.0)] == [2]


def test_a_hand_that_the_detector_misses_is_still_tracked(oracle):
    follow = estimator(oracle)
    oracle.confidence = Confidence(0.1, 1.0, 0.0, 0.0)
    for i in range(20):
        scene = right_at(0.01 * i)
        oracle.undetected = [palm_position(scene[0])] if i else []
        assert [hand.track_id for hand in see(follow, oracle, [scene], i / 30)] == [1]


@pytest.mark.parametrize("step", (-0.01, -100.0, MAX_GAP + 0.01))
def test_a_jump_in_time_deletes_all_tracks_and_ids_are_never_reused(oracle, step):
    follow = estimator(oracle)
    assert [hand.track_id for hand in see(follow, oracle, [right_at()], 500.0)] == [1]
    assert [hand.track_id for hand in see(follow, oracle, [right_at()], 500.0 + step)] == [2]
    follow.reset()
    assert [hand.track_id for hand in see(follow, oracle, [right_at()], 500.1 + step)] == [3]


def wrist_to_wrist(hand, degrees, apart=0.02):
    """A left hand with its wrist `apart` metres beside that of `hand`, rotated by `degrees` relative to it."""
    joints, _ = left_at()
    axes = joints[9] - joints[0], hand[0][9] - hand[0][0]
    turn = np.radians(degrees) + np.subtract(*(np.arctan2(axis[1], axis[0]) for axis in axes[::-1]))
    joints, _ = left_at(turn=-1.6 + turn)
    return joints - joints[0] + hand[0][0] + (apart, 0, 0), "left"


@pytest.mark.parametrize("forearm_first", (False, True))
def test_a_false_positive_on_a_forearm_is_not_a_second_hand(oracle, forearm_first):
    follow, hand, oracle.present = estimator(oracle), right_at(y=-0.05), {"left": 0.9}
    forearm = wrist_to_wrist(hand, 180)
    if forearm_first:
        assert len(see(follow, oracle, [forearm], 0.0)) == 1
    images = [see(follow, oracle, [hand, forearm], i / 30) for i in range(1, 31)]
    assert all(len(hands) == 1 for hands in images)
    assert [hand.handedness for hand in images[-1]] == ["right"]
    assert forearm_first or {hand.track_id for hands in images for hand in hands} == {1}


@pytest.mark.parametrize(("degrees", "apart"), [(90, 0.06), (180, 0.22)])
def test_crossing_or_distant_hands_stay_two_tracks(oracle, degrees, apart):
    follow, hand = estimator(oracle), right_at(y=-0.05)
    for i in range(30):
        hands = see(follow, oracle, [hand, wrist_to_wrist(hand, degrees, apart)], i / 30)
    assert len(hands) == 2


def test_two_tracks_on_one_hand_become_one(oracle):
    follow = estimator(oracle)
    for i in range(7):
        hands = see(follow, oracle, [right_at(0.12 - 0.012 * i), left_at(-0.12 + 0.012 * i)], i / 30)
        assert len(hands) == 2
    for i in range(7, 10):
        hands = see(follow, oracle, [right_at(0.02)], i / 30)  # both tracks' cubes show this hand
        assert [hand.handedness for hand in hands] == ["right"]


def test_handedness_changes_only_after_several_contradicting_predictions(oracle):
    follow = estimator(oracle)
    see(follow, oracle, [right_at()], 0.0)
    oracle.right = 0.03
    hands = [see(follow, oracle, [right_at()], i / 30)[0] for i in range(1, 31)]
    assert [hand.handedness for hand in hands[:3]] == ["right"] * 3
    assert hands[-1].handedness == "left" and {hand.track_id for hand in hands} == {1}
    assert sum(a.handedness != b.handedness for a, b in zip(hands, hands[1:], strict=False)) == 1
    assert all(0.5 <= hand.handedness_score <= 1 for hand in hands)


@pytest.mark.parametrize("bias", (-0.35, 0.35))
@pytest.mark.parametrize("scene", (right_at(), left_at()), ids=("right", "left"))
def test_a_bias_of_the_predicted_handedness_cancels_out(oracle, scene, bias):
    follow, (_, handedness) = estimator(oracle), scene
    oracle.right, oracle.bias = 0.6 if handedness == "right" else 0.4, bias
    for i in range(30):
        (hand,) = see(follow, oracle, [scene], i / 30)
        assert hand.handedness == handedness


@pytest.mark.parametrize("handedness", ("right", "left"))
def test_a_fixed_handedness_never_changes(oracle, handedness):
    follow = estimator(oracle, handedness=handedness)
    other = left_at() if handedness == "right" else right_at()
    for i in range(20):
        (hand,) = see(follow, oracle, [other], i / 30)
        assert hand.handedness == handedness and hand.handedness_score == 1
    assert {crop.mirrored for crop in oracle.crops.values()} == {handedness == "left"}


def test_a_track_is_kept_at_one_image_per_second(oracle):
    follow = estimator(oracle)
    images = [see(follow, oracle, [right_at(0.02 * i)], float(i)) for i in range(5)]
    assert [hand.track_id for hands in images for hand in hands] == [1] * 5


def test_a_tracked_hand_needs_less_confidence_than_a_new_one(oracle):
    follow, hands = estimator(oracle, min_detection_confidence=0.8, min_tracking_confidence=0.5), []
    for i, present in enumerate((0.7, 0.9, 0.6, 0.6, 0.02, 0.6, 0.9)):
        oracle.present = {"right": present}
        hands.append(len(see(follow, oracle, [right_at()], i / 30)))
    assert hands == [0, 1, 1, 1, 0, 1, 1]


def test_the_confidence_of_a_tracked_hand_follows_its_evidence(oracle):
    follow, confidence = estimator(oracle), []
    for i, present in enumerate((0.9, *[0.99] * 30, *[0.7] * 30)):
        oracle.present = {"right": present}
        confidence += [hand.confidence for hand in see(follow, oracle, [right_at()], i / 30)]
    assert len(confidence) == 61 and confidence[0] == pytest.approx(0.9)
    assert confidence[30] == pytest.approx(0.99, abs=0.01) and 0.7 < confidence[31] < 0.97
    assert confidence[-1] == pytest.approx(0.7, abs=0.03)
    assert (np.diff(confidence[1:31]) >= -1e-9).all() and (np.diff(confidence[31:]) <= 1e-9).all()


def test_tracked_hands_are_predicted_while_the_detector_runs_with_the_same_results(oracle, monkeypatch):
    detect, infer, predicting = oracle.detect, oracle.infer, Event()
    together = []

    def slow_detect(*arguments):
        together.append(predicting.wait(1.0))
        predicting.clear()
        return detect(*arguments)

    def announced_infer(images):
        predicting.set()
        return infer(images)

    results = []
    for oracle.concurrent in (False, True):
        follow = estimator(oracle)
        if oracle.concurrent:
            monkeypatch.setattr(oracle, "detect", slow_detect)
            monkeypatch.setattr(oracle, "infer", announced_infer)
        oracle.batches.clear()
        scenes = [right_at(0.01 * i) for i in range(4)] + [right_at(0.12)]  # detected elsewhere in the last image
        hands = [see(follow, oracle, [scene], i / 30) for i, scene in enumerate(scenes)]
        results.append(np.array([hand.positions for (hand,) in hands]))
    np.testing.assert_array_equal(*results)
    assert together == [False] + [True] * 4
    assert oracle.batches == [2, 2, 1, 1, 1, 1, 1]


def test_an_error_of_the_detector_does_not_disturb_the_next_image(oracle, monkeypatch):
    oracle.concurrent = True
    follow, detect = estimator(oracle), oracle.detect
    see(follow, oracle, [right_at()], 0.0)

    def failing(*arguments):
        raise RuntimeError("no detection")

    monkeypatch.setattr(oracle, "detect", failing)
    with pytest.raises(RuntimeError, match="no detection"):
        see(follow, oracle, [right_at()], 1 / 30)
    monkeypatch.setattr(oracle, "detect", detect)
    (hand,) = see(follow, oracle, [right_at()], 2 / 30)
    assert hand.track_id == 1
