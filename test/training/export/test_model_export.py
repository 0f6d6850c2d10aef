"""Export: calibration, rounding to 16 bits, and no file unless the backends agree."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from scipy.special import expit
from small_models import SIZE, random_network

from fingerpose_ros.perception import backends
from fingerpose_ros.perception.pose.calibration import Calibration
from fingerpose_ros.perception.pose.model_file import ModelFile
from fingerpose_ros.perception.pose.network import load_network, save_network
from training.export import agreement, calibrate, cost, model_export, quantisation


def predictions(rng, samples=3000, scale=1.7, power=1.3, temperature=2.0, tails=False) -> calibrate.Predictions:
    """Predictions with errors of standard deviation scale * sigma ** power, and logits too large by `temperature`."""
    sigma = np.exp(rng.normal(-3, 0.5, (samples, 21, 3)))
    error = rng.normal(0, 1, sigma.shape) if not tails else rng.standard_t(5, sigma.shape) * np.sqrt(3 / 5)
    uvd = rng.uniform(-1, 1, sigma.shape)
    calibrated = rng.normal(1, 2, (samples, 2))
    right, present = (rng.uniform(size=(samples, 2)) < expit(calibrated)).T
    return calibrate.Predictions(
        uvd=uvd, sigma=sigma, logits=temperature * calibrated, truth=uvd + scale * sigma**power * error,
        visible=rng.uniform(size=(samples, 21)) < 0.6, right=right, present=present,
    )  # fmt: skip


def test_the_fit_recovers_the_parameters_of_the_predictions():
    fitted = calibrate.fit(predictions(np.random.default_rng(0)))
    np.testing.assert_allclose(fitted.sigma_scale, 1.7, rtol=0.15)
    np.testing.assert_allclose(fitted.sigma_power, 1.3, rtol=0.05)
    assert fitted.right_temperature == pytest.approx(2, rel=0.15)
    assert fitted.present_temperature == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize("tails", [False, True])
def test_a_fit_holds_on_other_predictions(tails):
    rng = np.random.default_rng(1)
    report = calibrate.evaluate(calibrate.fit(predictions(rng, tails=tails)), predictions(rng, tails=tails))
    assert report["within_tolerance"]
    assert report["right"]["calibrated"] < report["right"]["raw"]


def test_a_wrong_calibration_is_detected():
    report = calibrate.evaluate(Calibration((1, 1, 1), (1, 1, 1), 1, 1), predictions(np.random.default_rng(2)))
    assert not report["within_tolerance"]
    # The average sigma, exp(-3), is 1 / (1.7 sigma^0.3) = 1.45 true standard deviations: 85 % of a normal distribution.
    assert report["coverage"]["visible"]["68"][0] == pytest.approx(0.84, abs=0.04)


def test_calibration_uses_separate_data():
    from training.evaluation import ablation, hand_free
    from training.rendering import hard_negatives, testset

    seeds = [calibrate.FIT_SEED, calibrate.CHECK_SEED, agreement.SEED, testset.SEED, ablation.TEST_SEED]
    seeds += [quantisation.SEED, hand_free.SEED, hard_negatives.SEED]
    assert len(set(seeds)) == len(seeds)
    # Seeds of training data are a thousand times the run's seed, plus the stage's number or 999.
    assert all(100 < seed % 1000 < 999 for seed in seeds)


def test_weights_are_stored_in_sixteen_bits_and_too_large_ones_are_rejected():
    state = random_network().state_dict()
    stored = model_export.sixteen_bit(state)
    assert stored["trunk.backbone.conv1.weight"].dtype == torch.float16
    assert stored["trunk.backbone.bn1.running_var"].dtype == torch.float32
    state["trunk.backbone.conv1.weight"][0, 0, 0, 0] = 7e4
    with pytest.raises(ValueError, match=r"conv1\.weight does not fit 16 bits: its largest value is 70000"):
        model_export.sixteen_bit(state)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("training") / "average.safetensors"
    save_network(path, random_network(), {"samples": "1234", "training": "{}"})
    return path


def test_an_export_runs_in_both_engines_and_reports_the_measured_results(weights, tmp_path, monkeypatch):
    monkeypatch.delenv(agreement.TEST_DATA, raising=False)
    monkeypatch.setattr(cost, "LIMITS", dict.fromkeys(cost.LIMITS, 1.0))  # random weights classify by chance
    monkeypatch.setattr(model_export, "SYNTHETIC_CROPS", 32)
    report = model_export.export(weights, SIZE, tmp_path, samples=64)
    path = tmp_path / "fingerposenet.safetensors"
    int8 = tmp_path / "fingerposenet_int8.safetensors"
    names = ["export.json", path.name, "fingerposenet.sha256", int8.name, "fingerposenet_int8.sha256"]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names)
    files = {"f32": ModelFile.open(path), "int8": ModelFile.open(path, "int8")}
    assert files["f32"].calibration != files["int8"].calibration
    assert int8.stat().st_size < path.stat().st_size  # the layers that stay in float32 take twice the space
    assert ModelFile.open(path).input_size == SIZE
    assert json.loads(json.dumps(report)) == json.loads((tmp_path / "export.json").read_text())
    assert report["samples_seen"] == 1234
    assert all(row["crops"] == "synthetic" and agreement.agrees(row) for row in report["agreement"])
    images = np.random.default_rng(0).uniform(-1, 1, (2, 1, SIZE, SIZE)).astype(np.float32)
    with torch.no_grad():
        trained = load_network(weights)(torch.from_numpy(images)).uvd.numpy()
    for name in ("openvino", "torch"):
        np.testing.assert_allclose(
            backends.create_backend(name, "cpu", path, "f32", 1).infer(images).uvd, trained, atol=1e-3
        )
    # Training can continue from both the saved weights and the model file.
    assert load_network(path).config == load_network(weights).config


def test_without_bf16_support_its_rounding_is_measured_in_software(weights, tmp_path, monkeypatch):
    def create(backend, device, model, precision, *rest, original=backends.create_backend):
        if precision == "bf16":
            raise ValueError("no bf16 here")
        return original(backend, device, model, precision, *rest)

    monkeypatch.setattr(backends, "create_backend", create)
    monkeypatch.setattr(cost, "LIMITS", dict.fromkeys(cost.LIMITS, 1.0))
    monkeypatch.setattr(model_export, "SYNTHETIC_CROPS", 8)
    monkeypatch.delenv(agreement.TEST_DATA, raising=False)
    *others, row = model_export.export(weights, SIZE, tmp_path, samples=64)["agreement"]
    assert row["what"] == "PyTorch as on a GPU, bf16 in software"
    assert max(other["mean_mm"] for other in others) < row["mean_mm"] < agreement.MEAN_MM


def test_nothing_is_written_if_engines_disagree(weights, tmp_path, monkeypatch):
    monkeypatch.delenv(agreement.TEST_DATA, raising=False)
    monkeypatch.setattr(model_export, "SYNTHETIC_CROPS", 4)
    monkeypatch.setattr(cost, "LIMITS", dict.fromkeys(cost.LIMITS, 1.0))
    convert = model_export.pose_graphs

    def of_another_network(network, size):
        with torch.no_grad():
            network.readout.consolidate.correction.bias += 0.01
        return convert(network, size)

    monkeypatch.setattr(model_export, "pose_graphs", of_another_network)
    with pytest.raises(ValueError, match=r"nothing is written: OpenVINO .* synthetic crops.* mean 0\.3 mm"):
        model_export.export(weights, SIZE, tmp_path, samples=64)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_if_int8_is_too_inexact(weights, tmp_path, monkeypatch):
    predict = calibrate.predict

    def with_larger_errors(*arguments):
        made = predict(*arguments)
        uvd = made["f32"].truth + 2 * (made["f32"].uvd - made["f32"].truth)
        return made | {"int8": dataclasses.replace(made["int8"], uvd=uvd)}

    monkeypatch.setattr(calibrate, "predict", with_larger_errors)
    with pytest.raises(
        ValueError, match=r"nothing is written: int8 is too inexact: mean_mm .* \(limit 1\.5%\); visible"
    ):
        model_export.export(weights, SIZE, tmp_path, samples=64)
    assert list(tmp_path.iterdir()) == []


def test_fewer_correct_classifications_are_a_cost():
    exact = predictions(np.random.default_rng(3))
    logits = exact.logits.copy()
    logits[:60] *= -1  # 2 % of the crops, of which most were right
    report = cost.cost(exact, dataclasses.replace(exact, logits=logits))
    assert report["cost"]["mean_mm"] == 0 and 0.005 < report["cost"]["present"] < 0.02
    assert [text.split()[0] for text in cost.too_costly(report)] == ["present", "right"]
    assert cost.too_costly(cost.cost(exact, exact)) == []


@pytest.mark.parametrize("size", [0, 32, 100])
def test_an_invalid_size_is_rejected(weights, tmp_path, size):
    with pytest.raises(ValueError, match=f"size {size} is not a multiple of 32 from 64 up"):
        model_export.export(weights, size, tmp_path, samples=64)


def test_recorded_frames_come_from_the_configured_folder(tmp_path, monkeypatch):
    monkeypatch.delenv(agreement.TEST_DATA, raising=False)
    assert agreement.recorded_crops(SIZE) is None
    monkeypatch.setenv(agreement.TEST_DATA, str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"no joints\.npz below"):
        agreement.recorded_crops(SIZE)
