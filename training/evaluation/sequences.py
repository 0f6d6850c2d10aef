"""Evaluate hands in motion, with and without bones that keep their lengths, with and without smoothing.

    ./run training evaluate sequences --json sequences.json

Renders `--count` sequences of `--images` images at 30 Hz (`training.rendering.moving_hands`), each of another person.
The crops are at the true place of the hand, and it points up in them. The figures are those of valid joints, after the
first second:

| figure | meaning |
| --- | --- |
| error | mean distance of the joints from the truth, mm |
| PIP error, PIP r | error of the PIPs' flexion, degrees, and its correlation with the truth |
| spread | standard deviation of the lengths of the 15 bones over a sequence, mm |
| jitter | RMS distance of the joints from their mean in a rest, mm; the first 5 images of a rest do not count |
| lag | delay of the truth with the smallest error of the fingertips while the hand moves, ms |

Intervals are 95 % bootstrap intervals over sequences. The change is that by `hand_model`, with the same smoothing. The
time is that of fitting and smoothing one hand, on one core.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from scipy.stats import pearsonr
from tqdm import tqdm

from fingerpose_ros.perception.kinematics import hand_centre, hand_direction
from fingerpose_ros.perception.pose.crop_predictor import CropPrediction, CropPredictor
from fingerpose_ros.perception.pose.prediction import Backend
from fingerpose_ros.perception.settings import EstimatorSettings
from fingerpose_ros.perception.skeleton import PARENTS, TIPS
from fingerpose_ros.perception.tracking.hand_model import HandModel
from fingerpose_ros.perception.tracking.smoothing import PoseFilter
from training.rendering.moving_hands import RATE, MovingHand, moving_hand
from training.rendering.renderer import Renderer, shared_renderer

from .frame_scoring import correlation, pip_angles
from .intervals import interval, resampled_means
from .models import about, add_model_arguments, make_backend
from .report import without_nan

METHODS = ("prediction", "smoothing", "hand_model", "hand_model, smoothing")
"""What is compared. `Scores` are in this order."""

FIGURES = ("error_mm", "pip_error_deg", "pip_r", "length_spread_mm", "jitter_mm", "lag_ms")

SETTLING = RATE
"""Images at the start of a sequence that do not count: the lengths are not known yet."""

REST_STARTS = 5
"""Images at the start of a rest that do not count as rest: a smoothed hand still moves."""

BONES = [joint for joint in range(1, 21) if PARENTS[joint] != 0]
"""Joints at the ends of the bones whose length does not depend on the pose."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=int, default=6, help="number of sequences")
    parser.add_argument("--images", type=int, default=90, help="images in a sequence, more than 30")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write all figures here")
    add_model_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    if arguments.images <= SETTLING or arguments.count < 1:
        raise ValueError(f"--count must be at least 1 and --images more than {SETTLING}")
    backend, renderer = make_backend(arguments), shared_renderer("cpu")
    scores, times = [], []
    with tqdm(total=arguments.count * arguments.images, unit=" images", desc="sequences") as progress:
        for number in range(arguments.count):
            hand = moving_hand(renderer.bank, arguments.seed, number, arguments.images)
            predictions = predict(backend, hand, renderer, progress)
            estimated, spent = estimates(hand, predictions)
            scores.append([score(hand, joints) for joints in estimated])
            times += spent
    report = about(arguments, backend) | {"sequences": len(scores), "images": arguments.images, "seed": arguments.seed}
    report |= summary(np.array(scores)) | {"hand_model_ms": np.percentile(times, (50, 95)).tolist()}
    print(table(report))
    if arguments.json:
        arguments.json.write_text(json.dumps(without_nan(report), indent=1) + "\n")


def predict(backend: Backend, hand: MovingHand, renderer: Renderer, progress: tqdm) -> list[CropPrediction]:
    """The prediction in each image.

    Raises:
        ValueError: a crop shows no surface.
    """
    predictions = []
    for joints, depth in zip(hand.joints, hand.images(renderer), strict=True):
        predictor = CropPredictor(backend, EstimatorSettings().cube_half_size, depth, hand.camera)
        crop = predictor.crop(hand_centre(joints), hand.handedness, hand_direction(joints))
        prediction = predictor.predict([crop])[0]
        if prediction is None:
            raise ValueError("a rendered hand is not visible; choose another --seed")
        predictions.append(prediction)
        progress.update()
    return predictions


def estimates(hand: MovingHand, predictions: list[CropPrediction]) -> tuple[list[np.ndarray], list[float]]:
    """The joints (images, 21, 3) by each of `METHODS`, NaN where one is not valid; and the last one's CPU times, ms."""
    settings = EstimatorSettings()
    cutoffs = settings.smoothing_min_cutoff, settings.smoothing_beta
    smooth, model, smooth_model = PoseFilter(*cutoffs), HandModel(None), HandModel(cutoffs)
    joints, times = [], []
    for number, prediction in enumerate(predictions):
        stamp, positions = number / RATE, prediction.positions
        valid = prediction.valid(hand.camera, settings.max_sigma)
        fitted = positions, prediction.covariance, valid, hand.handedness, stamp
        each = [positions, smooth(positions, stamp, valid), model(*fitted)]
        start = time.process_time()
        each.append(smooth_model(*fitted))
        times.append(1000 * (time.process_time() - start))
        joints.append(np.where(valid[:, None], np.stack(each), np.nan))
    return list(np.stack(joints, axis=1)), times


