"""Checkpoints: the whole state of a training run in one safetensors file, so that it resumes exactly."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from fingerpose_ros.perception.pose.network.weights import load_tensors, save_tensors

CHECKPOINT = "checkpoint.safetensors"
"""File with the weights, their moving average, the optimiser's state and the number of images seen."""


@dataclass
class Progress:
    """The progress of a run.

    Attributes:
        samples: images seen.
        steps: optimiser steps done.
        before: images that the initial weights had seen in earlier runs.
        history: the earlier configurations, oldest first: those of the runs behind the initial weights, then those of
            this run before it was resumed with another one.
    """

    samples: int = 0
    steps: int = 0
    before: int = 0
    history: list[dict] = field(default_factory=list)


class Average:
    """An exponential moving average of a network's weights and normalisation statistics."""

    def __init__(self, network: nn.Module, copy: nn.Module):
        """`copy` is another network of the same architecture. It holds the average, which starts as `network`."""
        self.network = copy.eval().requires_grad_(False)
        self.network.load_state_dict(network.state_dict())

    @torch.no_grad()
    def update(self, network: nn.Module, decay: float) -> None:
        """average = decay * average + (1 - decay) * network."""
        for mean, new in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(new, 1 - decay)
            else:
                mean.copy_(new)


def save_checkpoint(
    folder: Path, config: object, data: dict, progress: Progress,
    network: nn.Module, average: Average, optimiser: torch.optim.Optimizer,
) -> None:  # fmt: skip
    """Write `CHECKPOINT` to `folder`. It replaces the previous one only when it is complete.

    `config` is the dataclass that describes the run.
    """
    tensors = {f"network/{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"average/{name}": tensor for name, tensor in average.network.state_dict().items()}
    for name, parameter in network.named_parameters():
        for key, value in optimiser.state.get(parameter, {}).items():
            tensors[f"optimiser/{name}/{key}"] = value
    texts = {"progress": asdict(progress), "config": asdict(config), "data": data}
    metadata = {name: json.dumps(value) for name, value in texts.items()}
    save_tensors(folder / CHECKPOINT, tensors, metadata)


def load_checkpoint(
    folder: Path, network: nn.Module, average: Average, optimiser: torch.optim.Optimizer
) -> tuple[Progress, dict, dict]:
    """Restore what `save_checkpoint` wrote. Returns the run's progress, its configuration and its data.

    Raises:
        FileNotFoundError: there is no checkpoint in `folder`.
        ValueError: it is damaged, or belongs to another network.
    """
    tensors, metadata = load_tensors(folder / CHECKPOINT)
    try:
        network.load_state_dict(with_prefix("network/", tensors))
        average.network.load_state_dict(with_prefix("average/", tensors))
    except RuntimeError as error:
        raise ValueError(f"{folder / CHECKPOINT} belongs to another network: {error}") from error
    for name, parameter in network.named_parameters():
        state = with_prefix(f"optimiser/{name}/", tensors)
        if state:
            optimiser.state[parameter] = {k: _state_like(parameter, k, v) for k, v in state.items()}
    progress, config, data = (json.loads(metadata.get(name, "{}")) for name in ("progress", "config", "data"))
    return Progress(**progress), config, data


def with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names start with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _state_like(parameter: Tensor, key: str, value: Tensor) -> Tensor:
    """An optimiser state tensor on its parameter's device and, except for the step count, in its memory layout."""
    return value.to(parameter.device) if key == "step" else torch.empty_like(parameter).copy_(value)
