"""Make a model file for the node from trained weights.

    ./run training export --weights runs/full/average.safetensors --out models

The tool rounds the weights to 16 bits, adds OpenVINO graphs and quantises them for int8. It calibrates the uncertainty
in float32 and in int8 on synthetic hands (minutes), and measures on others what int8 costs in accuracy. It then
compares all backends for the model file, and a reference backend with the weights before rounding. They are compared on
synthetic crops, and on recorded ones if FINGERPOSE_TEST_DATA names a folder of them.

Only if all agree and int8 costs little, the model is written to `--out`: `fingerposenet.safetensors`,
`fingerposenet_int8.safetensors`, their checksums, and `export.json` with the measured results. Afterwards run
`./run training export_detector`, which fits the confidence for both.
"""

import argparse
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

import openvino as ov
import torch
from torch import Tensor

from fingerpose_ros.files import write_text
from fingerpose_ros.perception import backends
from fingerpose_ros.perception.backends.openvino_backend import OpenVinoBackend
from fingerpose_ros.perception.pose.calibration import Calibration
from fingerpose_ros.perception.pose.model_file import (
    DEFAULT_NAME,
    WEIGHTS_KEY,
    ModelFile,
    checksum,
    checksum_file,
    int8_path,
)
from fingerpose_ros.perception.pose.network import FingerPoseNet, load_network
from fingerpose_ros.perception.pose.network.weights import CONFIG_KEY, load_tensors, save_tensors
from fingerpose_ros.perception.pose.prediction import Backend
from training.progress import progress

from . import calibrate
from .agreement import MEAN_MM, P99_MM, agrees, distances, recorded_crops, synthetic_crops
from .cost import cost, too_costly
from .openvino_graph import add_graphs, pose_graphs
from .quantisation import quantised
from .reference_backend import ReferenceBackend, trained_size

SYNTHETIC_CROPS = 256

KEPT = ("trunk.backbone.conv1", "trunk.backbone.layer1", "trunk.backbone.layer2", "readout")
"""Beginnings of the names of weights that a file for int8 stores in 16 bits, as their layers are not quantised."""

NOT_CALIBRATED = Calibration((1, 1, 1), (1, 1, 1), 1, 1)


