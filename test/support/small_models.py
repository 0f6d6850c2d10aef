"""A small network with random weights, exported to a model file like the real one."""

import json
from dataclasses import asdict
from pathlib import Path

import torch

from fingerpose_ros.perception.pose.calibration import Calibration
from fingerpose_ros.perception.pose.model_file import DEFAULT_NAME, WEIGHTS_KEY, checksum, int8_path
from fingerpose_ros.perception.pose.network import FingerPoseNet
from fingerpose_ros.perception.pose.network.registry import config_named
from fingerpose_ros.perception.pose.network.weights import CONFIG_KEY
from training.export import model_export
from training.export.model_export import sign, sixteen_bit
from training.export.openvino_graph import pose_graphs
from training.export.quantisation import quantised

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
    weights = sixteen_bit(network.state_dict())
    model_export.write(path, weights, pose_graphs(network, SIZE), _header(network), CALIBRATION)
    return path


def write_int8(path: Path, network: FingerPoseNet) -> Path:
    """Write the file for int8 of the model at `path`; returns its path."""
    graphs = quantised(pose_graphs(network, SIZE), SIZE)
    header = _header(network) | {WEIGHTS_KEY: checksum(path)}
    model_export.write(int8_path(path), {}, graphs, header, CALIBRATION)
    return int8_path(path)


def _header(network: FingerPoseNet) -> dict[str, str]:
    return {CONFIG_KEY: json.dumps(asdict(network.config)), "input_size": str(SIZE)}


__all__ = ["CALIBRATION", "SIZE", "random_network", "sign", "write_int8", "write_model"]
