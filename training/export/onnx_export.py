"""Write the pose network and the detector's two networks as ONNX files, for TensorRT and other engines.

    ./run training export_onnx --out runs/onnx

`fingerposenet.onnx`, `proposal.onnx` and `classifier.onnx` are in float32, each for a fixed batch. `networks.json` has
what a program needs to use them: inputs, outputs, calibration and checksums. docs/deployment.md explains it.

The tool runs each file in ONNX Runtime on the CPU, and the same model in OpenVINO in float32. Only if both agree, the
files are written.
"""

import argparse
import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from fingerpose_ros.files import write_bytes, write_text
from fingerpose_ros.perception.backends.openvino_backend import OpenVinoBackend
from fingerpose_ros.perception.backends.openvino_detection import OpenVinoDetectionNetworks
from fingerpose_ros.perception.detection.confidence import LARGEST_LOGIT
from fingerpose_ros.perception.detection.model_file import CLASSIFIER_BATCH, PROPOSAL_BATCH, DetectorFile
from fingerpose_ros.perception.detection.network import detection_networks, load_detection_networks
from fingerpose_ros.perception.detection.prediction import (
    CONTEXT_HALF,
    CONTEXT_SIZE,
    DETAIL_HALF,
    DETAIL_SIZE,
    PROPOSAL_HALF,
    PROPOSAL_SIZE,
)
from fingerpose_ros.perception.detection.surface import WORKING_FOCAL
from fingerpose_ros.perception.pose.crop import BACKGROUND
from fingerpose_ros.perception.pose.model_file import ModelFile, checksum
from fingerpose_ros.perception.pose.network import load_network
from fingerpose_ros.perception.skeleton import JOINTS
from training.learning.losses import HALF_CUBE_MM
from training.progress import counter

from .agreement import synthetic_crops

OPSET = 18
"""Of ONNX: the oldest that PyTorch's exporter writes."""

CONVENTIONS = "networks.json"

MAX_MM, MAX_DIFFERENCE = 0.1, 1e-4
"""Allowed differences from OpenVINO: of a joint's position or standard deviation in mm, and of any other output."""

CROPS = 16
"""Rendered crops that the pose network is compared on."""


