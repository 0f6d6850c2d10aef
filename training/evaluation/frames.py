"""Evaluate on recorded frames: folders of `depth/*.png`, `meta.json` and `joints.npz`.

    ./run training evaluate frames DIR... --centre detector --json errors.json --figures sheets/

`--centre truth` predicts the crop around the true hand. It then predicts it again, rotated so that the hand, as first
predicted, points up. Handedness is predicted, not given.

`--centre detector` runs the estimator on every frame separately, without tracking or smoothing. It also reports how
often the true palm lies within 60 mm of the likeliest detection and of any, and the true centre of the estimated hand.
A frame in which no hand is detected counts as 100 mm in every joint.

Folders without joints.npz get detection fractions and figures only.

Joints may be labelled in part: NaN marks those that are not. Figures cover the labelled joints only, and the number of
labelled frames and the fraction of labelled joints in them are reported. A frame without a labelled joint counts
nowhere. The hand's true centre is the mean of the labelled joints.

Some labels are weak, such as those of another method. A set is weakly labelled if the `label_note` of its `meta.json`
contains "weak", "pseudo" or "rough". These sets are listed apart, and have a mean of their own. Their PIP angles are
not scored: where a label's depth is taken from the surface, a hidden joint makes its angle meaningless.

For comparison, two more errors are reported. The first is that of a constant pose: the mean hand of the other half of
the sequence, placed at the true centre. The second is the estimate's after a fixed offset per joint in the palm's
frame, fitted on the other half, because datasets define joint positions differently. The offset-corrected error, the
PIP angles and the sigma figures cover only the frames in which a hand is detected; so does `detected_frames_mm`, the
uncorrected error. `sigma_rank_correlation` is Spearman's correlation of a joint's stated sigma with its error.

Intervals are 95 % bootstrap intervals, with frames resampled (`images`) and with blocks of 10 neighbouring frames
resampled (`blocks`). Neighbouring frames are alike, so the intervals over frames are too narrow. There is no interval
over blocks for 10 frames or fewer.

Joints lie below the skin. If a joint is 5 mm or more in front of the surface measured at its pixel, the joint or the
depth value is wrong. The fraction of such joints is reported for the estimates and the labels. A joint counts as
visible if its label is at most 25 mm behind that surface.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from fingerpose_ros.files import write_image, write_text
from fingerpose_ros.perception.detection.detector import Detector
from fingerpose_ros.perception.estimator import HandPoseEstimator
from fingerpose_ros.perception.hand import LEFT, RIGHT
from fingerpose_ros.perception.kinematics import hand_centre, palm_position
from fingerpose_ros.perception.pose.crop import Crop
from fingerpose_ros.perception.pose.crop_predictor import CropPrediction, CropPredictor
from fingerpose_ros.perception.settings import EstimatorSettings
from fingerpose_ros.perception.skeleton import FINGER_JOINTS, PARENTS
from fingerpose_ros.recording.frame_folder import FrameFolder
from training.progress import progress
from training.rendering.preview import caption, draw_crop, sheet

from .frame_scoring import IN_FRONT_MM, labelled_frames, mean_over_sets, score
from .models import Models, about_models, add_detector_argument, add_model_arguments, make_models
from .report import without_nan

NEAR_MM = 60.0
"""A centre this close is sufficient: repeated crop predictions, each centred on the last one's hand, correct it."""
EDGE = 192


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--centre", choices=("truth", "detector"), default="detector")
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--figures", type=Path, help="draw every frame in this folder, estimate beside truth")
    add_model_arguments(parser)
    add_detector_argument(parser)


