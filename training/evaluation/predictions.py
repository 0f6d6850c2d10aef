"""Score prediction files in the common text format: `u v d` per joint, one frame per line, plain or gzip.

./run training evaluate predictions --dataset nyu --truth truth.txt method.txt.gz ... --json scores.json
"""

import argparse
import json
from pathlib import Path

import numpy as np

from fingerpose_ros.files import write_text
from training.datasets import DATASETS

from . import metrics
from .prediction_files import read_predictions
from .report import figure, table

PIXEL_DATASETS = ("icvl", "nyu", "msra")
"""The datasets whose results are exchanged in this format."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", required=True, choices=PIXEL_DATASETS)
    parser.add_argument("--truth", required=True, type=Path, help="the test set's joints, in the same format")
    parser.add_argument("files", nargs="+", type=Path, help="predictions")
    parser.add_argument("--json", type=Path, help="write all metrics here")
    parser.add_argument("--figure", type=Path, help="draw the error curves here (PNG, PDF or SVG)")


def run(arguments: argparse.Namespace) -> None:
    scores = score_files(arguments.dataset, arguments.truth, arguments.files)
    print(table(scores))
    if arguments.json:
        write_text(arguments.json, json.dumps({"dataset": arguments.dataset, "files": scores}, indent=1) + "\n")
    if arguments.figure:
        figure(scores, arguments.figure)


def score_files(dataset: str, truth: Path, files: list[Path]) -> dict[str, dict]:
    """File name -> `metrics.summary` of its predictions.

    Raises:
        DatasetError: a file is not in the format.
        ValueError: a file and the truth differ in their number of frames.
    """
    joints, camera = DATASETS[dataset].joints, DATASETS[dataset].camera
    count = len(joints.evaluated)
    true_joints = _millimetres(read_predictions(truth, count), camera)
    scores = {}
    for file in files:
        predicted = _millimetres(read_predictions(file, count), camera)
        if len(predicted) != len(true_joints):
            raise ValueError(f"{file} has {len(predicted)} frames, {truth} has {len(true_joints)}")
        errors = metrics.joint_errors(predicted, true_joints)
        scores[str(file)] = metrics.summary(errors, joints.evaluated_names, joints.groups())
    return scores


def _millimetres(uvd: np.ndarray, camera) -> np.ndarray:
    return camera.back_project(uvd[..., :2], uvd[..., 2])
