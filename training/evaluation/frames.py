"""Evaluate on recorded frames: folders of `depth/*.png`, `meta.json` and `joints.npz`.

    ./run training evaluate frames DIR... --centre finder --json errors.json --figures sheets/

`--centre truth` shows the network the crop around the true hand, and then again, turned so that the hand points up as
far as the first look knew; the hand's side is its own choice. `--centre finder` runs the estimator on every frame by
itself, without what it knows from the frame before and without smoothing, and tells how often the finder's best place,
the best of all its places, and the hand estimated lie within 60 mm of the true centre. A frame in which no hand is
found counts as 100 mm in every joint. Folders without joints.npz get shares and pictures only.

Beside the error stand, for scale: that of a constant pose (the mean hand of the other half of the sequence, put at the
true centre), and ours after a fixed offset per joint in the palm's frame, fitted on the other half: datasets differ in
where exactly they put a joint. That one, like the PIP angles and what is said of sigma, is of the frames in which a
hand is found; beside it stands the plain error of these. Intervals are 95 % bootstrap intervals over frames, which
takes neighbouring frames for independent.

Joints lie in the flesh: one that is 5 mm or more before the surface that the camera measured at its pixel is surely
wrong, or the reading is. How many do is told of the estimates and of the labels. A joint counts as visible if its label
lies at most 25 mm behind that surface.
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
"""A centre this close is found: the network's looks, each from where the one before saw the hand, do the rest."""
BEFORE_MM = 5.0
VISIBLE_MM = 25.0
EDGE = 192


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--centre", choices=("truth", "finder"), default="finder")
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--figures", type=Path, help="draw every frame, estimate beside truth, in this folder")
    add_model_arguments(parser)


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model, run how."""
    parser.add_argument("--model", default="", help="weights; the ones that ship if not given")
    parser.add_argument("--backend", choices=backends.BACKENDS, default="auto")
    parser.add_argument("--device", choices=backends.DEVICES, default="auto")
    parser.add_argument("--precision", choices=backends.PRECISIONS, default="f32")


def make_backend(arguments: argparse.Namespace):
    return backends.create_backend(arguments.backend, arguments.device, arguments.model, arguments.precision)


def about(arguments: argparse.Namespace, backend) -> dict[str, str]:
    """What a report says of the model that it is of."""
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
        if arguments.centre == "finder" and folder.joints is not None:
            results[str(path)] |= near_shares(folder, estimates)
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
    """What the network says of each frame's hand, or None where no hand is found."""
    settings = EstimatorSettings(max_hands=1)
    estimator = HandPoseEstimator(backend, settings)
    looks = []
    for i in range(len(folder.images)):
        depth = folder.depth(i)
        if centre == "truth":
            eye = CropPredictor(backend, settings.cube_half_size, depth, folder.camera)
            place = hand_centre(folder.joints[i])
            straight = filter(None, eye.predict([eye.crop(place, RIGHT), eye.crop(place, LEFT)]))
            turned = filter(None, eye.predict([eye.crop(place, look.handedness, look.direction) for look in straight]))
            looks.append(max(turned, key=certainty, default=None))
        else:
            estimator.reset()
            looks.append(next((look for _, look in estimator.observe(depth, folder.camera, i / 30)), None))
    return looks


def near_shares(folder: FrameFolder, looks: list[CropPrediction | None]) -> dict:
    """Shares of frames with the truth near: to the finder's first place, to any of its places, to the estimate."""
    settings, near = EstimatorSettings(), []
    for i, (look, joints) in enumerate(zip(looks, folder.joints, strict=True)):
        found = find_hands(folder.depth(i), folder.camera, settings.min_distance, settings.max_distance, CANDIDATES)
        places = [candidate.centre for candidate in found]
        far = [1000 * np.linalg.norm(place - hand_centre(joints)) for place in places + ([look.centre] if look else [])]
        near.append((
            bool(places) and far[0] < NEAR_MM,
            min(far[: len(places)], default=np.inf) < NEAR_MM,
            look is not None and far[-1] < NEAR_MM,
        ))  # fmt: skip
    names = ("finder_first_near", "finder_best_near", "estimate_near")
    return dict(zip(names, np.mean(near, axis=0).tolist(), strict=True))