def run(arguments: argparse.Namespace) -> None:
    models = make_models(arguments)
    results, errors = {}, {"measured": [], "weak": []}
    for path in arguments.folders:
        folder = FrameFolder.open(path)
        if arguments.centre == "truth" and folder.joints is None:
            raise ValueError(f"{path} has no joints.npz, which --centre truth needs")
        estimates = estimate(folder, models, arguments.centre)
        result = score(folder, estimates) | {"frames": len(estimates)}
        if folder.joints is not None:
            errors[result["labels"]].append(result.pop("errors"))
        if arguments.centre == "detector" and folder.joints is not None:
            result |= near_fractions(folder, models.detector, estimates)
        if arguments.figures:
            arguments.figures.mkdir(parents=True, exist_ok=True)
            name = "_".join(path.resolve().parts[-2:])
            write_image(arguments.figures / f"{name}_{arguments.centre}.png", draw(folder, estimates))
        results[str(path)] = result
    means = {labels: mean_over_sets(sets) for labels, sets in errors.items() if sets}
    for labels in ("measured", "weak", None):
        chosen = {name: result for name, result in results.items() if result.get("labels") == labels}
        if chosen and labels == "weak":
            print("Weak labels:")
        for name, result in chosen.items():
            print(line(name, result))
        if len(chosen) > 1 and labels:
            print(mean_line(means[labels]))
    if arguments.json:
        report = about_models(arguments, models) | {"centre": arguments.centre, "sequences": results, "means": means}
        write_text(arguments.json, json.dumps(without_nan(report), indent=1) + "\n")


def estimate(folder: FrameFolder, models: Models, centre: str) -> list[CropPrediction | None]:
    """The prediction for each frame's hand; None where no hand is detected, or none is labelled."""
    settings = EstimatorSettings(max_hands=1)
    estimator = HandPoseEstimator(*models, settings)
    predictions: list[CropPrediction | None] = []
    labelled = labelled_frames(folder)
    for i in progress(range(len(folder.images)), folder.path.name):
        depth = folder.depth(i)
        if not labelled[i]:
            predictions.append(None)
        elif centre == "truth":
            predictor = CropPredictor(models.backend, settings.cube_half_size, depth, folder.camera)
            centre_m = hand_centre(folder.joints[i])
            first = filter(None, predictor.predict([predictor.crop(centre_m, RIGHT), predictor.crop(centre_m, LEFT)]))
            upright = [predictor.crop(centre_m, hand.handedness, hand.direction) for hand in first]
            second = filter(None, predictor.predict(upright))
            predictions.append(max(second, key=handedness_probability, default=None))
        else:
            estimator.reset()
            observed = estimator.observe(depth, folder.camera, i / 30)
            predictions.append(next((prediction for _, prediction in observed), None))
    return predictions


def near_fractions(folder: FrameFolder, detector: Detector, predictions: list[CropPrediction | None]) -> dict:
    """Fractions of labelled frames: true palm near the first detection, near any; true centre near the estimate."""
    settings, near = EstimatorSettings(), []
    for i in np.flatnonzero(labelled_frames(folder)):
        prediction, joints = predictions[i], folder.joints[i]
        detections = detector.detect(folder.depth(i), folder.camera, (settings.min_distance, settings.max_distance))
        palms = [1000 * np.linalg.norm(detection.palm - palm_position(completed(joints))) for detection in detections]
        near.append((
            bool(palms) and palms[0] < NEAR_MM,
            min(palms, default=np.inf) < NEAR_MM,
            prediction is not None and 1000 * np.linalg.norm(prediction.centre - hand_centre(joints)) < NEAR_MM,
        ))  # fmt: skip
    names = ("detector_first_near", "detector_best_near", "estimate_near")
    return dict(zip(names, np.mean(near, axis=0).tolist(), strict=True))


def handedness_probability(prediction: CropPrediction) -> float:
    """Probability of the handedness that the crop assumes."""
    return prediction.right if prediction.handedness == RIGHT else 1 - prediction.right


