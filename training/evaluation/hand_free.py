"""Evaluate on depth images without hands: the fraction of images with a false positive.

    ./run training evaluate hand_free --json hand_free.json --real DIR...

500 synthetic images show tables, walls, bodies, forearms without a hand, or clutter
(`training.rendering.hand_free_images`). `--real` adds recorded frames with known joints, without their hand: pixels
whose line of sight passes the hand's centre within 0.2 m become invalid. For these frames the report also contains
`track_kept`: the fraction of tracks that still exist in the third image after the hand was removed.

Each image is otherwise processed separately by the complete estimator. The fraction of images with a false positive is
reported at the default confidence and at higher thresholds; an image's most confident hand counts.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from fingerpose_ros.files import write_text
from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.estimator import HandPoseEstimator
from fingerpose_ros.perception.kinematics import hand_centre
from fingerpose_ros.perception.settings import EstimatorSettings
from fingerpose_ros.recording.frame_folder import FrameFolder
from training.progress import progress
from training.rendering.hand_free_images import HandFreeImages, cut_away
from training.rendering.testset import CAMERAS

from .frames import NEAR_MM
from .models import Models, about_models, add_detector_argument, add_model_arguments, make_models

SEED = 20_250_119
"""Not used in training."""

CONFIDENCES = (0.8, 0.9, 0.95, 0.99)

CUT = 0.2
"""Radius around a true hand's centre within which all is removed, metres."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=500, help="synthetic images")
    parser.add_argument("--real", nargs="+", type=Path, default=[], metavar="DIR", help="folders with joints.npz")
    parser.add_argument("--json", type=Path, help="write all figures here")
    add_model_arguments(parser)
    add_detector_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    models = make_models(arguments)
    folders = {str(path): FrameFolder.open(path) for path in arguments.real}
    for name, folder in folders.items():
        if folder.joints is None:
            raise ValueError(f"{name} has no joints.npz, which locates the hand to be removed")
    synthetic, images = defaultdict(list), HandFreeImages(SEED, sensors=CAMERAS)
    for k in progress(range(arguments.count), "synthetic images"):
        kind, camera, depth = images[k]
        synthetic[kind].append(confidence(models, depth, camera))
    report = about_models(arguments, models) | {"synthetic": fractions(synthetic)}
    real, tracks = defaultdict(list), {}
    for name, folder in folders.items():
        cut = [without_hand(folder.depth(i), folder.camera, joints) for i, joints in enumerate(folder.joints)]
        real[name] = [confidence(models, depth, folder.camera) for depth in progress(cut, name)]
        shown = enumerate(progress(cut, f"{name}, tracks"))
        kept = [k for i, depth in shown if (k := track_kept(models, folder, i, depth)) is not None]
        tracks[name] = {"hands_removed": len(kept), "track_kept": float(np.mean(kept)) if kept else None}
    report["real"] = {name: result | tracks.get(name, {}) for name, result in fractions(real).items()}
    for part in ("synthetic", "real"):
        for name, result in report[part].items():
            print(f"{part} {line(name, result)}")
    if arguments.json:
        write_text(arguments.json, json.dumps(report, indent=1) + "\n")


def confidence(models: Models, depth: np.ndarray, camera: Camera) -> float:
    """Highest confidence of the hands detected in one image; 0 if there are none."""
    observed = HandPoseEstimator(*models, EstimatorSettings()).observe(depth, camera, 0.0)
    return max((track.confidence for track, _ in observed), default=0.0)


def track_kept(models: Models, folder: FrameFolder, index: int, cut: np.ndarray) -> bool | None:
    """Whether the true hand's track still exists in the third of three images `cut` after frame `index`.

    None if the hand is not detected in the frame itself.
    """
    estimator, centre = HandPoseEstimator(*models, EstimatorSettings()), hand_centre(folder.joints[index])
    first = estimator.observe(folder.depth(index), folder.camera, 0.0)
    tracks = {track.id for track, hand in first if 1000 * np.linalg.norm(hand.centre - centre) < NEAR_MM}
    if not tracks:
        return None
    last = [estimator.observe(cut, folder.camera, i / 30) for i in (1, 2, 3)][-1]
    return any(track.id in tracks for track, _ in last)


def without_hand(depth: np.ndarray, camera: Camera, joints: np.ndarray) -> np.ndarray:
    """Depth (height, width) in metres without the hand with these `joints` (21, 3) and everything near it."""
    return cut_away(depth, camera, hand_centre(joints), CUT)


def fractions(confidences: dict[str, list[float]]) -> dict[str, dict]:
    """By group and over all: frames, fraction with a false positive, and that fraction by minimum confidence."""
    groups = dict(confidences) | ({"all": sum(confidences.values(), [])} if confidences else {})
    return {
        name: {
            "frames": len(values),
            "false_positives": float(np.mean(np.array(values) > 0)),
            "false_positives_at_confidence": {str(c): float(np.mean(np.array(values) >= c)) for c in CONFIDENCES},
        }
        for name, values in groups.items()
    }


def line(name: str, result: dict) -> str:
    """The figures, as text."""
    at = ", ".join(f"{fraction:.1%} at {c}" for c, fraction in result["false_positives_at_confidence"].items())
    text = f"{name}: {result['frames']} frames, {result['false_positives']:.1%} with a false positive ({at})"
    if result.get("hands_removed"):
        text += f", {result['track_kept']:.1%} of {result['hands_removed']} tracks kept"
    return text
