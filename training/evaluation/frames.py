"""Evaluate on recorded frames: folders of `depth/*.png`, `meta.json` and `joints.npz`.

    ./run training evaluate frames DIR... --centre detector --json errors.json --figures sheets/

`--centre truth` predicts the crop around the true hand. It then predicts it again, rotated so that the hand, as first
predicted, points up. Handedness is predicted, not given.

`--centre detector` runs the estimator on every frame separately, without tracking or smoothing. It also reports how
often these lie within 60 mm of the true centre: the detector's first candidate, its best candidate, the estimated hand.
A frame in which no hand is detected counts as 100 mm in every joint.

Folders without joints.npz get detection fractions and figures only.

For comparison, two more errors are reported. The first is that of a constant pose: the mean hand of the other half of
the sequence, placed at the true centre. The second is the estimate's after a fixed offset per joint in the palm's
frame, fitted on the other half, because datasets define joint positions differently. The offset-corrected error, the
PIP angles and the sigma figures cover only the frames in which a hand is detected; so does `detected_frames_mm`, the
uncorrected error. Intervals are 95 % bootstrap intervals over frames; they treat neighbouring frames as independent.

Joints lie below the skin. If a joint is 5 mm or more in front of the surface measured at its pixel, the joint or the
depth value is wrong. The fraction of such joints is reported for the estimates and the labels. A joint counts as
visible if its label is at most 25 mm behind that surface.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
from scipy.stats import bootstrap, pearsonr, spearmanr

from fingerpose_ros.perception import backends
from fingerpose_ros.perception.detection.hand_finder import find_hands
from fingerpose_ros.perception.detection.search import CANDIDATES
from fingerpose_ros.perception.estimator import HandPoseEstimator
from fingerpose_ros.perception.hand import LEFT, RIGHT
from fingerpose_ros.perception.kinematics import hand_centre, joint_angles, joint_frames
from fingerpose_ros.perception.pose.crop import Crop
from fingerpose_ros.perception.pose.crop_predictor import CropPrediction, CropPredictor
from fingerpose_ros.perception.pose.model_file import ModelFile, checksum
from fingerpose_ros.perception.settings import EstimatorSettings
from fingerpose_ros.perception.skeleton import FINGER_JOINTS, JOINTS, SUBTASKS
from fingerpose_ros.recording.frame_folder import FrameFolder
from fingerpose_ros.replay.scoring import MISSED_MM
from training.rendering.preview import caption, draw_crop, sheet

from . import metrics

NEAR_MM = 60.0
"""A centre this close is sufficient: repeated crop predictions, each centred on the last one's hand, correct it."""
IN_FRONT_MM = 5.0
VISIBLE_MM = 25.0
EDGE = 192


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--centre", choices=("truth", "detector"), default="detector")
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--figures", type=Path, help="draw every frame in this folder, estimate beside truth")
    add_model_arguments(parser)


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Options that select the model and how it runs."""
    parser.add_argument("--model", default="", help="model file; default: the shipped model")
    parser.add_argument("--backend", choices=backends.BACKENDS, default="auto")
    parser.add_argument("--device", choices=backends.DEVICES, default="auto")
    parser.add_argument("--precision", choices=backends.PRECISIONS, default="f32")


def make_backend(arguments: argparse.Namespace):
    return backends.create_backend(arguments.backend, arguments.device, arguments.model, arguments.precision)


def about(arguments: argparse.Namespace, backend) -> dict[str, str]:
    """A report's entries that identify the evaluated model."""
    return {"model": backend.description, "sha256": checksum(ModelFile.open(arguments.model).path)}


