"""The optimiser and the learning rate schedule."""

import math

import torch

from fingerpose_ros.perception.pose.network import FingerPoseNet

from .config import TrainingConfig

FINAL_RATE = 0.01
"""Final learning rate of the cosine, as a fraction of the peak."""


def learning_rate(samples: int, config: TrainingConfig) -> float:
    """The rate after `samples` images: linear warm-up, a constant rate, and half a cosine over the cool-down."""
    warm = min(1.0, (samples + 1) / max(config.warm_up, 1))
    cool_down = config.cool_down or config.total_samples
    progress = min(1.0, max(0.0, 1 - (config.total_samples - samples) / cool_down))
    cosine = FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * progress))
    return config.learning_rate * warm * cosine


def make_optimiser(network: FingerPoseNet, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW. Biases and normalisation have no weight decay. The backbone's learning rate has its own factor."""
    groups = {}
    for name, parameter in network.named_parameters():
        factor = config.backbone_learning_rate if name.startswith("trunk.backbone.") else 1.0
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((factor, decay), []).append(parameter)
    groups = [{"params": p, "lr_factor": factor, "weight_decay": decay} for (factor, decay), p in groups.items()]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
