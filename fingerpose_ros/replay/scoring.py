"""Scoring estimated hands against ground truth: detection, handedness and joint errors."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.kinematics import hand_centre
from fingerpose_ros.perception.skeleton import FINGER_JOINTS

MATCH_DISTANCE = 0.15
"""Maximum distance in metres between the centres of a true hand and of the estimate that is matched to it."""

MISSED_MM = 100.0
"""Error of each joint of a missed hand in `error_with_missed_mm`."""


@dataclass(frozen=True)
class Score:
    """Estimates against ground truth. Only true hands that are completely in the image are counted.

    Attributes:
        hands: number of these true hands.
        detected: fraction of them that were detected; NaN if there are none.
        handedness_correct: fraction of the detected hands with the correct handedness.
        false_positives: number of estimates without a true hand nearby, completely in the image or not.
        joints_known: fraction of the detected hands' joints that are valid.
        error_mm: mean position error of the valid joints, mm; NaN if there are none.
        error_95_mm: 95th percentile of these errors, mm.
        error_with_missed_mm: the mean error if each joint of a missed hand counts as `MISSED_MM`.
        fingers_mm: mean error for each finger, mm.
    """

    hands: int
    detected: float
    handedness_correct: float
    false_positives: int
    joints_known: float
    error_mm: float
    error_95_mm: float
    error_with_missed_mm: float
    fingers_mm: dict[str, float]


def score(truth: Mapping[int, list[Hand]], answers: Mapping[int, list[Hand]]) -> Score:
    """Compare the hands of each stamp; stamps without an answer are ignored."""
    errors, same_handedness, hands, false_positives = [], [], 0, 0
    for stamp, estimates in answers.items():
        pairs, unmatched = _match(truth.get(stamp, []), estimates)
        false_positives += unmatched
        for true, estimate in pairs:
            if not true.valid.all():
                continue
            hands += 1
            if estimate is not None:
                errors.append(np.linalg.norm(estimate.positions - true.positions, axis=1) * 1000)
                same_handedness.append(estimate.handedness == true.handedness)
    distances = np.array(errors).reshape(-1, 21)
    known = distances[np.isfinite(distances)]
    missed = hands - len(errors)
    return Score(
        hands=hands,
        detected=len(errors) / hands if hands else float("nan"),
        handedness_correct=_mean(np.array(same_handedness, float)),
        false_positives=false_positives,
        joints_known=_mean(np.isfinite(distances).astype(float)),
        error_mm=_mean(known),
        error_95_mm=float(np.percentile(known, 95)) if known.size else float("nan"),
        error_with_missed_mm=_mean(np.append(known, np.full(21 * missed, MISSED_MM))),
        fingers_mm={finger: _mean(distances[:, list(joints)]) for finger, joints in FINGER_JOINTS.items()},
    )


def _match(truth: list[Hand], estimates: list[Hand]) -> tuple[list[tuple[Hand, Hand | None]], int]:
    """Each true hand with its estimate, matched greedily by distance, and the number of unmatched estimates."""
    distances = [
        (np.linalg.norm(hand_centre(true.positions) - hand_centre(hand.positions)), i, j)
        for i, true in enumerate(truth)
        for j, hand in enumerate(estimates)
    ]
    matches: dict[int, int] = {}
    for _, i, j in sorted(pair for pair in distances if pair[0] <= MATCH_DISTANCE):  # false for NaN: no joint is valid
        if i not in matches and j not in matches.values():
            matches[i] = j
    pairs = [(true, estimates[matches[i]] if i in matches else None) for i, true in enumerate(truth)]
    return pairs, len(estimates) - len(matches)


def _mean(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else float("nan")
