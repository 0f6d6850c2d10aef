"""Evaluation on sequences of moving hands."""

import json
from argparse import ArgumentParser, Namespace

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from fingerpose_ros.perception.kinematics import hand_centre
from fingerpose_ros.perception.pose.crop import Crop
from fingerpose_ros.perception.pose.crop_predictor import CropPrediction
from fingerpose_ros.perception.settings import EstimatorSettings
from training.evaluation import sequences
from training.rendering.moving_hands import moving_hand
from training.rendering.renderer import shared_renderer

SIGMA = 0.03
"""Of the crop's coordinates: 4 mm."""


@pytest.fixture(scope="module")
def hand():
    return moving_hand(shared_renderer("cpu").bank, 5, 0, 100)


def figures(hand, joints) -> dict[str, float]:
    return dict(zip(sequences.FIGURES, sequences.score(hand, joints), strict=True))


def noisy_predictions(hand, random) -> list[CropPrediction]:
    predictions = []
    for joints in hand.joints:
        crop = Crop(hand_centre(joints), EstimatorSettings().cube_half_size, mirrored=hand.handedness == "left")
        uvd = crop.to_uvd(joints) + random.normal(0, SIGMA, (21, 3))
        predictions.append(CropPrediction(crop, np.zeros((8, 8)), uvd, np.full((21, 3), SIGMA), 0.9, 0.9))
    return predictions


def test_the_truth_has_no_error(hand):
    scores = figures(hand, hand.joints)
    assert scores.pop("pip_r") == pytest.approx(1)
    assert scores == pytest.approx(dict.fromkeys(scores, 0), abs=1e-5)


def test_a_late_estimate_has_a_lag_and_a_noisy_one_jitter(hand):
    late = figures(hand, np.concatenate([hand.joints[:1]] * 3 + [hand.joints[:-3]]))
    assert late["lag_ms"] == pytest.approx(100, abs=2) and late["error_mm"] > 1
    noise = np.random.default_rng(0).normal(0, 0.002, hand.joints.shape)
    noisy = figures(hand, hand.joints + noise)
    assert noisy["jitter_mm"] == pytest.approx(2 * 3**0.5, rel=0.12) and noisy["lag_ms"] < 10
    assert noisy["error_mm"] == pytest.approx(3.2, rel=0.05)
    assert noisy["length_spread_mm"] == pytest.approx(2.8, rel=0.1)


def test_joints_that_are_not_valid_do_not_count(hand):
    joints = hand.joints.copy()
    joints[:, 8] = np.nan
    scores = figures(hand, joints)
    assert scores["error_mm"] == pytest.approx(0, abs=1e-5) and scores["length_spread_mm"] == pytest.approx(0, abs=1e-5)


def test_a_hand_model_has_constant_lengths_and_smaller_errors(hand):
    joints, _ = sequences.estimates(hand, noisy_predictions(hand, np.random.default_rng(1)))
    scores = {method: figures(hand, each) for method, each in zip(sequences.METHODS, joints, strict=True)}
    assert scores["hand_model"]["error_mm"] < 0.85 * scores["prediction"]["error_mm"]
    assert scores["hand_model"]["length_spread_mm"] < 0.2 * scores["prediction"]["length_spread_mm"]
    assert scores["hand_model, smoothing"]["jitter_mm"] < 0.6 * scores["hand_model"]["jitter_mm"]


def test_the_report_has_all_figures_with_intervals(hand, monkeypatch, tmp_path, capsys):
    random = np.random.default_rng(2)
    monkeypatch.setattr(sequences, "make_backend", lambda arguments: None)
    monkeypatch.setattr(sequences, "about", lambda arguments, backend: {"model": "noise"})
    monkeypatch.setattr(sequences, "predict", lambda backend, hand, *_: noisy_predictions(hand, random))
    parser = ArgumentParser()
    sequences.add_arguments(parser)
    sequences.run(parser.parse_args(["--count", "2", "--images", "45", "--json", str(tmp_path / "out.json")]))
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["sequences"] == 2 and list(report["methods"]) == list(sequences.METHODS)
    change = report["change"]["not smoothed"]["error_mm"]
    assert change["interval_95"][0] <= change["mean"] <= change["interval_95"][1] < 0
    printed = capsys.readouterr().out
    assert all(figure in printed for figure in sequences.FIGURES)


def test_a_sequence_must_be_longer_than_the_lengths_settle():
    with pytest.raises(ValueError, match="--images"):
        sequences.run(Namespace(images=30, count=1))
