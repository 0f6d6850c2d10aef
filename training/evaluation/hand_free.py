"""Evaluate on depth images without a hand: in how many the estimator sees one all the same.

    ./run training evaluate hand_free --json hand_free.json --real DIR...

500 synthetic images: tables, walls, bodies, forearms without a hand, clutter (`training.rendering.hand_free_images`). With `--real`,
also recorded frames whose true joints are known, the hand cut away: no reading is left where the line of sight passes
its centre nearer than 0.2 m. Of these also in how many a hand that was followed is still seen in the third image after
it was cut away.

Otherwise each image by itself, through the whole estimator as a robot runs it. Beside the share of images with a hand
at the default confidence stands that share at others: an image's most confident hand counts.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.estimator import HandPoseEstimator
from fingerpose_ros.perception.kinematics import hand_centre
from fingerpose_ros.perception.settings import EstimatorSettings
from fingerpose_ros.recording.frame_folder import FrameFolder
from training.rendering.hand_free_images import HandFreeImages, cut_away
from training.rendering.testset import CAMERAS

from .frames import NEAR_MM, about, add_model_arguments, make_backend

SEED = 20_250_119
"""No training's."""

CONFIDENCES = (0.8, 0.9, 0.95, 0.99)

CUT = 0.2
"""Metres around a true hand's centre in which nothing is left."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=500, help="synthetic images")
    parser.add_argument("--real", nargs="+", type=Path, default=[], metavar="DIR", help="folders with joints.npz")
    parser.add_argument("--json", type=Path, help="write all figures here")
    add_model_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    backend = make_backend(arguments)
    folders = {str(path): FrameFolder.open(path) for path in arguments.real}
    for name, folder in folders.items():
        if folder.joints is None:
            raise ValueError(f"{name} has no joints.npz, so where its hand is to be cut away is not known")
    synthetic, images = defaultdict(list), HandFreeImages(SEED, sensors=CAMERAS)
    for k in range(arguments.count):
        kind, camera, depth = images[k]
        synthetic[kind].append(confidence(backend, depth, camera))
    report = about(arguments, backend) | {"synthetic": shares(synthetic)}
    real, lingers = defaultdict(list), {}
    for name, folder in folders.items():
        cut = [without_hand(folder.depth(i), folder.camera, joints) for i, joints in enumerate(folder.joints)]
        real[name] = [confidence(backend, depth, folder.camera) for depth in cut]
        stayed = [s for i, depth in enumerate(cut) if (s := stays(backend, folder, i, depth)) is not None]
        lingers[name] = {"hands_lost": len(stayed), "lost_hand_stays": float(np.mean(stayed)) if stayed else None}
    report["real"] = {name: result | lingers.get(name, {}) for name, result in shares(real).items()}
    for part in ("synthetic", "real"):
        for name, result in report[part].items():
            print(f"{part} {line(name, result)}")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def confidence(backend, depth: np.ndarray, camera: Camera) -> float:
    """Of the surest hand that the estimator sees in one image; 0 if it sees none."""
    seen = HandPoseEstimator(backend, EstimatorSettings()).observe(depth, camera, 0.0)
    return max((look.present for _, look in seen), default=0.0)


def stays(backend, folder: FrameFolder, index: int, cut: np.ndarray) -> bool | None:
    """Whether the true hand, seen in a frame, is still seen in the third of the images `cut` that follow it; None if it
    is not seen."""
    estimator, centre = HandPoseEstimator(backend, EstimatorSettings()), hand_centre(folder.joints[index])
    first = estimator.observe(folder.depth(index), folder.camera, 0.0)
    its = {track.id for track, look in first if 1000 * np.linalg.norm(look.centre - centre) < NEAR_MM}
    if not its:
        return None
    last = [estimator.observe(cut, folder.camera, i / 30) for i in (1, 2, 3)][-1]
    return any(track.id in its for track, _ in last)


def without_hand(depth: np.ndarray, camera: Camera, joints: np.ndarray) -> np.ndarray:
    """Depth (height, width) with nothing left of the hand whose `joints` (21, 3) these are, nor near it."""
    return cut_away(depth, camera, hand_centre(joints), CUT)


def shares(confidences: dict[str, list[float]]) -> dict[str, dict]:
    """By group and over all: frames, the share with a hand, and the share with one at least so confident."""
    groups = dict(confidences) | ({"all": sum(confidences.values(), [])} if confidences else {})
    return {
        name: {
            "frames": len(values),
            "with_hand": float(np.mean(np.array(values) > 0)),
            "with_hand_at_confidence": {str(c): float(np.mean(np.array(values) >= c)) for c in CONFIDENCES},
        }
        for name, values in groups.items()
    }


def line(name: str, result: dict) -> str:
    """The figures, for people."""
    at = ", ".join(f"{share:.1%} at {c}" for c, share in result["with_hand_at_confidence"].items())
    text = f"{name}: {result['frames']} frames, {result['with_hand']:.1%} with a hand ({at})"
    if result.get("hands_lost"):
        text += f", of {result['hands_lost']} lost hands {result['lost_hand_stays']:.1%} stay"
    return text
