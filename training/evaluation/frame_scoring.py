"""Errors of the hands estimated in one folder of recorded frames; the figures are described in `frames.py`.

Joints are (frames, 21, 3) in mm. Unlabelled joints are NaN: they enter no figure.
"""

import json
import re

import numpy as np
from scipy.stats import pearsonr, spearmanr

from fingerpose_ros.perception.hand import LEFT, RIGHT
from fingerpose_ros.perception.kinematics import hand_centre, joint_angles, joint_frames
from fingerpose_ros.perception.pose.crop_predictor import CropPrediction
from fingerpose_ros.perception.skeleton import JOINTS, SUBTASKS
from fingerpose_ros.recording.frame_folder import FrameFolder
from fingerpose_ros.replay.scoring import MISSED_MM

from . import metrics
from .intervals import BLOCK, interval, mean_interval, resampled_means

IN_FRONT_MM = 5.0
VISIBLE_MM = 25.0

WEAK_LABELS = r"(?i)\b(weak|pseudo|rough)"
"""What the `label_note` of a `meta.json` contains if its labels are not measured but, for example, another method's."""


def has_weak_labels(folder: FrameFolder) -> bool:
    """Whether the folder's `meta.json` describes its labels as weak."""
    meta = json.loads((folder.path / "meta.json").read_text())
    return bool(re.search(WEAK_LABELS, str(meta.get("label_note", ""))))


def labelled_frames(folder: FrameFolder) -> np.ndarray:
    """(frames,) bool: frames with at least one labelled joint; all if the folder has no labels."""
    if folder.joints is None:
        return np.ones(len(folder.images), bool)
    return np.isfinite(folder.joints).all(-1).any(-1)


def score(folder: FrameFolder, hands: list[CropPrediction | None]) -> dict:
    """All figures of one folder's estimates, ready for JSON except for NaN and `errors`, an array (frames, 21).

    Raises:
        ValueError: no joint is labelled.
    """
    used = labelled_frames(folder)
    if not used.any():
        raise ValueError(f"{folder.path / 'joints.npz'} contains no labelled joint")
    positions = np.array([hand.positions if hand else np.full((21, 3), np.nan) for hand in hands]) * 1000
    kept = [hand for hand, use in zip(hands, used, strict=True) if use]
    detected = np.array([hand is not None for hand in kept])
    result = {
        "labelled_frames": int(used.sum()) if folder.joints is not None else 0,
        "detected": float(detected.mean()),
        "right_hand": float(np.mean([h.handedness == RIGHT for h in kept if h])) if detected.any() else None,
        "in_front_of_surface": fraction_in_front(behind_surface(folder, positions)[used]),
    }
    if folder.joints is None:
        return result
    behind = behind_surface(folder, 1000 * folder.joints)[used]
    truth, positions = 1000 * folder.joints[used], positions[used]
    known = np.isfinite(truth).all(-1)
    result |= {"labelled_joints": float(known.mean()), "labels": "weak" if has_weak_labels(folder) else "measured"}
    errors = metrics.joint_errors(np.where(detected[:, None, None], positions, truth), truth)
    errors = np.where(known & ~detected[:, None], MISSED_MM, errors)
    distance = hand_centre(truth)[:, 2] / 1000
    result |= metrics.summary(errors, JOINTS, dict(SUBTASKS))
    result["interval_95_mm"] = mean_interval(errors)
    result["distance_mm"] = metrics.by_distance(errors, distance)
    result["labels_in_front_of_surface"] = fraction_in_front(behind)
    parts = {
        "mean_joint_error_mm": errors,
        "worst_joint_mm": metrics.worst_joint(errors),
        "visible_mm": np.where(behind <= VISIBLE_MM, errors, np.nan),
        "hidden_mm": np.where(behind > VISIBLE_MM, errors, np.nan),
        "hand_centred_mm": np.where(known & ~detected[:, None], MISSED_MM, centred_errors(positions, truth)),
    }
    if len(truth) > 1:
        parts["constant_pose_mm"] = constant_pose_errors(truth)
    if detected.sum() >= 4:
        handedness = true_handedness(truth)
        found, true = positions[detected], truth[detected]
        parts["detected_frames_mm"] = np.where(detected[:, None], errors, np.nan)
        parts["offset_corrected_mm"] = _spread(offset_corrected_errors(found, true, handedness), detected)
        if result["labels"] != "weak":
            flexion, true_flexion = pip_angles(found, handedness), pip_angles(true, handedness)
            parts["pip_flexion_error_deg"] = _spread(np.abs(flexion - true_flexion), detected)
            result["pip_flexion_correlation"] = correlation(pearsonr, flexion, true_flexion)
        sigma = np.array([hand.position_sigma for hand in kept if hand]) * 1000
        result |= uncertainty(sigma, found - true)
    for finger, joints in SUBTASKS.items():
        parts[f"per_finger_mm/{finger}"] = errors[:, list(joints)]
    for joint, values in zip(JOINTS, errors.T, strict=True):
        parts[f"per_joint_mm/{joint}"] = values
    bins = np.digitize(distance, metrics.DISTANCES_M)
    for name, which in zip(result["distance_mm"], np.unique(bins), strict=True):
        parts[f"distance_mm/{name}"] = np.where((bins == which)[:, None], errors, np.nan)
    result |= {name: _mean(values) for name, values in parts.items() if "/" not in name}
    result["intervals_95"] = {
        name: {"images": mean_interval(values), "blocks": mean_interval(values, BLOCK)}
        for name, values in (parts | {"detected": detected.astype(float)}).items()
    }
    return result | {"errors": errors}


