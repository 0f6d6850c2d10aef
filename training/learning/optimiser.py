"""How fast a network learns: the optimiser, and the rate's schedule."""

import math

import torch

from fingerpose_ros.perception.pose.network import FingerPoseNet

from .config import TrainingConfig

FINAL_RATE = 0.01
"""Where the cosine ends, as a share of the peak."""


def learning_rate(samples: int, config: TrainingConfig) -> float:
    """The rate after `samples` images: a straight rise to the peak, then half a cosine."""
    warm = min(1.0, (samples + 1) / max(config.warm_up, 1))
    through = min(1.0, samples / config.total_samples)
    cosine = FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * through))
    return config.learning_rate * warm * cosine


def make_optimiser(network: FingerPoseNet, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW; biases and normalisation are not decayed, and the backbone goes at its own share of the rate."""
    groups = {}
    for name, parameter in network.named_parameters():
        share = config.backbone_learning_rate if name.startswith("trunk.backbone.") else 1.0
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((share, decay), []).append(parameter)
    groups = [{"params": p, "share": share, "weight_decay": decay} for (share, decay), p in groups.items()]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
