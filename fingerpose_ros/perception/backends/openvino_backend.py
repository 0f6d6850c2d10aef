"""Inference with OpenVINO, on a CPU. Needs no PyTorch."""

from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache

import numpy as np
import openvino as ov

from ..pose.model_file import ModelFile
from ..pose.prediction import Prediction, check_images

PARTS = ("shallow", "deep", "readout")
LANES = 2
"""Images that are predicted at the same time, each by its share of the threads: a user's two hands, a possible hand's
crop and its mirror image, a tracked hand while the detector runs. The threads of one image wait for each other at
each layer, and where other processes take the cores, for those. docs/performance.md has the measurements."""

PRECISIONS = {"f32": ov.Type.f32, "bf16": ov.Type.bf16}


class OpenVinoBackend:
    """Runs the network. Not thread-safe.

    The trunk's first layers and the readout run in float32, the rest of the trunk in `precision`. In bf16 the first
    layers, a tenth of the work, would cause more than half of the rounding error. They need graphs of their own then.

    Each lane is run once at the start, as the first call is slow.

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
        core, lanes = shared_core(), min(LANES, threads or LANES)
        self.concurrent = lanes > 1
        options = compile_options(threads, lanes)
        self._weights = model.graph_weights()  # OpenVINO uses this memory in place, so keep it alive
        weights = ov.Tensor(self._weights, shared_memory=True)
        shallow, deep, readout = (core.read_model(model.graph(name), weights) for name in PARTS)
        if precision == "bf16":
            first, last = (compiled(core, graph, "f32", options) for graph in (shallow, readout))
            models = [first, _compiled_bf16(core, deep, options), last]
        else:  # what a quantised graph does not compute in int8 is float32
            models = [compiled(core, _joined(shallow, deep, readout), "f32", options)]
        self._lanes = [[one.create_infer_request() for one in models] for _ in range(lanes)]
        self._threads = ThreadPoolExecutor(lanes, thread_name_prefix="pose_network")
        processor = core.get_property("CPU", "FULL_DEVICE_NAME").strip()
        self.description = f"OpenVINO {ov.__version__.split('-')[0]} on the CPU ({processor}), {precision}"
        self.infer(np.zeros((lanes, 1, model.input_size, model.input_size), np.float32))

    def infer(self, images: np.ndarray) -> Prediction:
        """See `prediction.Backend`."""
        return self._calibration.apply(*self.raw(images))

    def raw(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Images (N, 1, S, S) -> uncalibrated uvd and sigma (N, 21, 3) and logits (N, 2). Raises as `infer`."""
        check_images(images, self.input_size)
        images, count = np.ascontiguousarray(images, np.float32), len(images)
        uvd, sigma, logits = (np.empty((count, *shape), np.float32) for shape in ((21, 3), (21, 3), (2,)))

        def run(lane: int) -> None:
            for i in range(lane, count, len(self._lanes)):
                uvd[i], sigma[i], logits[i] = _run(self._lanes[lane], images[i : i + 1])

        others = [self._threads.submit(run, lane) for lane in range(1, min(len(self._lanes), count))]
        try:
            run(0)
        finally:
            wait(others)
        for other in others:
            other.result()  # raises its error
        return uvd, sigma, logits


def _run(requests: list[ov.InferRequest], image: np.ndarray) -> list[np.ndarray]:
    """One image (1, 1, S, S) through a lane's graphs -> uvd, sigma and logits, valid until the lane's next image."""
    tensors = {"image": ov.Tensor(image, shared_memory=True)}
    for request in requests:
        for port in request.model_inputs:
            request.set_tensor(port, tensors[port.any_name])
        request.infer()
        tensors |= {port.any_name: request.get_tensor(port) for port in request.model_outputs}
    return [tensors[name].data[0] for name in ("uvd", "sigma", "logits")]


@lru_cache(maxsize=1)
def shared_core() -> ov.Core:
    """OpenVINO's core, one for the process, never released.

    Its CPU plugin replaces the thread's alternate signal stack, and when it is released, puts back the one before. Of
    two cores, the second put back the stack of the first, which was gone. The next signal then ended the process.
    """
    return ov.Core()


def compile_options(threads: int | None, lanes: int = 1) -> dict:
    """Options for low latency on so many CPU threads in all; None leaves their number to OpenVINO.

    The threads are not bound to cores, where those of another graph, or of another process, could be.
    """
    options = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": lanes, "ENABLE_CPU_PINNING": False}
    return options if threads is None else options | {"INFERENCE_NUM_THREADS": threads}


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


def _joined(*parts: ov.Model) -> ov.Model:
    """The parts of the network as one graph from image to uvd, sigma and logits."""
    sources: dict[str, ov.Output] = {}
    for part in parts:
        for parameter in part.get_parameters():
            (name,) = parameter.output(0).get_names()
            source = sources.setdefault(name, parameter.output(0))
            if source.get_node() is not parameter:
                for target in parameter.output(0).get_target_inputs():
                    target.replace_source_output(source)
        sources |= {port.any_name: port.node.input_value(0) for port in part.outputs}
    results = [ov.opset15.result(sources[name]) for name in ("uvd", "sigma", "logits")]
    return ov.Model(results, parts[0].get_parameters(), "network")


def _compiled_bf16(core: ov.Core, deep: ov.Model, options: dict) -> ov.CompiledModel:
    """The middle part, compiled in bf16.

    It is tested by computing in it, as OpenVINO's list of the processor's capabilities can be wrong.
    """
    try:
        if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise RuntimeError("not in the processor's capabilities")
        model = compiled(core, deep, "bf16", options)
        request = model.create_infer_request()
        request.infer()
        if not request.get_tensor("maps").size:
            raise RuntimeError("it computes nothing")
        return model
    except RuntimeError as error:
        raise ValueError(
            "precision bf16: this processor cannot compute in it (it needs AMX or AVX512-BF16); use precision int8 or "
            f"f32. OpenVINO's error: {' '.join(str(error).split())}"
        ) from error