def run(arguments: argparse.Namespace) -> None:
    backend = make_backend(arguments)
    results = {}
    for path in arguments.folders:
        folder = FrameFolder.open(path)
        if arguments.centre == "truth" and folder.joints is None:
            raise ValueError(f"{path} has no joints.npz, which --centre truth needs")
        estimates = estimate(folder, backend, arguments.centre)
        results[str(path)] = score(folder, estimates) | {"frames": len(estimates)}
        if arguments.centre == "detector" and folder.joints is not None:
            results[str(path)] |= near_fractions(folder, estimates)
        if arguments.figures:
            arguments.figures.mkdir(parents=True, exist_ok=True)
            name = "_".join(path.resolve().parts[-2:])
            cv2.imwrite(str(arguments.figures / f"{name}_{arguments.centre}.png"), draw(folder, estimates))
    for name, result in results.items():
        print(line(name, result))
    if arguments.json:
        report = about(arguments, backend) | {"centre": arguments.centre, "sequences": results}
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def estimate(folder: FrameFolder, backend, centre: str) -> list[CropPrediction | None]:
    """The prediction for each frame's hand; None where no hand is detected."""
    settings = EstimatorSettings(max_hands=1)
    estimator = HandPoseEstimator(backend, settings)
    predictions = []
    for i in range(len(folder.images)):
        depth = folder.depth(i)
        if centre == "truth":
            predictor = CropPredictor(backend, settings.cube_half_size, depth, folder.camera)
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


def near_fractions(folder: FrameFolder, predictions: list[CropPrediction | None]) -> dict:
    """Fractions of frames whose true centre is near the detector's first candidate, any candidate, the estimate."""
    settings, near = EstimatorSettings(), []
    for i, (prediction, joints) in enumerate(zip(predictions, folder.joints, strict=True)):
        candidates = find_hands(
            folder.depth(i), folder.camera, settings.min_distance, settings.max_distance, CANDIDATES
        )
        centres = [candidate.centre for candidate in candidates] + ([prediction.centre] if prediction else [])
        distances = [1000 * np.linalg.norm(centre - hand_centre(joints)) for centre in centres]
        near.append((
            bool(candidates) and distances[0] < NEAR_MM,
            min(distances[: len(candidates)], default=np.inf) < NEAR_MM,
            prediction is not None and distances[-1] < NEAR_MM,
        ))  # fmt: skip
    names = ("detector_first_near", "detector_best_near", "estimate_near")
    return dict(zip(names, np.mean(near, axis=0).tolist(), strict=True))


def handedness_probability(prediction: CropPrediction) -> float:
    """Probability of the handedness that the crop assumes."""
    return prediction.right if prediction.handedness == RIGHT else 1 - prediction.right


def score(folder: FrameFolder, hands: list[CropPrediction | None]) -> dict:
    """All figures of one folder's estimates, ready for JSON; see the module's docstring."""
    detected = np.array([hand is not None for hand in hands])
    positions = np.array([hand.positions if hand else np.full((21, 3), np.nan) for hand in hands]) * 1000
    result = {
        "detected": float(detected.mean()),
        "right_hand": float(np.mean([h.handedness == RIGHT for h in hands if h])) if detected.any() else None,
        "in_front_of_surface": fraction_in_front(behind_surface(folder, positions)),
    }
    if folder.joints is None:
        return result
    truth = folder.joints * 1000
    errors = np.where(
        detected[:, None], metrics.joint_errors(np.where(detected[:, None, None], positions, truth), truth), MISSED_MM
    )
    groups = dict(SUBTASKS)
    result |= metrics.summary(errors, JOINTS, groups)
    result["interval_95_mm"] = interval(errors.mean(1))
    result["worst_joint_mm"] = float(metrics.worst_joint(errors).mean())
    behind = behind_surface(folder, truth)
    for name, which in (("visible_mm", behind <= VISIBLE_MM), ("hidden_mm", behind > VISIBLE_MM)):
        result[name] = float(errors[which].mean()) if which.any() else None
    result["distance_mm"] = metrics.by_distance(errors, hand_centre(folder.joints)[:, 2])
    centred = np.where(detected[:, None], np.linalg.norm(relative(positions) - relative(truth), axis=2), MISSED_MM)
    result["hand_centred_mm"] = float(centred.mean())
    result["labels_in_front_of_surface"] = fraction_in_front(behind)
    if len(truth) > 1:
        result["constant_pose_mm"] = constant_pose(truth)
    if detected.sum() < 4:
        return result
    result["detected_frames_mm"] = float(errors[detected].mean())
    hands, truth, positions = [h for h in hands if h], truth[detected], positions[detected]
    handedness = true_handedness(folder.joints)
    result["offset_corrected_mm"] = offset_corrected(positions, truth, handedness)
    result |= pip_flexion(positions, truth, handedness)
    result |= uncertainty(np.array([hand.position_sigma for hand in hands]) * 1000, positions - truth)
    return result


