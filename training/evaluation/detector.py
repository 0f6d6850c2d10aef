"""Evaluate a detector's weights alone, without the pose network: palms proposed, and hands by its classifier's score.

    ./run training evaluate detector FOLDER... --weights runs/detection/detector.safetensors --json detector.json

Folders, matching and figures are those of `evaluate detection`. "Proposed" is the fraction of palms within 80 mm of one
of the candidates of the proposal network. A detection is a candidate with the palm and the score that the classifier
gives it, at most `max_hands` an image for "found" and "false". Images are decimated as in training.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from fingerpose_ros.files import write_text
from fingerpose_ros.perception.detection.network import ClassifierNetwork
from fingerpose_ros.perception.pose.network.weights import load_tensors
from fingerpose_ros.perception.settings import EstimatorSettings
from training.learning.checkpoint import with_prefix
from training.learning.detection.inference import WORKING_FOCAL, Proposer, classify
from training.learning.detection.samples import CANDIDATES, best_candidates
from training.progress import progress
from training.rendering.composed_images import decimation

from .detection import open_sets
from .detection_report import mean_report, set_report, text
from .detection_scoring import MATCH_DISTANCE, STRICT_DISTANCE, Matches
from .detection_sets import DetectionSet


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="a set, or a folder of sets")
    parser.add_argument("--weights", type=Path, required=True, help="of a run of configs/detection.yaml")
    parser.add_argument("--min-score", type=float, default=0.5, help="for found and false")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all figures here")


def run(arguments: argparse.Namespace) -> None:
    sets, not_labelled = open_sets(arguments.folders, EstimatorSettings())
    if not sets:
        raise ValueError(f"no image is labelled in {', '.join(map(str, arguments.folders))}")
    proposer, classifier = open_detector(arguments.weights)
    evaluated, reports, fractions = [], {}, []
    for one in sets:
        print(f"{one.name}: {len(one.labelled)} images", file=sys.stderr, flush=True)
        parts, proposed = evaluate(one, proposer, classifier, arguments.min_score)
        evaluated.append(parts)
        reports[str(one.folder.path)] = {"name": one.name, "proposed": proposed} | set_report(*parts)
        fractions += [] if proposed is None else [proposed]
    report = {
        "model": str(arguments.weights),
        "followed_hz": None,
        "settings": {"min_score": arguments.min_score, "candidates": CANDIDATES},
        "sets": reports,
        "not_labelled": not_labelled,
        "mean": mean_report(evaluated) | {"proposed": float(np.mean(fractions)) if fractions else None},
    }
    print(text(report))
    for result in reports.values():
        if result["proposed"] is not None:
            print(f"{result['name']}: {100 * result['proposed']:.0f} % of palms proposed")
    if fractions:
        print(f"mean: {100 * np.mean(fractions):.1f} % of palms proposed by {CANDIDATES} candidates")
    if arguments.json:
        write_text(arguments.json, json.dumps(report, indent=1, allow_nan=False) + "\n")


def open_detector(weights: Path) -> tuple[Proposer, ClassifierNetwork]:
    """Both networks of a weights file.

    Raises:
        FileNotFoundError, ValueError: it is missing, or has other tensors.
    """
    tensors = load_tensors(weights)[0]
    classifier = ClassifierNetwork().eval()
    try:
        classifier.load_state_dict(with_prefix("classifier.", tensors))
        return Proposer(weights), classifier
    except RuntimeError as error:
        raise ValueError(f"{weights} holds no detector: {error}") from error


def evaluate(
    one: DetectionSet, proposer: Proposer, classifier: ClassifierNetwork, min_score: float
) -> tuple[tuple[Matches, Matches, Matches], float | None]:
    """Matches of a set at `min_score` within 80 and 60 mm, and for all scores; and the fraction of palms proposed."""
    matches, strict, swept = parts = (
        Matches(len(one.labelled)),
        Matches(len(one.labelled)),
        Matches(len(one.labelled)),
    )
    rng, near, most = np.random.default_rng(0), [], EstimatorSettings().max_hands
    for n, i in enumerate(progress(one.labelled, one.name)):
        step = decimation(one.folder.camera.fx, WORKING_FOCAL)
        camera = one.folder.camera.scaled(step)
        depth = np.ascontiguousarray(one.folder.depth(i)[::step, ::step])
        candidates = proposer.propose(rng, depth, camera).candidates()
        distances = np.linalg.norm(candidates[:, None] - one.palms[i], axis=2)
        near += (distances < MATCH_DISTANCE).any(0).tolist() if len(candidates) else [False] * len(one.palms[i])
        logits, palms = classify(classifier, depth, camera, candidates)
        kept = best_candidates(palms, logits, most)
        scores, palms = 1 / (1 + np.exp(-logits[kept])), palms[kept]
        sure = scores >= min_score
        for part, which, radius in (
            (matches, sure, MATCH_DISTANCE), (strict, sure, STRICT_DISTANCE), (swept, scores >= 0, MATCH_DISTANCE)
        ):  # fmt: skip
            labels = one.palms[i], one.ignored[i], one.folder.camera.fx
            part.add(n, scores[which].tolist(), palms[which], *labels, radius)
    return parts, float(np.mean(near)) if near else None
