"""The estimator from depth image to hands, with an oracle in the network's place: it knows the scene's true hands."""

import time
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pytest
from articulated_hand import ArticulatedHand
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rendered_scene import CAMERA, hand_balls, placed, render
from scipy.stats import norm

from fingerpose_ros.perception import estimator as estimator_module
from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.crop import Crop
from fingerpose_ros.perception.estimator import MAX_GAP, HandPoseEstimator
from fingerpose_ros.perception.hand_finder import Candidate
from fingerpose_ros.perception.kinematics import hand_centre
from fingerpose_ros.perception.prediction import Prediction
from fingerpose_ros.perception.settings import EstimatorSettings
from fingerpose_ros.perception.skeleton import JOINTS
from fingerpose_ros.perception.uncertainty import probability_within

RIGHT, LEFT = ArticulatedHand("right"), ArticulatedHand("left")
TABLE = ((0.0, 0.6, 0.8), 0.75)


@dataclass
class Oracle:
    """A network that is always right about the hands (joints, handedness) of the scene, and unsure as it is told.

    `present` says of right and left ones how likely it finds them to be hands, if not very.
    If it `leans`, so much is added to the probability that a hand, as shown, is a right one.
    """

    hands: list = field(default_factory=list)
    sigma: np.ndarray = field(default_factory=lambda: np.full((21, 3), 0.03))
    right: float | None = None
    leans: float = 0.0
    present: dict = field(default_factory=dict)
    input_size: int = 32
    description: str = "oracle"
    batches: list = field(default_factory=list)
    crops: dict = field(default_factory=dict)

    def infer(self, images):
        assert images.dtype == np.float32 and images.shape[1:] == (1, self.input_size, self.input_size)
        self.batches.append(len(images))
        said = [self._of(self.crops[image.tobytes()]) for image in images]
        return Prediction(*(np.array(values) for values in zip(*said, strict=True)))

    def _of(self, crop):
        distances = [np.linalg.norm(hand_centre(joints) - crop.centre) for joints, _ in self.hands]
        if not distances or min(distances) > 0.1:
            return np.zeros((21, 3)), np.ones((21, 3)), 0.5, 0.03
        joints, handedness = self.hands[int(np.argmin(distances))]
        right = 0.95 if handedness == "right" else 0.05
        right = right if self.right is None else self.right
        shown = (1 - right if crop.mirrored else right) + self.leans
        return crop.to_uvd(joints), self.sigma, shown, self.present.get(handedness, 0.97)


@pytest.fixture
def oracle(monkeypatch):
    """It learns which crop an image is of by listening in."""
    oracle, image_of = Oracle(), Crop.image

    def image(crop, *arguments):
        picture = image_of(crop, *arguments)
        oracle.crops[picture.tobytes()] = crop
        return picture

    monkeypatch.setattr(Crop, "image", image)
    return oracle


def estimator(oracle, **changes):
    return HandPoseEstimator(oracle, EstimatorSettings(**{"smoothing": False, **changes}))


def see(estimator, oracle, hands, stamp, planes=(TABLE,)):
    """One image of these hands, (joints, handedness) each."""
    oracle.hands = hands
    return estimator.estimate(picture(tuple(joints.tobytes() for joints, _ in hands), planes), CAMERA, stamp)


@lru_cache(maxsize=32)
def picture(hands, planes):
    """The depth image of hands given as the bytes of their joints."""
    joints = [np.frombuffer(hand).reshape(21, 3) for hand in hands]
    return render(CAMERA, [ball for hand in joints for ball in hand_balls(hand, forearm=0.6)], planes)


def right_at(x=0.0, y=0.0, z=0.6, turn=-1.6):
    return placed(RIGHT, (x, y, z), (0, 0, turn)), "right"


def left_at(x=0.0, y=0.0, z=0.6, turn=-1.6):
    return placed(LEFT, (x, y, z), (0, 0, turn)), "left"


