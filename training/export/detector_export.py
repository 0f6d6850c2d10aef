"""Make a detector's file for the node from trained weights.

    ./run training export_detector --weights runs/detection/detector.safetensors --out models --backgrounds DIR...

The tool rounds the weights to 16 bits and adds OpenVINO graphs, also in int8 if the pose network has a file for it. It
fits the confidence, together with the pose network, on composed images of the recordings that choose thresholds
(minutes): one for float32 and bf16, and one for int8, from the same images. It checks both on other images. It
compares both engines.

Only if they agree, and int8 loses few hands, `--out` gets `detector.safetensors`, its checksum, and `detector.json`
with the measured results.
Whenever the pose network changes, run it again.
"""

import argparse
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import openvino as ov
import torch
from torch import nn

from fingerpose_ros.perception import backends
from fingerpose_ros.perception.backends.openvino_detection import OpenVinoDetectionNetworks
from fingerpose_ros.perception.backends.torch_detection import TorchDetectionNetworks
from fingerpose_ros.perception.detection.confidence import DETECTOR_ALONE, Confidence
from fingerpose_ros.perception.detection.model_file import CONFIDENCE_INT8, DEFAULT_NAME, INT8_SUFFIX, DetectorFile
from fingerpose_ros.perception.detection.network import detection_networks, load_detection_networks
from fingerpose_ros.perception.detection.prediction import CONTEXT_SIZE, DETAIL_SIZE, PROPOSAL_SIZE
from fingerpose_ros.perception.pose.model_file import checksum, checksum_file, int8_path, model_path
from fingerpose_ros.perception.pose.network.weights import load_tensors, save_tensors

from . import confidence_fit
from .model_export import sixteen_bit
from .openvino_graph import add_graphs, detection_graphs
from .quantisation import quantised_detection

THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.8, 0.9, 0.95)

MAX_DIFFERENCE = 0.02
"""Allowed difference of a logit between the engines."""

MAX_LOSS = 0.02
"""Share of the hands found in float32 at the default threshold that int8 may find fewer, both with their confidence."""


def write(
    path: Path, networks: nn.ModuleDict, int8: dict[str, ov.Model], confidence: dict[str, Confidence],
    metadata: dict[str, str],
) -> None:  # fmt: skip
    """Write a detector's file and its checksum.

    Args:
        int8: the graphs in int8 by name, or none.
        confidence: precision of the pose network, "f32" and maybe "int8" -> confidence.

    Raises:
        ValueError: a weight does not fit 16 bits.
    """
    keys = {"f32": "confidence", "int8": CONFIDENCE_INT8}
    header = {keys[name]: json.dumps(asdict(fitted)) for name, fitted in confidence.items()}
    header |= {"detector": "1"} | metadata
    stored = sixteen_bit(networks.state_dict())
    networks.load_state_dict(stored)
    save_tensors(path, stored, header)
    add_graphs(path, detection_graphs(networks) | {name + INT8_SUFFIX: graph for name, graph in int8.items()})
    path.chmod(0o644)  # safetensors makes it readable by the owner only
    checksum_file(path).write_text(f"{checksum(path)}  {path.name}\n")


def export(weights: Path, out: Path, backgrounds: tuple[Path, ...], images: int, model: str = "") -> dict:
    """Write the detector's file, its checksum and a report of the measured results to `out`. Returns the report.

    Args:
        weights: of a run of configs/detection.yaml.
        backgrounds: folders of recordings without hands.
        images: composed images to fit the confidence on, each with its hand-free copy, and as many to check it.
        model: file of the pose network; "" is the packaged one.

    Raises:
        FileNotFoundError, ValueError: the weights cannot be used, the engines do not agree, or int8 loses many hands.
    """
    networks = detection_networks().eval()
    load_detection_networks(weights, networks)
    metadata = load_tensors(weights)[1]
    source = {key: metadata[key] for key in ("images", "config") if key in metadata}
    precisions = ("f32", "int8") if int8_path(model_path(model)).is_file() else ("f32",)
    poses = {precision: backends.create_backend("openvino", "cpu", model, precision) for precision in precisions}
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as folder:
        path = Path(folder, DEFAULT_NAME)
        write(path, networks, {}, {"f32": DETECTOR_ALONE}, source)
        int8 = {}
        if "int8" in precisions:
            in_float32 = OpenVinoDetectionNetworks(DetectorFile.open(path))
            int8 = quantised_detection(detection_graphs(networks), in_float32, backgrounds)
            write(path, networks, int8, {"f32": DETECTOR_ALONE}, source)
        file = DetectorFile.open(path)
        engines = {p: (pose, OpenVinoDetectionNetworks(file, precision=p)) for p, pose in poses.items()}
        print(f"fitting the confidence in {' and '.join(precisions)}", flush=True)
        evidence = confidence_fit.collect(engines, backgrounds, confidence_fit.FIT_SEED, images)
        confidence = {precision: confidence_fit.fit(evidence[precision]) for precision in precisions}
        held_out = confidence_fit.collect(engines, backgrounds, confidence_fit.CHECK_SEED, images)
        checks = {p: confidence_fit.check(confidence[p], held_out[p], THRESHOLDS) for p in precisions}
        check_loss(checks)
        write(path, networks, int8, confidence, source)
        report = {"images_seen": int(source.get("images", 0)), "bytes": path.stat().st_size, "sha256": checksum(path)}
        report |= {"confidence": {name: asdict(fitted) for name, fitted in confidence.items()}}
        report |= {"checks": checks, "difference": difference(path)}
        if report["difference"] > MAX_DIFFERENCE:
            raise ValueError(f"nothing is written: the engines' logits differ by up to {report['difference']:.3f}")
        (out / "detector.json").write_text(json.dumps(report, indent=1) + "\n")
        os.replace(checksum_file(path), checksum_file(out / DEFAULT_NAME))
        os.replace(path, out / DEFAULT_NAME)
    return report


