"""Engines that run one model give one answer, and what cannot run is rejected in words."""

import logging
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from small_models import CALIBRATION, SIZE, random_network, write_model

from fingerpose_ros.perception import backends
from fingerpose_ros.perception.backends import creation, processor
from fingerpose_ros.perception.backends.torch_backend import forward, store_in_bf16
from fingerpose_ros.perception.pose.network import FingerPoseNet
from fingerpose_ros.perception.pose.network.registry import config_named

FIELDS = ("uvd", "sigma", "right", "present")


@pytest.fixture(scope="module")
def network():
    return random_network()


@pytest.fixture(scope="module")
def model(tmp_path_factory, network):
    return write_model(tmp_path_factory.mktemp("model"), network)


@pytest.fixture(scope="module")
def engines(model):
    return {name: backends.create_backend(name, "cpu", model, "f32", threads=1) for name in ("openvino", "torch")}


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(-1, 1, (3, 1, SIZE, SIZE)).astype(np.float32)


def in_new_process(program: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a program in a fresh Python, where nothing is imported yet."""
    return subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )


def test_both_engines_say_the_same(engines, images):
    answers = [engine.infer(images) for engine in engines.values()]
    assert np.ptp(answers[0].uvd, axis=0).max() > 1e-3, "the network does not look at its image"
    for field in FIELDS:
        ours, theirs = (getattr(answer, field) for answer in answers)
        assert ours.shape == theirs.shape and ours.dtype == theirs.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_what_is_said_is_calibrated(engines, network, images):
    with torch.no_grad():
        raw = network(torch.from_numpy(images))
    expected = CALIBRATION.read(*(tensor.numpy() for tensor in raw))
    assert not np.allclose(expected.sigma, raw.sigma.numpy(), rtol=0.1)
    for engine in engines.values():
        for field in FIELDS:
            np.testing.assert_allclose(getattr(engine.infer(images), field), getattr(expected, field), atol=1e-5)


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_an_image_is_answered_alike_alone_and_among_others(engines, images, name):
    together = engines[name].infer(images)
    alone = [engines[name].infer(images[i : i + 1]) for i in range(len(images))]
    for field in FIELDS:
        separate = np.concatenate([getattr(answer, field) for answer in alone])
        np.testing.assert_allclose(getattr(together, field), separate, atol=1e-5)


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_an_answer_stays_when_the_next_is_asked_for(engines, images, name):
    first = engines[name].infer(images[:1])
    before = first.uvd.copy()
    engines[name].infer(images[1:2])
    np.testing.assert_array_equal(first.uvd, before)


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_no_images_get_no_answers(engines, name):
    answer = engines[name].infer(np.empty((0, 1, SIZE, SIZE), np.float32))
    assert answer.uvd.shape == answer.sigma.shape == (0, 21, 3)
    assert answer.right.shape == answer.present.shape == (0,)


@pytest.mark.parametrize("name", ["openvino", "torch"])
@pytest.mark.parametrize("shape", [(1, 1, 128, 128), (SIZE, SIZE), (1, 1, 1, 1), (2, 3, SIZE, SIZE)])
def test_images_of_another_shape_are_rejected(engines, name, shape):
    with pytest.raises(ValueError, match=r"takes \(N, 1, 64, 64\)"):
        engines[name].infer(np.zeros(shape, np.float32))


def test_engines_describe_themselves(engines):
    assert "OpenVINO" in engines["openvino"].description and "f32" in engines["openvino"].description
    assert "PyTorch" in engines["torch"].description and "f32" in engines["torch"].description


@pytest.mark.parametrize("network_name", ["small_literal", "ablation_a", "ablation_c"])
def test_every_kind_of_network_runs_in_both(tmp_path, images, network_name):
    path = write_model(tmp_path, random_network(network_name))
    ours, theirs = (
        backends.create_backend(name, "cpu", path, "f32", 1).infer(images).uvd for name in ("openvino", "torch")
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_openvino_runs_where_there_is_no_pytorch(model):
    program = f"""
import sys
sys.modules["torch"] = None
import numpy as np
from fingerpose_ros.perception import backends
backend = backends.create_backend("auto", "auto", {str(model)!r}, "auto", threads=1)
print(backend.infer(np.zeros((1, 1, {SIZE}, {SIZE}), np.float32)).uvd.shape, backend.description)
"""
    done = in_new_process(program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(1, 21, 3) OpenVINO")


BF16 = """
import logging
logging.basicConfig(level=logging.INFO)
from pathlib import Path
from fingerpose_ros.perception import backends
from fingerpose_ros.perception.backends import processor
processor.CPUINFO = Path("nothing is known")
print(backends.create_backend("openvino", "cpu", {model!r}, {precision!r}, threads=1).description)
"""


def test_bf16_is_rejected_and_not_chosen_on_a_processor_without(model):
    """OpenVINO's list of capabilities claims bf16 all the same when oneDNN is held to AVX2."""
    without = {"ONEDNN_MAX_CPU_ISA": "AVX2"}
    asked = in_new_process(BF16.format(model=str(model), precision="bf16"), **without)
    assert asked.returncode == 1
    assert "ValueError: precision bf16: this processor cannot compute in it" in asked.stderr
    assert "use precision f32" in asked.stderr
    auto = in_new_process(BF16.format(model=str(model), precision="auto"), **without)
    assert auto.returncode == 0, auto.stderr
    assert auto.stdout.strip().endswith("f32")
    assert "no bf16 on this processor, so f32" in auto.stderr


@pytest.mark.parametrize(
    "cpuinfo, slow",
    (
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx512_bf16 avx512_fp16\n", True),
        ("vendor_id\t: GenuineIntel\nflags\t\t: fpu avx512_bf16 amx_bf16\n", False),
        ("vendor_id\t: AuthenticAMD\nflags\t\t: fpu avx512_bf16\n", False),
        (None, False),
    ),
)
def test_bf16_is_chosen_only_where_it_is_faster(model, tmp_path, monkeypatch, cpuinfo, slow):
    """What is not known to be slow in it is left to the engine: see the test above for what has none."""
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    if cpuinfo:
        processor.CPUINFO.write_text(cpuinfo)
    assert processor.is_slow_in_bf16() == slow
    if slow:
        assert backends.create_backend("openvino", "cpu", model, "auto", threads=1).description.endswith("f32")


def test_pytorch_on_a_cpu_has_no_bf16(model):
    with pytest.raises(ValueError, match="use precision f32, or openvino"):
        backends.create_backend("torch", "cpu", model, "bf16")


def test_weights_kept_in_bf16_are_those_autocast_would_make(network, images):
    """On a GPU the trunk's weights are stored in bf16, once; autocast would cast them at each call."""
    kept = random_network()
    store_in_bf16(kept.trunk)
    assert kept.trunk.backbone.bn1.weight.dtype == kept.trunk.backbone.conv1.weight.dtype == torch.float32
    assert kept.trunk.head.conv.weight.dtype == torch.bfloat16
    with torch.inference_mode():
        stride4 = network.trunk.backbone.shallow(torch.from_numpy(images))
        with torch.autocast("cpu", torch.bfloat16):
            ours, theirs = (n.trunk.deep(stride4).maps for n in (kept, network))
    torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=0)


