"""The ONNX files: ONNX Runtime computes what OpenVINO computes, and the document's program uses them."""

import hashlib
import json
import re
import sys

import numpy as np
import pytest
import torch

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is installed for training only")

import onnx
import onnxruntime
from prose import ROOT
from small_models import CALIBRATION, SIZE, random_network, write_model

from fingerpose_ros.perception.backends.openvino_backend import OpenVinoBackend
from fingerpose_ros.perception.backends.openvino_detection import OpenVinoDetectionNetworks
from fingerpose_ros.perception.detection.confidence import Confidence
from fingerpose_ros.perception.detection.model_file import DetectorFile
from fingerpose_ros.perception.detection.network import detection_networks
from fingerpose_ros.perception.pose.crop import Crop
from fingerpose_ros.perception.pose.model_file import ModelFile
from training.export import detector_export, onnx_export

CONFIDENCE = Confidence(0.2, 0.5, 0.0, -1.0)
CROP = Crop(np.array([0.1, -0.05, 0.5]), 0.14)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The files of a small pose network and of a detector, with random weights."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(2)
    detector = folder / "detector.safetensors"
    detector_export.write(detector, detection_networks().eval(), {}, {"f32": CONFIDENCE}, {})
    return write_model(folder, random_network()), detector


@pytest.fixture(scope="module")
def exported(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    onnx_export.main(["--model", str(models[0]), "--detector", str(models[1]), "--out", str(folder)])
    return folder


@pytest.fixture(scope="module")
def program(exported):
    """The names that the document's program defines, run on the exported files."""
    [source] = re.findall(r"(?ms)^```python\n(.*?)^```", (ROOT / "docs" / "deployment.md").read_text())
    assert source.count('Path("runs/onnx")') == 1
    names = {}
    exec(source.replace('Path("runs/onnx")', f"Path({str(exported)!r})"), names)
    return names


def images(count: int, size: int) -> np.ndarray:
    return np.random.default_rng(count).uniform(-1, 1, (count, size, size)).astype(np.float32)


def run(path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [port.name for port in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def test_joints_agree_with_openvino_to_a_tenth_of_a_millimetre(models, exported):
    crops = images(6, SIZE)[:, None]
    made = [run(exported / "fingerposenet.onnx", {"image": crop[None]}) for crop in crops]
    uvd, sigma, logits = OpenVinoBackend(ModelFile.open(models[0]), "f32", 1).raw(crops)
    points = CROP.to_points(np.concatenate([output["uvd"] for output in made]))
    assert np.linalg.norm(points - CROP.to_points(uvd), axis=-1).max() < 1e-4  # metres
    np.testing.assert_allclose(np.concatenate([output["sigma"] for output in made]), sigma, atol=1e-4)
    np.testing.assert_allclose(np.concatenate([output["logits"] for output in made]), logits, atol=1e-4)
    assert np.linalg.norm(points[0] - points[1], axis=-1).max() > 1e-3  # the comparison is not one of constants


def test_the_detectors_outputs_agree_with_openvino(models, exported):
    engine = OpenVinoDetectionNetworks(DetectorFile.open(models[1]), 1)
    crops, context, detail = images(64, 24), images(8, 64), images(8, 64)[::-1].copy()
    proposed = run(exported / "proposal.onnx", {"crops": crops[:, None]})
    for name, expected in zip(("logits", "offsets"), engine.propose(crops), strict=True):
        np.testing.assert_allclose(proposed[name], expected, atol=1e-4)
    classified = run(exported / "classifier.onnx", {"context": context[:, None], "detail": detail[:, None]})
    expected = engine.classify(context, detail)
    for name in ("logits", "offsets", "directions"):
        np.testing.assert_allclose(classified[name], getattr(expected, name), atol=1e-4)


def test_the_conventions_describe_the_files(models, exported):
    described = json.loads((exported / "networks.json").read_text())
    assert set(described["networks"]) == {"fingerposenet", "proposal", "classifier"}
    for network in described["networks"].values():
        path = exported / network["file"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == network["sha256"]
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        assert {port.name: port.shape for port in session.get_inputs()} == network["inputs"]
        assert {port.name: port.shape for port in session.get_outputs()} == network["outputs"]
        assert [domain.version for domain in onnx.load(path).opset_import] == [described["opset"]]
    pose = described["fingerposenet"]
    assert pose["made_from_sha256"] == hashlib.sha256(models[0].read_bytes()).hexdigest()
    assert pose["calibration"]["sigma_scale"] == list(CALIBRATION.sigma_scale)
    assert pose["input"]["half_size_m"] == 0.14 and pose["output"]["joints"][0] == "wrist"
    assert described["difference"]["fingerposenet"]["position_mm"] < onnx_export.MAX_MM


def test_the_files_do_not_name_the_machine_that_made_them(exported):
    for path in exported.glob("*.onnx"):
        data = path.read_bytes()
        assert str(ROOT).encode() not in data and sys.prefix.encode() not in data


def test_the_documents_program_predicts_as_openvino(models, program):
    crops = images(3, SIZE)[:, None]
    made, expected = program["backend"].infer(crops), OpenVinoBackend(ModelFile.open(models[0]), "f32", 1).infer(crops)
    assert program["backend"].input_size == SIZE
    for name in ("uvd", "sigma", "right", "present"):
        np.testing.assert_allclose(getattr(made, name), getattr(expected, name), atol=1e-4)

    networks, engine = program["detector"].networks, OpenVinoDetectionNetworks(DetectorFile.open(models[1]), 1)
    for count in (3, 64, 70):  # less than a batch, one, and more
        for one, other in zip(networks.propose(images(count, 24)), engine.propose(images(count, 24)), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)
    one, other = (each.classify(images(9, 64), images(9, 64)[::-1]) for each in (networks, engine))
    for name in ("logits", "offsets", "directions"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-4)
    assert program["detector"].confidence == CONFIDENCE


def test_nothing_is_written_if_the_engines_disagree(models, tmp_path, monkeypatch, capsys):
    load = onnx_export.load_network

    def another_network(path):
        network = load(path)
        with torch.no_grad():
            network.readout.consolidate.correction.bias += 0.01
        return network

    monkeypatch.setattr(onnx_export, "load_network", another_network)
    with pytest.raises(SystemExit) as exit_code:
        onnx_export.main(["--model", str(models[0]), "--detector", str(models[1]), "--out", str(tmp_path)])
    assert exit_code.value.code == 1
    error = capsys.readouterr().err
    assert re.search(r"nothing is written: .*fingerposenet in position_mm by .*limit 0\.1", error)
    assert "4/4" in error
    assert list(tmp_path.iterdir()) == []


def test_a_differing_or_invalid_output_is_named():
    measured = {"fingerposenet": {"position_mm": 0.05, "logits": 2e-4}, "detector": {"proposal": float("nan")}}
    assert onnx_export.disagreements(measured) == [
        "fingerposenet in logits by 0.0002 (limit 0.0001)",
        "detector in proposal by nan (limit 0.0001)",
    ]