def _mean(values: np.ndarray) -> float | None:
    return float(np.nanmean(values)) if np.isfinite(values).any() else None


def _spread(values: np.ndarray, detected: np.ndarray) -> np.ndarray:
    """Values of the detected frames -> of all frames, NaN for the others."""
    spread = np.full((len(detected), *values.shape[1:]), np.nan)
    spread[detected] = values
    return spread


def mean_over_sets(errors: list[np.ndarray]) -> dict:
    """Mean joint error of several sets' `errors` (frames, 21), each set with equal weight, with intervals."""
    result: dict = {"sets": len(errors), "mean_joint_error_mm": float(np.mean([np.nanmean(e) for e in errors]))}
    for name, block in (("images", 1), ("blocks", BLOCK)):
        samples = [resampled_means(e, block, seed) for seed, e in enumerate(errors)]
        result[f"interval_95_{name}_mm"] = interval(np.mean(samples, axis=0))
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
        angles = joint_angles(truth, handedness)[0][:, 1:]
        return float(angles[np.isfinite(angles)].mean()) if np.isfinite(angles).any() else 0.0

    return max((RIGHT, LEFT), key=mean_flexion)


def centred(joints: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Joints relative to the mean of those `known` (frames, 21) in their frame; NaN for the others."""
    known_joints = np.where(known[..., None], joints, np.nan)
    return known_joints - hand_centre(known_joints)[:, None]


def centred_errors(positions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(frames, 21) errors after both hands' labelled joints are centred."""
    known = np.isfinite(truth).all(-1)
    return np.linalg.norm(centred(positions, known) - centred(truth, known), axis=2)


def halves(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(fit, test) masks: each half of a sequence is tested once, fitted on the other."""
    first = np.arange(count) < count // 2
    return [(first, ~first), (~first, first)]


def constant_pose_errors(truth: np.ndarray) -> np.ndarray:
    """(frames, 21) errors of the other half's mean hand at the true centre: those if only the position were known."""
    errors = np.full(truth.shape[:2], np.nan)
    for fit, test in halves(len(truth)):
        pose = _known_mean(centred(truth[fit], np.isfinite(truth[fit]).all(-1)))
        known = np.isfinite(truth[test]).all(-1) & np.isfinite(pose).all(-1)
        pose = np.broadcast_to(pose, truth[test].shape)
        errors[test] = np.linalg.norm(centred(truth[test], known) - centred(pose, known), axis=2)
    return errors


def offset_corrected_errors(positions: np.ndarray, truth: np.ndarray, handedness: str) -> np.ndarray:
    """(frames, 21) errors after a fixed offset per joint, in the palm's frame, fitted on the other half, mm."""
    palms = np.array([joint_frames(p, handedness)[0] for p in positions])
    offset = np.einsum("nji,nkj->nki", palms, truth - positions)
    corrected = np.empty(positions.shape[:2])
    for fit, test in halves(len(truth)):
        corrected[test] = np.linalg.norm(offset[test] - _known_mean(offset[fit]), axis=2)
    return corrected


def _known_mean(values: np.ndarray) -> np.ndarray:
    """Mean over frames of the known values; NaN where none is known."""
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(0)
    return np.divide(total, known.sum(0), out=np.full(total.shape, np.nan), where=known.any(0))


def pip_angles(joints: np.ndarray, handedness: str) -> np.ndarray:
    """(frames, 4) PIP angles, index to little finger, degrees; NaN where a joint that is needed is not labelled."""
    return np.degrees([joint_angles(p, handedness)[0][1:, 1] for p in joints])


def correlation(method, one: np.ndarray, other: np.ndarray) -> float | None:
    """A correlation of SciPy over the entries known in both; None if it is not defined."""
    known = np.isfinite(one) & np.isfinite(other)
    if known.sum() < 2 or np.ptp(one[known]) == 0 or np.ptp(other[known]) == 0:
        return None
    return float(method(one[known], other[known]).statistic)


def uncertainty(sigma: np.ndarray, error: np.ndarray) -> dict:
    """Coverage of the predicted intervals per axis, and the rank correlation (Spearman) of sigma with the error."""
    ratio = np.abs(error) / sigma
    ratio = ratio[np.isfinite(ratio)]
    return {
        "coverage_68": float((ratio < 1).mean()),
        "coverage_95": float((ratio < 1.96).mean()),
        "sigma_rank_correlation": correlation(spearmanr, np.linalg.norm(sigma, axis=2), np.linalg.norm(error, axis=2)),
    }
