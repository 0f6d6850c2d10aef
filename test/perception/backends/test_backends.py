"""Both engines give the same predictions, and what an engine cannot run is rejected with a clear message."""

import logging
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from small_models import CALIBRATION, SIZE, random_network, write_int8, write_model

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
def both(tmp_path_factory, network):
    """A model with its file for int8."""
    path = write_model(tmp_path_factory.mktemp("int8"), network)
    write_int8(path, network)
    return path


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


def test_both_engines_give_the_same_prediction(engines, images):
    predictions = [engine.infer(images) for engine in engines.values()]
    assert np.ptp(predictions[0].uvd, axis=0).max() > 1e-3, "the network ignores its input"
    for field in FIELDS:
        first, second = (getattr(prediction, field) for prediction in predictions)
        assert first.shape == second.shape and first.dtype == second.dtype == np.float32
        np.testing.assert_allclose(first, second, atol=1e-5)


def test_predictions_are_calibrated(engines, network, images):
    with torch.no_grad():
        raw = network(torch.from_numpy(images))
    expected = CALIBRATION.apply(*(tensor.numpy() for tensor in raw))
    assert not np.allclose(expected.sigma, raw.sigma.numpy(), rtol=0.1)
    for engine in engines.values():
        for field in FIELDS:
            np.testing.assert_allclose(getattr(engine.infer(images), field), getattr(expected, field), atol=1e-5)


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_a_prediction_does_not_depend_on_the_batch(engines, images, name):
    batch = engines[name].infer(images)
    single = [engines[name].infer(images[i : i + 1]) for i in range(len(images))]
    for field in FIELDS:
        separate = np.concatenate([getattr(prediction, field) for prediction in single])
        np.testing.assert_allclose(getattr(batch, field), separate, atol=1e-5)


@pytest.mark.parametrize("precision", ["f32", "bf16", "int8"])
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_openvino_predicts_images_at_the_same_time_as_one_by_one(both, images, threads, precision):
    try:
        engine = backends.create_backend("openvino", "cpu", both, precision, threads=threads)
    except ValueError as error:
        assert precision == "bf16"
        pytest.skip(str(error))
    assert engine.concurrent == (threads > 1)
    single = [engine.infer(images[i : i + 1]) for i in range(3)]
    for count in (2, 3, 2):
        batch = engine.infer(images[:count])
        for field in FIELDS:
            separate = np.concatenate([getattr(prediction, field) for prediction in single[:count]])
            np.testing.assert_allclose(getattr(batch, field), separate, atol=1e-5)


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_a_prediction_is_not_overwritten_by_the_next(engines, images, name):
    first = engines[name].infer(images[:1])
    before = first.uvd.copy()
    engines[name].infer(images[1:2])
    np.testing.assert_array_equal(first.uvd, before)


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_an_empty_batch_gives_an_empty_prediction(engines, name):
    prediction = engines[name].infer(np.empty((0, 1, SIZE, SIZE), np.float32))
    assert prediction.uvd.shape == prediction.sigma.shape == (0, 21, 3)
    assert prediction.right.shape == prediction.present.shape == (0,)


@pytest.mark.parametrize("name", ["openvino", "torch"])
@pytest.mark.parametrize("shape", [(1, 1, 128, 128), (SIZE, SIZE), (1, 1, 1, 1), (2, 3, SIZE, SIZE)])
def test_images_of_another_shape_are_rejected(engines, name, shape):
    with pytest.raises(ValueError, match=r"takes \(N, 1, 64, 64\)"):
        engines[name].infer(np.zeros(shape, np.float32))


def test_engines_describe_themselves(engines):
    assert "OpenVINO" in engines["openvino"].description and "f32" in engines["openvino"].description
    assert "PyTorch" in engines["torch"].description and "f32" in engines["torch"].description


@pytest.mark.parametrize("network_name", ["small_literal", "ablation_a", "ablation_c"])
def test_every_kind_of_network_runs_in_both_engines(tmp_path, images, network_name):
    path = write_model(tmp_path, random_network(network_name))
    first, second = (
        backends.create_backend(name, "cpu", path, "f32", 1).infer(images).uvd for name in ("openvino", "torch")
    )
    np.testing.assert_allclose(first, second, atol=1e-5)


