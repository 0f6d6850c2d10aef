"""The readout: from a subtask's maps to estimates of its joints. In float32: bfloat16 is too coarse for coordinates."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..crop import BACKGROUND

CELL = 8
"""Pixels per cell of the maps, along an edge: the base map's stride."""


class Estimates(NamedTuple):
    """The subtasks' estimates of their joints."""

    uvd: Tensor
    """(B, estimates, 3), see `crop.Crop`."""
    evidence: Tensor
    """(B, estimates, evidence_channels): the estimate's spread and concentration, and its pooled features."""


def cell_positions(height: int, width: int, device: torch.device) -> Tensor:
    """Centres u, v (2, height * width) of a map's cells in [-1, 1]."""
    v = (2 * torch.arange(height, device=device, dtype=torch.float32) + 1) / height - 1
    u = (2 * torch.arange(width, device=device, dtype=torch.float32) + 1) / width - 1
    return torch.stack([u.repeat(height), v.repeat_interleave(width)])


FRONT = 0.2
"""Depth range of a cell's front surface behind its nearest pixel, in uvd: 28 mm, one and a half finger widths."""


def cell_depth(image: Tensor) -> Tensor:
    """Image (B, 1, S, S) -> mean depth (B, (S / CELL)^2) of the front surface in each cell; 0 in empty cells.

    Only the front: a cell at the hand's edge also shows the background, whose depth is unrelated to the hand's.
    """
    nearest = -functional.max_pool2d(-image, CELL)
    limit = functional.interpolate(nearest, scale_factor=float(CELL), mode="nearest") + FRONT
    front = ((image < BACKGROUND) & (image <= limit)).to(image.dtype)
    fraction = functional.avg_pool2d(front, CELL)
    return (functional.avg_pool2d(image * front, CELL) / fraction.clamp_min(1e-6)).flatten(1)


def votes(image: Tensor, maps: Tensor) -> tuple[Tensor, Tensor]:
    """Each cell's vote for the position of each joint.

    Args:
        image: (B, 1, S, S), the network's input.
        maps: (B, estimates, 4, h, w) of `DenseHead`.

    Returns:
        Logits of the cells' weights (B, estimates, h * w) and their votes uvd (B, estimates, 3, h * w).
    """
    height, width = maps.shape[-2:]
    maps = maps.float().flatten(3)
    depth = cell_depth(image)[:, None]
    uv = cell_positions(height, width, maps.device).expand(image.shape[0], -1, -1)
    return maps[:, :, 0], maps[:, :, 1:] + torch.cat([uv, depth], 1)[:, None]


class DenseReadout(nn.Module):
    """The weighted mean of each joint's votes, weighted by softmax. The estimates of a subtask are adjacent.

    Abstract: each subtask regresses its own 3D keypoints. Our interpretation, as in `DenseHead`: integral regression
    (Sun et al., ECCV 2018) over all cells. The spread of the votes is evidence of the uncertainty.
    """

    EXTRA = 4
    """Evidence besides the pooled features: the votes' spread along u, v, d, and how concentrated the weights are."""

    def __init__(self, tasks_of_estimates: tuple[int, ...], channels: int):
        super().__init__()
        self.estimates_per_task = [tasks_of_estimates.count(task) for task in range(max(tasks_of_estimates) + 1)]
        self.evidence_channels = channels + self.EXTRA

    def forward(self, image: Tensor, maps: Tensor, features: Tensor) -> Estimates:
        """Maps (B, estimates, 4, h, w) and the features (B, tasks * channels, h, w) they were made from."""
        logits, voted = votes(image, maps)
        weights = logits.softmax(-1)
        uvd = (voted * weights[:, :, None]).sum(-1)
        spread = ((voted - uvd[..., None]).square() * weights[:, :, None]).sum(-1).add(1e-6).sqrt()
        concentration = weights.square().sum(-1, keepdim=True)
        by_task = features.float().flatten(2).chunk(len(self.estimates_per_task), 1)
        weights_by_task = weights.split(self.estimates_per_task, 1)
        pooled = [w @ f.transpose(1, 2) for w, f in zip(weights_by_task, by_task, strict=True)]
        return Estimates(uvd, torch.cat([torch.cat(pooled, 1), spread, concentration], -1))


class DirectReadout(nn.Module):
    """The literal interpretation: `DirectHead` has regressed the coordinates; its hidden layer is the evidence."""

    def __init__(self, tasks_of_estimates: tuple[int, ...], channels: int):
        super().__init__()
        self.evidence_channels = channels
        self.register_buffer("tasks_of_estimates", torch.tensor(tasks_of_estimates), persistent=False)

    def forward(self, image: Tensor, maps: Tensor, features: Tensor) -> Estimates:
        """Coordinates `maps` (B, estimates, 3) and hidden activations `features` (B, tasks, channels)."""
        return Estimates(maps.float(), features.float().index_select(1, self.tasks_of_estimates))
