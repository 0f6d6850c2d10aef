"""Choosing and creating the inference engine: OpenVINO on a CPU, PyTorch on a GPU or a CPU.

An engine's library is imported only when that engine is chosen.
"""

import ctypes
import importlib.util
import logging
import os
from pathlib import Path

from ..detection.detector import HandDetector
from ..detection.prediction import DetectionNetworks
from ..pose.prediction import Backend
from .processor import suitable_precision

log = logging.getLogger(__name__)

BACKENDS = ("auto", "openvino", "torch")
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "f32", "bf16", "int8")

DEFAULT_THREADS = 2
"""Threads of OpenVINO, on a computer with so many cores. docs/performance.md has the measurement. More were not
measured, and would take cores from the robot's other work."""

INSTALL = {
    "openvino": "install it into a virtual environment, and start this where that is active: "
    "python3 -m venv --system-site-packages ~/fingerpose && . ~/fingerpose/bin/activate && pip install "
    "openvino safetensors rosbags \"numpy==$(python3 -c 'import numpy; print(numpy.__version__)')\"",
    "torch": "install it as described at https://pytorch.org/get-started/locally, or with: "
    "python3 -m pip install torch safetensors",
}
"""Engine -> how to install it, for error messages."""


def create_backend(
    backend: str = "auto", device: str = "auto", model: Path | str = "", precision: str = "auto",
    threads: int | None = None,
) -> Backend:  # fmt: skip
    """An engine with the network loaded and warmed up, so that its first prediction is not slower than the others.

    Args:
        backend: one of `BACKENDS`; "auto" is PyTorch if it can use a GPU (and `device` allows it), else OpenVINO if
            installed, else PyTorch. The choice and its reason are logged.
        device: one of `DEVICES`.
        model: path of a model file; "" is the packaged model.
        precision: one of `PRECISIONS`, for most of the network; its first layers and all coordinates are always
            float32. "auto" is what suits the device, on a CPU by `processor.suitable_precision`. The choice and its
            reason are logged.
        threads: number of CPU threads; None takes `DEFAULT_THREADS` for OpenVINO, and leaves it to PyTorch.

    Raises:
        FileNotFoundError: there is no model, or no checksum beside it.
        ImportError: the engine, or safetensors, is not installed; the message says how to install it.
        ValueError: an unknown value, a damaged model, CUDA without a GPU, or a precision that the engine or the
            device does not have.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}, not one of {', '.join(PRECISIONS)}")
    backend, reason = _checked(backend, device, threads)
    if reason:
        log.info("backend %s: %s", backend, reason)
    chosen = _make(backend, device, model, precision, threads)
    log.info("network runs on %s", chosen.description)
    return chosen


def create_detector(
    backend: str = "auto", device: str = "auto", model: Path | str = "", threads: int | None = None,
    precision: str = "f32",
) -> HandDetector:  # fmt: skip
    """The detector, its networks loaded into the engine that `create_backend` would choose.

    Args:
        backend, device, threads: as in `create_backend`.
        model: path of a detector's file; "" is the packaged one.
        precision: of the pose network (`Backend.precision`). Beside one in int8, OpenVINO runs the detector in int8,
            else in float32. The confidence is fitted for each.

    Raises:
        FileNotFoundError, ImportError, ValueError: as in `create_backend`.
    """
    backend, _ = _checked(backend, device, threads)
    from ..detection.model_file import DetectorFile

    file = DetectorFile.open(model)
    if backend == "torch":
        from .torch_detection import TorchDetectionNetworks

        on_gpu = device != "cpu" and _gpu_usable()
        networks: DetectionNetworks = TorchDetectionNetworks.load(file.path, "cuda" if on_gpu else "cpu")
    else:
        from .openvino_detection import OpenVinoDetectionNetworks

        networks = OpenVinoDetectionNetworks(file, threads or _default_threads(), precision)
    return HandDetector(networks, file.confidence_in(precision))


def _checked(backend: str, device: str, threads: int | None) -> tuple[str, str]:
    """The backend to be used, which is installed; and the reason if it is chosen here.

    Raises:
        ImportError, ValueError: see `create_backend`.
    """
    for name, value, allowed in (("backend", backend, BACKENDS), ("device", device, DEVICES)):
        if value not in allowed:
            raise ValueError(f"{name} is {value!r}, not one of {', '.join(allowed)}")
    if threads is not None and threads < 1:
        raise ValueError(f"threads is {threads}; at least one is needed")
    reason = ""
    if backend == "auto":
        backend, reason = _choose(device)
    if not _installed(backend):
        raise ImportError(f"backend {backend} is not installed in this Python; {INSTALL[backend]}")
    if not _installed("safetensors"):
        raise ImportError(f"safetensors, which loads weights, is not installed in this Python; {INSTALL[backend]}")
    return backend, reason


def _make(backend: str, device: str, model: Path | str, precision: str, threads: int | None) -> Backend:
    from ..pose.model_file import ModelFile

    if backend == "torch":
        if precision == "int8":
            raise ValueError("precision int8: only backend openvino has it")
        from .torch_backend import TorchBackend

        return TorchBackend(ModelFile.open(model), device, precision, threads)
    if device == "cuda":
        raise ValueError("device cuda: backend openvino runs on the CPU; use backend torch")
    from .openvino_backend import OpenVinoBackend

    if precision == "auto":
        precision, reason = _choose_precision(model)
        log.info("precision %s: %s", precision, reason)
    return OpenVinoBackend(ModelFile.open(model, precision), precision, threads or _default_threads())


def _default_threads() -> int:
    return min(DEFAULT_THREADS, len(os.sched_getaffinity(0)))


def _choose_precision(model: Path | str) -> tuple[str, str]:
    """The precision for a model on this processor, and the reason."""
    from ..pose.model_file import int8_path, model_path

    precision, reason = suitable_precision()
    path = model_path(model)
    if precision == "int8" and path.is_file() and not int8_path(path).is_file():
        return "f32", f"{reason}, which is faster in int8, but {int8_path(path)} is missing (./run training export)"
    return precision, reason


def _choose(device: str) -> tuple[str, str]:
    """The backend for a device, and the reason."""
    if device == "cuda":
        return "torch", "device cuda is requested"
    if device == "auto" and _gpu_usable():
        return "torch", "there is a GPU that PyTorch can use"
    reason = "device cpu is requested" if device == "cpu" else "there is no GPU that PyTorch can use"
    if not _installed("openvino") and _installed("torch"):
        return "torch", f"{reason}, and OpenVINO is not installed"
    return "openvino", reason


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _gpu_usable() -> bool:
    """Whether PyTorch can use a GPU. Without a driver PyTorch is not imported, which would take seconds."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    if not _installed("torch"):
        return False
    import torch

    if not torch.cuda.is_available():
        return False
    try:
        torch.zeros(1, device="cuda").add_(1).cpu()
    except RuntimeError as error:  # PyTorch also reports a GPU as available that it was not built for
        log.warning("there is a GPU, but PyTorch cannot use it: %s", error)
        return False
    return True
