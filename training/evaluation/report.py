"""Scores from `metrics.summary` as a text table and a figure."""

import math
from pathlib import Path

from fingerpose_ros.files import whole_file

FRAMES_WITHIN_MM = (10, 20, 30, 40)


def without_nan(value):
    """Dictionaries, lists and numbers for JSON, which has no NaN: None instead."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table(scores: dict[str, dict]) -> str:
    """One row per method: mean error, AUC, fractions of frames by worst joint, mean error per finger."""
    groups = list(next(iter(scores.values()))["per_finger_mm"])
    head = ["method", "frames", "mean mm", "AUC", *(f"max<={d}" for d in FRAMES_WITHIN_MM), *groups]
    rows = [head]
    for name, score in scores.items():
        fractions = [f"{100 * score['frames_with_worst_joint_within'][d]:.1f} %" for d in FRAMES_WITHIN_MM]
        fingers = [f"{score['per_finger_mm'][group]:.2f}" for group in groups]
        means = [f"{score['mean_joint_error_mm']:.3f}", f"{score['auc_0_50_mm']:.3f}"]
        rows.append([Path(name).name, str(score["frames"]), *means, *fractions, *fingers])
    first, *widths = (max(len(row[i]) for row in rows) for i in range(len(head)))
    lines = ([row[0].ljust(first), *map(str.rjust, row[1:], widths)] for row in rows)
    return "\n".join("  ".join(line) for line in lines)


def figure(scores: dict[str, dict], path: Path) -> None:
    """Draw the mean error per joint, and the fractions of frames (worst joint) and of joints within a distance."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    drawing, (bars, frames, joints) = pyplot.subplots(1, 3, figsize=(18, 5))
    for i, (name, score) in enumerate(scores.items()):
        values = list(score["per_joint_mm"].values())
        positions = [j + i / (len(scores) + 1) for j in range(len(values))]
        label = f"{Path(name).name} ({score['mean_joint_error_mm']:.2f} mm)"
        bars.bar(positions, values, 1 / (len(scores) + 1), align="edge", label=label)
        frames.plot(score["distances_mm"], score["frames_with_worst_joint_within"], label=label)
        joints.plot(score["distances_mm"], score["joints_within"], label=label)
    names = list(next(iter(scores.values()))["per_joint_mm"])
    bars.set_xticks(range(len(names)), names, rotation=90)
    bars.set_ylabel("mean error, mm")
    for axes, what in ((frames, "frames with the worst joint within"), (joints, "joints within")):
        axes.set(xlabel="distance, mm", ylabel=f"fraction of {what}", xlim=(0, 80), ylim=(0, 1))
        axes.grid(alpha=0.3)
    frames.legend(fontsize=8)
    drawing.tight_layout()
    with whole_file(path) as part:
        drawing.savefig(part, dpi=120)
    pyplot.close(drawing)