def behind_surface(folder: FrameFolder, joints: np.ndarray) -> np.ndarray:
    """Joints (frames, 21, 3) in mm, NaN where missing -> how far each lies behind the surface measured at its pixel.

    Returns:
        (frames, 21) mm; NaN where the joint is missing or its pixel invalid.
    """
    behind = np.full(joints.shape[:2], np.nan)
    for i, positions in enumerate(joints):
        u, v = np.round(folder.camera.project(positions)).T
        inside = (u >= 0) & (u < folder.camera.width) & (v >= 0) & (v < folder.camera.height)
        surface = 1000 * folder.depth(i)[v[inside].astype(int), u[inside].astype(int)]
        behind[i, inside] = np.where(surface > 0, positions[inside, 2] - surface, np.nan)
    return behind


def fraction_in_front(behind: np.ndarray) -> float | None:
    """Fraction of the joints with a finite `behind` that lie `IN_FRONT_MM` in front of the surface; None if none."""
    known = behind[np.isfinite(behind)]
    return float((known < -IN_FRONT_MM).mean()) if known.size else None


def true_handedness(truth: np.ndarray) -> str:
    """The handedness of a recording's joints (frames, 21, 3): the one for which its fingers flex forwards."""

    def mean_flexion(handedness: str) -> float:
        return np.nanmean([joint_angles(hand, handedness)[0][1:] for hand in truth])

    return max((RIGHT, LEFT), key=mean_flexion)


def relative(joints: np.ndarray) -> np.ndarray:
    return joints - hand_centre(joints)[:, None]


def interval(values: np.ndarray) -> list[float]:
    """95 % bootstrap interval of the mean over frames."""
    if len(values) < 2 or np.ptp(values) == 0:
        return [float(values.mean())] * 2
    low, high = bootstrap((values,), np.mean, rng=np.random.default_rng(0)).confidence_interval
    return [float(low), float(high)]


