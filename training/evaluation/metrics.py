"""Errors of estimated hand joints, as defined by the five benchmarks.

Throughout: joints are (frames, J, 3); `valid` (frames, J) marks the joints with a known true position. Distances have
the unit of the joints; results in mm need joints in mm.

Sources. Mean joint error, fraction of frames whose worst joint is within a distance and fraction of joints within a
distance: Taylor et al., "The Vitruvian Manifold", CVPR 2012, as used since Tompson et al., ACM ToG 33(5), 2014 and
Supancic et al., ICCV 2015. Alignments, PCK and AUC of HO-3D: the evaluation script of its challenge (Hampali et al.,
CVPR 2020), which takes them from FreiHAND (Zimmermann et al., ICCV 2019).
"""

import numpy as np
from scipy.linalg import orthogonal_procrustes

AUC_LIMIT_MM = 50.0
"""HO-3D's PCK curve runs from 0 to 5 cm, in 100 steps."""
AUC_STEPS = 100

DISTANCES_M = (0.3, 0.5, 0.7, 0.9)
"""Limits of the bins of the hand's distance from the camera, metres."""


def joint_errors(estimate: np.ndarray, truth: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
    """Distances (frames, J); NaN where the true joint is unknown.

    Raises:
        ValueError: shapes differ, or an estimate is not finite where the truth is known.
    """
    estimate, truth = np.asarray(estimate, np.float64), np.asarray(truth, np.float64)
    if estimate.shape != truth.shape or truth.ndim != 3 or truth.shape[-1] != 3:
        raise ValueError(f"estimates {estimate.shape} and truths {truth.shape} are not both (frames, joints, 3)")
    valid = np.isfinite(truth).all(-1) if valid is None else np.asarray(valid, bool)
    if valid.shape != truth.shape[:2]:
        raise ValueError(f"validity {valid.shape} does not match joints {truth.shape}")
    if not np.isfinite(truth[valid]).all():
        raise ValueError("a truth that is marked valid is not finite")
    missing = valid & ~np.isfinite(estimate).all(-1)
    if missing.any():
        frame, joint = np.argwhere(missing)[0]
        raise ValueError(f"the estimate of frame {frame}, joint {joint} is {estimate[frame, joint]}")
    return np.where(valid, np.linalg.norm(np.where(valid[..., None], estimate - truth, 0), axis=-1), np.nan)


def mean_error(errors: np.ndarray) -> float:
    """The mean joint error over all known joints of all frames, with equal weights."""
    return float(np.nanmean(errors)) if np.isfinite(errors).any() else float("nan")


def per_joint(errors: np.ndarray) -> np.ndarray:
    """(J,) mean error of each joint; NaN if it is unknown in all frames."""
    known = np.isfinite(errors)
    total = np.where(known, errors, 0).sum(0)
    return np.divide(total, known.sum(0), out=np.full(errors.shape[1], np.nan), where=known.any(0))


def worst_joint(errors: np.ndarray) -> np.ndarray:
    """(frames,) error of each frame's worst known joint; NaN if none is known."""
    known = np.isfinite(errors)
    return np.where(known.any(1), np.where(known, errors, -np.inf).max(1), np.nan)


def by_distance(errors: np.ndarray, distance: np.ndarray) -> dict[str, float]:
    """Mean `errors` (frames, J) by bin of the hand's `distance` (frames,) in metres; empty bins are left out."""
    bins = np.digitize(distance, DISTANCES_M)
    edges = [f"{low:.1f}-{high:.1f} m" for low, high in zip((0, *DISTANCES_M), DISTANCES_M, strict=False)]
    names = [*edges, f"over {DISTANCES_M[-1]:.1f} m"]
    return {names[i]: mean_error(errors[bins == i]) for i in np.unique(bins)}


def fraction_within(errors: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Fraction of the known `errors` (any shape) that are at most each of `distances` (D,) -> (D,)."""
    known = np.sort(errors[np.isfinite(errors)])
    if not known.size:
        return np.full(len(distances), np.nan)
    return np.searchsorted(known, distances, side="right") / known.size


def area_under_curve(errors: np.ndarray, limit: float = AUC_LIMIT_MM) -> float:
    """Mean over joints of the normalised area under the fraction-within-distance curve from 0 to `limit`.

    As in HO-3D's script: computed per joint, by trapezoids over 100 equally spaced distances.
    """
    distances = np.linspace(0, limit, AUC_STEPS)
    areas = [np.trapezoid(fraction_within(joint, distances), distances) / limit for joint in errors.T]
    areas = [area for area in areas if np.isfinite(area)]
    return float(np.mean(areas)) if areas else float("nan")


def align_root(estimate: np.ndarray, truth: np.ndarray, root: int) -> np.ndarray:
    """The estimates, translated frame by frame so that joint `root` is at its true position."""
    return estimate - estimate[:, root : root + 1] + truth[:, root : root + 1]


def align_scale_translation(estimate: np.ndarray, truth: np.ndarray, root: int, reference: int) -> np.ndarray:
    """The estimates, scaled to the true distance from root to `reference` and translated to the true root.

    HO-3D's second error: in its MANO order the root is the wrist (0) and the reference the first joint of the middle
    finger (4). As in its script, an estimate whose two joints coincide is multiplied by the true length.
    """
    length = np.linalg.norm(estimate[:, reference] - estimate[:, root], axis=-1)
    true_length = np.linalg.norm(truth[:, reference] - truth[:, root], axis=-1)
    scaled = estimate * (true_length / np.where(length > 0, length, 1))[:, None, None]
    return align_root(scaled, truth, root)


def align_procrustes(estimate: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The estimates after a least-squares similarity transform to the truth, frame by frame; HO-3D's third error.

    As in HO-3D's script, `scipy.linalg.orthogonal_procrustes` may choose a reflection.
    """
    aligned = np.empty_like(np.asarray(estimate, np.float64))
    for i, (guess, target) in enumerate(zip(estimate, truth, strict=True)):
        centre = target.mean(0)
        target_size, guess_size = np.linalg.norm(target - centre) + 1e-8, np.linalg.norm(guess - guess.mean(0)) + 1e-8
        unit = (guess - guess.mean(0)) / guess_size
        rotation, scale = orthogonal_procrustes((target - centre) / target_size, unit)
        aligned[i] = unit @ rotation.T * (scale * target_size) + centre
    return aligned


def summary(errors: np.ndarray, joints: tuple[str, ...], groups: dict[str, tuple[int, ...]]) -> dict:
    """The figures of a results table from `errors` (frames, J) in mm, ready for JSON.

    Args:
        joints: the J names, in order.
        groups: finger or palm -> the indices of its joints.
    """
    distances = np.arange(0, 81)
    return {
        "frames": len(errors),
        "mean_joint_error_mm": mean_error(errors),
        "per_joint_mm": dict(zip(joints, per_joint(errors).tolist(), strict=True)),
        "per_finger_mm": {name: mean_error(errors[:, list(members)]) for name, members in groups.items()},
        "auc_0_50_mm": area_under_curve(errors),
        "distances_mm": distances.tolist(),
        "frames_with_worst_joint_within": fraction_within(worst_joint(errors), distances).tolist(),
        "joints_within": fraction_within(errors, distances).tolist(),
    }
