"""Benchmark of the smoothing filter: jitter at rest, lag in motion, variation of bone lengths.

    python benchmark/smoothing.py [--min-cutoff HZ] [--beta HZ_PER_M_S] [--rate HZ] [--json]

A hand built from joint angles rests, moves through the air, and opens and closes. Noise like a network's is added to
its true joints: a part that all joints share and a part of each joint, both larger along the line of sight. The filter
is the package's own; no trained network is used.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "test" / "support")]

from articulated_hand import ArticulatedHand  # noqa: E402

from fingerpose_ros.perception.settings import EstimatorSettings  # noqa: E402
from fingerpose_ros.perception.skeleton import PARENTS, TIPS  # noqa: E402
from fingerpose_ros.perception.tracking.smoothing import PoseFilter  # noqa: E402

SECONDS = 20.0
PERIOD = 2.0
"""Period in seconds of all motions."""

OWN_NOISE = np.array([0.0015, 0.0015, 0.0025])
SHARED_NOISE = np.array([0.001, 0.001, 0.002])
"""Standard deviations along the camera's axes, metres."""


def rest(time: float) -> np.ndarray:
    """A relaxed hand at rest, (21, 3)."""
    return ArticulatedHand().positions() + (0, 0, 0.6)


def reach(time: float) -> np.ndarray:
    """The same hand, moved from side to side by 0.5 m at up to 0.8 m/s."""
    return rest(time) + (0.25 * np.sin(2 * np.pi * 0.5 * time), 0, 0)


def grasp(time: float) -> np.ndarray:
    """A hand that stays in place, and opens and closes once per second."""
    closed = 0.5 - 0.5 * np.cos(2 * np.pi * time)
    hand = ArticulatedHand()
    for finger, flexion in hand.flexion.items():
        hand.flexion[finger] = flexion + closed * np.radians([15, 30, 40] if finger == "thumb" else [60, 70, 40])
    return hand.positions() + (0, 0, 0.6)


def noisy(truth: np.ndarray, random: np.random.Generator) -> np.ndarray:
    own = random.normal(0, 1, truth.shape) * OWN_NOISE
    shared = random.normal(0, 1, (len(truth), 1, 3)) * SHARED_NOISE
    return truth + own + shared


def lag(estimate: np.ndarray, motion, stamps: np.ndarray) -> float:
    """Lag of the fingertips in milliseconds: the delay of the ground truth with the smallest error."""
    step = 0.002
    truth = np.stack([motion(time)[list(TIPS)] for time in np.arange(0, PERIOD, step)])
    errors = []
    for delay in np.arange(0, 0.25, step):
        delayed = truth[np.round((stamps - delay) / step).astype(int) % len(truth)]
        errors.append(np.mean((estimate[:, list(TIPS)] - delayed) ** 2))
    return 1000 * step * int(np.argmin(errors))


def jitter(estimate: np.ndarray) -> float:
    """RMS distance in millimetres of joints at rest from their mean."""
    return 1000 * float(np.sqrt(((estimate - estimate.mean(axis=0)) ** 2).sum(axis=-1).mean()))


def bone_variation(estimate: np.ndarray) -> float:
    """Standard deviation of the bone lengths over time in millimetres, mean over the bones."""
    lengths = np.linalg.norm(estimate[:, 1:] - estimate[:, list(PARENTS[1:])], axis=-1)
    return 1000 * float(lengths.std(axis=0).mean())


def error(estimate: np.ndarray, truth: np.ndarray) -> float:
    return 1000 * float(np.linalg.norm(estimate - truth, axis=-1).mean())


def measure(settings: EstimatorSettings, rate: float) -> list[dict]:
    random = np.random.default_rng(0)
    count = int(SECONDS * rate)
    stamps = (np.arange(count) + random.uniform(0, 0.1, count)) / rate
    rows = []
    for motion in (rest, reach, grasp):
        truth = np.stack([motion(stamp) for stamp in stamps])
        raw = noisy(truth, random)
        smooth = PoseFilter(settings.smoothing_min_cutoff, settings.smoothing_beta)
        filtered = np.stack([smooth(pose, stamp, np.ones(21, bool)) for pose, stamp in zip(raw, stamps, strict=True)])
        settled = slice(int(rate), None)
        for name, estimate in (("off", raw), ("on", filtered)):
            row = {"motion": motion.__name__, "smoothing": name}
            if motion is rest:
                row["jitter_mm_rms"] = jitter(estimate[settled])
            else:
                row["lag_ms"] = lag(estimate[settled], motion, stamps[settled])
            row["bone_length_std_mm"] = bone_variation(estimate[settled])
            row["error_mm"] = error(estimate[settled], truth[settled])
            rows.append({key: round(value, 2) if isinstance(value, float) else value for key, value in row.items()})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--min-cutoff", type=float, default=EstimatorSettings.smoothing_min_cutoff, metavar="HZ")
    parser.add_argument("--beta", type=float, default=EstimatorSettings.smoothing_beta, metavar="HZ_PER_M_S")
    parser.add_argument("--rate", type=float, default=30.0, metavar="HZ")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    settings = EstimatorSettings(smoothing_min_cutoff=arguments.min_cutoff, smoothing_beta=arguments.beta)
    rows = measure(settings, arguments.rate)
    if arguments.json:
        conditions = {
            "rate_hz": arguments.rate,
            "min_cutoff_hz": arguments.min_cutoff,
            "beta_hz_per_m_s": arguments.beta,
            "seconds": SECONDS,
            "noise_own_mm": (1000 * OWN_NOISE).tolist(),
            "noise_shared_mm": (1000 * SHARED_NOISE).tolist(),
        }
        print(json.dumps({**conditions, "results": rows}))
        return
    columns = ("motion", "smoothing", "jitter_mm_rms", "lag_ms", "bone_length_std_mm", "error_mm")
    print("  ".join(f"{column:>18}" for column in columns))
    for row in rows:
        print("  ".join(f"{row.get(column, '-'):>18}" for column in columns))


if __name__ == "__main__":
    main()
