"""Evaluate a network on a benchmark's test split, by the benchmark's protocol.

    ./run training evaluate dataset --dataset nyu --root DIR --weights average.safetensors --centres FILE --json OUT
    ./run training evaluate dataset --dataset msra --root DIR --held-out P3 --weights average.safetensors

    ./run training evaluate dataset --dataset hands2019 --root DIR --weights ... --submission result.zip
    ./run training evaluate dataset --dataset ho3d --root DIR --weights ... --submission pred.zip

`--weights` takes a network saved by training; `--model` takes a model file made by `./run training export`.

ICVL, NYU and MSRA: without `--centres` (V2V-PoseNet's precomputed ones) the cubes are centred on the true joints. The
results are then better than a paper's, and the output states it.

HANDS2019: the archive is for the challenge's server. With the test joints in `test_joint_annotation.txt`, errors are
reported too, and means by split with `--splits FILE` (one line per frame: name, split).

HO-3D: with `evaluation_xyz.json` beside `evaluation.txt`, errors are reported too: raw, root-, scale-and-translation-
and Procrustes-aligned.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fingerpose_ros.files import write_text
from fingerpose_ros.perception.pose.crop import Crop
from fingerpose_ros.perception.pose.network import load_network
from fingerpose_ros.perception.pose.prediction import Backend
from training.datasets import DATASETS, DatasetError, HandDataset, Sample, open_dataset
from training.datasets.ho3d import MIDDLE_MCP, WRIST
from training.datasets.msra import CUBES_M
from training.datasets.pack import Packed
from training.datasets.reading import read_lines
from training.export.reference_backend import ReferenceBackend, trained_size

from . import metrics
from .models import add_model_arguments, make_backend
from .prediction_files import write_predictions
from .report import figure, table
from .submissions import required_frames, write_hands2019, write_ho3d

BATCH = 16
CHALLENGES = ("hands2019", "ho3d")
"""Datasets whose results are submitted to a server."""
SPLITS = ("extrapolation", "interpolation", "shape", "articulation", "viewpoint")
"""Splits of HANDS2019's test set."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", required=True, choices=DATASETS)
    parser.add_argument("--root", required=True, type=Path, help="folder of the official files")
    parser.add_argument("--held-out", choices=CUBES_M, help="MSRA: the subject to test on")
    parser.add_argument("--centres", type=Path, help="ICVL, NYU, MSRA: precomputed centres of the cubes")
    parser.add_argument("--splits", type=Path, help="HANDS2019: the split of each frame")
    parser.add_argument("--json", type=Path, help="write all metrics here")
    parser.add_argument("--figure", type=Path, help="draw the error curves here")
    parser.add_argument("--predictions", type=Path, help="write the joints in the common text format (ICVL, NYU, MSRA)")
    parser.add_argument("--submission", type=Path, help="write the challenge's archive (HANDS2019, HO-3D)")
    parser.add_argument("--weights", type=Path, help="a network saved by training, run in PyTorch on the CPU")
    parser.add_argument("--size", type=int, help="with --weights: edge of its input, pixels; default: as in training")
    add_model_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    options = {name: value for name in ("held_out", "centres") if (value := getattr(arguments, name)) is not None}
    dataset = open_dataset(arguments.dataset, arguments.root, "test", **options)
    check(dataset, arguments)
    if arguments.weights:
        size = arguments.size or trained_size(arguments.weights)
        backend: Backend = ReferenceBackend(load_network(arguments.weights), size)
    else:
        backend = make_backend(arguments)
    evaluate(dataset, backend, arguments)


def check(dataset: HandDataset, arguments: argparse.Namespace) -> None:
    """Reject invalid arguments before the evaluation, which takes hours.

    Raises:
        ValueError: outputs that the dataset does not support, two networks, or options that do not apply.
        FileNotFoundError: the splits file or a folder to write to does not exist.
        DatasetError: the splits file has an invalid line.
    """
    name = arguments.dataset
    if arguments.weights and arguments.model:
        raise ValueError("--weights and --model are both given; one network can be evaluated")
    if arguments.weights and (arguments.backend, arguments.device, arguments.precision) != ("auto", "auto", "f32"):
        raise ValueError("--weights run in PyTorch on the CPU in f32: --backend, --device, --precision go with --model")
    if arguments.size and not arguments.weights:
        raise ValueError("--size goes with --weights: a model has its own")
    for option in ("json", "figure", "predictions", "submission"):
        path = getattr(arguments, option)
        if path and not path.absolute().parent.is_dir():
            raise FileNotFoundError(f"--{option} {path}: there is no folder {path.parent}")
    if arguments.submission and name not in CHALLENGES:
        raise ValueError(f"{name} has no challenge to submit to; use --predictions")
    if arguments.submission and len(dataset) != required_frames(name):
        raise ValueError(
            f"the challenge requires {required_frames(name)} frames, and {arguments.root} has {len(dataset)}"
        )
    if arguments.predictions and name in CHALLENGES:
        raise ValueError(f"{name} has no results in the common text format; use --submission")
    if arguments.predictions and isinstance(dataset, Packed):
        raise ValueError(f"{arguments.root} is packed (cropped images): --predictions needs the official files")
    if arguments.splits and name != "hands2019":
        raise ValueError(f"--splits is for hands2019, not {name}")
    if arguments.splits:
        read_splits(arguments.splits, ())


