"""Evaluate on the synthetic test set: errors by stratum, coverage of the uncertainty.

    ./run training evaluate synthetic --json errors.json --figures sheets/
    ./run training evaluate synthetic --backgrounds DIR... --json errors.json

Without `--backgrounds` it is version 17: rendered scenes (`training.rendering.testset`). With the recordings that
`training/rendering/backgrounds.yaml` names it is version 18: hands with objects, composed into recorded scenes
(`training.rendering.composed_testset`). Errors of the two are not comparable.

As in the estimator, each hand is predicted twice. The second crop is rotated so that the hand, as first predicted,
points up; its prediction is scored. Unlike in the estimator, both crops have the same centre.

The first call renders the set (some minutes) and stores it in `--cache`.
"""

import argparse
import json
from dataclasses import fields
from pathlib import Path

import numpy as np

from fingerpose_ros.files import write_image, write_text
from fingerpose_ros.perception.kinematics import hand_direction
from fingerpose_ros.perception.pose.crop import roll_matrix, upright_roll
from fingerpose_ros.perception.pose.prediction import Backend, Prediction
from fingerpose_ros.perception.skeleton import JOINTS, SUBTASKS
from training.progress import progress
from training.rendering import composed_testset, testset
from training.rendering.preview import caption, draw_crop, sheet
from training.rendering.sensors import SENSORS
from training.rendering.view_sampling import HALF_SIZE

from . import metrics
from .intervals import mean_interval
from .models import about, add_model_arguments, make_backend

BATCH = 32
FIGURE_HANDS = 48
"""Hands in the figure."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--backgrounds", nargs="+", type=Path, metavar="DIR", help="recordings without hands: version 18"
    )
    parser.add_argument(
        "--cache", type=Path, help="where the set is stored; .work/synthetic_test_VERSION.npz if not given"
    )
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--figures", type=Path, help="draw the hands with the largest errors here")
    add_model_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    backend = make_backend(arguments)
    version = composed_testset.VERSION if arguments.backgrounds else testset.VERSION
    cache = arguments.cache or Path(f".work/synthetic_test_{version}.npz")
    whole = composed_testset.load(cache, arguments.backgrounds) if arguments.backgrounds else testset.load(cache)
    strata = composed_testset.strata(whole) if arguments.backgrounds else testset.strata(whole)
    first = predict(backend, whole["image"], np.zeros(len(whole["uvd"])), "first crops")
    first_errors = metrics.joint_errors(to_mm(first.uvd, whole["distance"]), to_mm(whole["uvd"], whole["distance"]))
    roll = upright_roll(hand_direction(to_mm(first.uvd, whole["distance"])))
    second = predict(backend, whole["image"], roll, "upright crops")
    report = about(arguments, backend) | {"set": f"synthetic test set, version {version}"}
    uvd = rotated(whole["uvd"], roll)
    visible = whole["visible"] & (np.abs(uvd[..., :2]) < 1).all(axis=-1)
    whole |= {"uvd": uvd, "visible": visible}
    report |= score(whole, second.uvd, second.sigma, strata)
    report |= {"first_crop_mm": float(first_errors.mean())}
    report |= {"handedness": float((second.right > 0.5).mean()), "presence": float((second.present > 0.5).mean())}
    print(table(report))
    if arguments.json:
        write_text(arguments.json, json.dumps(report, indent=1) + "\n")
    if arguments.figures:
        arguments.figures.mkdir(parents=True, exist_ok=True)
        write_image(arguments.figures / "synthetic_worst.png", draw_worst(whole, second.uvd, roll))


def predict(backend: Backend, images: np.ndarray, roll: np.ndarray, what: str) -> Prediction:
    """Predictions for the cubes in `testset` images (n, 1, EDGE, EDGE), rotated by `roll` (n,) radians.

    `what` names them in the display of the progress.
    """
    parts = []
    for i in progress(range(0, len(images), BATCH), what, "batches"):
        parts.append(backend.infer(resample(images[i : i + BATCH], backend.input_size, roll[i : i + BATCH])))
    names = [field.name for field in fields(Prediction)]
    return Prediction(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def rotated(uvd: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """Points (n, ..., 3) rotated by `roll` (n,) radians from u towards v, which is clockwise."""
    return np.einsum("nij,n...j->n...i", roll_matrix(roll), uvd)


def resample(images: np.ndarray, size: int, roll: np.ndarray) -> np.ndarray:
    """Network inputs (n, 1, size, size) by nearest-neighbour sampling, as in `Crop.image`."""
    axis = (2 * np.arange(size) + 1) / size - 1
    grid = np.stack([*np.meshgrid(axis, axis), np.zeros((size, size))], axis=-1)
    sources = rotated(np.broadcast_to(grid, (len(images), *grid.shape)), -roll)[..., :2]
    u, v = np.floor((sources * testset.SIZE + images.shape[-1]) / 2).astype(int).transpose(3, 0, 1, 2)
    return images[np.arange(len(images))[:, None, None], 0, v, u][:, None]


def to_mm(uvd: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Crop coordinates (n, 21, 3) of cubes at `distance` (n,) -> millimetres in the crop's camera."""
    z = distance[:, None] + uvd[..., 2] * HALF_SIZE
    xy = uvd[..., :2] * z[..., None] * (HALF_SIZE / distance)[:, None, None]
    return 1000 * np.concatenate([xy, z[..., None]], axis=-1)