def test_openvino_runs_without_pytorch(model):
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


BACKEND = """
import logging
logging.basicConfig(level=logging.INFO)
from fingerpose_ros.perception import backends
print(backends.create_backend("openvino", "cpu", {model!r}, {precision!r}, threads=1).description)
"""


def test_bf16_is_rejected_on_a_processor_without_bf16(model):
    """OpenVINO's list of capabilities contains bf16 even if oneDNN is restricted to AVX2."""
    done = in_new_process(BACKEND.format(model=str(model), precision="bf16"), ONEDNN_MAX_CPU_ISA="AVX2")
    assert done.returncode == 1
    assert "ValueError: precision bf16: this processor cannot compute in it" in done.stderr
    assert "use precision int8 or f32" in done.stderr


def test_int8_is_near_to_float32_and_is_chosen_by_a_processor_with_avx2_only(both, images):
    int8 = backends.create_backend("openvino", "cpu", both, "int8", threads=1)
    exact = backends.create_backend("openvino", "cpu", both, "f32", threads=1)
    assert (int8.precision, exact.precision) == ("int8", "f32") and int8.description.endswith("int8")
    moved = np.abs(int8.infer(images).uvd - exact.infer(images).uvd)
    assert 0 < moved.mean() < 0.1 * np.abs(exact.infer(images).uvd).mean()
    auto = in_new_process(BACKEND.format(model=str(both), precision="auto"), ONEDNN_MAX_CPU_ISA="AVX2")
    assert auto.stdout.strip().endswith("int8"), auto.stderr
    assert "precision int8: the processor has AVX2, with ONEDNN_MAX_CPU_ISA=AVX2" in auto.stderr


def test_without_a_file_for_int8_auto_is_float32_and_says_why(model):
    auto = in_new_process(BACKEND.format(model=str(model), precision="auto"), ONEDNN_MAX_CPU_ISA="AVX2")
    assert auto.stdout.strip().endswith("f32"), auto.stderr
    assert "fingerposenet_int8.safetensors is missing (./run training export)" in auto.stderr
    with pytest.raises(FileNotFoundError, match=r"no model at .*fingerposenet_int8\.safetensors"):
        backends.create_backend("openvino", "cpu", model, "int8")


def test_pytorch_has_no_int8(both):
    with pytest.raises(ValueError, match="precision int8: only backend openvino has it"):
        backends.create_backend("torch", "cpu", both, "int8")


INTEL, AMD = "vendor_id\t: GenuineIntel\nflags\t: fpu avx2 ", "vendor_id\t: AuthenticAMD\nflags\t: fpu avx2 "


@pytest.mark.parametrize(
    "cpuinfo, limit, precision, reason",
    (
        (INTEL + "avx512bw avx512_vnni avx512_bf16 amx_bf16", "", "bf16", "AMX"),
        (
            INTEL + "avx512bw avx512_vnni avx512_bf16 amx_bf16",
            "AVX512_CORE_VNNI",
            "int8",
            "AVX512-VNNI, with ONEDNN_MAX",
        ),
        (INTEL + "avx512bw avx512_vnni avx512_bf16", "", "int8", "AVX512-VNNI"),
        (AMD + "avx512bw avx512_vnni avx512_bf16", "", "bf16", "AVX512-BF16"),
        (AMD + "avx512bw avx512_vnni avx512_bf16", "ALL", "bf16", "AVX512-BF16"),
        (INTEL + "avx512bw", "", "int8", "AVX-512"),
        (INTEL + "avx_vnni", "", "int8", "AVX-VNNI"),
        (AMD, "", "int8", "AVX2"),
        ("vendor_id\t: GenuineIntel\nflags\t: fpu sse4_2", "", "f32", "none of AMX"),
        ("processor\t: 0\nFeatures\t: fp asimd", "", "f32", "none of AMX"),
        (None, "", "f32", "none of AMX"),
    ),
)
def test_the_processors_instructions_decide_the_precision(tmp_path, monkeypatch, cpuinfo, limit, precision, reason):
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setenv(processor.RESTRICTION, limit)
    if cpuinfo:
        processor.CPUINFO.write_text(cpuinfo)
    chosen, why = processor.suitable_precision()
    assert chosen == precision and reason in why


