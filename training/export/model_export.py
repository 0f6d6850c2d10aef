"""Make the model that ships from the weights that training leaves.

    ./run training export --weights runs/full/average.safetensors --out models

Rounds the weights to 16 bits, calibrates the uncertainty on synthetic hands (minutes), adds OpenVINO's graphs, and
holds all ways to run the model against each other, and against the weights as trained: on synthetic crops, and on
recorded ones where FINGERPOSE_TEST_DATA names a folder of them. Only if they agree the model is written to `--out`:
`fingerposenet.safetensors`, its checksum, and `export.json` with what was measured.
"""

import argparse
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from fingerpose_ros.perception import backends
from fingerpose_ros.perception.pose.model_file import DEFAULT_NAME, checksum, checksum_file
from fingerpose_ros.perception.pose.network import FingerPoseNet, load_network
from fingerpose_ros.perception.pose.network.weights import CONFIG_KEY, load_tensors, save_tensors
from fingerpose_ros.perception.pose.prediction import Backend

from . import calibrate
from .agreement import MEAN_MM, P99_MM, agrees, distances, recorded_crops, synthetic_crops
from .openvino_graph import add_graphs
from .reference_backend import ReferenceBackend, trained_size

SYNTHETIC_CROPS = 256


def sixteen_bit(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights as they are stored: float16, but vectors (normalisation, biases), which weigh nothing, in float32.

    float16 and not bfloat16, as it rounds eight times finer.

    Raises:
        ValueError: a weight that is too large for float16.
    """
    stored = {}
    for name, tensor in state.items():
        stored[name] = tensor.half() if tensor.is_floating_point() and tensor.ndim > 1 else tensor
        if not stored[name].isfinite().all():
            raise ValueError(f"{name} does not fit 16 bits: its largest value is {tensor.abs().max():g} of 65504")
    return stored


def export(weights: Path, size: int, out: Path, samples: int) -> dict:
    """Make the model file and its checksum in `out`; gives, and writes beside them, what was measured.

    Args:
        weights: a network as `./run training train` saves it.
        size: side of the images the model will take, pixels: a multiple of 32.
        samples: synthetic crops to calibrate on, and as many to check that on.

    Raises:
        FileNotFoundError, ValueError: the weights cannot be used, or the ways to run them do not agree.
    """
    if size % 32 or size < 64:
        raise ValueError(f"size {size} is not a multiple of 32 from 64 up")
    if samples < 1:
        raise ValueError(f"{samples} samples to calibrate on; there must be some")
    trained = load_network(weights)
    told = load_tensors(weights)[1]
    source = {key: told[key] for key in ("samples", "training", "history") if key in told}
    stored = sixteen_bit(trained.state_dict())
    network = FingerPoseNet(trained.config).eval()
    network.load_state_dict(stored)

    print(f"calibrating on {samples} synthetic crops, and checking on as many others", flush=True)
    calibration = calibrate.fit(calibrate.ask(network, size, calibrate.FIT_SEED, samples))
    held = calibrate.measure(calibration, calibrate.ask(network, size, calibrate.CHECK_SEED, samples))
    print(coverage_table(held["coverage"]))
    if not held["within_tolerance"]:
        print("NOT WITHIN TOLERANCE: the stated intervals hold more or fewer errors than they say; see the table")

    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as folder:
        path = Path(folder, DEFAULT_NAME)
        header = {CONFIG_KEY: json.dumps(asdict(network.config)), "input_size": str(size)}
        header |= {"calibration": json.dumps(asdict(calibration)), **source}
        save_tensors(path, stored, header)
        add_graphs(path, network, size)
        path.chmod(0o644)  # safetensors lets only the owner read
        checksum_file(path).write_text(f"{checksum(path)}  {path.name}\n")

        report = {"size": size, "samples_seen": int(source.get("samples", 0)), "bytes": path.stat().st_size}
        report |= {"sha256": checksum(path), "calibration": asdict(calibration), "held_out": held}
        report["agreement"] = compare(path, trained, network)
        print(agreement_table(report["agreement"]))
        apart = [f"{row['what']} on {row['crops']} crops" for row in report["agreement"] if not agrees(row)]
        if apart:
            bar = f"mean {MEAN_MM} mm and 99th percentile {P99_MM} mm"
            raise ValueError(f"nothing is written: {'; '.join(apart)} differ by more than {bar}")
        (out / "export.json").write_text(json.dumps(report, indent=1) + "\n")
        os.replace(checksum_file(path), checksum_file(out / DEFAULT_NAME))
        os.replace(path, out / DEFAULT_NAME)
    return report


def compare(path: Path, trained: FingerPoseNet, stored: FingerPoseNet) -> list[dict]:
    """Every way to run the model at `path` on this machine, against PyTorch's float32: rows of a table.

    `trained` is the network as training left it, `stored` as the model at `path` holds it.
    """
    reference = backends.create_backend("torch", "cpu", path, "f32")
    size = reference.input_size
    others: list[Backend] = [ReferenceBackend(trained, size), backends.create_backend("openvino", "cpu", path, "f32")]
    try:
        others.append(backends.create_backend("openvino", "cpu", path, "bf16"))
    except ValueError as error:
        print(f"bf16 is checked in software, which takes minutes. {error}")
        others.append(ReferenceBackend(stored, size, bf16=True))
    crops = {"synthetic": synthetic_crops(size, SYNTHETIC_CROPS)}
    recorded = recorded_crops(size)
    if recorded is not None:
        crops["recorded"] = recorded
    return [
        {"what": other.description, "crops": kind, "count": len(images)} | distances(reference, other, images)
        for kind, images in crops.items()
        for other in others
    ]


def coverage_table(coverage: dict) -> str:
    """Shares of errors within one and within 1.96 standard deviations, for people."""
    lines = [f"{'within':<10}{'u':>8}{'v':>8}{'d':>8}"]
    for group, levels in coverage.items():
        for level, shares in levels.items():
            lines.append(f"{group[:7] + ' ' + level:<10}" + "".join(f"{share:8.1%}" for share in shares))
    return "\n".join(lines)


def agreement_table(rows: list[dict]) -> str:
    """Distances from PyTorch in float32, for people."""
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
    parser.add_argument("--size", type=int, help="side of the network's input in pixels, if not as trained")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument("--samples", type=int, default=4096, help="synthetic crops to calibrate on, and to check on")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads for PyTorch")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)
    try:
        size = trained_size(arguments.weights) if arguments.size is None else arguments.size
        report = export(arguments.weights, size, arguments.out, arguments.samples)
    except (OSError, ValueError) as error:
        parser.exit(1, f"error: {error}\n")
    print(f"{arguments.out / DEFAULT_NAME}: {report['bytes'] / 1e6:.1f} MB, {report['samples_seen']} samples seen")