def certainty(look: CropPrediction) -> float:
    """Probability that the hand is the one that it was taken for."""
    return look.right if look.handedness == RIGHT else 1 - look.right


def score(folder: FrameFolder, hands: list[CropPrediction | None]) -> dict:
    """What can be said of the estimates of one folder, ready for JSON; see the module's docstring."""
    found = np.array([hand is not None for hand in hands])
    positions = np.array([hand.positions if hand else np.full((21, 3), np.nan) for hand in hands]) * 1000
    result = {
        "found": float(found.mean()),
        "right": float(np.mean([h.handedness == RIGHT for h in hands if h])) if found.any() else None,
        "before_surface": before_surface(behind_surface(folder, positions)),
    }
    if folder.joints is None:
        return result
    truth = folder.joints * 1000
    errors = np.where(
        found[:, None], metrics.joint_errors(np.where(found[:, None, None], positions, truth), truth), MISSED_MM
    )
    groups = dict(SUBTASKS)
    result |= metrics.summary(errors, JOINTS, groups)
    result["interval_95_mm"] = interval(errors.mean(1))
    result["worst_joint_mm"] = float(metrics.worst_joint(errors).mean())
    behind = behind_surface(folder, truth)
    for name, which in (("visible_mm", behind <= VISIBLE_MM), ("hidden_mm", behind > VISIBLE_MM)):
        result[name] = float(errors[which].mean()) if which.any() else None
    result["distance_mm"] = metrics.by_distance(errors, hand_centre(folder.joints)[:, 2])
    centred = np.where(found[:, None], np.linalg.norm(relative(positions) - relative(truth), axis=2), MISSED_MM)
    result["hand_centred_mm"] = float(centred.mean())
    result["labels_before_surface"] = before_surface(behind)
    if len(truth) > 1:
        result["constant_pose_mm"] = constant_pose(truth)
    if found.sum() < 4:
        return result
    result["found_frames_mm"] = float(errors[found].mean())
    hands, truth, positions = [h for h in hands if h], truth[found], positions[found]
    side = true_side(folder.joints)
    result["offset_corrected_mm"] = offset_corrected(positions, truth, side)
    result |= pip_flexion(positions, truth, side)
    result |= uncertainty(np.array([hand.position_sigma for hand in hands]) * 1000, positions - truth)
    return result


def behind_surface(folder: FrameFolder, joints: np.ndarray) -> np.ndarray:
    """Joints (frames, 21, 3) in mm, NaN for none -> how far each lies behind what the camera measured at its pixel.

    Returns:
        (frames, 21) mm; NaN where there is no joint, or no reading.
    """
    behind = np.full(joints.shape[:2], np.nan)
    for i, positions in enumerate(joints):
        u, v = np.round(folder.camera.project(positions)).T
        inside = (u >= 0) & (u < folder.camera.width) & (v >= 0) & (v < folder.camera.height)
        surface = 1000 * folder.depth(i)[v[inside].astype(int), u[inside].astype(int)]
        behind[i, inside] = np.where(surface > 0, positions[inside, 2] - surface, np.nan)
    return behind


def before_surface(behind: np.ndarray) -> float | None:
    """Of the joints of which `behind` is known, that share which lies `BEFORE_MM` before the surface; None of none."""
    known = behind[np.isfinite(behind)]
    return float((known < -BEFORE_MM).mean()) if known.size else None


def true_side(truth: np.ndarray) -> str:
    """Which hand a recording's joints (frames, 21, 3) are of: that as which its fingers bend forwards."""
    return max((RIGHT, LEFT), key=lambda side: np.nanmean([joint_angles(hand, side)[0][1:] for hand in truth]))


def relative(joints: np.ndarray) -> np.ndarray:
    return joints - hand_centre(joints)[:, None]


def interval(values: np.ndarray) -> list[float]:
    """95 % bootstrap interval of the mean over frames."""
    if len(values) < 2 or np.ptp(values) == 0:
        return [float(values.mean())] * 2
    low, high = bootstrap((values,), np.mean, rng=np.random.default_rng(0)).confidence_interval
    return [float(low), float(high)]