def sixteen_bit(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights in their stored precision: float16, except vectors (normalisation, biases), which are small: float32.

    float16 rounds eight times finer than bfloat16.

    Raises:
        ValueError: a weight is too large for float16.
    """
    stored = {}
    for name, tensor in state.items():
        stored[name] = tensor.half() if tensor.is_floating_point() and tensor.ndim > 1 else tensor
        if not stored[name].isfinite().all():
            raise ValueError(f"{name} does not fit 16 bits: its largest value is {tensor.abs().max():g} of 65504")
    return stored


def export(weights: Path, size: int, out: Path, samples: int) -> dict:
    """Write the model file, its checksum and a report of the measured results to `out`. Returns the report.

    Args:
        weights: a network as `./run training train` saves it.
        size: side of the model's input images, pixels: a multiple of 32.
        samples: number of synthetic crops to calibrate on, and of others to check the calibration.

    Raises:
        FileNotFoundError, ValueError: the weights cannot be used, the backends do not agree, or int8 costs too much.
    """
    if size % 32 or size < 64:
        raise ValueError(f"size {size} is not a multiple of 32 from 64 up")
    if samples < 1:
        raise ValueError(f"{samples} samples to calibrate on; at least one is needed")
    trained = load_network(weights)
    metadata = load_tensors(weights)[1]
    source = {key: metadata[key] for key in ("samples", "training", "history") if key in metadata}
    stored = sixteen_bit(trained.state_dict())
    network = FingerPoseNet(trained.config).eval()
    network.load_state_dict(stored)

    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as folder:
        path = Path(folder, DEFAULT_NAME)
        header = {CONFIG_KEY: json.dumps(asdict(network.config)), "input_size": str(size), **source}
        write(path, stored, pose_graphs(network, size), header)
        in_float32 = {name: tensor for name, tensor in stored.items() if name.startswith(KEPT)}
        int8 = quantised(pose_graphs(network, size), size)
        write(int8_path(path), in_float32, int8, header | {WEIGHTS_KEY: checksum(path)})

        print(f"calibrating on {samples} synthetic crops, checking on as many others", flush=True)
        report = {"size": size, "samples_seen": int(source.get("samples", 0))} | calibrated(path, samples)
        if costly := too_costly(report["int8"]["accuracy"]):
            raise ValueError(f"nothing is written: int8 is too inexact: {'; '.join(costly)}")
        report |= {"bytes": path.stat().st_size, "sha256": checksum(path)}
        report["int8"] |= {"bytes": int8_path(path).stat().st_size, "sha256": checksum(int8_path(path))}
        report["agreement"] = compare(path, trained, network)
        print(agreement_table(report["agreement"]))
        differing = [f"{row['what']} on {row['crops']} crops" for row in report["agreement"] if not agrees(row)]
        if differing:
            limits = f"mean {MEAN_MM} mm and 99th percentile {P99_MM} mm"
            raise ValueError(f"nothing is written: {'; '.join(differing)} differ by more than {limits}")
        write_text(out / "export.json", json.dumps(report, indent=1) + "\n")
        for file in (path, int8_path(path)):
            os.replace(checksum_file(file), checksum_file(out / file.name))
            os.replace(file, out / file.name)
    return report


def write(
    path: Path, tensors: dict[str, Tensor], graphs: dict[str, ov.Model], header: dict[str, str],
    calibration: Calibration = NOT_CALIBRATED,
) -> None:  # fmt: skip
    """Write a model file and its checksum.

    Args:
        tensors: the stored weights; in a file for int8 those of the layers in float32. Its graphs have the others.
        graphs: see `openvino_graph.pose_graphs`.
        header: the rest of the file's header.
    """
    save_tensors(path, tensors, header | {"calibration": json.dumps(asdict(calibration))})
    add_graphs(path, graphs)
    sign(path)


def sign(path: Path) -> None:
    """Make a model file readable for all (safetensors makes it so for its owner only), and write its checksum."""
    path.chmod(0o644)
    checksum_file(path).write_text(f"{checksum(path)}  {path.name}\n")


def calibrated(path: Path, samples: int) -> dict:
    """Calibrate the model at `path` and its file for int8, in place. Returns their part of the report."""
    engines = {p: OpenVinoBackend(ModelFile.open(path, p), p, torch.get_num_threads()) for p in ("f32", "int8")}
    networks = {name: engine.raw for name, engine in engines.items()}
    size = engines["f32"].input_size
    fitted = calibrate.predict(networks, size, calibrate.FIT_SEED, samples)
    checked = calibrate.predict(networks, size, calibrate.CHECK_SEED, samples)
    parts = {}
    for name, file in (("f32", path), ("int8", int8_path(path))):
        calibration = calibrate.fit(fitted[name])
        held_out = calibrate.evaluate(calibration, checked[name])
        print(f"{name}:\n{coverage_table(held_out['coverage'])}")
        if not held_out["within_tolerance"]:
            print("NOT WITHIN TOLERANCE: the predicted intervals contain too many or too few errors; see the table")
        tensors, metadata = load_tensors(file)
        metadata["calibration"] = json.dumps(asdict(calibration))
        if name == "int8":
            metadata[WEIGHTS_KEY] = checksum(path)
        save_tensors(file, tensors, metadata)  # the graphs' offsets stay, as they count from the first tensor
        sign(file)
        parts[name] = {"calibration": asdict(calibration), "held_out": held_out}
    parts["int8"]["accuracy"] = cost(checked["f32"], checked["int8"])
    print(cost_table(parts["int8"]["accuracy"]))
    return parts["f32"] | {"int8": parts["int8"]}


def cost_table(report: dict) -> str:
    """Accuracy in float32 and in int8, as text."""
    lines = [f"{'':<12}{'float32':>9}{'int8':>9}{'worse by':>10}"]
    for name, worse in report["cost"].items():
        lines.append(f"{name:<12}{report['float32'][name]:9.3f}{report['int8'][name]:9.3f}{worse:10.2%}")
    return "\n".join(lines)


def compare(path: Path, trained: FingerPoseNet, stored: FingerPoseNet) -> list[dict]:
    """Compare every backend for the model at `path` on this machine with PyTorch in float32: rows of a table.

    `trained` is the network before rounding; `stored` has the weights of the model at `path`.
    """
    reference = backends.create_backend("torch", "cpu", path, "f32")
    size = reference.input_size
    others: list[Backend] = [ReferenceBackend(trained, size), backends.create_backend("openvino", "cpu", path, "f32")]
    try:
        others.append(backends.create_backend("openvino", "cpu", path, "bf16"))
    except ValueError as error:
        print(f"bf16 is emulated in software, which takes minutes. {error}")
        others.append(ReferenceBackend(stored, size, bf16=True))
    crops = {"synthetic": synthetic_crops(size, SYNTHETIC_CROPS)}
    recorded = recorded_crops(size)
    if recorded is not None:
        crops["recorded"] = recorded
    pairs = [(kind, images, other) for kind, images in crops.items() for other in others]
    return [
        {"what": other.description, "crops": kind, "count": len(images)} | distances(reference, other, images)
        for kind, images, other in progress(pairs, "backends compared", "comparisons")
    ]


def coverage_table(coverage: dict) -> str:
    """Fractions of errors within one and within 1.96 standard deviations, as text."""
    lines = [f"{'within':<10}{'u':>8}{'v':>8}{'d':>8}"]
    for group, levels in coverage.items():
        for level, fractions in levels.items():
            lines.append(f"{group[:7] + ' ' + level:<10}" + "".join(f"{fraction:8.1%}" for fraction in fractions))
    return "\n".join(lines)


def agreement_table(rows: list[dict]) -> str:
    """Differences from PyTorch in float32, as text."""
    lines = [f"{'mean mm':>8}{'p99 mm':>8}  against PyTorch in f32"]
    for row in rows:
        verdict = "" if agrees(row) else "  TOO FAR"
        where = f"{row['count']} {row['crops']} crops: {row['what']}"
        lines.append(f"{row['mean_mm']:8.3f}{row['p99_mm']:8.3f}  {where}{verdict}")
    return "\n".join(lines)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="./run training export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True, help="average.safetensors of a training run")
    parser.add_argument("--size", type=int, help="side of the network's input in pixels; default: as in training")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument(
        "--samples", type=int, default=3072, help="number of synthetic crops to calibrate on, and to check on"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads for PyTorch")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    try:
        size = trained_size(arguments.weights) if arguments.size is None else arguments.size
        report = export(arguments.weights, size, arguments.out, arguments.samples)
    except (OSError, ValueError) as error:
        parser.exit(1, f"error: {error}\n")
    sizes = f"{report['bytes'] / 1e6:.1f} MB, for int8 {report['int8']['bytes'] / 1e6:.1f} MB"
    print(f"{arguments.out / DEFAULT_NAME}: {sizes}, {report['samples_seen']} samples seen")