def draw(folder: FrameFolder, hands: list[CropPrediction | None]) -> np.ndarray:
    """Every frame's crop with the estimate drawn on it, beside it the truth if known."""
    tiles = []
    for i, hand in enumerate(hands):
        centre = hand_centre(
            folder.joints[i] if folder.joints is not None else hand.positions if hand else np.zeros((21, 3))
        )
        if not centre[2] > 0:
            tiles.append(caption(np.zeros((EDGE, EDGE, 3), np.uint8), f"{i}: no hand"))
            if folder.joints is not None:
                tiles.append(caption(np.zeros((EDGE, EDGE, 3), np.uint8), "no label"))
            continue
        crop = Crop(centre, 0.16)
        image = crop.image(folder.depth(i), folder.camera, EDGE)
        label = f"{hand.handedness} {handedness_probability(hand):.2f}" if hand else "no hand"
        tiles.append(
            caption(draw_crop(image, crop.to_uvd(hand.positions) if hand else None, edge=EDGE), f"{i}: {label}")
        )
        if folder.joints is not None:
            tiles.append(caption(draw_crop(image, crop.to_uvd(completed(folder.joints[i])), edge=EDGE), "truth"))
    return sheet(tiles)


def completed(joints: np.ndarray) -> np.ndarray:
    """Joints (21, 3) for drawing: an unlabelled joint is put at its parent, so its bone has no length."""
    joints = np.where(np.isfinite(joints), joints, np.nan)
    joints[0] = joints[0] if np.isfinite(joints[0]).all() else hand_centre(joints)
    for joint in range(1, 21):
        if not np.isfinite(joints[joint]).all():
            joints[joint] = joints[PARENTS[joint]]
    return joints


def mean_line(mean: dict) -> str:
    """The mean over sets, as text."""
    text = f"mean of {mean['sets']} sets: error {mean['mean_joint_error_mm']:.1f} mm"
    for name in ("images", "blocks"):
        low, high = mean[f"interval_95_{name}_mm"]
        text += f", {name} [{low:.1f}, {high:.1f}]"
    return text


def line(name: str, result: dict) -> str:
    """The most important figures, as text."""
    text = f"{name}: {result['frames']} frames, detected {result['detected']:.0%}"
    if result.get("labelled_joints", 1) < 1:
        text += f" of {result['labelled_frames']} labelled ({result['labelled_joints']:.0%} of their joints)"
    if result["right_hand"] is not None:
        text += f", classified as right {result['right_hand']:.0%}"
    if "mean_joint_error_mm" not in result:
        return text
    low, high = result["interval_95_mm"]
    text += f", error {result['mean_joint_error_mm']:.1f} mm [{low:.1f}, {high:.1f}]"
    if result["intervals_95"]["mean_joint_error_mm"]["blocks"]:
        low, high = result["intervals_95"]["mean_joint_error_mm"]["blocks"]
        text += f" (blocks [{low:.1f}, {high:.1f}])"
    text += f", hand-centred {result['hand_centred_mm']:.1f}"
    if "constant_pose_mm" in result:
        text += f", constant pose {result['constant_pose_mm']:.1f}"
    fingers = ", ".join(f"{finger} {result['per_finger_mm'][finger]:.1f}" for finger in FINGER_JOINTS)
    for key, label, digits in (
        ("offset_corrected_mm", "offset-corrected", 1),
        ("pip_flexion_error_deg", "PIP error in degrees", 0),
        ("pip_flexion_correlation", "PIP r", 2),
        ("sigma_rank_correlation", "sigma rank", 2),
    ):
        if result.get(key) is not None:
            text += f", {label} {result[key]:.{digits}f}"
    parts = {"visible": result["visible_mm"], "hidden": result["hidden_mm"], **result["distance_mm"]}
    text += "\n    " + ", ".join(f"{part} {error:.1f}" for part, error in parts.items() if error is not None)
    fractions = {"estimates": result["in_front_of_surface"], "labels": result["labels_in_front_of_surface"]}
    listed = ", ".join(f"{fraction:.0%} of {name}" for name, fraction in fractions.items() if fraction is not None)
    text += f"\n    {IN_FRONT_MM:.0f} mm or more in front of the surface: {listed}"
    if "estimate_near" in result:
        text += f"\n    within {NEAR_MM:.0f} mm: first detection {result['detector_first_near']:.0%}"
        text += f", best detection {result['detector_best_near']:.0%}, estimate {result['estimate_near']:.0%}"
    return f"{text}\n    {fingers}"
