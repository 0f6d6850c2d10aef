"""Training samples for the detector's networks, cropped out of one composed image."""

from dataclasses import dataclass

import numpy as np

from fingerpose_ros.perception.detection.detector import CANDIDATES, best_candidates
from fingerpose_ros.perception.detection.prediction import PROPOSAL_SIZE
from fingerpose_ros.perception.detection.surface import metric_crops
from fingerpose_ros.perception.kinematics import hand_direction
from training.rendering.composed_images import BARE, NEAREST, ComposedImage

from .crop_changes import STORED_CROPS

POSITIVE, NEGATIVE = 0.06, 0.09
"""A point nearer than this to a palm is positive, one farther than this from all is negative, metres."""

MIN_VISIBLE = 0.3
"""Hands of which less is visible are neither positive nor negative."""

PROPOSALS = {"positive": 20, "beside": 14, "random": 14, "hardest": 4, "without": 12, "hardest without": 4}
"""Samples for the proposal network in an image: near palms, beside hands, anywhere, and those negatives that it takes
for hands most; in the image without hands those near palms, and again the hardest."""

BESIDE = 0.3
"""Largest distance from a palm of samples beside a hand, metres."""

MINED, CLASSIFIED_POSITIVES = 12, 5
"""Candidates of an image, and positives around each palm, for the classifier to learn from."""

JITTER = 0.02
"""Standard deviation of a positive's centre around the palm, along each axis, metres."""


@dataclass(frozen=True)
class Samples:
    """Samples of one network: n crops with labels.

    Attributes:
        centres: (n, 3) metres.
        label: (n,) float32: 1 for a hand, 0 for none.
        offset: (n, 3) from the centre to the palm, metres; 0 where there is no hand.
        direction: (n, 3) unit vectors of the hands; 0 where there is no hand.
    """

    centres: np.ndarray
    label: np.ndarray
    offset: np.ndarray
    direction: np.ndarray


def _labelled(points: np.ndarray, image: ComposedImage, with_hands: bool) -> tuple[Samples, np.ndarray]:
    """Labels of points (n, 3); and which of them (n,) are clearly positive or negative."""
    n = len(points)
    bare = image.bare if with_hands else image.bare_without
    ends = np.linalg.norm(points[:, None] - bare, axis=2).min(1, initial=np.inf) < BARE
    if not with_hands or not len(image.palms):
        zero = np.zeros((n, 3), np.float32)
        return Samples(points, np.zeros(n, np.float32), zero, zero), ~ends
    distances = np.linalg.norm(points[:, None] - image.palms, axis=2)
    nearest = distances.argmin(1)
    distance = distances[np.arange(n), nearest]
    seen = image.visible[nearest] >= MIN_VISIBLE
    positive = (distance < POSITIVE) & seen
    clear = positive | ((distance > NEGATIVE) & ~ends)
    directions = hand_direction(image.joints)
    directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    mask = positive[:, None]
    offset = np.where(mask, image.palms[nearest] - points, 0).astype(np.float32)
    return Samples(points, positive.astype(np.float32), offset, np.where(mask, directions[nearest], 0)), clear


def _chosen(rng: np.random.Generator, which: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the indices where `which` (n,) holds, at random."""
    indices = np.flatnonzero(which)
    return rng.choice(indices, min(count, len(indices)), replace=False) if len(indices) else indices


@dataclass(frozen=True)
class Proposals:
    """What the proposal network makes of an image: n points on its surfaces.

    Attributes:
        points: (n, 3) metres.
        crops: (n, 24, 24) around them.
        logits: (n,) that a palm is near.
        palms: (n, 3) where it is, metres.
    """

    points: np.ndarray
    crops: np.ndarray
    logits: np.ndarray
    palms: np.ndarray

    def candidates(self, count: int = CANDIDATES) -> np.ndarray:
        """At most `count` of the palms (m, 3), the likeliest first."""
        return best_candidates(self.palms, self.logits, count)


def proposal_samples(
    rng: np.random.Generator, image: ComposedImage, proposals: Proposals, proposals_without: Proposals
) -> tuple[np.ndarray, Samples]:
    """Crops (n, 24, 24) for the proposal network, and their labels.

    Args:
        proposals, proposals_without: of the image with and without hands, by the newest network.
    """
    parts = []
    for proposed, with_hands in ((proposals, True), (proposals_without, False)):
        points = proposed.points
        if not len(points):
            continue
        labels, clear = _labelled(points, image, with_hands)
        near = np.zeros(len(points), bool)
        if len(image.palms):
            near = np.linalg.norm(points[:, None] - image.palms, axis=2).min(1) < BESIDE
        positive = labels.label > 0
        negative = clear & ~positive
        hardest = np.flatnonzero(negative)[np.argsort(-proposed.logits[negative])]
        if with_hands:
            picked = [
                _chosen(rng, positive, PROPOSALS["positive"]),
                _chosen(rng, negative & near, PROPOSALS["beside"]),
                _chosen(rng, negative & ~near, PROPOSALS["random"]),
                hardest[: PROPOSALS["hardest"]],
            ]
        else:
            picked = [_chosen(rng, near, PROPOSALS["without"]), hardest[: PROPOSALS["hardest without"]]]
        index = np.concatenate(picked)
        parts.append((proposed.crops[index], _taken(labels, index)))
    return _joined(parts, PROPOSAL_SIZE)


def classifier_samples(
    rng: np.random.Generator, image: ComposedImage, candidates: np.ndarray, candidates_without: np.ndarray
) -> tuple[dict[str, np.ndarray], Samples]:
    """The `STORED_CROPS` (n, size, size) of the classifier's samples, and their labels.

    Args:
        candidates, candidates_without: (m, 3) what the proposal network proposes in the image with and without hands.
    """
    shown = image.palms[image.visible >= MIN_VISIBLE]
    positives = np.repeat(shown, CLASSIFIED_POSITIVES, axis=0)
    positives = positives + rng.normal(0, JITTER, positives.shape)
    # The same places in the image without the hands are the negatives that differ in nothing but the hand.
    pairs = shown + rng.normal(0, JITTER, shown.shape)
    crops, labels = [], []
    for depth, with_hands, centres in (
        (image.depth, True, np.concatenate([positives, candidates])),
        (image.without, False, np.concatenate([pairs, candidates_without])),
    ):
        centres = centres[centres[:, 2] > NEAREST / 2].astype(np.float32)
        found, clear = _labelled(centres, image, with_hands)
        index = np.flatnonzero(clear)
        each = [metric_crops(depth, image.camera, centres[index], half, size) for size, half in STORED_CROPS.values()]
        crops.append(each)
        labels.append(_taken(found, index))
    return dict(zip(STORED_CROPS, map(np.concatenate, zip(*crops, strict=True)), strict=True)), _merged(labels)


def _taken(samples: Samples, index: np.ndarray) -> Samples:
    return Samples(*(getattr(samples, name)[index] for name in ("centres", "label", "offset", "direction")))


def _merged(parts: list[Samples]) -> Samples:
    return Samples(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("centres", "label", "offset", "direction")
        )
    )


def _joined(parts: list[tuple[np.ndarray, Samples]], size: int) -> tuple[np.ndarray, Samples]:
    if not parts:
        zero = np.zeros((0, 3), np.float32)
        return np.zeros((0, size, size), np.float32), Samples(zero, np.zeros(0, np.float32), zero, zero)
    return np.concatenate([crops for crops, _ in parts]), _merged([labels for _, labels in parts])