def halves(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """First and second half of a sequence, each with the other to fit on."""
    first = np.arange(count) < count // 2
    return [(first, ~first), (~first, first)]


def constant_pose(truth: np.ndarray) -> float:
    """Error of the other half's mean hand at the true centre: what knowing the place alone is worth."""
    total = 0.0
    for fit, test in halves(len(truth)):
        total += np.linalg.norm(relative(truth[test]) - relative(truth[fit]).mean(0), axis=2).mean(1).sum()
    return float(total / len(truth))


def offset_corrected(positions: np.ndarray, truth: np.ndarray, side: str) -> float:
    """Error after a fixed offset per joint, in the palm's frame, fitted on the other half."""
    palms = np.array([joint_frames(p, side)[0] for p in positions])
    offset = np.einsum("nji,nkj->nki", palms, truth - positions)
    corrected = np.empty(positions.shape[:2])
    for fit, test in halves(len(truth)):
        corrected[test] = np.linalg.norm(offset[test] - offset[fit].mean(0), axis=2)
    return float(corrected.mean())


def pip_flexion(positions: np.ndarray, truth: np.ndarray, side: str) -> dict:
    """Mean absolute error of the PIP angles of index to little finger, degrees, and their correlation with truth."""

    def angles(joints: np.ndarray) -> np.ndarray:
        return np.degrees([joint_angles(p, side)[0][1:, 1] for p in joints])

    ours, true = angles(positions), angles(truth)
    return {
        "pip_flexion_error_deg": float(np.abs(ours - true).mean()),
        "pip_flexion_correlation": float(pearsonr(ours.ravel(), true.ravel()).statistic),
    }


def uncertainty(sigma: np.ndarray, error: np.ndarray) -> dict:
    """Coverage of the stated intervals per axis, and whether sigma ranks the joints' errors (Spearman)."""
    ratio = np.abs(error) / sigma
    rank = spearmanr(np.linalg.norm(sigma, axis=2).ravel(), np.linalg.norm(error, axis=2).ravel())
    return {
        "coverage_68": float((ratio < 1).mean()),
        "coverage_95": float((ratio < 1.96).mean()),
        "sigma_rank_correlation": float(rank.statistic),
    }


def draw(folder: FrameFolder, hands: list[CropPrediction | None]) -> np.ndarray:
    """Every frame's crop with the estimate on it, beside it the truth where there is one."""
    tiles = []
    for i, hand in enumerate(hands):
        place = hand_centre(
            folder.joints[i] if folder.joints is not None else hand.positions if hand else np.zeros((21, 3))
        )
        if place[2] <= 0:
            tiles.append(caption(np.zeros((EDGE, EDGE, 3), np.uint8), f"{i}: no hand"))
            continue
        crop = Crop(place, 0.16)
        image = crop.image(folder.depth(i), folder.camera, EDGE)
        side = f"{hand.handedness} {certainty(hand):.2f}" if hand else "no hand"
        tiles.append(
            caption(draw_crop(image, crop.to_uvd(hand.positions) if hand else None, edge=EDGE), f"{i}: {side}")
        )
        if folder.joints is not None:
            tiles.append(caption(draw_crop(image, crop.to_uvd(folder.joints[i]), edge=EDGE), "truth"))
    return sheet(tiles)


def line(name: str, result: dict) -> str:
    """The most important figures, for people."""
    text = f"{name}: {result['frames']} frames, found {result['found']:.0%}"
    if result["right"] is not None:
        text += f", right {result['right']:.0%}"
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
        text += f", PIP off by {result['pip_flexion_error_deg']:.0f} deg"
        text += f" (r {result['pip_flexion_correlation']:.2f}), sigma rank {result['sigma_rank_correlation']:.2f}"
    parts = {"visible": result["visible_mm"], "hidden": result["hidden_mm"], **result["distance_mm"]}
    text += "\n    " + ", ".join(f"{part} {error:.1f}" for part, error in parts.items() if error is not None)
    shares = {"estimates": result["before_surface"], "labels": result["labels_before_surface"]}
    said = ", ".join(f"{share:.0%} of {name}" for name, share in shares.items() if share is not None)
    text += f"\n    {BEFORE_MM:.0f} mm or more before the surface: {said}"
    if "estimate_near" in result:
        text += f"\n    within {NEAR_MM:.0f} mm of the true centre: finder's first {result['finder_first_near']:.0%}"
        text += f", its best {result['finder_best_near']:.0%}, estimate {result['estimate_near']:.0%}"
    return f"{text}\n    {fingers}"