def test_pytorch_on_a_cpu_has_no_bf16(model):
    with pytest.raises(ValueError, match="use precision f32, or openvino"):
        backends.create_backend("torch", "cpu", model, "bf16")


def test_weights_stored_in_bf16_are_those_that_autocast_would_use(network, images):
    """On a GPU the trunk's weights are stored in bf16 once; autocast would cast them at each call."""
    stored = random_network()
    store_in_bf16(stored.trunk)
    assert stored.trunk.backbone.bn1.weight.dtype == stored.trunk.backbone.conv1.weight.dtype == torch.float32
    assert stored.trunk.head.conv.weight.dtype == torch.bfloat16
    with torch.inference_mode():
        stride4 = network.trunk.backbone.shallow(torch.from_numpy(images))
        with torch.autocast("cpu", torch.bfloat16):
            maps, expected = (n.trunk.deep(stride4).maps for n in (stored, network))
    torch.testing.assert_close(maps, expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize("name", ("small", "small_literal"))
def test_a_network_stored_in_bf16_predicts_nearly_the_same_as_in_float32(name):
    torch.manual_seed(0)
    network, images = FingerPoseNet(config_named(name)).eval(), torch.rand(2, 1, 64, 64)
    exact = forward(network, images, False)
    store_in_bf16(network.trunk)
    for output, expected in zip(forward(network, images, True), exact, strict=True):
        torch.testing.assert_close(output, expected, atol=0.03, rtol=0.03)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("backend", ["torch", "auto"])
def test_cuda_without_a_gpu_is_an_error(model, backend):
    with pytest.raises(ValueError, match="device cuda: PyTorch finds no CUDA device here"):
        backends.create_backend(backend, "cuda", model)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("precision, tolerance", [("f32", 2e-3), ("bf16", 2e-2)])
def test_gpu_and_cpu_give_the_same_prediction(engines, model, images, precision, tolerance):
    gpu = backends.create_backend("torch", "cuda", model, precision)
    for count in (1, 2, 3):  # the first two run as CUDA graphs, the third does not
        on_gpu, on_cpu = (engine.infer(images[:count]) for engine in (gpu, engines["torch"]))
        np.testing.assert_allclose(on_gpu.uvd, on_cpu.uvd, atol=tolerance)


def test_a_gpu_that_pytorch_was_not_built_for_is_not_chosen_and_this_is_logged(model, monkeypatch, caplog):
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


def test_auto_logs_its_choice_and_the_reason(model, caplog):
    with caplog.at_level(logging.INFO, logger="fingerpose_ros"):
        backends.create_backend("auto", "cpu", model, "f32", 1)
    assert "backend openvino: device cpu is requested" in caplog.text
    assert "network runs on OpenVINO" in caplog.text


def test_auto_chooses_pytorch_without_openvino(model, caplog, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with caplog.at_level(logging.INFO, logger="fingerpose_ros"):
        backend = backends.create_backend("auto", "cpu", model, "f32", 1)
    assert "PyTorch" in backend.description
    assert "OpenVINO is not installed" in caplog.text


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_the_error_for_a_missing_engine_says_how_to_install_it(model, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=f"backend {name} is not installed.*pip install {name}"):
        backends.create_backend(name, "cpu", model)


def test_without_any_dependency_the_error_says_how_to_install_all():
    script = "import sys; sys.modules['safetensors'] = None; from fingerpose_ros.perception import backends; "
    command = [sys.executable, "-c", script + "backends.create_backend('openvino')"]
    error = subprocess.run(command, capture_output=True, text=True).stderr
    assert "safetensors, which loads weights, is not installed" in error and "pip install openvino safetensors" in error


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"backend": "onnx"}, "backend is 'onnx', not one of auto, openvino, torch"),
        ({"device": "gpu"}, "device is 'gpu', not one of auto, cpu, cuda"),
        ({"precision": "fp16"}, "precision is 'fp16', not one of auto, f32, bf16"),
        ({"threads": 0}, "threads is 0"),
    ],
)
def test_unknown_choices_are_rejected_with_the_value(model, arguments, message):
    with pytest.raises(ValueError, match=message):
        backends.create_backend(**{"model": model, **arguments})
