"""The detector's networks with OpenVINO, on a CPU. Needs no PyTorch."""

import numpy as np
import openvino as ov

from ..detection.model_file import CLASSIFIER_BATCH, PROPOSAL_BATCH, DetectorFile
from ..detection.prediction import Classification
from .openvino_backend import LANES, compile_options, shared_core, start


class OpenVinoDetectionNetworks:
    """Runs both networks. See `detection.prediction.DetectionNetworks`. Not thread-safe.

    Each graph is compiled once for a fixed batch, because a dynamic one would be compiled again for each new size. The
    last batch is filled up.

    Args:
        model: both networks.
        threads: number of CPU threads of the pose network; None leaves it to OpenVINO. This network takes one lane's
            share of them, as both run at the same time.
        precision: of the pose network. Beside one in int8 these run in int8, else in float32.

    Raises:
        ValueError: the file has no graphs for int8.
    """

    def __init__(self, model: DetectorFile, threads: int | None = None, precision: str = "f32"):
        core, options = shared_core(), compile_options(threads and max(1, threads // LANES))
        weights = ov.Tensor(model.graph_weights())  # a copy, as the file is small
        self._proposal, self._classifier = (
            start(core, core.read_model(model.graph_in(name, precision), weights), options)
            for name in ("proposal", "classifier")
        )

    def propose(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `DetectionNetworks`."""
        outputs = _run(self._proposal, PROPOSAL_BATCH, {"crops": crops}, ("logits", "offsets"))
        return outputs[0], outputs[1]

    def classify(self, context: np.ndarray, detail: np.ndarray) -> Classification:
        """See `DetectionNetworks`."""
        inputs = {"context": context, "detail": detail}
        return Classification(*_run(self._classifier, CLASSIFIER_BATCH, inputs, ("logits", "offsets", "directions")))


def _run(
    request: ov.InferRequest, batch: int, inputs: dict[str, np.ndarray], outputs: tuple[str, ...]
) -> list[np.ndarray]:
    """Run a graph with a fixed batch on arrays (n, size, size) -> its outputs (n, ...)."""
    count = len(next(iter(inputs.values())))
    parts: list[list[np.ndarray]] = [[] for _ in outputs]
    for start_at in range(0, max(count, 1), batch):
        n = min(batch, count - start_at)
        for name, values in inputs.items():
            request.get_tensor(name).data[:n, 0] = values[start_at : start_at + n]
        request.infer()
        for part, name in zip(parts, outputs, strict=True):
            part.append(request.get_tensor(name).data[:n].copy())
    return [np.concatenate(part) for part in parts]
