"""Inference with PyTorch, on a GPU or a CPU."""

import numpy as np
import torch
from torch import Tensor, nn

from ..pose.model_file import ModelFile
from ..pose.network import load_network
from ..pose.network.fingerposenet import FingerPoseNet, Trunk
from ..pose.network.subtasks import DirectHead
from ..pose.prediction import Prediction, check_images

GRAPH_BATCHES = (1, 2)
"""Usual batch sizes: one hand, two hands. On a GPU each is recorded once as a CUDA graph and replayed."""


class TorchBackend:
    """Runs the network in float32 or, on a GPU, the trunk without its first layers in bf16. Not thread-safe.

    Args:
        model: the network.
        device: "cuda", "cpu", or "auto" for a GPU if there is one.
        precision: "f32", "bf16", or "auto" for bf16 on a GPU that has it.
        threads: number of CPU threads of PyTorch, in the whole process; None leaves it to PyTorch.

    Raises:
        ValueError: CUDA is requested without a GPU, or bf16 on a CPU.
    """

    def __init__(self, model: ModelFile, device: str = "auto", precision: str = "auto", threads: int | None = None):
        if device == "cuda" and not torch.cuda.is_available():
            build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "the CPU only"
            raise ValueError(
                f"device cuda: PyTorch finds no CUDA device here (PyTorch {torch.__version__} is built for {build}); "
                "use device cpu, or install a GPU's driver and PyTorch's CUDA build"
            )
        self._device = torch.device(_choose_device() if device == "auto" else device)
        on_gpu = self._device.type == "cuda"
        if precision == "bf16" and not on_gpu:
            raise ValueError("precision bf16: backend torch computes in f32 on a CPU; use precision f32, or openvino")
        if threads is not None:
            torch.set_num_threads(threads)
        self.input_size, self.concurrent = model.input_size, False  # detector and network would share all threads
        self._calibration = model.calibration
        torch.backends.cudnn.allow_tf32 = False  # TF32 would make f32 less exact than it claims
        self._bf16 = on_gpu and (precision == "bf16" or (precision == "auto" and _has_bf16()))
        self.precision = "bf16" if self._bf16 else "f32"
        network = load_network(model.path).requires_grad_(False).to(self._device, memory_format=torch.channels_last)
        if self._bf16:
            store_in_bf16(network.trunk)
        self._network = network
        self._graphs = {batch: _Graph(self._forward, self._empty(batch)) for batch in GRAPH_BATCHES if on_gpu}
        where = torch.cuda.get_device_name(self._device) if on_gpu else f"the CPU, {torch.get_num_threads()} threads"
        self.description = f"PyTorch {torch.__version__} on {where}, {self.precision}"
        self.infer(np.zeros((1, 1, self.input_size, self.input_size), np.float32))  # warm-up: the first call is slow

    def infer(self, images: np.ndarray) -> Prediction:
        """See `prediction.Backend`."""
        check_images(images, self.input_size)
        run = self._graphs.get(len(images), self._forward)
        batch = torch.from_numpy(np.ascontiguousarray(images, np.float32)).to(self._device)
        uvd, sigma, logits = (tensor.cpu().numpy() for tensor in run(batch))
        return self._calibration.apply(uvd, sigma, logits)

    def _empty(self, batch: int) -> Tensor:
        return torch.zeros(batch, 1, self.input_size, self.input_size, device=self._device)

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return forward(self._network, images, self._bf16)


@torch.inference_mode()
def forward(network: FingerPoseNet, images: Tensor, bf16: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Images (B, 1, S, S) -> uvd, sigma and logits, see `NetworkOutput`.

    With `bf16` the trunk runs in bf16, except for its first layers.
    """
    stride4 = network.trunk.backbone.shallow(images)
    # Without autocast's cache: a weight cast while a CUDA graph is captured lives in that graph's memory only.
    with torch.autocast(images.device.type, torch.bfloat16, enabled=bf16, cache_enabled=False):
        trunk = network.trunk.deep(stride4)
    return *network.readout(images, trunk.maps, trunk.features), trunk.logits.float()


class _Graph:
    """A function of images of one shape, captured as a CUDA graph: one launch instead of hundreds.

    Source: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs.
    """

    WARM_UP = 3

    def __init__(self, function, images: Tensor):
        self._images = images
        side_stream = torch.cuda.Stream(images.device)
        side_stream.wait_stream(torch.cuda.current_stream(images.device))
        with torch.cuda.stream(side_stream):  # libraries choose algorithms and workspaces before the capture
            for _ in range(self.WARM_UP):
                function(images)
        torch.cuda.current_stream(images.device).wait_stream(side_stream)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._output = function(images)

    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        """The output is valid until the next call."""
        self._images.copy_(images)
        self._graph.replay()
        return self._output


def store_in_bf16(trunk: Trunk) -> None:
    """Store the weights that autocast would cast at every call in bf16; normalisation stays in float32."""
    in_float32 = {trunk.backbone.conv1, *trunk.backbone.layer1.modules()}
    for head in trunk.modules():
        if isinstance(head, DirectHead):
            in_float32.update(head.output)  # coordinates are computed in float32
    for module in set(trunk.modules()) - in_float32:
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.weight.data = module.weight.data.to(torch.bfloat16)


def _has_bf16() -> bool:
    """Whether the GPU has bf16 instructions: GPUs before Ampere only emulate it."""
    return torch.cuda.is_bf16_supported(including_emulation=False)


def _choose_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