@pytest.mark.parametrize("name", ("small", "small_literal"))
def test_a_network_kept_in_bf16_says_nearly_what_it_says_in_float32(name):
    torch.manual_seed(0)
    network, images = FingerPoseNet(config_named(name)).eval(), torch.rand(2, 1, 64, 64)
    exact = forward(network, images, False)
    store_in_bf16(network.trunk)
    for ours, theirs in zip(forward(network, images, True), exact, strict=True):
        torch.testing.assert_close(ours, theirs, atol=0.03, rtol=0.03)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("backend", ["torch", "auto"])
def test_cuda_where_there_is_none_is_an_error(model, backend):
    with pytest.raises(ValueError, match="device cuda: PyTorch finds no CUDA device here"):
        backends.create_backend(backend, "cuda", model)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("precision, tolerance", [("f32", 2e-3), ("bf16", 2e-2)])
def test_a_gpu_says_what_the_cpu_says(engines, model, images, precision, tolerance):
    gpu = backends.create_backend("torch", "cuda", model, precision)
    for count in (1, 2, 3):  # recorded, recorded, and not
        ours, theirs = (engine.infer(images[:count]) for engine in (gpu, engines["torch"]))
        np.testing.assert_allclose(ours.uvd, theirs.uvd, atol=tolerance)


def test_a_gpu_that_pytorch_was_not_built_for_is_not_chosen_and_that_is_said(model, monkeypatch, caplog):
    def no_kernel(*arguments, **options):
        raise RuntimeError("no kernel image is available for execution on the device")

    monkeypatch.setattr(creation.ctypes, "CDLL", lambda name: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "zeros", no_kernel)
    with caplog.at_level(logging.WARNING):
        assert backends.create_backend("auto", "auto", model, "f32", threads=1).description.startswith("OpenVINO")
    assert "there is a GPU, but PyTorch cannot use it: no kernel image" in caplog.text


def test_openvino_does_not_run_on_cuda(model):
    with pytest.raises(ValueError, match="use backend torch"):
        backends.create_backend("openvino", "cuda", model)


def test_auto_says_what_it_chose_and_why(model, caplog):
    with caplog.at_level(logging.INFO, logger="fingerpose_ros"):
        backends.create_backend("auto", "cpu", model, "f32", 1)
    assert "backend openvino: device cpu is asked for" in caplog.text
    assert "network runs on OpenVINO" in caplog.text


def test_auto_takes_pytorch_where_openvino_is_missing(model, caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with caplog.at_level(logging.INFO, logger="fingerpose_ros"):
        backend = backends.create_backend("auto", "cpu", model, "f32", 1)
    assert "PyTorch" in backend.description
    assert "OpenVINO is not installed" in caplog.text


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_a_missing_engine_says_how_to_install_it(model, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=f"backend {name} is not installed.*pip install {name}"):
        backends.create_backend(name, "cpu", model)


def test_a_machine_without_any_of_it_says_how_to_install_all():
    script = "import sys; sys.modules['safetensors'] = None; from fingerpose_ros.perception import backends; "
    command = [sys.executable, "-c", script + "backends.create_backend('openvino')"]
    said = subprocess.run(command, capture_output=True, text=True).stderr
    assert "safetensors, which reads weights, is not installed" in said and "pip install openvino safetensors" in said


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"backend": "onnx"}, "backend is 'onnx', not one of auto, openvino, torch"),
        ({"device": "gpu"}, "device is 'gpu', not one of auto, cpu, cuda"),
        ({"precision": "fp16"}, "precision is 'fp16', not one of auto, f32, bf16"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_unknown_choices_are_rejected_by_name(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        backends.create_backend(**{"model": model, **arguments})
