"""The estimator's `Hand` objects, and what it rejects; an oracle replaces the network (see `oracle`)."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import estimator, left_at, right_at, see
from rendered_scene import CAMERA, hand_balls, render
from scipy.stats import norm

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.detection.confidence import Confidence
from fingerpose_ros.perception.detection.detector import HandDetector
from fingerpose_ros.perception.detection.prediction import Classification
from fingerpose_ros.perception.estimator import HandPoseEstimator
from fingerpose_ros.perception.pose.prediction import Prediction
from fingerpose_ros.perception.pose.uncertainty import probability_within
from fingerpose_ros.perception.settings import EstimatorSettings
from fingerpose_ros.perception.skeleton import JOINTS


def test_a_hand_has_all_fingers_and_joints_with_the_predicted_uncertainty(oracle):
    (hand,) = see(estimator(oracle), oracle, [right_at()], 1.0)
    assert hand.positions.shape == hand.sigma.shape == (21, 3) and hand.rotations.shape == (21, 3, 3)
    assert list(hand.fingers) == ["thumb", "index", "middle", "ring", "little"]
    assert np.allclose(hand.sigma, 0.03 * 0.14, rtol=0.2)
    assert (hand.joint_confidence > 0.98).all()


def test_smoothing_reduces_jitter_and_can_be_disabled(oracle):
    random = np.random.default_rng(0)
    raw, smooth = estimator(oracle), estimator(oracle, smoothing=True)
    joints, handedness = right_at()
    depth = render(CAMERA, hand_balls(joints, forearm=0.6))
    positions = []
    for i in range(30):
        oracle.hands = [(joints + random.normal(0, 0.003, joints.shape), handedness)]
        positions.append([which.estimate(depth, CAMERA, i / 30)[0].positions for which in (raw, smooth)])
    spread = np.array(positions)[10:].std(axis=0).mean(axis=(1, 2))
    assert spread[0] == pytest.approx(0.003, rel=0.2) and spread[1] < 0.6 * spread[0]


@pytest.mark.parametrize("smoothing", (False, True))
def test_with_a_hand_model_bones_keep_their_lengths(oracle, smoothing):
    random = np.random.default_rng(0)
    oracle.sigma[:] = 0.03
    free, modelled = (estimator(oracle, smoothing=smoothing, hand_model=model) for model in (False, True))
    for scene in (right_at(), left_at()):
        joints, handedness = scene
        depth = render(CAMERA, hand_balls(joints, forearm=0.6))
        spreads, errors = [], []
        for which in (free, modelled):
            which.reset()
            hands = []
            for i in range(40):
                oracle.hands = [(joints + random.normal(0, 0.003, joints.shape), handedness)]
                hands += which.estimate(depth, CAMERA, i / 30)
            bones = [[np.linalg.norm(np.diff(hand.positions[5:9], axis=0), axis=1)] for hand in hands[20:]]
            spreads.append(np.std(bones, axis=0).mean())
            errors.append(np.mean([np.linalg.norm(hand.positions - joints, axis=1).mean() for hand in hands[20:]]))
            assert hands[-1].handedness == handedness
            assert np.isfinite(hands[-1].length) == hands[-1].length_settled == (which is modelled)
        assert not hands[0].length_settled and hands[-1].length == pytest.approx(0.19, abs=0.015)
        assert spreads[1] < 0.3 * spreads[0] and errors[1] < 0.006


def test_with_a_hand_model_joints_that_are_not_valid_stay_unknown(oracle):
    oracle.sigma[JOINTS.index("middle_tip")] = (0.01, 0.01, 0.3)
    (hand,) = see(estimator(oracle, hand_model=True), oracle, [right_at()], 0.0)
    assert {JOINTS[j] for j in np.flatnonzero(~hand.valid)} == {"middle_tip"}
    assert np.isnan(hand.positions[12]).all() and np.isfinite(hand.positions[hand.valid]).all()


def test_an_uncertain_joint_and_what_depends_on_it_are_not_valid(oracle):
    oracle.sigma[JOINTS.index("middle_tip")] = (0.01, 0.01, 0.3)
    (hand,) = see(estimator(oracle), oracle, [right_at()], 0.0)
    invalid = {JOINTS[j] for j in np.flatnonzero(~hand.valid)}
    assert invalid == {"middle_tip"} and np.isnan(hand.positions[12]).all() and np.isnan(hand.rotations[12]).all()
    assert np.isfinite(hand.positions[hand.valid]).all()
    without_axes = {JOINTS[j] for j in np.flatnonzero(np.isnan(hand.rotations).any(axis=(1, 2)))}
    assert without_axes == {"middle_dip", "middle_tip"}  # the DIP's bone ends at the tip
    assert np.isnan(hand.fingers["middle"].flexion).tolist() == [False, False, True]
    assert np.isnan(hand.fingers["middle"].thumb_distance) and np.isfinite(hand.fingers["index"].thumb_distance)
    assert hand.joint_confidence[12] < 0.6 and hand.sigma[12].max() > 0.03
    (hand,) = see(estimator(oracle, max_sigma=0.1), oracle, [right_at()], 0.0)
    assert hand.valid.all()


def test_no_orientation_depends_on_an_invalid_joint(oracle):
    oracle.sigma[JOINTS.index("little_mcp")] = 0.3
    (hand,) = see(estimator(oracle), oracle, [right_at()], 0.0)
    assert hand.valid.sum() == 20 and np.isfinite(hand.positions[hand.valid]).all()
    assert np.isnan(hand.rotations).all()


def test_a_joint_outside_the_image_is_not_valid(oracle):
    joints, handedness = right_at(x=0.28, turn=-0.2)
    (hand,) = see(estimator(oracle), oracle, [(joints, handedness)], 0.0)
    inside = (CAMERA.project(joints) < (639.5, 479.5)).all(axis=1)
    assert 0 < inside.sum() < 21 and (hand.valid == inside).all()


def test_a_joint_outside_the_cube_is_not_valid(oracle):
    joints, handedness = right_at()
    joints = joints.copy()
    joints[JOINTS.index("index_tip")] += (0, 0, 0.2)
    (hand,) = see(estimator(oracle), oracle, [(joints, handedness)], 0.0)
    assert {JOINTS[j] for j in np.flatnonzero(~hand.valid)} == {"index_tip"}


@pytest.mark.parametrize("invalid", (0.0, np.nan, np.inf))
def test_an_image_without_valid_pixels_has_no_hand_and_no_prediction(oracle, invalid):
    assert estimator(oracle).estimate(np.full((480, 640), invalid, np.float32), CAMERA, 0.0) == []
    assert oracle.batches == []


@pytest.mark.parametrize(
    ("depth", "stamp", "message"),
    [
        (np.zeros((10, 640), np.float32), 0.0, "10, 640.*480, 640"),
        (np.zeros((480, 640, 1), np.float32), 0.0, "480, 640, 1"),
        (np.zeros((480, 640), np.float32), float("nan"), "nan"),
    ],
)
def test_an_invalid_image_or_stamp_is_rejected(oracle, depth, stamp, message):
    with pytest.raises(ValueError, match=message):
        estimator(oracle).estimate(depth, CAMERA, stamp)


@pytest.mark.parametrize(
    ("changes", "message"),
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
        ({"min_detection_confidence": 1.0}, "min_detection_confidence is 1.0"),
        ({"min_tracking_confidence": 0.0}, "min_tracking_confidence is 0.0"),
    ],
)
def test_invalid_settings_are_rejected_with_the_value(changes, message):
    with pytest.raises(ValueError, match=message):
        EstimatorSettings(**changes)


def test_a_prediction_that_is_not_finite_is_an_error(oracle):
    oracle.sigma[3] = np.nan
    with pytest.raises(RuntimeError, match="sigma is not finite .oracle."):
        see(estimator(oracle), oracle, [right_at()], 0.0)


class RandomNetworks:
    """Pose network and detector's networks with random predictions."""

    input_size, description, concurrent = 16, "random", False

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

    def propose(self, crops):
        return self.random.normal(0, 3, len(crops)), self.random.normal(0, 0.5, (len(crops), 3))

    def classify(self, context, detail):
        n = len(context)
        return Classification(
            self.random.normal(0, 5, n), self.random.normal(0, 0.5, (n, 3)), self.random.normal(0, 1, (n, 3))
        )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32 - 1), st.sampled_from(("both", "right", "left")), *[st.booleans()] * 2, st.integers(1, 3))
