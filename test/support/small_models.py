"""A small network with random weights, exported to a model file like the real one."""

import json
from dataclasses import asdict
from pathlib import Path

import torch

from fingerpose_ros.perception.pose.calibration import Calibration
from fingerpose_ros.perception.pose.model_file import DEFAULT_NAME, checksum, checksum_file
from fingerpose_ros.perception.pose.network import FingerPoseNet
from fingerpose_ros.perception.pose.network.registry import config_named
from fingerpose_ros.perception.pose.network.weights import CONFIG_KEY, save_tensors
from training.export.model_export import sixteen_bit
from training.export.openvino_graph import add_graphs, pose_graphs

SIZE = 64
CALIBRATION = Calibration((2.0, 1.5, 0.5), (1.25, 1.0, 1.1), 1.5, 0.75)


def random_network(name: str = "small") -> FingerPoseNet:
    """A network whose predictions differ from image to image, with weights that 16 bits can represent."""
    torch.manual_seed(1)
    network = FingerPoseNet(config_named(name)).eval()
    with torch.no_grad():
        for parameter_name, parameter in network.named_parameters():
            if parameter_name.startswith("readout.consolidate.") and parameter.ndim > 1:
                parameter.normal_(std=0.05)
    network.load_state_dict(sixteen_bit(network.state_dict()))
    return network


def write_model(folder: Path, network: FingerPoseNet) -> Path:
    """Write `network` with its graphs and checksum to `folder`; returns the model's path."""
    path = folder / DEFAULT_NAME
    header = {CONFIG_KEY: json.dumps(asdict(network.config)), "input_size": str(SIZE)}
    header["calibration"] = json.dumps(asdict(CALIBRATION))
    save_tensors(path, sixteen_bit(network.state_dict()), header)
    add_graphs(path, pose_graphs(network, SIZE))
    sign(path)
    return path


def sign(path: Path) -> None:
    """Write the file's checksum beside it."""
    checksum_file(path).write_text(f"{checksum(path)}  {path.name}\n")
