"""A backend that runs a trained PyTorch network directly, without a model file."""

import json
from pathlib import Path

import numpy as np
import torch

from fingerpose_ros.perception.backends.torch_backend import forward
from fingerpose_ros.perception.pose.calibration import Calibration
from fingerpose_ros.perception.pose.network import FingerPoseNet
from fingerpose_ros.perception.pose.network.weights import load_tensors
from fingerpose_ros.perception.pose.prediction import Prediction


class ReferenceBackend:
    """Runs on the CPU. Its uncertainty is not calibrated.

    Args:
        network: to run.
        size: of its input, pixels.
        bf16: compute as `TorchBackend` does on a GPU in bf16. Most processors emulate it, slowly.
    """

    def __init__(self, network: FingerPoseNet, size: int, bf16: bool = False):
        self.network, self.input_size, self.concurrent = network, size, False
        self.precision = "bf16" if bf16 else "f32"
        self.description = "PyTorch as on a GPU, bf16 in software" if bf16 else "reference backend"
        self._bf16 = bf16

    def infer(self, images: np.ndarray) -> Prediction:
        """See `prediction.Backend`."""
        raw = forward(self.network, torch.from_numpy(images), self._bf16)
        return Calibration((1, 1, 1), (1, 1, 1), 1, 1).apply(*(tensor.numpy() for tensor in raw))


def trained_size(weights: Path) -> int:
    """Edge of the images that `weights` were last trained on, pixels.

    Raises:
        ValueError: their file does not contain it.
    """
    stages = json.loads(load_tensors(weights)[1].get("training", "{}")).get("stages")
    if not stages:
        raise ValueError(f"{weights} does not contain the image size of its training; set --size")
    return stages[-1]["size"]
