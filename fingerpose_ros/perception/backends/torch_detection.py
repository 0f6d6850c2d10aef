"""The detector's networks with PyTorch, on a GPU or a CPU."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ..detection.network import detection_networks, load_detection_networks
from ..detection.prediction import Classification


class TorchDetectionNetworks:
    """Runs both networks in float32. See `detection.prediction.DetectionNetworks`.

    Args:
        networks: those of `detection.network.detection_networks`.
        device: "cpu" or "cuda".
    """

    def __init__(self, networks: nn.ModuleDict, device: str = "cpu"):
        self._networks, self._device = networks.eval().to(device), device

    @classmethod
    def load(cls, path: Path, device: str = "cpu") -> "TorchDetectionNetworks":
        """The networks of a weights file or a detector's file.

        Raises:
            FileNotFoundError, ValueError: the file is missing, or holds other tensors.
        """
        networks = detection_networks()
        load_detection_networks(path, networks)
        return cls(networks, device)

    @torch.inference_mode()
    def propose(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `DetectionNetworks`."""
        logits, offsets = self._networks["proposal"](self._tensor(crops))
        return logits.cpu().numpy(), offsets.cpu().numpy()

    @torch.inference_mode()
    def classify(self, context: np.ndarray, detail: np.ndarray) -> Classification:
        """See `DetectionNetworks`."""
        outputs = self._networks["classifier"](self._tensor(context), self._tensor(detail))
        return Classification(*(output.cpu().numpy() for output in outputs))

    def _tensor(self, crops: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(crops, np.float32))[:, None].to(self._device)
