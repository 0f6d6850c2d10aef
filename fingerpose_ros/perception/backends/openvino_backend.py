"""Inference with OpenVINO, on a CPU. Needs no PyTorch."""

from functools import lru_cache

import numpy as np
import openvino as ov

from ..pose.model_file import ModelFile
from ..pose.prediction import Prediction, check_images

PARTS = ("shallow", "deep", "readout")
PRECISIONS = {"f32": ov.Type.f32, "bf16": ov.Type.bf16}


class OpenVinoBackend:
    """Runs the network in three parts, each compiled once for a batch of one. Not thread-safe.

    The trunk's first layers and the readout run in float32, the rest of the trunk in `precision`. In bf16 the first
    layers, a tenth of the work, would cause more than half of the rounding error.

    Several images are processed one after the other. A batch of four takes as long as four batches of one, within a
    tenth. A graph with a dynamic batch size would be compiled again for each new size.

    Args:
        model: the network, opened for `precision`.
        precision: of the middle part: "f32", "bf16" or "int8".
        threads: number of CPU threads; None leaves it to OpenVINO.

    Raises:
        ValueError: bf16 is requested on a processor without bf16.
    """

    def __init__(self, model: ModelFile, precision: str, threads: int | None = None):
        self.input_size, self.precision = model.input_size, precision
        self._calibration = model.calibration
        core, options = shared_core(), compile_options(threads)
        self._weights = model.graph_weights()  # OpenVINO uses this memory in place, so keep it alive
        weights = ov.Tensor(self._weights, shared_memory=True)
        shallow, deep, readout = (core.read_model(model.graph(name), weights) for name in PARTS)
        self._shallow = start(core, shallow, "f32", options)
        self._deep = _start_deep(core, deep, precision, options)
        self._readout = start(core, readout, "f32", options)
        # Each part's inputs share memory with the outputs of the parts before it.
        self._image = self._shallow.get_tensor("image")
        self._deep.set_tensor("stride4", self._shallow.get_tensor("stride4"))
        self._readout.set_tensor("image", self._image)
        for name in ("maps", "features"):
            self._readout.set_tensor(name, self._deep.get_tensor(name))
        processor = core.get_property("CPU", "FULL_DEVICE_NAME").strip()
        self.description = f"OpenVINO {ov.__version__.split('-')[0]} on the CPU ({processor}), {precision}"
        self.infer(np.zeros((1, 1, model.input_size, model.input_size), np.float32))  # warm-up: the first call is slow

    def infer(self, images: np.ndarray) -> Prediction:
        """See `prediction.Backend`."""
        return self._calibration.apply(*self.raw(images))

    def raw(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Images (N, 1, S, S) -> uncalibrated uvd and sigma (N, 21, 3) and logits (N, 2). Raises as `infer`."""
        check_images(images, self.input_size)
        count = len(images)
        uvd, sigma, logits = (np.empty((count, *shape), np.float32) for shape in ((21, 3), (21, 3), (2,)))
        for i, image in enumerate(images):
            self._image.data[0] = image
            for part in (self._shallow, self._deep, self._readout):
                part.infer()
            uvd[i] = self._readout.get_tensor("uvd").data[0]
            sigma[i] = self._readout.get_tensor("sigma").data[0]
            logits[i] = self._deep.get_tensor("logits").data[0]
        return uvd, sigma, logits


@lru_cache(maxsize=1)
def shared_core() -> ov.Core:
    """OpenVINO's core, one for the process, never released.

    Its CPU plugin replaces the thread's alternate signal stack, and when it is released, puts back the one before. Of
    two cores, the second put back the stack of the first, which was gone. The next signal then ended the process.
    """
    return ov.Core()


def compile_options(threads: int | None) -> dict:
    """Options for low latency on so many CPU threads; None leaves their number to OpenVINO."""
    return {"PERFORMANCE_HINT": "LATENCY"} | ({} if threads is None else {"INFERENCE_NUM_THREADS": threads})


def start(core: ov.Core, graph: ov.Model, precision: str, options: dict) -> ov.InferRequest:
    """Compile a graph and run it once, with input and output buffers that are never reallocated."""
    compiled = core.compile_model(graph, "CPU", {**options, "INFERENCE_PRECISION_HINT": PRECISIONS[precision]})
    used = compiled.get_property("INFERENCE_PRECISION_HINT")
    if used != PRECISIONS[precision]:
        raise RuntimeError(f"compiled in {used.get_type_name()}, not {precision}")
    request = compiled.create_infer_request()
    for port in (*compiled.inputs, *compiled.outputs):
        request.set_tensor(port, ov.Tensor(port.get_element_type(), port.get_shape()))
    request.infer()
    return request


def _start_deep(core: ov.Core, graph: ov.Model, precision: str, options: dict) -> ov.InferRequest:
    """Compile the middle part.

    bf16 is tested by compiling in it: OpenVINO's list of the processor's capabilities can be wrong.
    """
    if precision != "bf16":  # what a quantised graph does not compute in int8 is float32
        return start(core, graph, "f32", options)
    try:
        if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise RuntimeError("not in the processor's capabilities")
        return start(core, graph, "bf16", options)
    except RuntimeError as error:
        raise ValueError(
            "precision bf16: this processor cannot compute in it (it needs AMX or AVX512-BF16); use precision int8 or "
            f"f32. OpenVINO's error: {' '.join(str(error).split())}"
        ) from error
