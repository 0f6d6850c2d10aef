"""Model files: damaged, unsigned or foreign files are rejected with a clear message; the file holds all weights."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import SIZE, random_network, sign, write_int8, write_model

from fingerpose_ros.perception import backends
from fingerpose_ros.perception.pose.calibration import Calibration
from fingerpose_ros.perception.pose.model_file import ModelFile, checksum_file
from fingerpose_ros.perception.pose.network.weights import load_tensors, save_tensors


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model"), random_network())


@pytest.fixture
def copy(tmp_path, model):
    """A copy of the model and its checksum, for the test to damage."""
    path = tmp_path / model.name
    path.write_bytes(model.read_bytes())
    checksum_file(path).write_bytes(checksum_file(model).read_bytes())
    return path


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_a_missing_model_is_rejected_with_its_path(tmp_path, precision):
    with pytest.raises(FileNotFoundError, match=r"no model at .*none\.safetensors"):
        backends.create_backend("openvino", "cpu", tmp_path / "none.safetensors", precision)


@pytest.mark.parametrize("position", [0.0, 0.3, 0.6, 0.999])
def test_a_changed_byte_is_detected(copy, position):
    data = bytearray(copy.read_bytes())
    data[int(position * len(data))] ^= 1
    copy.write_bytes(data)
    with pytest.raises(ValueError, match="damaged or does not belong to"):
        ModelFile.open(copy)


def test_a_truncated_file_is_detected(copy):
    copy.write_bytes(copy.read_bytes()[:-100])
    with pytest.raises(ValueError, match="damaged"):
        ModelFile.open(copy)


@pytest.mark.parametrize("content", ["", "abc\n"])
def test_an_invalid_checksum_is_rejected(copy, content):
    checksum_file(copy).write_text(content)
    with pytest.raises(ValueError, match="damaged"):
        ModelFile.open(copy)


def test_a_model_without_a_checksum_is_rejected(copy):
    checksum_file(copy).unlink()
    with pytest.raises(FileNotFoundError, match=r"fingerposenet\.sha256 is missing"):
        ModelFile.open(copy)


def test_a_file_of_another_format_is_rejected(copy):
    copy.write_bytes(b"not safetensors at all")
    sign(copy)
    with pytest.raises(ValueError, match="not a safetensors file"):
        ModelFile.open(copy)


def test_weights_that_were_not_exported_are_rejected(copy):
    tensors, metadata = load_tensors(copy)
    del metadata["calibration"]
    save_tensors(copy, tensors, metadata)
    sign(copy)
    with pytest.raises(ValueError, match=r"lacks calibration.*\./run training export"):
        ModelFile.open(copy)


@pytest.mark.parametrize("change", [{"right_temperature": 0}, {"sigma_scale": [1, 1]}, {"sigma_power": [1, 1, None]}])
def test_an_invalid_calibration_is_rejected(copy, change):
    tensors, metadata = load_tensors(copy)
    metadata["calibration"] = json.dumps({**json.loads(metadata["calibration"]), **change})
    save_tensors(copy, tensors, metadata)
    sign(copy)
    with pytest.raises(ValueError, match="the header is invalid"):
        ModelFile.open(copy)


def test_a_file_for_int8_of_other_weights_is_rejected(copy):
    write_int8(copy, random_network())
    assert ModelFile.open(copy, "int8").path.name == "fingerposenet_int8.safetensors"
    tensors, metadata = load_tensors(copy)
    tensors["trunk.head.conv.weight"] *= 1.5
    save_tensors(copy, tensors, metadata)
    sign(copy)
    with pytest.raises(ValueError, match=r"_int8\.safetensors was made from other weights than those in fingerposenet"):
        ModelFile.open(copy, "int8")


def test_both_engines_use_the_weights_of_the_file(copy):
    """A changed weight in the file changes the predictions of both engines in the same way."""
    images = np.random.default_rng(0).uniform(-1, 1, (3, 1, SIZE, SIZE)).astype(np.float32)
    before = backends.create_backend("openvino", "cpu", copy, "f32", 1).infer(images).uvd
    tensors, metadata = load_tensors(copy)
    tensors["trunk.head.conv.weight"] *= 1.5
    save_tensors(copy, tensors, metadata)
    sign(copy)
    openvino, torch = (
        backends.create_backend(name, "cpu", copy, "f32", 1).infer(images).uvd for name in ("openvino", "torch")
    )
    np.testing.assert_allclose(openvino, torch, atol=1e-5)
    assert np.abs(openvino - before).max() > 1e-4


positive = st.floats(0.1, 10)


@given(
    st.tuples(positive, positive, positive), st.tuples(positive, positive, positive), positive, positive,
    st.floats(-1e4, 1e4, width=32), st.floats(2**-9, 10, width=32),
)  # fmt: skip
def test_a_calibrated_prediction_is_always_valid(scale, power, right, present, logit, sigma):
    calibration = Calibration(scale, power, right, present)
    logits = np.full((1, 2), logit, np.float32)
    prediction = calibration.apply(np.zeros((1, 21, 3), np.float32), np.full((1, 21, 3), sigma, np.float32), logits)
    assert np.isfinite(prediction.sigma).all() and (prediction.sigma >= 0).all()
    for probability in (prediction.right, prediction.present):
        assert 0 <= probability[0] <= 1
        assert logit == 0 or (probability[0] >= 0.5) == (logit > 0) or probability[0] == pytest.approx(0.5)