def evaluate(dataset: HandDataset, backend: Backend, arguments: argparse.Namespace) -> None:
    """Estimate every frame of `dataset`; print and write the requested results."""
    estimate, truth, valid, names = estimate_all(dataset, backend)
    if arguments.predictions:
        write_predictions(arguments.predictions, estimate, dataset.camera)
    if arguments.submission:
        if arguments.dataset == "hands2019":
            write_hands2019(arguments.submission, names, estimate)
        else:
            write_ho3d(arguments.submission, estimate)
    if not valid.all():
        print("The test joints are not available: no errors are computed, and --json and --figure are not written.")
        return
    scores, notes = score(arguments.dataset, dataset, estimate, truth, names, arguments.splits)
    if arguments.dataset in ("icvl", "nyu", "msra") and not arguments.centres:
        notes.append("The cubes were centred on the true joints: not comparable with published results.")
    print("\n".join([table(scores), *notes]))
    about = {"dataset": arguments.dataset, "model": backend.description, "size": backend.input_size}
    if arguments.json:
        write_text(arguments.json, json.dumps(about | {"notes": notes, "results": scores}) + "\n")
    if arguments.figure:
        figure(scores, arguments.figure)


def estimate_all(dataset: HandDataset, backend: Backend) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]:
    """Of all frames: scored joints, estimated and true (frames, E, 3) in metres, known ones (frames, E) bool, names."""
    chosen, estimates, truths, valids, names = list(dataset.joints.evaluated), [], [], [], []
    for samples in tqdm(_batches(dataset), total=-(-len(dataset) // BATCH), unit="batches"):
        crops = [Crop(_centre(sample), sample.cube_m / 2, mirrored=not sample.right) for sample in samples]
        images = [crop.image(s.depth_m, s.camera, backend.input_size) for crop, s in zip(crops, samples, strict=True)]
        uvd = backend.infer(np.stack(images)[:, None]).uvd
        hands = np.array([crop.to_points(one) for crop, one in zip(crops, uvd, strict=True)])
        estimates.append(dataset.joints.evaluated_from_hand(hands))
        truths.append([sample.joints_m[chosen] for sample in samples])
        valids.append([sample.valid[chosen] for sample in samples])
        names += [sample.name for sample in samples]
    return np.concatenate(estimates), np.concatenate(truths), np.concatenate(valids), tuple(names)


def score(
    name: str,
    dataset: HandDataset,
    estimate: np.ndarray,
    truth: np.ndarray,
    names: tuple[str, ...],
    splits: Path | None,
) -> tuple[dict[str, dict], list[str]]:
    """Name of the row -> its `metrics.summary`; and notes to print below the table."""
    joints, groups = dataset.joints.evaluated_names, dataset.joints.groups()

    def row(aligned: np.ndarray, frames: np.ndarray | slice = slice(None)) -> dict:
        errors = metrics.joint_errors(1000 * aligned[frames], 1000 * truth[frames])
        return metrics.summary(errors, joints, groups)

    rows, notes = {name: row(estimate)}, []
    if name == "ho3d":
        scaled = metrics.align_scale_translation(estimate, truth, WRIST, MIDDLE_MCP)
        rows["root-aligned"] = row(metrics.align_root(estimate, truth, WRIST))
        rows["scale-translation-aligned"] = row(scaled)
        rows["Procrustes-aligned"] = row(metrics.align_procrustes(estimate, truth))
    if name == "hands2019":
        if splits:
            of_frame = read_splits(splits, names)
            rows |= {split: row(estimate, of_frame == split) for split in SPLITS if (of_frame == split).any()}
        else:
            notes.append("No means by split without --splits: the dataset's files do not contain the split of a frame.")
    return rows, notes


def read_splits(path: Path, names: tuple[str, ...]) -> np.ndarray:
    """A file of `name split` lines -> the split of each of the images `names`, (frames,).

    Raises:
        DatasetError: an invalid line, an unknown split, or an image missing from the file.
    """
    of_name = {}
    for line, text in read_lines(path):
        fields = text.split()
        if len(fields) != 2 or fields[1] not in SPLITS:
            raise DatasetError(path, f"{text[:60]!r} is not a name and one of {', '.join(SPLITS)}", line=line)
        of_name[fields[0]] = fields[1]
    missing = [name for name in names if name not in of_name]
    if missing:
        raise DatasetError(path, f"has no split for {missing[0]} (and {len(missing) - 1} more)")
    return np.array([of_name[name] for name in names])


def _batches(dataset: HandDataset) -> Iterator[list[Sample]]:
    for first in range(0, len(dataset), BATCH):
        yield [dataset[i] for i in range(first, min(first + BATCH, len(dataset)))]


def _centre(sample: Sample) -> np.ndarray:
    """The cube's centre; half a metre in front of the camera if unknown, so that every frame has an estimate."""
    return sample.centre_m if np.isfinite(sample.centre_m).all() else np.array([0, 0, 0.5])
