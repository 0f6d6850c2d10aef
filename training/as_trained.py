"""A network as training leaves it, where a backend is expected."""

import numpy as np
import torch

from fingerpose_ros.perception.calibration import Calibration
from fingerpose_ros.perception.network import FingerPoseNet
from fingerpose_ros.perception.prediction import Prediction


class AsTrained:
    """In float32, on the CPU; its uncertainty is not calibrated."""

    description = "as trained"

    def __init__(self, network: FingerPoseNet, size: int):
        self.network, self.input_size = network, size

    @torch.inference_mode()
    def infer(self, images: np.ndarray) -> Prediction:
        """See `prediction.Backend`."""
        uvd, sigma, logits = (tensor.numpy() for tensor in self.network(torch.from_numpy(images)))
        return Calibration((1, 1, 1), (1, 1, 1), 1, 1).read(uvd, sigma, logits)