@pytest.mark.parametrize("scene", (right_at(), left_at(), right_at(0.15, -0.1, 0.45, 0.5), left_at(-0.1, 0.1, 0.7, 2)))
def test_a_hand_is_there_at_once_as_it_is(oracle, scene):
    joints, handedness = scene
    (hand,) = see(estimator(oracle), oracle, [scene], 1.0)
    assert np.allclose(hand.positions, joints, atol=1e-5)
    assert hand.handedness == handedness and hand.handedness_score == pytest.approx(0.95)
    assert hand.confidence == pytest.approx(0.97) and hand.valid.all()
    assert np.allclose(hand.palm_position, joints[[0, 5, 9, 13, 17]].mean(axis=0), atol=1e-5)
    assert np.allclose(hand.palm_rotation, hand.rotations[0])
    truth = (RIGHT if handedness == "right" else LEFT).flexion["index"]
    assert np.allclose(hand.fingers["index"].flexion, truth, atol=0.05)


def test_every_finger_and_joint_is_there_and_calibrated_by_the_network(oracle):
    (hand,) = see(estimator(oracle), oracle, [right_at()], 1.0)
    assert hand.positions.shape == hand.sigma.shape == (21, 3) and hand.rotations.shape == (21, 3, 3)
    assert list(hand.fingers) == ["thumb", "index", "middle", "ring", "little"]
    assert np.allclose(hand.sigma, 0.03 * 0.14, rtol=0.2)
    assert (hand.joint_confidence > 0.98).all()


def test_following_one_hand_costs_one_pass_of_one_crop_an_image(oracle):
    follow = estimator(oracle, max_hands=1)
    for i in range(30):
        see(follow, oracle, [right_at(0.01 * i - 0.15)], i / 30)
        if i:
            assert oracle.batches == [1]
        oracle.batches.clear()


def test_beside_a_tracked_hand_others_are_looked_for_once_the_image_is_answered(oracle, monkeypatch):
    follow, searched = estimator(oracle, max_hands=3), []
    find = estimator_module.find_hands
    monkeypatch.setattr(estimator_module, "find_hands", lambda *a, **k: searched.append(True) or find(*a, **k))

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


def test_whoever_does_not_look_around_gets_the_same_hands(oracle):
    by_itself, told = estimator(oracle), estimator(oracle)
    for i in range(20):
        scene = [right_at(0.16 - 0.005 * i), left_at(-0.16)][: 1 + (i > 5)]
        both = [see(which, oracle, scene, i / 30) for which in (by_itself, told)]
        told.look_around()
        assert [(h.track_id, h.handedness) for h in both[0]] == [(h.track_id, h.handedness) for h in both[1]]
        assert all(np.array_equal(a.positions, b.positions) for a, b in zip(*both, strict=True))
    assert len(both[0]) == 2


@pytest.mark.parametrize("speed", (0.3, 1.0))
def test_a_moving_hand_stays_the_same_hand(oracle, speed):
    follow, seen = estimator(oracle), []
    for i in range(20):
        scene = right_at(-0.25 + speed * i / 30)
        if scene[0][:, 0].max() > 0.3:
            break
        seen += [
            (hand.track_id, np.abs(hand.positions - scene[0]).max()) for hand in see(follow, oracle, [scene], i / 30)
        ]
    assert len(seen) >= 10 and {track for track, _ in seen} == {1} and max(off for _, off in seen) < 1e-4


def test_a_fast_hand_that_turns_back_all_at_once_is_not_lost(oracle, monkeypatch):
    said = oracle._of

    def knows_the_middle(crop):
        off = min(np.linalg.norm(hand_centre(joints) - crop.centre) for joints, _ in oracle.hands)
        return *said(crop)[:3], 0.97 if off < 0.05 else 0.1

    monkeypatch.setattr(oracle, "_of", knows_the_middle)
    follow = estimator(oracle, max_hands=1)
    places = [*np.arange(-0.14, 0.15, 0.04), *np.arange(0.10, -0.15, -0.04)]  # 1.2 m/s, there and back
    hands = [see(follow, oracle, [right_at(x)], i / 30) for i, x in enumerate(places)]
    assert [hand.track_id for seen in hands for hand in seen] == [1] * len(places)


def test_two_hands_keep_their_names(oracle):
    follow = estimator(oracle)
    for i in range(12):
        scenes = [right_at(0.16 - 0.005 * i), left_at(-0.16 + 0.005 * i)]
        hands = see(follow, oracle, scenes, i / 30)
    assert [(hand.track_id, hand.handedness) for hand in sorted(hands, key=lambda h: h.handedness)] in (
        [(1, "left"), (2, "right")],
        [(2, "left"), (1, "right")],
    )


