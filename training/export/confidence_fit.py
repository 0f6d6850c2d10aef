"""Fit and check the confidence: the probability that a palm lies within 80 mm of an estimated hand.

Single composed images, with and without hands, on the recordings that choose thresholds (`rendering/backgrounds.yaml`).
Neither network was trained on them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from fingerpose_ros.perception.detection.confidence import Confidence, limited, logit, sigmoid
from fingerpose_ros.perception.detection.detector import HandDetector
from fingerpose_ros.perception.detection.prediction import DetectionNetworks
from fingerpose_ros.perception.estimator import HandPoseEstimator
from fingerpose_ros.perception.pose.prediction import Backend
from fingerpose_ros.perception.settings import EstimatorSettings
from training.progress import progress
from training.rendering.backgrounds import part_for_thresholds
from training.rendering.composed_images import BARE, ComposedImages

FIT_SEED, CHECK_SEED = 20_261_201, 20_261_202

NEAR, UNCLEAR = 0.08, 0.15
"""A hand is right if a palm is so near, metres. It does not count if a palm that hardly shows is so near."""

MIN_VISIBLE = 0.5
"""A hand of which less is visible hardly shows."""

PERMISSIVE = Confidence(0.25, 0.5, 0.0, 3.0)
"""The confidence with which hands are collected: nearly everything is a hand."""

BINS = 10


@dataclass(frozen=True)
class Evidence:
    """The estimated hands of n images, with and without hands.

    Attributes:
        detector, presence, placed: (m,) the limited logits of each hand, see `Confidence`.
        right: (m,) bool: a palm is near.
        image: (m,) index of its image.
        sources: (n,) recording of each image; hand-free images are those of odd index.
    """

    detector: np.ndarray
    presence: np.ndarray
    placed: np.ndarray
    right: np.ndarray
    image: np.ndarray
    sources: list[str]

    def probabilities(self, confidence: Confidence) -> np.ndarray:
        """(m,) the confidence of each hand."""
        return sigmoid(confidence.combined(self.detector, self.presence, self.placed))


def collect(
    engines: dict[str, tuple[Backend, DetectionNetworks]], backgrounds: tuple[Path, ...], seed: int, count: int
) -> dict[str, Evidence]:
    """The evidence of all hands that a permissive estimator reports in `count` composed images and their negatives.

    Args:
        engines: precision -> the pose network and the detector's networks in it. All get the same images.

    Returns:
        The evidence for each precision.
    """
    settings = EstimatorSettings(max_hands=8, min_detection_confidence=0.01, min_tracking_confidence=0.01)
    estimators = {
        precision: HandPoseEstimator(pose, HandDetector(networks, PERMISSIVE), settings)
        for precision, (pose, networks) in engines.items()
    }
    images = ComposedImages(seed, backgrounds, part_for_thresholds(backgrounds))
    rows: dict[str, list[tuple]] = {precision: [] for precision in engines}
    sources: list[str] = []
    for index in progress(range(count), "confidence"):
        image = images[index]
        shown = image.visible >= MIN_VISIBLE
        none = image.palms[:0]
        for depth, palms, unclear, bare in (
            (image.depth, image.palms[shown], image.palms[~shown], image.bare),
            (image.without, none, none, image.bare_without),
        ):
            depth = np.asarray(depth, np.float32)
            for precision, estimator in estimators.items():
                estimator.reset()
                for track, prediction in estimator.observe(depth, image.camera, 0.0):
                    right = _near(track.palm, palms, NEAR)
                    if right or not (_near(track.palm, unclear, UNCLEAR) or _near(track.palm, bare, BARE)):
                        present, placed = logit(prediction.present), logit(prediction.placed)
                        rows[precision].append((track.detector_logit, present, placed, right, len(sources)))
            sources.append(image.source)
    return {precision: _evidence(of_precision, sources) for precision, of_precision in rows.items()}


def _evidence(rows: list[tuple], sources: list[str]) -> Evidence:
    """From rows of the three logits, right, index of the image."""
    *logits, right, image = np.array(rows, np.float64).reshape(-1, 5).T
    return Evidence(*map(limited, logits), right > 0, image.astype(int), sources)


def fit(evidence: Evidence) -> Confidence:
    """The logistic regression of largest likelihood, with weights of 0 or more."""
    if not 0 < evidence.right.sum() < len(evidence.right):
        count = f"{evidence.right.sum()} of {len(evidence.right)}"
        raise ValueError(f"{count} estimated hands are right; both right and false ones are needed")
    sign = np.where(evidence.right, 1.0, -1.0)
    logits = np.stack([evidence.detector, evidence.presence, evidence.placed], axis=1)

    def loss(weights: np.ndarray) -> float:
        value = logits @ weights[:3] + weights[3]
        return float(np.logaddexp(0, -sign * value).mean() + 1e-4 * (weights[:3] ** 2).sum())

    bounds = [(0, None), (0, None), (0, None), (None, None)]
    return Confidence(*minimize(loss, [0.3, 0.4, 0.3, -2.0], bounds=bounds).x.tolist())


def check(confidence: Confidence, evidence: Evidence, thresholds: tuple[float, ...]) -> dict:
    """Calibration error, and false hands, also by source.

    Returns:
        `found`: the right hands at the default threshold; `calibration_error`: expected calibration error of `BINS`
        bins; `by_source` the same, and the hand-free images with a false hand at the default threshold;
        `thresholds`: for each, the fraction of right hands kept and of hand-free images with a false hand.
    """
    p, right = evidence.probabilities(confidence), evidence.right
    sources = np.array(evidence.sources)
    of_hand = sources[evidence.image]
    hand_free = np.arange(len(sources)) % 2 == 1
    sure = p >= EstimatorSettings().min_detection_confidence
    accepted = set(evidence.image[sure])
    result = {"hands": len(p), "found": int((sure & right).sum()), "calibration_error": calibration_error(p, right)}
    result |= {"by_source": {}, "thresholds": {}}
    for source in sorted(set(evidence.sources)):
        mine = of_hand == source
        without = hand_free & (sources == source)
        result["by_source"][source] = {
            "hands": int(mine.sum()),
            "calibration_error": calibration_error(p[mine], right[mine]) if mine.any() else None,
            "hand_free_images": int(without.sum()),
            "with_false": len(accepted & set(np.flatnonzero(without))),
        }
    for threshold in thresholds:
        false = set(evidence.image[p >= threshold]) & set(np.flatnonzero(hand_free))
        result["thresholds"][str(threshold)] = {
            "right_hands_kept": float((p[right] >= threshold).mean()) if right.any() else None,
            "hand_free_images_with_false": len(false) / max(int(hand_free.sum()), 1),
        }
    return result


def calibration_error(probabilities: np.ndarray, right: np.ndarray) -> float:
    """Expected calibration error (Naeini et al., AAAI 2015) with `BINS` bins of equal width."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    gaps = [
        (bins == b).sum() * abs(probabilities[bins == b].mean() - right[bins == b].mean())
        for b in range(BINS)
        if (bins == b).any()
    ]
    return float(sum(gaps) / max(len(right), 1))


def _near(palm: np.ndarray, palms: np.ndarray, radius: float) -> bool:
    return bool((np.linalg.norm(palms - palm, axis=1) < radius).any())