@dataclass(frozen=True)
class Network:
    """A network as an ONNX file.

    Attributes:
        name: of the file, without its suffix.
        data: the file's content.
        inputs, outputs: name -> shape.
    """

    name: str
    data: bytes
    inputs: dict[str, tuple[int, ...]]
    outputs: dict[str, tuple[int, ...]]

    def session(self) -> onnxruntime.InferenceSession:
        """The network in ONNX Runtime, on one thread of the CPU."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(self.data, options, providers=["CPUExecutionProvider"])


def pose_network(model: ModelFile) -> Network:
    """The pose network of a model file, for one crop."""
    image = torch.zeros(1, 1, model.input_size, model.input_size)
    return _convert("fingerposenet", load_network(model.path), {"image": image}, ("uvd", "sigma", "logits"))


def detector_networks(detector: DetectorFile) -> dict[str, Network]:
    """`proposal` and `classifier` of a detector's file, for the batches that OpenVINO's graphs have."""
    networks = detection_networks().eval()
    load_detection_networks(detector.path, networks)
    crops = torch.zeros(PROPOSAL_BATCH, 1, PROPOSAL_SIZE, PROPOSAL_SIZE)
    context = torch.zeros(CLASSIFIER_BATCH, 1, CONTEXT_SIZE, CONTEXT_SIZE)
    detail = torch.zeros(CLASSIFIER_BATCH, 1, DETAIL_SIZE, DETAIL_SIZE)
    inputs = {"context": context, "detail": detail}
    return {
        "proposal": _convert("proposal", networks["proposal"], {"crops": crops}, ("logits", "offsets")),
        "classifier": _convert("classifier", networks["classifier"], inputs, ("logits", "offsets", "directions")),
    }


def export(model: Path | str, detector: Path | str, out: Path) -> dict:
    """Write the networks and their conventions to `out`. Returns the conventions.

    Args:
        model: the pose network's file; "" is the packaged one.
        detector: the detector's file; "" is the packaged one.

    Raises:
        FileNotFoundError, ValueError: a file cannot be used, or ONNX Runtime and OpenVINO do not agree.
    """
    model_file, detector_file = ModelFile.open(model), DetectorFile.open(detector)
    with counter("conversion and comparison", 4, "steps") as shown:
        pose = pose_network(model_file)
        shown.update()
        others = detector_networks(detector_file)
        shown.update()
        measured = {"fingerposenet": pose_difference(pose, model_file, synthetic_crops(model_file.input_size, CROPS))}
        shown.update()
        measured["detector"] = detector_difference(others, detector_file)
        shown.update()
    if differing := disagreements(measured):
        raise ValueError(f"nothing is written: ONNX Runtime and OpenVINO differ: {'; '.join(differing)}")
    described = conventions(model_file, detector_file, (pose, *others.values())) | {"difference": measured}
    out.mkdir(parents=True, exist_ok=True)
    for network in (pose, *others.values()):
        write_bytes(out / f"{network.name}.onnx", network.data)
    write_text(out / CONVENTIONS, json.dumps(described, indent=1) + "\n")
    return described


def pose_difference(network: Network, model: ModelFile, crops: np.ndarray) -> dict[str, float]:
    """Largest differences from OpenVINO in float32 on crops (n, 1, size, size).

    Returns:
        `position_mm`: of a joint, at the cube's centre; `sigma_mm`: of its standard deviation; `logits`.
    """
    session = network.session()
    made = [session.run(list(network.outputs), {"image": crop[None]}) for crop in crops]
    uvd, sigma, logits = (np.concatenate(parts) for parts in zip(*made, strict=True))
    other_uvd, other_sigma, other_logits = OpenVinoBackend(model, "f32", 1).raw(crops)
    return {
        "position_mm": float(np.linalg.norm(uvd - other_uvd, axis=-1).max() * HALF_CUBE_MM),
        "sigma_mm": float(np.abs(sigma - other_sigma).max() * HALF_CUBE_MM),
        "logits": float(np.abs(logits - other_logits).max()),
    }


def detector_difference(networks: dict[str, Network], detector: DetectorFile) -> dict[str, float]:
    """Network -> the largest difference of an output from OpenVINO, on random crops."""
    rng = np.random.default_rng(0)
    engine = OpenVinoDetectionNetworks(detector, 1)
    largest = {}
    for name, run in (("proposal", engine.propose), ("classifier", engine.classify)):
        network = networks[name]
        images = {key: rng.uniform(-1, 1, shape).astype(np.float32) for key, shape in network.inputs.items()}
        made = network.session().run(list(network.outputs), images)
        other = run(*(image[:, 0] for image in images.values()))
        expected = other if isinstance(other, tuple) else [getattr(other, key) for key in network.outputs]
        largest[name] = max(float(np.abs(a - b).max()) for a, b in zip(made, expected, strict=True))
    return largest


def disagreements(measured: dict[str, dict[str, float]]) -> list[str]:
    """The differences that are not within their limits, as text."""
    limits = {"position_mm": MAX_MM, "sigma_mm": MAX_MM}
    return [
        f"{network} in {name} by {value:g} (limit {limits.get(name, MAX_DIFFERENCE):g})"
        for network, differences in measured.items()
        for name, value in differences.items()
        if not value <= limits.get(name, MAX_DIFFERENCE)
    ]


def conventions(model: ModelFile, detector: DetectorFile, networks: tuple[Network, ...]) -> dict:
    """What a program needs to use the networks, in JSON's types."""
    return {
        "opset": OPSET,
        "type": "float32",
        "networks": {network.name: _described(network) for network in networks},
        "fingerposenet": {
            "made_from_sha256": checksum(model.path),
            "input": {
                "prepared_by": "fingerpose_ros.perception.pose.crop.Crop.image",
                "half_size_m": HALF_CUBE_MM / 1000,
                "value": "(depth along the crop's axis - distance of the centre) / half_size_m",
                "background": BACKGROUND,
                "left_hands": "mirrored",
            },
            "output": {
                "converted_by": "fingerpose_ros.perception.pose.crop.Crop.to_points",
                "joints": list(JOINTS),
                "uvd": "[-1, 1] across the cube: right, down, away from the camera",
                "sigma": "standard deviations of uvd; calibrated: sigma_scale * sigma ** sigma_power",
                "logits": "right hand, hand present; probability: sigmoid(logit / temperature)",
                "calibrated_by": "fingerpose_ros.perception.pose.calibration.Calibration.apply",
            },
            "calibration": asdict(model.calibration),
        },
        "detector": {
            "made_from_sha256": checksum(detector.path),
            "input": {
                "prepared_by": "fingerpose_ros.perception.detection.surface: decimated, surface_points, metric_crops",
                "working_focal_pixels": WORKING_FOCAL,
                "half_size_m": {"crops": PROPOSAL_HALF, "context": CONTEXT_HALF, "detail": DETAIL_HALF},
                "value": "(depth - depth of the centre) / half_size_m, limited to [-1, 1]",
                "invalid_pixels": 1.0,
                "outside_the_image": -1.0,
            },
            "output": {
                "proposal": {"logits": "a palm is near", "offset_unit_m": PROPOSAL_HALF},
                "classifier": {
                    "logits": "the candidate is a hand",
                    "offset_unit_m": DETAIL_HALF,
                    "directions": "from the wrist to the fingers' MCPs, not of unit length",
                },
            },
            "confidence": asdict(detector.confidence),
            "largest_logit": LARGEST_LOGIT,
        },
    }


