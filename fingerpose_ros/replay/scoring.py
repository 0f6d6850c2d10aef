"""How far the hands that were answered are from the true ones."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.kinematics import hand_centre
from fingerpose_ros.perception.skeleton import FINGER_JOINTS

SAME_HAND = 0.15
"""Metres between the centres of a true hand and of an answered one, up to which they can be the same."""

MISSED_MM = 100.0
"""What a joint of a hand that was not found counts as, in `error_with_missed_mm`."""


@dataclass(frozen=True)
class Score:
    """Answers against the truth. Only true hands that are wholly in the image count.

    Attributes:
        hands: how many of those there were.
        found: the share of them that was answered; NaN if there were none.
        right_side: the share of the found ones whose handedness was right.
        surplus: answered hands that were near no true hand, wholly in the image or not.
        joints_known: the share of the found hands' joints that were valid.
        error_mm: mean distance of the valid joints from their true places, mm; NaN if there are none.
        error_95_mm: what 95 % of those distances stay under.
        error_with_missed_mm: the same mean, a hand that was not found counting as `MISSED_MM` in every joint.
        fingers_mm: the mean for each finger.
    """

    hands: int
    found: float
    right_side: float
    surplus: int
    joints_known: float
    error_mm: float
    error_95_mm: float
    error_with_missed_mm: float
    fingers_mm: dict[str, float]


def score(truth: Mapping[int, list[Hand]], answers: Mapping[int, list[Hand]]) -> Score:
    """Compare the hands of each stamp; stamps without an answer are left out."""
    errors, sides, hands, surplus = [], [], 0, 0
    for stamp, answered in answers.items():
        pairs, rest = _pair(truth.get(stamp, []), answered)
        surplus += rest
        for true, estimate in pairs:
            if not true.valid.all():
                continue
            hands += 1
            if estimate is not None:
                errors.append(np.linalg.norm(estimate.positions - true.positions, axis=1) * 1000)
                sides.append(estimate.handedness == true.handedness)
    distances = np.array(errors).reshape(-1, 21)
    known = distances[np.isfinite(distances)]
    missed = hands - len(errors)
    return Score(
        hands=hands,
        found=len(errors) / hands if hands else float("nan"),
        right_side=_mean(np.array(sides, float)),
        surplus=surplus,
        joints_known=_mean(np.isfinite(distances).astype(float)),
        error_mm=_mean(known),
        error_95_mm=float(np.percentile(known, 95)) if known.size else float("nan"),
        error_with_missed_mm=_mean(np.append(known, np.full(21 * missed, MISSED_MM))),
        fingers_mm={finger: _mean(distances[:, list(joints)]) for finger, joints in FINGER_JOINTS.items()},
    )


def _pair(truth: list[Hand], answered: list[Hand]) -> tuple[list[tuple[Hand, Hand | None]], int]:
    """Each true hand with its answer, nearest first, and how many answers are left over."""
    distances = [
        (np.linalg.norm(hand_centre(true.positions) - hand_centre(hand.positions)), i, j)
        for i, true in enumerate(truth)
        for j, hand in enumerate(answered)
    ]
    partner: dict[int, int] = {}
    for _, i, j in sorted(pair for pair in distances if pair[0] <= SAME_HAND):  # a hand known nowhere is near none
        if i not in partner and j not in partner.values():
            partner[i] = j
    pairs = [(true, answered[partner[i]] if i in partner else None) for i, true in enumerate(truth)]
    return pairs, len(answered) - len(partner)


def _mean(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else float("nan")
