"""`fingerpose estimate --camera meta.json IMAGE...`: hands in depth images on disk, without ROS."""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from fingerpose_ros.files import write_text
from fingerpose_ros.perception import backends
from fingerpose_ros.perception.estimator import HandPoseEstimator
from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.settings import EstimatorSettings
from fingerpose_ros.perception.skeleton import JOINTS
from fingerpose_ros.recording.frame_folder import natural_order, read_camera, read_depth

from . import CommandError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="16-bit PNG")
    parser.add_argument(
        "--camera", type=Path, required=True, metavar="META.JSON",
        help="the camera: width, height, fx, fy, cx, cy in pixels, and depth_unit_m, metres per depth step",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="OUT", help="file for all results; - for standard output")
    parser.add_argument(
        "--fps",
        type=float,
        help="the images, in natural order of their names (1, 2, 10), are a sequence of this rate: track and smooth; "
        "default: independent images",
    )
    parser.add_argument("--model", default="", help="file of the weights; default: the weights of the package")
    parser.add_argument("--detector", default="", help="file of the detector; default: that of the package")
    parser.add_argument("--backend", choices=backends.BACKENDS, default="auto")
    parser.add_argument("--device", choices=backends.DEVICES, default="auto")
    parser.add_argument("--precision", choices=backends.PRECISIONS, default="auto")


def run(arguments: argparse.Namespace) -> int:
    if arguments.fps is not None and not (np.isfinite(arguments.fps) and arguments.fps > 0):
        raise CommandError(f"--fps is {arguments.fps}; it must be a positive number")
    if arguments.json and not arguments.json.absolute().parent.is_dir():
        raise CommandError(f"--json {arguments.json}: there is no folder {arguments.json.parent}")
    if arguments.json and arguments.json.is_dir():
        raise CommandError(f"--json {arguments.json} is a folder; give a file")
    if folders := [path for path in arguments.images if path.is_dir()]:
        raise CommandError(f"{folders[0]} is a folder; give its images: {folders[0]}/*.png")
    settings = EstimatorSettings()
    try:
        camera, unit = read_camera(arguments.camera)
        backend = backends.create_backend(arguments.backend, arguments.device, arguments.model, arguments.precision)
        detector = backends.create_detector(
            arguments.backend, arguments.device, arguments.detector, precision=backend.precision
        )
        estimator = HandPoseEstimator(backend, detector, settings)
        results, medians = [], []
        images = arguments.images if arguments.fps is None else sorted(arguments.images, key=natural_order)
        for index, path in enumerate(images):
            depth = read_depth(path, camera, unit)
            if arguments.fps is None:
                estimator.reset()
            hands = estimator.estimate(depth, camera, index / (arguments.fps or 1.0))
            print(f"{path}: {', '.join(map(describe, hands)) or 'no hand'}", file=sys.stderr)
            results.append({"image": str(path), "hands": [to_json(hand) for hand in hands]})
            medians.append(np.median(depth[depth > 0]) if depth.any() else np.nan)
    except (ValueError, OSError, ImportError) as error:
        raise CommandError(str(error)) from error
    if not any(result["hands"] for result in results):
        print(no_hand(medians, settings, arguments.camera), file=sys.stderr)
    if arguments.json:
        report = {
            "backend": backend.description,
            "frame": "camera optical: x right, y down, z forward; metres, radians",
            "joints": list(JOINTS),
            "images": results,
        }
        text = json.dumps(report, indent=1) + "\n"
        try:
            sys.stdout.write(text) if str(arguments.json) == "-" else write_text(arguments.json, text)
        except OSError as error:
            raise CommandError(str(error)) from error
    return 0


def no_hand(medians: list[float], settings: EstimatorSettings, camera: Path) -> str:
    """Helps to see whether the depth unit is right. `medians`: of each image's depths, metres; NaN without any."""
    if not np.isfinite(medians).any():
        return "no hand in any image: they have no depth values"
    return (
        f"no hand in any image. The median depth is {np.nanmedian(medians):.3g} m, and hands are detected from "
        f"{settings.min_distance:g} to {settings.max_distance:g} m. If it is wrong, correct depth_unit_m in {camera}"
    )


def describe(hand: Hand) -> str:
    x, y, z = hand.palm_position
    position = f"at {x:.2f} {y:.2f} {z:.2f} m" if np.isfinite(x) else "with unknown palm position"
    return f"{hand.handedness} hand ({hand.confidence:.0%}) {position}"


def to_json(hand: Hand) -> dict:
    """A hand as JSON: joints as lists in the order of `joints`, null for unknown values."""
    return {
        "track_id": hand.track_id,
        "handedness": hand.handedness,
        "handedness_score": float(hand.handedness_score),
        "confidence": float(hand.confidence),
        "positions": _nan_to_null(hand.positions),
        "rotations": _nan_to_null(hand.rotations),
        "sigma": _nan_to_null(hand.sigma),
        "joint_confidence": _nan_to_null(hand.joint_confidence),
        "valid": hand.valid.tolist(),
        "palm_position": _nan_to_null(hand.palm_position),
        "fingers": {
            name: {
                "flexion": _nan_to_null(finger.flexion),
                "abduction": _nan_to_null(finger.abduction),
                "curl": _nan_to_null(finger.curl),
                "thumb_distance": _nan_to_null(finger.thumb_distance),
            }
            for name, finger in hand.fingers.items()
        },
    }


def _nan_to_null(values) -> list | float | None:
    """Numbers for JSON, which has no NaN."""
    values = np.asarray(values, float)
    return np.where(np.isfinite(values), values, None).tolist()