def score(
    whole: dict[str, np.ndarray], uvd: np.ndarray, sigma: np.ndarray, strata: dict[str, np.ndarray]
) -> dict:  # fmt: skip
    """Errors in mm, overall and by stratum, and coverage per axis for visible and hidden joints."""
    errors = metrics.joint_errors(to_mm(uvd, whole["distance"]), to_mm(whole["uvd"], whole["distance"]))
    visible = whole["visible"]
    result = metrics.summary(errors, JOINTS, dict(SUBTASKS)) | {"interval_95_mm": mean_interval(errors)}
    result["visible_mm"], result["hidden_mm"] = float(errors[visible].mean()), float(errors[~visible].mean())
    shown = {name: which for name, which in strata.items() if which.any()}
    result["strata_mm"] = {name: float(errors[which].mean()) for name, which in shown.items()}
    result["strata_95_mm"] = {name: mean_interval(errors[which]) for name, which in shown.items()}
    result["strata_hands"] = {name: int(which.sum()) for name, which in shown.items()}
    result["worst_joint_mm"] = float(metrics.worst_joint(errors).mean())
    result["distance_mm"] = metrics.by_distance(errors, whole["distance"])
    ratio = np.abs(uvd - whole["uvd"]) / sigma
    for name, joints in (("visible", visible), ("hidden", ~visible)):
        result[f"coverage_68_{name}"] = (ratio[joints] < 1).mean(0).tolist()
        result[f"coverage_95_{name}"] = (ratio[joints] < 1.96).mean(0).tolist()
    return result


def draw_worst(whole: dict[str, np.ndarray], uvd: np.ndarray, roll: np.ndarray) -> np.ndarray:
    """The `FIGURE_HANDS` hands with the largest mean errors, the worst first: the estimate, beside it the truth."""
    errors = metrics.joint_errors(to_mm(uvd, whole["distance"]), to_mm(whole["uvd"], whole["distance"])).mean(1)
    worst = np.argsort(-errors)[:FIGURE_HANDS]
    tiles = []
    for i, image in zip(worst, resample(whole["image"][worst], testset.SIZE, roll[worst])[:, 0], strict=True):
        sensor = list(SENSORS)[whole["sensor"][i]]
        tiles.append(caption(draw_crop(image, uvd[i]), f"{i}: {errors[i]:.0f} mm"))
        tiles.append(caption(draw_crop(image, whole["uvd"][i], whole["visible"][i]), sensor))
    return sheet(tiles)


def table(report: dict) -> str:
    """The figures, as text."""
    low, high = report["interval_95_mm"]
    lines = [
        f"{report['set']}, {report['frames']} hands; {report['model']}",
        f"mean joint error {report['mean_joint_error_mm']:.2f} mm [{low:.2f}, {high:.2f}], "
        f"visible {report['visible_mm']:.2f}, hidden {report['hidden_mm']:.2f}, "
        f"worst joint {report['worst_joint_mm']:.2f}, first crop {report['first_crop_mm']:.2f}; "
        f"right hand {report['handedness']:.1%}, hand present {report['presence']:.1%}",
    ]
    for name, value in report["strata_mm"].items():
        low, high = report["strata_95_mm"][name]
        lines.append(f"  {name:32s} {value:6.2f} mm [{low:.2f}, {high:.2f}], {report['strata_hands'][name]} hands")
    lines += [f"  {name:32s} {value:6.2f} mm" for name, value in report["distance_mm"].items()]
    lines += [f"  {name:32s} {value:6.2f} mm" for name, value in report["per_finger_mm"].items()]
    for name in ("coverage_68_visible", "coverage_68_hidden", "coverage_95_visible", "coverage_95_hidden"):
        lines.append(
            f"  {name.replace('_', ' '):32s} "
            + "  ".join(f"{axis} {v:.1%}" for axis, v in zip("uvd", report[name], strict=True))
        )
    return "\n".join(lines)
