"""Evaluate detection on recorded sets with labelled palms: hands found, false hands, average precision, calibration.

    ./run training evaluate detection FOLDER... --json detection.json --figures misses/

A FOLDER is a set (`depth/*.png`, `meta.json` and labels, see `detection_sets.py`) or contains sets. A set without
`palms.json` gets its palms from `joints.npz`. A set below `no_hand` or `backgrounds` needs neither: it shows no hands.
Other sets without labels are listed, not scored.

A detection is a `Hand` of the estimator. Its place is `palm_position` or, if that is NaN, the mean of the valid joints.
Without a valid joint it has no place and is a false hand. Its score is `confidence`. Detections are matched with palms
greedily by score, within 80 mm, one for each palm; also within 60 mm. All others are false hands, duplicates too,
except within 150 mm of an ignored hand. Palms outside `min_distance` to `max_distance` are ignored.

Each image is estimated separately. With `--followed` the images of a set are a sequence of `--rate` images a second.

"Found" and "false" are those at the thresholds given, by default the estimator's. The curve of recall against false
hands, average precision and calibration need all scores. So single images are estimated a second time, with the
thresholds 0.01 and up to 8 hands; the two with the highest scores count. A second curve,
`curve_of_accepted`, holds the hands accepted at the thresholds given, with stricter scores. Followed
images have this curve only, because low thresholds change what is tracked.

Means over sets weigh each set equally. Recall at a rate of false hands is the mean over sets with hands. Its score is
the lowest at which the mean over sets without hands has at most this rate. Intervals are 95 % bootstrap intervals over
the images of each set, with `--followed` over blocks of 10 neighbouring images. Neighbours are alike, so intervals over
images are too narrow; `intervals_95_blocks` in the JSON are always over blocks. No interval says much where all images
have the same result.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from fingerpose_ros.files import write_text
from fingerpose_ros.perception.estimator import HandPoseEstimator
from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.settings import EstimatorSettings
from fingerpose_ros.recording.frame_folder import FrameFolder
from training.progress import progress

from . import detection_figures
from .detection_report import mean_report, set_report, text
from .detection_scoring import MATCH_DISTANCE, STRICT_DISTANCE, Matches, place
from .detection_sets import DetectionSet, find_folders, read_set
from .intervals import BLOCK
from .models import Models, about_models, add_detector_argument, add_model_arguments, make_models

SWEEP = {"min_detection_confidence": 0.01, "min_tracking_confidence": 0.01, "max_hands": 8}
"""Settings for the curve. If two hands are the limit, unlikely candidates can displace likelier ones."""

THRESHOLDS = ("min_detection_confidence", "min_tracking_confidence")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="a set, or a folder of sets")
    parser.add_argument("--followed", action="store_true", help="track hands through the images of a set")
    parser.add_argument("--rate", type=float, default=30.0, metavar="HZ", help="images a second, with --followed")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all figures here")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="draw curves, missed and false hands here")
    for name in THRESHOLDS:
        parser.add_argument("--" + name.replace("_", "-"), type=float, default=getattr(EstimatorSettings(), name))
    add_model_arguments(parser)
    add_detector_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    if not (np.isfinite(arguments.rate) and arguments.rate > 0):
        raise ValueError(f"--rate is {arguments.rate}; it must be a positive number")
    settings = EstimatorSettings(**{name: getattr(arguments, name) for name in THRESHOLDS})
    sets, not_labelled = open_sets(arguments.folders, settings)
    if not sets:
        raise ValueError(f"no image is labelled in {', '.join(map(str, arguments.folders))}")
    rate, block = (arguments.rate, BLOCK) if arguments.followed else (None, 1)
    if arguments.json and not arguments.json.absolute().parent.is_dir():
        raise ValueError(f"--json {arguments.json}: there is no folder {arguments.json.parent}")
    models = make_models(arguments)
    evaluated, reports = [], {}
    for one in sets:
        print(f"{one.name}: {len(one.labelled)} images", file=sys.stderr, flush=True)
        hands = detect(one.folder, models, settings, rate)
        swept = hands
        if not arguments.followed:
            swept = [best(found, settings) for found in detect(one.folder, models, EstimatorSettings(**SWEEP), None)]
        matches, strict = matched(one, hands), matched(one, hands, STRICT_DISTANCE)
        evaluated.append((matches, strict, matched(one, swept)))
        reports[str(one.folder.path)] = {"name": one.name} | set_report(*evaluated[-1], block)
        if arguments.figures:
            detection_figures.draw_set(one, hands, arguments.figures)
    report = about_models(arguments, models) | {
        "followed_hz": rate,
        "settings": asdict(settings),
        "sets": reports,
        "not_labelled": not_labelled,
        "mean": mean_report(evaluated, block),
    }
    print(text(report))
    if arguments.figures:
        detection_figures.draw_curves(report, arguments.figures / "curves.png")
    if arguments.json:
        write_text(arguments.json, json.dumps(report, indent=1, allow_nan=False) + "\n")


def open_sets(paths: list[Path], settings: EstimatorSettings) -> tuple[list[DetectionSet], list[str]]:
    """The labelled sets among and below `paths`, with palms out of range ignored, and the folders without labels."""
    sets, not_labelled = [], []
    for path in find_folders(paths):
        one = read_set(path)
        if one is None or not one.labelled:
            not_labelled.append(str(path))
        else:
            sets.append(one.within(settings.min_distance, settings.max_distance))
    return sets, not_labelled


def detect(folder: FrameFolder, models: Models, settings: EstimatorSettings, rate: float | None) -> list[list[Hand]]:
    """The hands in each image: a sequence of `rate` images a second, or separate images if that is None."""
    estimator, hands = HandPoseEstimator(*models, settings), []
    for i in progress(range(len(folder.images)), folder.path.name):
        if rate is None:
            estimator.reset()
        hands.append(estimator.estimate(folder.depth(i), folder.camera, i / rate if rate else 0.0))
    return hands


def best(hands: list[Hand], settings: EstimatorSettings) -> list[Hand]:
    """The hands with the highest scores in an image, `max_hands` at most."""
    return sorted(hands, key=lambda hand: -hand.confidence)[: settings.max_hands]


def matched(one: DetectionSet, hands: list[list[Hand]], radius: float = MATCH_DISTANCE) -> Matches:
    """The hands detected in a set's labelled images, matched with its palms."""
    matches = Matches(len(one.labelled))
    for n, i in enumerate(one.labelled):
        scores, places = [hand.confidence for hand in hands[i]], [place(hand) for hand in hands[i]]
        matches.add(n, scores, places, one.palms[i], one.ignored[i], one.folder.camera.fx, radius)
    return matches