def test_hands_are_well_formed_for_any_image_and_prediction(seed, handedness, model, smoothing, max_hands):
    random = np.random.default_rng(seed)
    camera = Camera(80, 60, 70.0, 70.0, 40.0, 30.0)
    settings = EstimatorSettings(handedness=handedness, hand_model=model, smoothing=smoothing, max_hands=max_hands)
    networks = RandomNetworks(seed)
    randomised = HandPoseEstimator(networks, HandDetector(networks, Confidence(0.3, 1.0, 0.0, 0.0)), settings)
    stamp = 0.0
    for _ in range(12):
        stamp += random.choice([0, 0.03, 0.03, 0.1, -1, 3])
        depth = random.choice(
            np.array([0, np.nan, np.inf, -1, 0.4, 0.5], np.float32), (60, 80), p=(0.1, 0.1, 0.1, 0.1, 0.3, 0.3)
        )
        hands = randomised.estimate(depth, camera, stamp)
        assert len(hands) <= max_hands and len({hand.track_id for hand in hands}) == len(hands)
        for hand in hands:
            assert hand.handedness in ("right", "left") and 0.5 <= hand.handedness_score <= 1
            assert min(settings.min_detection_confidence, settings.min_tracking_confidence) <= hand.confidence <= 1
            assert ((hand.joint_confidence >= 0) & (hand.joint_confidence <= 1)).all()
            assert np.isfinite(hand.positions[hand.valid]).all() and np.isnan(hand.positions[~hand.valid]).all()
            known = hand.rotations[np.isfinite(hand.rotations).all(axis=(1, 2))]
            assert np.allclose(np.swapaxes(known, -1, -2) @ known, np.eye(3), atol=1e-6)
            assert np.isnan(hand.rotations[~hand.valid]).all()


@pytest.mark.parametrize(
    "axes", [(0.01,) * 3, (0.004, 0.01, 0.02), (0.03,) * 3, (0.005, 0.005, 0.03), (0.1, 0.02, 0.02)]
)
def test_joint_confidence_is_the_fraction_of_small_errors(axes):
    random = np.random.default_rng(0)
    rotation = np.linalg.qr(random.normal(size=(3, 3)))[0]
    covariance = rotation @ np.diag(np.square(axes)) @ rotation.T
    errors = random.multivariate_normal(np.zeros(3), covariance, 200_000)
    fraction = (np.linalg.norm(errors, axis=1) < 0.02).mean()
    assert probability_within(covariance, 0.02) == pytest.approx(fraction, abs=0.008)


def test_joint_confidence_in_one_dimension_is_that_of_a_normal_distribution():
    thin = np.diag([1e-12, 1e-12, 0.01**2])
    assert probability_within(thin, 0.02) == pytest.approx(norm.cdf(2) - norm.cdf(-2), abs=0.02)
    assert probability_within(np.zeros((2, 3, 3)), 0.02) == pytest.approx([1, 1])