def _described(network: Network) -> dict:
    return {
        "file": f"{network.name}.onnx",
        "sha256": hashlib.sha256(network.data).hexdigest(),
        "inputs": {name: list(shape) for name, shape in network.inputs.items()},
        "outputs": {name: list(shape) for name, shape in network.outputs.items()},
    }


def _convert(name: str, module: nn.Module, inputs: dict[str, Tensor], outputs: tuple[str, ...]) -> Network:
    """Convert a module to ONNX for inputs of exactly these shapes.

    A dynamic batch would keep computations of shapes in the graph, which engines of NPUs do not take. Nodes lose their
    metadata: it names the files of the machine that exported them.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    program = torch.onnx.export(
        module, tuple(inputs.values()), input_names=list(inputs), output_names=list(outputs),
        opset_version=OPSET, dynamo=True, verbose=False,
    )  # fmt: skip
    proto = program.model_proto
    graph = proto.graph
    for part in (proto, graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
        del part.metadata_props[:]
    onnx.checker.check_model(proto, full_check=True)
    if [domain.version for domain in proto.opset_import if domain.domain == ""] != [OPSET]:
        raise RuntimeError(f"PyTorch wrote {name} in another opset than {OPSET}: {proto.opset_import}")
    shapes = [
        {value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim) for value in values}
        for values in (graph.input, graph.output)
    ]
    return Network(name, proto.SerializeToString(), *shapes)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="./run training export_onnx", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="", help="file of the pose network; default: that of the package")
    parser.add_argument("--detector", default="", help="file of the detector; default: that of the package")
    parser.add_argument("--out", type=Path, required=True, help="folder for the ONNX files")
    arguments = parser.parse_args(argv)
    try:
        described = export(arguments.model, arguments.detector, arguments.out)
    except (OSError, ValueError) as error:
        parser.exit(1, f"error: {error}\n")
    for network in described["networks"].values():
        print(f"{arguments.out / network['file']}: {network['inputs']} -> {network['outputs']}")
    print(f"largest differences between ONNX Runtime and OpenVINO: {described['difference']}")