def score(hand: MovingHand, joints: np.ndarray) -> list[float]:
    """The `FIGURES` of one sequence; NaN where one is not known."""
    counts = slice(SETTLING, None)
    truth, resting, joints = hand.joints[counts], hand.resting[counts], joints[counts]
    flexion, true_flexion = (pip_angles(positions, hand.handedness) for positions in (joints, truth))
    lengths = np.linalg.norm(joints[:, BONES] - joints[:, [PARENTS[joint] for joint in BONES]], axis=2)
    r = correlation(pearsonr, flexion, true_flexion)
    return [
        1000 * float(np.nanmean(np.linalg.norm(joints - truth, axis=2))),
        float(np.nanmean(np.abs(flexion - true_flexion))),
        np.nan if r is None else r,
        1000 * float(np.nanmean(np.nanstd(lengths[:, np.isfinite(lengths).any(axis=0)], axis=0))),
        1000 * jitter(joints, resting),
        1000 * lag(hand, joints),
    ]


def jitter(joints: np.ndarray, resting: np.ndarray) -> float:
    """RMS distance of the joints (images, 21, 3) from their mean in each rest, if valid throughout; NaN without one."""
    squares = []
    for rest in np.unique(resting[resting >= 0]):
        still = joints[resting == rest][REST_STARTS:]
        still = still[:, np.isfinite(still).all(axis=(0, 2))]
        if len(still) > 1:
            squares.append(((still - still.mean(axis=0)) ** 2).sum(axis=2).ravel())
    return float(np.sqrt(np.concatenate(squares).mean())) if squares else np.nan


def lag(hand: MovingHand, joints: np.ndarray) -> float:
    """Delay, in seconds, of the true fingertips with the smallest error while the hand moves; NaN without motion.

    `joints` are those of the images from `SETTLING` on.
    """
    tips, moving = list(TIPS), np.flatnonzero(hand.resting[SETTLING:] < 0)
    if not len(moving):
        return np.nan
    truth, images = hand.joints[:, tips].reshape(len(hand.joints), -1), np.arange(len(hand.joints))
    delays = np.arange(0, 0.2, 0.002)
    errors = []
    for delay in delays:
        at = moving + SETTLING - delay * RATE
        delayed = np.stack([np.interp(at, images, column) for column in truth.T], axis=1)
        errors.append(np.nanmean((joints[moving][:, tips].reshape(len(moving), -1) - delayed) ** 2))
    return float(delays[int(np.argmin(errors))])


def summary(scores: np.ndarray) -> dict:
    """Means and intervals of `scores` (sequences, methods, figures), and the changes by `hand_model`."""
    result = {"methods": {}, "change": {}, "per_sequence": scores.tolist()}
    means = np.stack([resampled_means(column) for column in scores.reshape(len(scores), -1).T], axis=1)
    means, mean = means.reshape(-1, *scores.shape[1:]), np.nanmean(scores, axis=0)
    for m, method in enumerate(METHODS):
        result["methods"][method] = _named(mean[m], means[:, m])
    for name, (before, after) in {"not smoothed": (0, 2), "smoothed": (1, 3)}.items():
        result["change"][name] = _named(mean[after] - mean[before], means[:, after] - means[:, before])
    return result


def _named(mean: np.ndarray, samples: np.ndarray) -> dict:
    """Means (figures,) with the intervals of `samples` (resamples, figures), by figure."""
    return {
        figure: {"mean": float(mean[f]), "interval_95": interval(samples[:, f])} for f, figure in enumerate(FIGURES)
    }


def table(report: dict) -> str:
    """The figures, as text."""
    lines = [f"{report['sequences']} sequences of {report['images']} images, seed {report['seed']}; {report['model']}"]
    lines.append(f"{'':24s}" + "".join(f"{figure:>26s}" for figure in FIGURES))
    rows = report["methods"] | {f"change, {name}": change for name, change in report["change"].items()}
    for name, row in rows.items():
        cells = []
        for figure in FIGURES:
            low, high = row[figure]["interval_95"] or (np.nan, np.nan)
            cells.append(f"{row[figure]['mean']:.2f} [{low:.2f}, {high:.2f}]")
        lines.append(f"{name:24s}" + "".join(f"{cell:>26s}" for cell in cells))
    median, high = report["hand_model_ms"]
    return "\n".join([*lines, f"hand_model with smoothing: {median:.2f} ms a hand, 95 % under {high:.2f} ms"])
