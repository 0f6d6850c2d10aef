"""Fitting the confidence, and exporting the detector."""

import dataclasses
import json

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from recorded_scene import table, write_recording
from small_models import random_network, write_int8, write_model

from fingerpose_ros.perception import backends
from fingerpose_ros.perception.backends.torch_detection import TorchDetectionNetworks
from fingerpose_ros.perception.detection.confidence import Confidence, sigmoid
from fingerpose_ros.perception.detection.network import detection_networks
from fingerpose_ros.perception.pose.network.weights import save_tensors
from training.export import confidence_fit, detector_export, quantisation
from training.export.confidence_fit import Evidence


def evidence(count: int, seed: int, truth: Confidence) -> Evidence:
    """Hands whose probability of being right is that of `truth`, one in each image."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 4, (3, count))
    right = rng.uniform(size=count) < sigmoid(truth.combined(*logits))
    sources = ["one" if k % 4 < 2 else "other" for k in range(count)]
    return Evidence(*logits, right, np.arange(count), sources)


def test_a_fit_finds_the_confidence_and_is_calibrated_on_other_hands():
    truth = Confidence(0.3, 0.6, 0.2, -1.5)
    fitted = confidence_fit.fit(evidence(6000, 1, truth))
    assert dataclasses.astuple(fitted) == pytest.approx(dataclasses.astuple(truth), abs=0.15)
    report = confidence_fit.check(fitted, evidence(3000, 2, truth), (0.5, 0.9))
    assert report["calibration_error"] < 0.04
    assert set(report["by_source"]) == {"one", "other"}
    half, nine_tenths = report["thresholds"]["0.5"], report["thresholds"]["0.9"]
    assert half["right_hands_kept"] > nine_tenths["right_hands_kept"]
    assert half["hand_free_images_with_false"] >= nine_tenths["hand_free_images_with_false"]


def test_a_wrong_confidence_has_a_large_calibration_error():
    report = confidence_fit.check(
        Confidence(0.3, 0.6, 0.2, 3.0), evidence(3000, 2, Confidence(0.3, 0.6, 0.2, -1.5)), ()
    )
    assert report["calibration_error"] > 0.2


def test_the_calibration_error_is_that_of_ten_bins():
    right = np.array([True, False, False, False])
    assert confidence_fit.calibration_error(np.full(4, 0.25), right) == pytest.approx(0)
    assert confidence_fit.calibration_error(np.array([0.95, 0.95, 0.05, 0.05]), right) == pytest.approx(0.25, abs=0.01)


def test_both_kinds_of_hands_are_needed():
    one = evidence(50, 1, Confidence(0, 0, 0, 50.0))
    with pytest.raises(ValueError, match="50 of 50 estimated hands are right"):
        confidence_fit.fit(one)


def test_an_exported_detector_is_loaded_by_both_engines(tmp_path, monkeypatch):
    rooms = tuple(  # one that chooses thresholds, and one for training
        write_recording(tmp_path / name, [table()], sensor_model="kinect_v1") for name in ("neg_felix_room", "mine")
    )
    (tmp_path / "pose").mkdir()
    model = write_model(tmp_path / "pose", random_network())
    write_int8(model, random_network())
    weights = tmp_path / "weights.safetensors"
    save_tensors(weights, detection_networks().state_dict(), {"images": "7"})
    fitted = [Confidence(0.2, 0.5, 0.2, -1.0), Confidence(0.3, 0.5, 0.2, -1.0)]
    monkeypatch.setattr(confidence_fit, "fit", lambda _: fitted.pop(0))
    monkeypatch.setattr(quantisation, "IMAGES", 2)
    report = detector_export.export(weights, tmp_path / "out", rooms, 2, str(model))
    assert json.loads((tmp_path / "out" / "detector.json").read_text()) == report
    assert report["images_seen"] == 7 and report["bytes"] < 3e6 and set(report["checks"]) == {"f32", "int8"}
    for name in ("openvino", "torch"):
        detector = backends.create_detector(name, "cpu", tmp_path / "out" / "detector.safetensors", 1)
        assert detector.confidence == Confidence(0.2, 0.5, 0.2, -1.0)
        int8 = backends.create_detector(name, "cpu", tmp_path / "out" / "detector.safetensors", 1, "int8")
        assert int8.confidence == Confidence(0.3, 0.5, 0.2, -1.0)
        if name == "openvino":
            crops = np.random.default_rng(0).uniform(-1, 1, (70, 24, 24)).astype(np.float32)
            in_float32, in_int8 = (one.networks.propose(crops)[0] for one in (detector, int8))
            assert 0 < np.abs(in_int8 - in_float32).mean() < 0.2 * in_float32.std()
    assert "f32" in detector_export.text(report)


def test_int8_that_loses_hands_is_not_written():
    detector_export.check_loss({"f32": {"found": 100}, "int8": {"found": 98}})
    detector_export.check_loss({"f32": {"found": 100}})
    with pytest.raises(ValueError, match="nothing is written: int8 finds 97 hands, float32 100"):
        detector_export.check_loss({"f32": {"found": 100}, "int8": {"found": 97}})


def test_all_precisions_get_the_same_images(tmp_path):
    room = write_recording(tmp_path / "neg_felix_room", [table()], sensor_model="kinect_v1")
    model = write_model(tmp_path, random_network())
    write_int8(model, random_network())
    networks = TorchDetectionNetworks(detection_networks())
    engines = {p: (backends.create_backend("openvino", "cpu", model, p, 1), networks) for p in ("f32", "int8")}
    together = confidence_fit.collect(engines, (room,), 1, 2)
    for precision, engine in engines.items():
        alone = confidence_fit.collect({precision: engine}, (room,), 1, 2)[precision]
        for one, other in zip(dataclasses.astuple(together[precision]), dataclasses.astuple(alone), strict=True):
            np.testing.assert_array_equal(one, other)
    assert len(together["f32"].right) and not np.array_equal(together["f32"].presence, together["int8"].presence)


def test_weights_of_another_network_are_no_detector(tmp_path):
    weights = tmp_path / "weights.safetensors"
    save_tensors(weights, random_network().state_dict(), {})
    with pytest.raises(ValueError, match="holds no detector"):
        detector_export.export(weights, tmp_path, (tmp_path,), 1)
