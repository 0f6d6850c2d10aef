"""The multitask fusion layer: from the subtasks' estimates to the 21 joints."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ... import skeleton
from .readout import Estimates

SIGMA_FLOOR = 2e-3
"""Smallest standard deviation that can be predicted, in uvd: 0.3 mm in the default cube."""

SIGMA_START = 0.1
"""Predicted standard deviation at initialisation, in uvd."""


def belonging(joints_of_estimates: tuple[int, ...]) -> Tensor:
    """(21, estimates) bool: which estimates belong to each joint."""
    return torch.arange(len(skeleton.JOINTS))[:, None] == torch.tensor(joints_of_estimates)


def averaging(joints_of_estimates: tuple[int, ...]) -> Tensor:
    """(21, estimates): multiplied with the estimates it gives each joint's mean."""
    belongs = belonging(joints_of_estimates)
    return belongs / belongs.sum(1, keepdim=True)


class Averaging(nn.Module):
    """Joints as the mean of their estimates, each joint's uncertainty from its own evidence.

    The ablation uses it in place of the abstract's fusion layer.
    """

    def __init__(self, joints_of_estimates: tuple[int, ...], evidence_channels: int):
        super().__init__()
        self.register_buffer("share", averaging(joints_of_estimates), persistent=False)
        self.sigma = nn.Linear(evidence_channels, 3)
        _start_sigma(self.sigma)

    def forward(self, estimates: Estimates) -> tuple[Tensor, Tensor]:
        """Estimates -> uvd (B, 21, 3) and its standard deviation (B, 21, 3)."""
        return self.share @ estimates.uvd, self.share @ _to_sigma(self.sigma(estimates.evidence))


class Fusion(nn.Module):
    """Weights the estimates of each joint, and corrects every joint from the estimates of all joints.

    Abstract: a multitask fusion layer that consolidates the subtasks' estimates. Our interpretation: one perceptron
    over the coordinates, spread, weights and features of all 26 estimates. Its outputs are the weights of estimates of
    the same joint (base joints have two), a correction for every joint, and the uncertainty. Initialised to the mean.
    """

    EMBEDDING = 32
    HIDDEN = 512

    def __init__(self, joints_of_estimates: tuple[int, ...], evidence_channels: int):
        super().__init__()
        estimates, joints = len(joints_of_estimates), len(skeleton.JOINTS)
        self.register_buffer("belongs", belonging(joints_of_estimates), persistent=False)
        self.embed = nn.Linear(evidence_channels, self.EMBEDDING)
        self.enter = nn.Linear(estimates * (self.EMBEDDING + 3), self.HIDDEN)
        self.norm = nn.LayerNorm(self.HIDDEN)
        self.block = nn.Sequential(nn.Linear(self.HIDDEN, self.HIDDEN), nn.GELU(), nn.Linear(self.HIDDEN, self.HIDDEN))
        self.weight = nn.Linear(self.HIDDEN, estimates)
        self.correction = nn.Linear(self.HIDDEN, 3 * joints)
        self.sigma = nn.Linear(self.HIDDEN, 3 * joints)
        for layer in (self.weight, self.correction):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        _start_sigma(self.sigma)

    def forward(self, estimates: Estimates) -> tuple[Tensor, Tensor]:
        """Estimates -> uvd (B, 21, 3) and its standard deviation (B, 21, 3)."""
        embedded = torch.cat([functional.gelu(self.embed(estimates.evidence)), estimates.uvd], -1)
        hidden = functional.gelu(self.norm(self.enter(embedded.flatten(1))))
        hidden = hidden + self.block(hidden)
        # A softmax over the estimates of each joint. Finite instead of -inf, which some engines turn into NaN.
        logits = self.weight(hidden)[:, None].masked_fill(~self.belongs, -1e4)
        uvd = logits.softmax(-1) @ estimates.uvd
        shape = uvd.shape
        return uvd + self.correction(hidden).view(shape), _to_sigma(self.sigma(hidden)).view(shape)


def _start_sigma(layer: nn.Linear) -> None:
    nn.init.normal_(layer.weight, std=1e-3)
    nn.init.constant_(layer.bias, math.log(math.expm1(SIGMA_START - SIGMA_FLOOR)))


def _to_sigma(raw: Tensor) -> Tensor:
    return functional.softplus(raw) + SIGMA_FLOOR
