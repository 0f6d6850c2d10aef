"""A network of PyTorch's where a backend is expected."""

import numpy as np
import torch

from fingerpose_ros.perception.calibration import Calibration
from fingerpose_ros.perception.network import FingerPoseNet
from fingerpose_ros.perception.prediction import Prediction
from fingerpose_ros.perception.torch_backend import forward


class AsTrained:
    """On the CPU; its uncertainty is not calibrated.

    Args:
        network: to run.
        size: of its input, pixels.
        bf16: compute as `TorchBackend` does on a GPU in bf16. Processors that cannot do it in software, slowly.
    """

    def __init__(self, network: FingerPoseNet, size: int, bf16: bool = False):
        self.network, self.input_size = network, size
        self.description = "PyTorch as on a GPU, bf16 in software" if bf16 else "as trained"
        self._bf16 = bf16

    def infer(self, images: np.ndarray) -> Prediction:
        """See `prediction.Backend`."""
        said = forward(self.network, torch.from_numpy(images), self._bf16)
        return Calibration((1, 1, 1), (1, 1, 1), 1, 1).read(*(tensor.numpy() for tensor in said))
