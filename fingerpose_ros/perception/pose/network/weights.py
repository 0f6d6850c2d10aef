"""Loading and saving network weights: safetensors with the network's configuration in the header. Never pickle."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from fingerpose_ros.files import whole_file

from ..model_file import GRAPH_PREFIX
from .fingerposenet import FingerPoseNet, NetworkConfig

CONFIG_KEY = "fingerposenet"
"""Key of the network's configuration, as JSON, in the file's header."""


def save_tensors(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file. Raises OSError, see `whole_file`."""
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with whole_file(path) as part:
        try:
            save_file(stored, part, metadata)
        except SafetensorError as error:
            raise OSError(str(error)) from error


def load_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a complete safetensors file.
    """
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is not a complete safetensors file: {error}") from error


def save_network(path: Path, network: FingerPoseNet, metadata: dict[str, str] | None = None) -> None:
    """Write a network with its configuration; `metadata` is added to the header."""
    header = {CONFIG_KEY: json.dumps(asdict(network.config)), **(metadata or {})}
    save_tensors(path, network.state_dict(), header)


def load_network(path: Path) -> FingerPoseNet:
    """The network stored at `path`, in float32 and in evaluation mode. Graphs for other engines are ignored.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a complete safetensors file of a FingerPoseNet.
    """
    tensors, metadata = load_tensors(path)
    if CONFIG_KEY not in metadata:
        raise ValueError(f"{path} holds no FingerPoseNet: its header has no {CONFIG_KEY!r}")
    try:
        config = NetworkConfig(**json.loads(metadata[CONFIG_KEY]))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path} has a configuration that this version of FingerPoseNet does not know: {error}"
        ) from error
    network = FingerPoseNet(config)
    try:
        network.load_state_dict({name: t for name, t in tensors.items() if not name.startswith(GRAPH_PREFIX)})
    except RuntimeError as error:
        raise ValueError(f"{path} holds tensors that do not match its own configuration: {error}") from error
    return network.eval()
