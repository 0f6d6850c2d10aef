"""A training run on disk: everything needed to go on exactly where it stopped, in one safetensors file."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from fingerpose_ros.perception.pose.network.weights import load_tensors, save_tensors

from .config import TrainingConfig

CHECKPOINT = "checkpoint.safetensors"
"""Weights, their running average, the optimiser's state and the number of images seen."""


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        samples: images seen.
        steps: of the optimiser, done.
        before: images that the weights it started from had seen.
        history: the configurations that those were trained with, first to last, and then what this run's own were until
            it was resumed with another.
    """

    samples: int = 0
    steps: int = 0
    before: int = 0
    history: list[dict] = field(default_factory=list)


class Average:
    """An exponential moving average of a network's weights and normalisation statistics."""

    def __init__(self, network: nn.Module, copy: nn.Module):
        """`copy` is another network of the same kind; it becomes the average, starting as `network`."""
        self.network = copy.eval().requires_grad_(False)
        self.network.load_state_dict(network.state_dict())

    @torch.no_grad()
    def update(self, network: nn.Module, decay: float) -> None:
        """Move towards `network`, keeping the share `decay` of the old average."""
        for own, new in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if own.is_floating_point():
                own.lerp_(new, 1 - decay)
            else:
                own.copy_(new)


def save_checkpoint(
    folder: Path, config: TrainingConfig, data: dict, progress: Progress,
    network: nn.Module, average: Average, optimiser: torch.optim.Optimizer,
) -> None:  # fmt: skip
    """Write `CHECKPOINT` to `folder`; the one before stays whole until the new one is."""
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
    """Put everything back as `save_checkpoint` found it; gives where the run stood, its configuration and its data.

    Raises:
        FileNotFoundError: there is no checkpoint in `folder`.
        ValueError: it is damaged, or of another network.
    """
    tensors, metadata = load_tensors(folder / CHECKPOINT)
    try:
        network.load_state_dict(_below("network/", tensors))
        average.network.load_state_dict(_below("average/", tensors))
    except RuntimeError as error:
        raise ValueError(f"{folder / CHECKPOINT} is of another network: {error}") from error
    for name, parameter in network.named_parameters():
        state = _below(f"optimiser/{name}/", tensors)
        if state:
            optimiser.state[parameter] = {k: _like(parameter, k, v) for k, v in state.items()}
    progress, config, data = (json.loads(metadata.get(name, "{}")) for name in ("progress", "config", "data"))
    return Progress(**progress), config, data


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _like(parameter: Tensor, key: str, value: Tensor) -> Tensor:
    """A state tensor on its parameter's device and, unless it is the step count, in its memory layout."""
    return value.to(parameter.device) if key == "step" else torch.empty_like(parameter).copy_(value)
