"""Every network by name: the full model, the literal variant, a small one, and the ablations."""

from dataclasses import replace

import torch
from torch.utils.flop_counter import FlopCounterMode

from .fingerposenet import FingerPoseNet, NetworkConfig

FULL = NetworkConfig()
SMALL = NetworkConfig(backbone="resnet18", width=32, base_channels=96, task_channels=24)

CONFIGS = {
    "full": FULL,
    "literal": replace(FULL, dense=False),
    "small": SMALL,
    "small_literal": replace(SMALL, dense=False),
    "ablation_a": replace(SMALL, six_subtasks=False, sharing=False, fusion=False),
    "ablation_b": replace(SMALL, sharing=False, fusion=False),
    "ablation_c": replace(SMALL, fusion=False),
    "ablation_d": SMALL,
}
"""Name -> configuration. The ablations add one block at a time: (a) a shared map with one head for all joints, (b) six
subtasks without sharing, (c) with residual sharing, (d) with the fusion layer: the small network itself."""


def config_named(name: str) -> NetworkConfig:
    """The configuration called `name`. Raises ValueError naming those there are."""
    if name not in CONFIGS:
        raise ValueError(f"network {name!r} is not one of {', '.join(CONFIGS)}")
    return CONFIGS[name]


def multiply_adds(config: NetworkConfig, size: int = 128) -> int:
    """Multiply-adds of one forward pass on one crop of `size` pixels (convolutions and matrix products)."""
    network = FingerPoseNet(config).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 1, size, size))
    return counter.get_total_flops() // 2


def widened(config: NetworkConfig, target: int, size: int = 128) -> NetworkConfig:
    """`config` with its subtasks widened until it costs as near `target` multiply-adds as it can."""
    candidates = [replace(config, task_channels=c) for c in range(config.task_channels, 40 * config.task_channels, 4)]
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if multiply_adds(candidates[middle], size) < target else (low, middle)
    near = candidates[max(low - 1, 0) : low + 1]
    return min(near, key=lambda c: abs(multiply_adds(c, size) - target))