def test_a_second_hand_is_found_beside_the_first_within_half_a_second(oracle):
    follow = estimator(oracle)
    see(follow, oracle, [right_at(0.16)], 0.0)
    counts = [len(see(follow, oracle, [right_at(0.16), left_at(-0.16)], i / 30)) for i in range(1, 16)]
    assert counts[-1] == 2


def test_no_more_hands_than_asked_for(oracle):
    assert len(see(estimator(oracle, max_hands=1), oracle, [right_at(0.16), left_at(-0.16)], 0.0)) == 1


@pytest.mark.parametrize(("false", "gives_way"), [(0.6, True), (0.79, False), (0.9, False)])
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


def test_a_track_that_is_seen_now_and_then_is_not_sure(oracle):
    follow, oracle.present = estimator(oracle, max_hands=1), {}
    see(follow, oracle, [right_at(0.16)], 0.0)
    for i in range(1, 40):
        oracle.present = {"right": 0.9 if i % 3 == 0 else 0.2}
        hands = see(follow, oracle, [right_at(0.16), left_at(-0.16)], i / 30)
    assert [hand.handedness for hand in hands] == ["left"]


def test_a_hand_that_is_tracked_is_not_new_and_nobody_gives_way_to_it(oracle, monkeypatch):
    follow, oracle.present = estimator(oracle), {"left": 0.6}
    near = [Candidate(hand_centre(right_at(0.06)[0]), 0.3)]  # beside the right hand, which then moves there
    for i in range(20):
        scene = [right_at(0.16 - 0.01 * min(i, 8)), left_at(-0.16)]
        hands = see(follow, oracle, scene, i / 30)
        monkeypatch.setattr(estimator_module, "find_hands", lambda *_, **__: near)
    assert [(hand.track_id, hand.handedness) for hand in hands] in (
        [(1, "right"), (2, "left")],
        [(1, "left"), (2, "right")],
    )


@pytest.mark.parametrize("scene", (right_at(), left_at()), ids=("right", "left"))
def test_a_hand_that_the_network_only_knows_as_what_it_is_is_found(oracle, monkeypatch, scene):
    said, (_, handedness) = oracle._of, scene

    def knows(crop):
        uvd, sigma, right, present = said(crop)
        return uvd, sigma, right, present if crop.mirrored == (handedness == "left") else 0.1 * present

    monkeypatch.setattr(oracle, "_of", knows)
    assert len(see(estimator(oracle, min_confidence=0.4), oracle, [scene], 0.0)) == 1
    later = estimator(oracle, min_confidence=0.4)
    see(later, oracle, [], 0.0)
    seen = [see(later, oracle, [scene], i / 30) for i in range(1, 5)]
    assert len(seen[-1]) == 1


def test_a_hand_that_is_in_doubt_off_centre_is_looked_at_again(oracle, monkeypatch):
    scene = right_at(0.16)
    off = Candidate(hand_centre(scene[0]) + (0.009, 0, 0), 0.3)
    monkeypatch.setattr(estimator_module, "find_hands", lambda *_, **__: [off])
    told = iter([0.4, 0.95, 0.95, 0.95])
    said = oracle._of
    monkeypatch.setattr(oracle, "_of", lambda crop: (*said(crop)[:3], next(told)))
    assert len(see(estimator(oracle), oracle, [scene], 0.0)) == 1


@pytest.mark.parametrize(("scores", "side"), [((0.3, 0.1), "right"), ((0.1, 0.3), "left")])
def test_of_two_hands_that_the_network_is_as_sure_of_the_finder_chooses(oracle, monkeypatch, scores, side):
    scene = [right_at(0.16), left_at(-0.16)]
    found = [Candidate(hand_centre(joints), score) for (joints, _), score in zip(scene, scores, strict=True)]
    monkeypatch.setattr(estimator_module, "find_hands", lambda *_, **__: found)
    assert [hand.handedness for hand in see(estimator(oracle, max_hands=1), oracle, scene, 0.0)] == [side]


@pytest.mark.parametrize("planes", ((TABLE,), ()), ids=("a table is left", "nothing is left"))
def test_a_lost_hand_is_gone_within_three_images_and_keeps_its_name_if_back_at_once(oracle, planes):
    follow = estimator(oracle)
    see(follow, oracle, [right_at()], 0.0)
    assert see(follow, oracle, [], 1 / 30, planes) == []
    assert [hand.track_id for hand in see(follow, oracle, [right_at()], 2 / 30)] == [1]
    for i in range(3, 7):
        assert see(follow, oracle, [], i / 30, planes) == []
    assert [hand.track_id for hand in see(follow, oracle, [right_at()], 7 / 30)] == [2]


