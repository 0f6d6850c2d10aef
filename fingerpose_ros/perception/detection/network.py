"""The detector's two networks in PyTorch: proposals at many points of a surface, and the classification of a few.

Both see crops of constant metric size (`surface.metric_crops`), so they learn no scale. Needs PyTorch.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..pose.model_file import GRAPH_PREFIX
from ..pose.network.weights import load_tensors


def _block(channels_in: int, channels_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride, 1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


class ProposalNetwork(nn.Module):
    """Small crops around surface points -> whether a palm is near, and where. Sizes: see `prediction`."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(_block(1, 16, 2), _block(16, 32, 2), _block(32, 48, 2))
        self.hidden = nn.Linear(48 * 9, 48)
        self.output = nn.Linear(48, 4)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Crops (n, 1, 24, 24) -> logits (n,), and offsets (n, 3) to the palm, in units of `PROPOSAL_HALF`."""
        output = self.output(functional.relu(self.hidden(self.features(crops).flatten(1))))
        return output[:, 0], output[:, 1:]


class ClassifierNetwork(nn.Module):
    """Two crops around a candidate, for context and for detail -> whether it is a hand, its palm and its direction."""

    WIDTHS = (24, 40, 64, 96)

    DROPOUT = 0.2
    """Fraction of the hidden features that are left out in training."""

    def __init__(self):
        super().__init__()
        self.context, self.detail = self._trunk(), self._trunk()
        self.hidden = nn.Linear(2 * self.WIDTHS[-1] * 16, 96)
        self.output = nn.Linear(96, 7)

    def _trunk(self) -> nn.Sequential:
        layers, before = [], 1
        for width in self.WIDTHS:
            layers += [_block(before, width, 2)]
            before = width
        return nn.Sequential(*layers, _block(before, before, 1))

    def forward(self, context: Tensor, detail: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predict candidates.

        Args:
            context: (n, 1, 64, 64) crops of half size `CONTEXT_HALF`.
            detail: (n, 1, 64, 64) crops of half size `DETAIL_HALF`.

        Returns:
            Logits (n,); offsets (n, 3) to the palm, in units of `DETAIL_HALF`; and the hand's direction (n, 3), not of
            unit length.
        """
        features = torch.cat([self.context(context).flatten(1), self.detail(detail).flatten(1)], dim=1)
        hidden = functional.dropout(functional.relu(self.hidden(features)), self.DROPOUT, self.training)
        output = self.output(hidden)
        return output[:, 0], output[:, 1:4], output[:, 4:]


def detection_networks() -> nn.ModuleDict:
    """Both networks with random weights: `proposal` and `classifier`."""
    return nn.ModuleDict({"proposal": ProposalNetwork(), "classifier": ClassifierNetwork()})


def load_detection_networks(path: Path, networks: nn.ModuleDict) -> None:
    """Load the weights of a training run, or of a detector's file, into `networks`.

    Raises:
        FileNotFoundError, ValueError: the file is missing, or holds other tensors.
    """
    tensors = load_tensors(path)[0]
    try:
        networks.load_state_dict({name: t for name, t in tensors.items() if not name.startswith(GRAPH_PREFIX)})
    except RuntimeError as error:
        raise ValueError(f"{path} holds no detector: {error}") from error