def halves(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(fit, test) masks: each half of a sequence is tested once, fitted on the other."""
    first = np.arange(count) < count // 2
    return [(first, ~first), (~first, first)]


def constant_pose(truth: np.ndarray) -> float:
    """Error of the other half's mean hand at the true centre: the error if only the position were known, mm."""
    total = 0.0
    for fit, test in halves(len(truth)):
        total += np.linalg.norm(relative(truth[test]) - relative(truth[fit]).mean(0), axis=2).mean(1).sum()
    return float(total / len(truth))


def offset_corrected(positions: np.ndarray, truth: np.ndarray, handedness: str) -> float:
    """Error after a fixed offset per joint, in the palm's frame, fitted on the other half, mm."""
    palms = np.array([joint_frames(p, handedness)[0] for p in positions])
    offset = np.einsum("nji,nkj->nki", palms, truth - positions)
    corrected = np.empty(positions.shape[:2])
    for fit, test in halves(len(truth)):
        corrected[test] = np.linalg.norm(offset[test] - offset[fit].mean(0), axis=2)
    return float(corrected.mean())


def pip_flexion(positions: np.ndarray, truth: np.ndarray, handedness: str) -> dict:
    """Mean absolute error of the PIP angles (index to little finger, degrees) and their correlation with the truth."""

    def angles(joints: np.ndarray) -> np.ndarray:
        return np.degrees([joint_angles(p, handedness)[0][1:, 1] for p in joints])

    ours, true = angles(positions), angles(truth)
    return {
        "pip_flexion_error_deg": float(np.abs(ours - true).mean()),
        "pip_flexion_correlation": float(pearsonr(ours.ravel(), true.ravel()).statistic),
    }


def uncertainty(sigma: np.ndarray, error: np.ndarray) -> dict:
    """Coverage of the predicted intervals per axis, and the rank correlation (Spearman) of sigma with the error."""
    ratio = np.abs(error) / sigma
    rank = spearmanr(np.linalg.norm(sigma, axis=2).ravel(), np.linalg.norm(error, axis=2).ravel())
    return {
        "coverage_68": float((ratio < 1).mean()),
        "coverage_95": float((ratio < 1.96).mean()),
        "sigma_rank_correlation": float(rank.statistic),
    }


def draw(folder: FrameFolder, hands: list[CropPrediction | None]) -> np.ndarray:
    """Every frame's crop with the estimate drawn on it, beside it the truth if known."""
    tiles = []
    for i, hand in enumerate(hands):
        centre = hand_centre(
            folder.joints[i] if folder.joints is not None else hand.positions if hand else np.zeros((21, 3))
        )
        if centre[2] <= 0:
            tiles.append(caption(np.zeros((EDGE, EDGE, 3), np.uint8), f"{i}: no hand"))
            continue
        crop = Crop(centre, 0.16)
        image = crop.image(folder.depth(i), folder.camera, EDGE)
        label = f"{hand.handedness} {handedness_probability(hand):.2f}" if hand else "no hand"
        tiles.append(
            caption(draw_crop(image, crop.to_uvd(hand.positions) if hand else None, edge=EDGE), f"{i}: {label}")
        )
        if folder.joints is not None:
            tiles.append(caption(draw_crop(image, crop.to_uvd(folder.joints[i]), edge=EDGE), "truth"))
    return sheet(tiles)


def line(name: str, result: dict) -> str:
    """The most important figures, as text."""
    text = f"{name}: {result['frames']} frames, detected {result['detected']:.0%}"
    if result["right_hand"] is not None:
        text += f", classified as right {result['right_hand']:.0%}"
    if "mean_joint_error_mm" not in result:
        return text
    low, high = result["interval_95_mm"]
    text += f", error {result['mean_joint_error_mm']:.1f} mm [{low:.1f}, {high:.1f}]"
    text += f", hand-centred {result['hand_centred_mm']:.1f}"
    if "constant_pose_mm" in result:
        text += f", constant pose {result['constant_pose_mm']:.1f}"
    fingers = ", ".join(f"{finger} {result['per_finger_mm'][finger]:.1f}" for finger in FINGER_JOINTS)
    if "pip_flexion_correlation" in result:
        text += f", offset-corrected {result['offset_corrected_mm']:.1f}"
        text += f", PIP error {result['pip_flexion_error_deg']:.0f} deg"
        text += f" (r {result['pip_flexion_correlation']:.2f}), sigma rank {result['sigma_rank_correlation']:.2f}"
    parts = {"visible": result["visible_mm"], "hidden": result["hidden_mm"], **result["distance_mm"]}
    text += "\n    " + ", ".join(f"{part} {error:.1f}" for part, error in parts.items() if error is not None)
    fractions = {"estimates": result["in_front_of_surface"], "labels": result["labels_in_front_of_surface"]}
    listed = ", ".join(f"{fraction:.0%} of {name}" for name, fraction in fractions.items() if fraction is not None)
    text += f"\n    {IN_FRONT_MM:.0f} mm or more in front of the surface: {listed}"
    if "estimate_near" in result:
        text += f"\n    within {NEAR_MM:.0f} mm of the true centre: first candidate {result['detector_first_near']:.0%}"
        text += f", best candidate {result['detector_best_near']:.0%}, estimate {result['estimate_near']:.0%}"
    return f"{text}\n    {fingers}"
