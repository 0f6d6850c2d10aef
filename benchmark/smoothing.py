"""What smoothing buys and costs: jitter at rest, lag in motion, bones that change their length.

    python benchmark/smoothing.py [--min-cutoff HZ] [--beta HZ_PER_M_S] [--rate HZ] [--json]

A hand made of joint angles rests, is moved through the air, and opens and closes. To its true joints comes noise as a
network makes it: some of it shared by the whole hand, some each joint's own, more of it along the line of sight. The
filter is the product's own; nothing here depends on a trained network.
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
from fingerpose_ros.perception.tracking.tracks import PoseFilter  # noqa: E402

SECONDS = 20.0
PERIOD = 2.0
"""Seconds after which every motion repeats itself."""

OWN_NOISE = np.array([0.0015, 0.0015, 0.0025])
SHARED_NOISE = np.array([0.001, 0.001, 0.002])
"""Standard deviations along the camera's axes, metres."""


def rest(time: float) -> np.ndarray:
    """A relaxed hand that keeps still, (21, 3)."""
    return ArticulatedHand().positions() + (0, 0, 0.6)


def reach(time: float) -> np.ndarray:
    """The same, swung from side to side by 0.5 m at up to 0.8 m/s."""
    return rest(time) + (0.25 * np.sin(2 * np.pi * 0.5 * time), 0, 0)


def grasp(time: float) -> np.ndarray:
    """A hand in its place that opens and closes once a second."""
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
    """Milliseconds by which the tips come late: the delay of the truth that explains them best."""
    step = 0.002
    truth = np.stack([motion(time)[list(TIPS)] for time in np.arange(0, PERIOD, step)])
    errors = []
    for delay in np.arange(0, 0.25, step):
        late = truth[np.round((stamps - delay) / step).astype(int) % len(truth)]
        errors.append(np.mean((estimate[:, list(TIPS)] - late) ** 2))
    return 1000 * step * int(np.argmin(errors))


def jitter(estimate: np.ndarray) -> float:
    """Millimetres RMS by which joints at rest move about their mean."""
    return 1000 * float(np.sqrt(((estimate - estimate.mean(axis=0)) ** 2).sum(axis=-1).mean()))


def bone_variation(estimate: np.ndarray) -> float:
    """Standard deviation over time of the bones' lengths, millimetres, mean over the bones."""
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
