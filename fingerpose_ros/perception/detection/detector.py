"""The detector: a depth image in, at most a few places where there may be a hand out, each with the palm's position."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..camera import Camera
from .confidence import Confidence, sigmoid
from .prediction import (
    CONTEXT_HALF,
    CONTEXT_SIZE,
    DETAIL_HALF,
    DETAIL_SIZE,
    PROPOSAL_HALF,
    PROPOSAL_SIZE,
    DetectionNetworks,
)
from .surface import decimated, metric_crops, surface_points

CANDIDATES = 6
"""Proposals of an image that are classified."""

VOTERS, VOTE_SIGMA = 150, 0.015
"""Surface points that vote for candidates, and the standard deviation of a vote, metres."""

APART = 0.08
"""Least distance between two proposals or detections, metres. Closer ones are one hand."""


PALM_TO_CENTRE = 0.035
"""Distance from a hand's palm to its centre, in its direction, metres."""


@dataclass(frozen=True)
class Detection:
    """A place that may be a hand.

    Attributes:
        palm: (3,) position of the palm, metres in the camera's optical frame.
        direction: (3,) from the wrist to the fingers' MCPs, of unit length.
        logit: of the classifier, that it is a hand. Not calibrated.
    """

    palm: np.ndarray
    direction: np.ndarray
    logit: float

    @property
    def centre(self) -> np.ndarray:
        """(3,) roughly the hand's centre (`kinematics.hand_centre`), metres, before its pose is predicted."""
        return self.palm + PALM_TO_CENTRE * self.direction


class Detector(Protocol):
    """What `HandPoseEstimator` needs of a detector.

    Attributes:
        confidence: how its detections and the pose network together give the probability of a hand.
    """

    confidence: Confidence

    def detect(
        self, depth_m: np.ndarray, camera: Camera, distances: tuple[float, float], expected: np.ndarray | None = None
    ) -> list[Detection]:
        """See `HandDetector.detect`."""
        ...


class HandDetector:
    """Finds hands in single depth images.

    Args:
        networks: the inference engine.
        confidence: see `Detector`.
    """

    def __init__(self, networks: DetectionNetworks, confidence: Confidence):
        self.networks, self.confidence = networks, confidence

    def detect(
        self, depth_m: np.ndarray, camera: Camera, distances: tuple[float, float], expected: np.ndarray | None = None
    ) -> list[Detection]:
        """The detections, likeliest first, at least `APART` from each other.

        Args:
            depth_m: (height, width) float32 metres; values that are not positive and finite are invalid.
            camera: that took it.
            distances: the smallest and the largest of a hand from the camera, metres along z.
            expected: (n, 3) palms of tracked hands. They are classified too, like proposals.

        Raises:
            RuntimeError: a network's output is not finite.
        """
        depth, camera = decimated(depth_m, camera)
        candidates = self.propose(depth, camera, distances)
        if expected is not None:
            candidates = np.concatenate([expected.astype(np.float32).reshape(-1, 3), candidates])
        candidates = candidates[candidates[:, 2] > distances[0] / 2]
        if not len(candidates):
            return []
        classified = self.networks.classify(
            metric_crops(depth, camera, candidates, CONTEXT_HALF, CONTEXT_SIZE),
            metric_crops(depth, camera, candidates, DETAIL_HALF, DETAIL_SIZE),
        )
        _check_finite(classified.logits, classified.offsets, classified.directions)
        palms = candidates + DETAIL_HALF * classified.offsets
        lengths = np.linalg.norm(classified.directions, axis=1, keepdims=True)
        directions = classified.directions / np.maximum(lengths, 1e-6)
        usable = (palms[:, 2] >= distances[0]) & (palms[:, 2] <= distances[1])
        logits = np.where(usable, classified.logits, -np.inf)
        kept = best_apart(palms, logits, len(palms))
        return [Detection(palms[i], directions[i], float(logits[i])) for i in kept]

    def propose(self, depth: np.ndarray, camera: Camera, distances: tuple[float, float]) -> np.ndarray:
        """At most `CANDIDATES` palms (n, 3) of a decimated image, metres, likeliest first."""
        points = surface_points(depth, camera, *distances)
        if not len(points):
            return points
        logits, offsets = self.networks.propose(metric_crops(depth, camera, points, PROPOSAL_HALF, PROPOSAL_SIZE))
        _check_finite(logits, offsets)
        return best_candidates(points + PROPOSAL_HALF * offsets, logits, CANDIDATES)


def best_candidates(palms: np.ndarray, logits: np.ndarray, count: int) -> np.ndarray:
    """At most `count` candidates (m, 3), likeliest first, from the palms (n, 3) that surface points propose.

    Several points see the same hand, while a mistake is mostly that of one point. So points vote: a candidate's score
    is the sum of the probabilities near it, and its position is their mean.
    """
    likeliest = np.argsort(-logits, kind="stable")[:VOTERS]
    palms, probabilities = palms[likeliest], sigmoid(logits[likeliest])
    axes = np.ascontiguousarray(palms.T)  # a sum over a last axis of three is ten times slower
    difference = axes[:, :, None] - axes[:, None]
    squared = np.einsum("kij,kij->ij", difference, difference)
    weights = np.exp(-squared / (2 * VOTE_SIGMA**2)) * probabilities
    scores = weights.sum(axis=1)
    means = weights @ palms / np.maximum(scores, 1e-9)[:, None]
    return means[best_apart(means, scores, count)].astype(np.float32)


def best_apart(points: np.ndarray, scores: np.ndarray, count: int, apart: float = APART) -> np.ndarray:
    """Indices of at most `count` of the points (n, 3), highest score first, at least `apart` metres from each other.

    Points with a score of minus infinity are left out.
    """
    scores = np.array(scores, np.float64)
    kept: list[int] = []
    while len(kept) < count and len(scores):
        best = int(np.argmax(scores))
        if scores[best] == -np.inf:
            break
        kept.append(best)
        scores[((points - points[best]) ** 2).sum(axis=1) < apart**2] = -np.inf
    return np.array(kept, int)


def _check_finite(*arrays: np.ndarray) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise RuntimeError("the detector's output is not finite")