@pytest.mark.parametrize("step", (-0.01, -100.0, MAX_GAP + 0.01))
def test_time_that_leaps_forgets_and_names_are_never_used_again(oracle, step):
    follow = estimator(oracle)
    assert [hand.track_id for hand in see(follow, oracle, [right_at()], 500.0)] == [1]
    assert [hand.track_id for hand in see(follow, oracle, [right_at()], 500.0 + step)] == [2]
    follow.reset()
    assert [hand.track_id for hand in see(follow, oracle, [right_at()], 500.1 + step)] == [3]


def test_two_tracks_that_come_to_one_hand_become_one(oracle):
    follow = estimator(oracle)
    for i in range(7):
        hands = see(follow, oracle, [right_at(0.12 - 0.012 * i), left_at(-0.12 + 0.012 * i)], i / 30)
        assert len(hands) == 2
    for i in range(7, 10):
        hands = see(follow, oracle, [right_at(0.02)], i / 30)  # both tracks' cubes show this one
        assert [hand.handedness for hand in hands] == ["right"]


def test_a_hand_is_renamed_left_only_on_lasting_evidence(oracle):
    follow = estimator(oracle)
    see(follow, oracle, [right_at()], 0.0)
    oracle.right = 0.03
    told = [see(follow, oracle, [right_at()], i / 30)[0] for i in range(1, 31)]
    assert [hand.handedness for hand in told[:3]] == ["right"] * 3
    assert told[-1].handedness == "left" and {hand.track_id for hand in told} == {1}
    assert sum(a.handedness != b.handedness for a, b in zip(told, told[1:], strict=False)) == 1
    assert all(0.5 <= hand.handedness_score <= 1 for hand in told)


@pytest.mark.parametrize("leans", (-0.35, 0.35))
@pytest.mark.parametrize("scene", (right_at(), left_at()), ids=("right", "left"))
def test_a_network_that_leans_to_one_side_is_seen_through(oracle, scene, leans):
    follow, (_, handedness) = estimator(oracle), scene
    oracle.right, oracle.leans = 0.6 if handedness == "right" else 0.4, leans
    for i in range(30):
        (hand,) = see(follow, oracle, [scene], i / 30)
        assert hand.handedness == handedness


@pytest.mark.parametrize("handedness", ("right", "left"))
def test_handedness_that_is_set_is_never_doubted(oracle, handedness):
    follow = estimator(oracle, handedness=handedness)
    other = left_at() if handedness == "right" else right_at()
    for i in range(20):
        (hand,) = see(follow, oracle, [other], i / 30)
        assert hand.handedness == handedness and hand.handedness_score == 1
    assert {crop.mirrored for crop in oracle.crops.values()} == {handedness == "left"}


def test_smoothing_calms_and_can_be_off(oracle):
    random = np.random.default_rng(0)
    raw, smooth = estimator(oracle), estimator(oracle, smoothing=True)
    joints, handedness = right_at()
    depth = render(CAMERA, hand_balls(joints, forearm=0.6))
    seen = []
    for i in range(30):
        oracle.hands = [(joints + random.normal(0, 0.003, joints.shape), handedness)]
        seen.append([which.estimate(depth, CAMERA, i / 30)[0].positions for which in (raw, smooth)])
    spread = np.array(seen)[10:].std(axis=0).mean(axis=(1, 2))
    assert spread[0] == pytest.approx(0.003, rel=0.2) and spread[1] < 0.6 * spread[0]


