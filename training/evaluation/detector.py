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
from fingerpose_ros.perception.backends.torch_detection import TorchDetectionNetworks
from fingerpose_ros.perception.detection.confidence import DETECTOR_ALONE, sigmoid
from fingerpose_ros.perception.detection.detector import CANDIDATES, HandDetector
from fingerpose_ros.perception.detection.surface import decimated
from fingerpose_ros.perception.settings import EstimatorSettings
from training.progress import progress

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
    settings = EstimatorSettings()
    sets, not_labelled = open_sets(arguments.folders, settings)
    if not sets:
        raise ValueError(f"no image is labelled in {', '.join(map(str, arguments.folders))}")
    detector = HandDetector(TorchDetectionNetworks.load(arguments.weights), DETECTOR_ALONE)
    evaluated, reports, fractions = [], {}, []
    for one in sets:
        print(f"{one.name}: {len(one.labelled)} images", file=sys.stderr, flush=True)
        parts, proposed = evaluate(one, detector, arguments.min_score)
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


def evaluate(
    one: DetectionSet, detector: HandDetector, min_score: float
) -> tuple[tuple[Matches, Matches, Matches], float | None]:
    """Matches of a set at `min_score` within 80 and 60 mm, and for all scores; and the fraction of palms proposed."""
    matches, strict, swept = parts = tuple(Matches(len(one.labelled)) for _ in range(3))
    near, settings = [], EstimatorSettings()
    distances = settings.min_distance, settings.max_distance
    for n, i in enumerate(progress(one.labelled, one.name)):
        depth, camera = one.folder.depth(i), one.folder.camera
        candidates = detector.propose(*decimated(depth, camera), distances)
        apart = np.linalg.norm(candidates[:, None] - one.palms[i], axis=2)
        near += (apart < MATCH_DISTANCE).any(0).tolist() if len(candidates) else [False] * len(one.palms[i])
        detections = detector.detect(depth, camera, distances)[: settings.max_hands]
        scores = np.array([sigmoid(detection.logit) for detection in detections])
        palms = np.array([detection.palm for detection in detections]).reshape(-1, 3)
        sure = scores >= min_score
        for part, which, radius in (
            (matches, sure, MATCH_DISTANCE), (strict, sure, STRICT_DISTANCE), (swept, scores >= 0, MATCH_DISTANCE)
        ):  # fmt: skip
            part.add(n, scores[which].tolist(), palms[which], one.palms[i], one.ignored[i], camera.fx, radius)
    return parts, float(np.mean(near)) if near else None
