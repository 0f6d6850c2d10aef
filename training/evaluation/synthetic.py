"""Evaluate on the synthetic test set (`training.synth.testset`): errors by stratum, coverage of the stated uncertainty.

    python -m training.evaluate synthetic --json errors.json

The first time, the set is rendered (some minutes) and kept in `--cache`.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from fingerpose_ros.perception.skeleton import JOINTS, SUBTASKS
from training import metrics
from training.evaluation.frames import about, add_model_arguments, interval, make_backend
from training.synth import testset
from training.synth.stream import HALF_SIZE

BATCH = 32
DISTANCES = (0.3, 0.5, 0.7, 0.9)
"""Metres between which errors are told apart."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cache", type=Path, default=Path(f".work/synthetic_test_{testset.VERSION}.npz"))
    parser.add_argument("--json", type=Path, help="write all figures here")
    add_model_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    backend = make_backend(arguments)
    whole = testset.load(arguments.cache)
    images = resample(whole["image"], backend.input_size)
    answers = [backend.infer(images[i : i + BATCH]) for i in range(0, len(images), BATCH)]
    uvd, sigma, right, present = (
        np.concatenate([getattr(a, name) for a in answers]) for name in ("uvd", "sigma", "right", "present")
    )
    report = about(arguments, backend) | {"set": f"synthetic test set, version {testset.VERSION}"}
    report |= score(whole, uvd, sigma)
    report |= {"handedness": float((right > 0.5).mean()), "presence": float((present > 0.5).mean())}
    print(table(report))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def resample(images: np.ndarray, size: int) -> np.ndarray:
    """Network inputs (n, 1, S, S) at another size, each pixel the nearest one, as a crop would have taken it."""
    pick = ((np.arange(size) + 0.5) * images.shape[-1] / size).astype(int)
    return np.ascontiguousarray(images[:, :, pick][:, :, :, pick])


def to_mm(uvd: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Crop coordinates (n, 21, 3) of cubes at `distance` (n,) -> millimetres in the crop's camera."""
    z = distance[:, None] + uvd[..., 2] * HALF_SIZE
    xy = uvd[..., :2] * z[..., None] * (HALF_SIZE / distance)[:, None, None]
    return 1000 * np.concatenate([xy, z[..., None]], axis=-1)


def score(whole: dict[str, np.ndarray], uvd: np.ndarray, sigma: np.ndarray) -> dict:
    """Errors in mm over all and by stratum, and coverage per axis of visible and of hidden joints."""
    errors = metrics.joint_errors(to_mm(uvd, whole["distance"]), to_mm(whole["uvd"], whole["distance"]))
    visible = whole["visible"]
    result = metrics.summary(errors, JOINTS, dict(SUBTASKS)) | {"interval_95_mm": interval(errors.mean(1))}
    result["visible_mm"], result["hidden_mm"] = float(errors[visible].mean()), float(errors[~visible].mean())
    result["strata_mm"] = {name: float(errors[which].mean()) for name, which in testset.strata(whole).items()}
    near = np.digitize(whole["distance"], DISTANCES)
    labels = [f"{low:.1f}-{high:.1f} m" for low, high in zip((0, *DISTANCES), (*DISTANCES, 1.4), strict=True)]
    result["distance_mm"] = {label: float(errors[near == i].mean()) for i, label in enumerate(labels)}
    ratio = np.abs(uvd - whole["uvd"]) / sigma
    for name, joints in (("visible", visible), ("hidden", ~visible)):
        result[f"coverage_68_{name}"] = (ratio[joints] < 1).mean(0).tolist()
        result[f"coverage_95_{name}"] = (ratio[joints] < 1.96).mean(0).tolist()
    return result


def table(report: dict) -> str:
    """The figures, for people."""
    low, high = report["interval_95_mm"]
    lines = [
        f"{report['set']}, {report['frames']} hands; {report['model']}",
        f"mean joint error {report['mean_joint_error_mm']:.2f} mm [{low:.2f}, {high:.2f}], "
        f"visible {report['visible_mm']:.2f}, hidden {report['hidden_mm']:.2f}; "
        f"right hand {report['handedness']:.1%}, hand present {report['presence']:.1%}",
    ]
    lines += [f"  {name:32s} {value:6.2f} mm" for name, value in (report["strata_mm"] | report["distance_mm"]).items()]
    lines += [f"  {name:32s} {value:6.2f} mm" for name, value in report["per_finger_mm"].items()]
    for name in ("coverage_68_visible", "coverage_68_hidden", "coverage_95_visible", "coverage_95_hidden"):
        lines.append(
            f"  {name.replace('_', ' '):32s} "
            + "  ".join(f"{axis} {v:.1%}" for axis, v in zip("uvd", report[name], strict=True))
        )
    return "\n".join(lines)
