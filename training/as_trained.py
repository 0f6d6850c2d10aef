"""A network of PyTorch's where a backend is expected."""

import numpy as np
import torch

from fingerpose_ros.perception.calibration import Calibration
from fingerpose_ros.perception.network import FingerPoseNet
from fingerpose_ros.perception.prediction import Prediction


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
        self._autocast = torch.autocast("cpu", torch.bfloat16, enabled=bf16)

    @torch.inference_mode()
    def infer(self, images: np.ndarray) -> Prediction:
        """See `prediction.Backend`."""
        batch = torch.from_numpy(images)
        stride4 = self.network.trunk.backbone.shallow(batch)
        with self._autocast:
            trunk = self.network.trunk.deep(stride4)
        uvd, sigma = self.network.readout(batch, trunk.maps, trunk.features)
        said = (tensor.numpy() for tensor in (uvd, sigma, trunk.logits.float()))
        return Calibration((1, 1, 1), (1, 1, 1), 1, 1).read(*said)