def test_an_unsure_joint_is_not_known_and_neither_is_what_needs_it(oracle):
    oracle.sigma[JOINTS.index("middle_tip")] = (0.01, 0.01, 0.3)
    (hand,) = see(estimator(oracle), oracle, [right_at()], 0.0)
    unknown = {JOINTS[j] for j in np.flatnonzero(~hand.valid)}
    assert unknown == {"middle_tip"} and np.isnan(hand.positions[12]).all() and np.isnan(hand.rotations[12]).all()
    assert np.isfinite(hand.positions[hand.valid]).all()
    without_axes = {JOINTS[j] for j in np.flatnonzero(np.isnan(hand.rotations).any(axis=(1, 2)))}
    assert without_axes == {"middle_dip", "middle_tip"}  # the bone that starts at the one ends in the other
    assert np.isnan(hand.fingers["middle"].flexion).tolist() == [False, False, True]
    assert np.isnan(hand.fingers["middle"].thumb_distance) and np.isfinite(hand.fingers["index"].thumb_distance)
    assert hand.joint_confidence[12] < 0.6 and hand.sigma[12].max() > 0.03
    (hand,) = see(estimator(oracle, max_sigma=0.1), oracle, [right_at()], 0.0)
    assert hand.valid.all()


def test_no_orientation_rests_on_a_joint_that_is_not_known(oracle):
    oracle.sigma[JOINTS.index("little_mcp")] = 0.3
    (hand,) = see(estimator(oracle), oracle, [right_at()], 0.0)
    assert hand.valid.sum() == 20 and np.isfinite(hand.positions[hand.valid]).all()
    assert np.isnan(hand.rotations).all() and np.isnan(hand.palm_rotation).all()


def test_a_camera_of_one_image_a_second_keeps_its_hand(oracle):
    follow = estimator(oracle)
    seen = [see(follow, oracle, [right_at(0.02 * i)], float(i)) for i in range(5)]
    assert [hand.track_id for hands in seen for hand in hands] == [1] * 5


def test_a_joint_outside_the_image_is_not_known(oracle):
    joints, handedness = right_at(x=0.28, turn=-0.2)
    (hand,) = see(estimator(oracle), oracle, [(joints, handedness)], 0.0)
    inside = (CAMERA.project(joints) < (639.5, 479.5)).all(axis=1)
    assert 0 < inside.sum() < 21 and (hand.valid == inside).all()


def test_a_joint_outside_the_cube_is_not_known(oracle):
    joints, handedness = right_at()
    joints = joints.copy()
    joints[JOINTS.index("index_tip")] += (0, 0, 0.2)
    (hand,) = see(estimator(oracle), oracle, [(joints, handedness)], 0.0)
    assert {JOINTS[j] for j in np.flatnonzero(~hand.valid)} == {"index_tip"}


def test_a_hand_out_of_the_working_range_is_not_there(oracle):
    assert see(estimator(oracle, max_distance=0.5), oracle, [right_at(z=0.6)], 0.0) == []
    follow = estimator(oracle, max_distance=0.65)
    assert len(see(follow, oracle, [right_at(z=0.6)], 0.0)) == 1
    for i in range(1, 5):
        hands = see(follow, oracle, [right_at(z=0.6 + 0.03 * i)], i / 30)
    assert hands == []


@pytest.mark.parametrize("empty", (0.0, np.nan, np.inf))
def test_an_image_without_readings_has_no_hand_and_asks_no_network(oracle, empty):
    assert estimator(oracle).estimate(np.full((480, 640), empty, np.float32), CAMERA, 0.0) == []
    assert oracle.batches == []


def test_a_doubtful_hand_is_none(oracle):
    assert see(estimator(oracle, min_confidence=0.98), oracle, [right_at()], 0.0) == []


@pytest.mark.parametrize(
    ("depth", "stamp", "said"),
    [
        (np.zeros((10, 640), np.float32), 0.0, "10, 640.*480 x 640"),
        (np.zeros((480, 640, 1), np.float32), 0.0, "480, 640, 1"),
        (np.zeros((480, 640), np.float32), float("nan"), "nan"),
    ],
)
def test_what_is_no_image_is_refused(oracle, depth, stamp, said):
    with pytest.raises(ValueError, match=said):
        estimator(oracle).estimate(depth, CAMERA, stamp)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"handedness": "up"}, "'up' is not one of both, right, left"),
        ({"max_hands": 0}, "max_hands is 0"),
        ({"min_distance": 0.0}, "min_distance is 0.0"),
        ({"max_distance": float("inf")}, "max_distance is inf"),
        ({"min_distance": 2.0}, "min_distance 2.0 m is not less than max_distance 1.5 m"),
        ({"min_distance": 0.05}, "more than 0.07 m"),
        ({"max_sigma": -1.0}, "max_sigma is -1.0"),
        ({"smoothing_min_cutoff": 0.0}, "smoothing_min_cutoff is 0.0"),
        ({"smoothing_beta": -1.0}, "smoothing_beta is -1.0"),
        ({"min_confidence": 1.0}, "min_confidence is 1.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused_with_the_value(changes, said):
    with pytest.raises(ValueError, match=said):
        EstimatorSettings(**changes)


def test_a_network_that_gives_no_numbers_is_an_error_not_a_hand(oracle):
    oracle.sigma[3] = np.nan
    with pytest.raises(RuntimeError, match="sigma is not finite .oracle."):
        see(estimator(oracle), oracle, [right_at()], 0.0)


class Wild:
    """A network that says anything."""

    input_size, description = 16, "wild"

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def infer(self, images):
        n = len(images)
        size = 10.0 ** self.random.uniform(-2, 1)
        return Prediction(
            self.random.normal(0, size, (n, 21, 3)),
            self.random.exponential(0.1, (n, 21, 3)),
            self.random.random(n),
            self.random.random(n),
        )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1), st.sampled_from(("both", "right", "left")), st.booleans(), st.integers(1, 3))