def check_loss(checks: dict[str, dict]) -> None:
    """Compare the hands found in int8 with those in float32.

    Raises:
        ValueError: int8 loses more than `MAX_LOSS`.
    """
    found, in_float32 = checks.get("int8", checks["f32"])["found"], checks["f32"]["found"]
    if found < (1 - MAX_LOSS) * in_float32:
        raise ValueError(
            f"nothing is written: int8 finds {found} hands, float32 {in_float32} (at most {MAX_LOSS:.0%} fewer)"
        )


def difference(path: Path) -> float:
    """Largest difference of a logit between OpenVINO and PyTorch, both in float32, on random crops."""
    rng = np.random.default_rng(0)
    one, other = OpenVinoDetectionNetworks(DetectorFile.open(path)), TorchDetectionNetworks.load(path)
    crops = rng.uniform(-1, 1, (100, PROPOSAL_SIZE, PROPOSAL_SIZE)).astype(np.float32)
    context = rng.uniform(-1, 1, (20, CONTEXT_SIZE, CONTEXT_SIZE)).astype(np.float32)
    detail = rng.uniform(-1, 1, (20, DETAIL_SIZE, DETAIL_SIZE)).astype(np.float32)
    pairs = zip(
        (one.propose(crops)[0], one.classify(context, detail).logits),
        (other.propose(crops)[0], other.classify(context, detail).logits),
        strict=True,
    )
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def text(report: dict) -> str:
    """The measured results, for people."""
    lines = [f"confidence: {report['confidence']}", f"engines differ by at most {report['difference']:.4f} in a logit"]
    for precision, result in report["checks"].items():
        lines.append(f"{precision}: {result['hands']} hands, calibration error {result['calibration_error']:.3f}")
        for threshold, row in result["thresholds"].items():
            kept, false = row["right_hands_kept"] or 0.0, row["hand_free_images_with_false"]
            lines.append(
                f"  {threshold:>5}: {kept:6.1%} of right hands kept, false in {false:6.2%} of hand-free images"
            )
        for source, row in result["by_source"].items():
            error = "-" if row["calibration_error"] is None else f"{row['calibration_error']:.3f}"
            false = f"false in {row['with_false']} of {row['hand_free_images']}"
            lines.append(f"  {source}: {row['hands']} hands, calibration error {error}, {false} hand-free images")
    return "\n".join(lines)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="./run training export_detector",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--weights", type=Path, required=True, help="detector.safetensors of a training run")
    parser.add_argument("--backgrounds", type=Path, nargs="+", required=True, metavar="DIR", help="as in training")
    parser.add_argument("--out", type=Path, required=True, help="folder for the detector")
    parser.add_argument("--model", default="", help="file of the pose network; default: that of the package")
    parser.add_argument("--images", type=int, default=400, help="composed images to fit the confidence on")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads for PyTorch")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    try:
        report = export(
            arguments.weights, arguments.out, tuple(arguments.backgrounds), arguments.images, arguments.model
        )
    except (OSError, ValueError) as error:
        parser.exit(1, f"error: {error}\n")
    print(text(report))
    print(f"{arguments.out / DEFAULT_NAME}: {report['bytes'] / 1e6:.2f} MB, {report['images_seen']} images seen")
