"""Inference with OpenVINO, on a CPU. Needs no PyTorch."""

from functools import lru_cache

import numpy as np
import openvino as ov

from ..pose.model_file import ModelFile
from ..pose.prediction import Prediction, check_images

PARTS = ("shallow", "deep", "readout")
BATCH = 2
"""Images in one request: a user's two hands, or a possible hand's crop and its mirror image. Larger batches bring
nothing more. Two images take 3 to 8 % less time together than one after the other. A change of the size costs 2 ms."""

PRECISIONS = {"f32": ov.Type.f32, "bf16": ov.Type.bf16}


class OpenVinoBackend:
    """Runs the network in three parts. Not thread-safe.

    The trunk's first layers and the readout run in float32, the rest of the trunk in `precision`. In bf16 the first
    layers, a tenth of the work, would cause more than half of the rounding error.

    The graphs are for one image. They are compiled for batches from one to `BATCH`, because graphs for each size would
    hold the weights twice. Each size is run once at the start, as the first call with it is slow.

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
        shallow, deep, readout = (_batched(core.read_model(model.graph(name), weights)) for name in PARTS)
        self._shallow = compiled(core, shallow, "f32", options).create_infer_request()
        self._deep = _compiled_deep(core, deep, precision, options).create_infer_request()
        self._readout = compiled(core, readout, "f32", options).create_infer_request()
        processor = core.get_property("CPU", "FULL_DEVICE_NAME").strip()
        self.description = f"OpenVINO {ov.__version__.split('-')[0]} on the CPU ({processor}), {precision}"
        for count in range(1, BATCH + 1):
            self.infer(np.zeros((count, 1, model.input_size, model.input_size), np.float32))

    def infer(self, images: np.ndarray) -> Prediction:
        """See `prediction.Backend`."""
        return self._calibration.apply(*self.raw(images))

    def raw(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Images (N, 1, S, S) -> uncalibrated uvd and sigma (N, 21, 3) and logits (N, 2). Raises as `infer`."""
        check_images(images, self.input_size)
        count = len(images)
        uvd, sigma, logits = (np.empty((count, *shape), np.float32) for shape in ((21, 3), (21, 3), (2,)))
        for first in range(0, count, BATCH):
            part = slice(first, first + BATCH)
            uvd[part], sigma[part], logits[part] = self._run(np.ascontiguousarray(images[part], np.float32))
        return uvd, sigma, logits

    def _run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `raw`, for at most `BATCH` images. The results are valid until the next call."""
        image = ov.Tensor(images, shared_memory=True)
        self._shallow.set_tensor("image", image)
        self._shallow.infer()
        self._deep.set_tensor("stride4", self._shallow.get_tensor("stride4"))
        self._deep.infer()
        self._readout.set_tensor("image", image)
        for name in ("maps", "features"):
            self._readout.set_tensor(name, self._deep.get_tensor(name))
        self._readout.infer()
        uvd, sigma = (self._readout.get_tensor(name).data for name in ("uvd", "sigma"))
        return uvd, sigma, self._deep.get_tensor("logits").data


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


def compiled(core: ov.Core, graph: ov.Model, precision: str, options: dict) -> ov.CompiledModel:
    """A graph compiled in this precision: "f32" or "bf16".

    Raises:
        RuntimeError: the processor does not have it.
    """
    model = core.compile_model(graph, "CPU", {**options, "INFERENCE_PRECISION_HINT": PRECISIONS[precision]})
    used = model.get_property("INFERENCE_PRECISION_HINT")
    if used != PRECISIONS[precision]:
        raise RuntimeError(f"compiled in {used.get_type_name()}, not {precision}")
    return model


def start(core: ov.Core, graph: ov.Model, options: dict) -> ov.InferRequest:
    """Compile a graph of fixed shape in float32 and run it once; its buffers are never reallocated."""
    model = compiled(core, graph, "f32", options)
    request = model.create_infer_request()
    for port in (*model.inputs, *model.outputs):
        request.set_tensor(port, ov.Tensor(port.get_element_type(), port.get_shape()))
    request.infer()
    return request


def _batched(graph: ov.Model) -> ov.Model:
    """The graph for one image -> the same for one to `BATCH` images."""
    shapes = {port: ov.PartialShape([ov.Dimension(1, BATCH), *list(port.shape)[1:]]) for port in graph.inputs}
    graph.reshape(shapes)
    return graph


def _compiled_deep(core: ov.Core, graph: ov.Model, precision: str, options: dict) -> ov.CompiledModel:
    """The middle part, compiled.

    bf16 is tested by computing in it. OpenVINO's list of the processor's capabilities can be wrong, and without bf16
    the result of a batched graph is empty.
    """
    if precision != "bf16":  # what a quantised graph does not compute in int8 is float32
        return compiled(core, graph, "f32", options)
    try:
        if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise RuntimeError("not in the processor's capabilities")
        model = compiled(core, graph, "bf16", options)
        (port,), request = model.inputs, model.create_infer_request()
        request.set_tensor(port, ov.Tensor(port.get_element_type(), port.get_partial_shape().get_min_shape()))
        request.infer()
        if request.get_tensor("maps").shape[0] != 1:
            raise RuntimeError("it computes nothing")
        return model
    except RuntimeError as error:
        raise ValueError(
            "precision bf16: this processor cannot compute in it (it needs AMX or AVX512-BF16); use precision int8 or "
            f"f32. OpenVINO's error: {' '.join(str(error).split())}"
        ) from error