def test_whatever_image_and_network_say_hands_are_well_formed(seed, handedness, smoothing, max_hands):
    random = np.random.default_rng(seed)
    camera = Camera(80, 60, 70.0, 70.0, 40.0, 30.0)
    wild = HandPoseEstimator(
        Wild(seed), EstimatorSettings(handedness=handedness, smoothing=smoothing, max_hands=max_hands)
    )
    stamp = 0.0
    for _ in range(12):
        stamp += random.choice([0, 0.03, 0.03, 0.1, -1, 3])
        depth = random.choice(
            np.array([0, np.nan, np.inf, -1, 0.4, 0.5], np.float32), (60, 80), p=(0.1, 0.1, 0.1, 0.1, 0.3, 0.3)
        )
        hands = wild.estimate(depth, camera, stamp)
        assert len(hands) <= max_hands and len({hand.track_id for hand in hands}) == len(hands)
        for hand in hands:
            assert hand.handedness in ("right", "left") and 0.5 <= hand.handedness_score <= 1
            assert 0.5 <= hand.confidence <= 1
            assert ((hand.joint_confidence >= 0) & (hand.joint_confidence <= 1)).all()
            assert np.isfinite(hand.positions[hand.valid]).all() and np.isnan(hand.positions[~hand.valid]).all()
            turned = hand.rotations[np.isfinite(hand.rotations).all(axis=(1, 2))]
            assert np.allclose(np.swapaxes(turned, -1, -2) @ turned, np.eye(3), atol=1e-6)
            assert np.isnan(hand.rotations[~hand.valid]).all()


def test_the_estimator_itself_costs_little(oracle):
    """All but the network, of one tracked hand in VGA."""
    follow = estimator(oracle, smoothing=True, max_hands=1)
    joints, handedness = right_at()
    oracle.hands, oracle.input_size = [(joints, handedness)], 128
    depth = render(CAMERA, hand_balls(joints, forearm=0.6), [TABLE])
    seconds = []
    for i in range(40):
        start = time.process_time()
        follow.estimate(depth, CAMERA, i / 30)
        seconds.append(time.process_time() - start)
    assert np.median(seconds[5:]) < 4e-3  # about 1.2 ms on an idle core


@pytest.mark.parametrize(
    "axes", [(0.01,) * 3, (0.004, 0.01, 0.02), (0.03,) * 3, (0.005, 0.005, 0.03), (0.1, 0.02, 0.02)]
)
def test_joint_confidence_is_the_share_of_errors_that_are_small(axes):
    random = np.random.default_rng(0)
    rotation = np.linalg.qr(random.normal(size=(3, 3)))[0]
    covariance = rotation @ np.diag(np.square(axes)) @ rotation.T
    errors = random.multivariate_normal(np.zeros(3), covariance, 200_000)
    share = (np.linalg.norm(errors, axis=1) < 0.02).mean()
    assert probability_within(covariance, 0.02) == pytest.approx(share, abs=0.008)


def test_joint_confidence_in_one_dimension_is_the_normal_distributions():
    thin = np.diag([1e-12, 1e-12, 0.01**2])
    assert probability_within(thin, 0.02) == pytest.approx(norm.cdf(2) - norm.cdf(-2), abs=0.02)
    assert probability_within(np.zeros((2, 3, 3)), 0.02) == pytest.approx([1, 1])
