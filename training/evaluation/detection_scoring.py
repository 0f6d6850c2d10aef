"""Scores of detected hands: matching with labelled palms, average precision, curves, calibration and intervals.

A detection is a place and a score, higher for a surer one. Detections are matched in the order of their scores, each
with the nearest palm within the match distance that has no detection yet. So detections with a low score never change
the result of those with a higher one, and all thresholds of the score are evaluated with one matching.
"""

from dataclasses import dataclass, field

import numpy as np

from fingerpose_ros.perception.hand import Hand

from .intervals import BLOCK, interval, ratios, resampling

MATCHED, DUPLICATE, FALSE, IGNORED = "matched", "duplicate", "false", "ignored"
"""Outcomes. A duplicate lies within the match distance of palms that are all matched already; it is a false hand."""

MATCH_DISTANCE, STRICT_DISTANCE, IGNORE_DISTANCE = 0.08, 0.06, 0.15
"""Metres between a detection and a palm or an ignored hand."""

RATES = (0.3, 0.1, 0.03, 0.01)
"""False hands an image at which recall is reported."""

DISTANCES_M = (0.5, 0.8, 1.1)
SIZES_PX = (30, 50, 80)
"""Limits of the bins of the hand's distance, and of the length in pixels of 10 cm at this distance."""

BINS = 10
"""Bins of the score, of equal width, for its calibration."""


@dataclass
class Matches:
    """The scored detections of one set.

    Attributes:
        images: number of labelled images.
        detections: for each detection its image (0 to `images` - 1), score and outcome.
        hands: for each hand its image, distance in metres, size in pixels, and the score of its detection or NaN.
    """

    images: int
    detections: list[tuple[int, float, str]] = field(default_factory=list)
    hands: list[tuple[int, float, float, float]] = field(default_factory=list)

    def add(self, image, scores, places, palms, ignored, focal: float, radius: float = MATCH_DISTANCE) -> list[str]:
        """Match the detections of one image and return their outcomes; arguments as of `match`."""
        outcomes, palm_scores = match(scores, places, palms, ignored, radius)
        self.detections += [(image, float(score), outcome) for score, outcome in zip(scores, outcomes, strict=True)]
        for palm, score in zip(palms, palm_scores, strict=True):
            self.hands.append((image, float(palm[2]), 0.1 * focal / float(palm[2]), score))
        return outcomes

    @property
    def counted(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Image, score and whether it is matched, of each detection that is not ignored; the highest score first."""
        kept = sorted((d for d in self.detections if d[2] != IGNORED), key=lambda d: -d[1])
        images, scores, outcomes = zip(*kept, strict=True) if kept else ((), (), ())
        return np.array(images, int), np.array(scores, float), np.array([o == MATCHED for o in outcomes], bool)

    @property
    def hand_columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Image, distance, size and score of each hand."""
        columns = np.array(self.hands, float).reshape(-1, 4).T
        return columns[0].astype(int), columns[1], columns[2], columns[3]


def place(hand: Hand) -> np.ndarray:
    """(3,) the palm or, if that is not known, the mean of the valid joints, metres; NaN without a valid joint."""
    if np.isfinite(hand.palm_position).all() or not hand.valid.any():
        return hand.palm_position
    return hand.positions[hand.valid].mean(0)


def match(scores, places, palms, ignored, radius: float = MATCH_DISTANCE) -> tuple[list[str], list[float]]:
    """Match the detections of one image with its palms.

    Args:
        scores: of the detections.
        places: (detections, 3) metres; NaN if unknown, then the detection is false.
        palms, ignored: (hands, 3) metres.
        radius: the match distance.

    Returns:
        The outcome of each detection, and for each palm the score of its detection, NaN if it has none.
    """
    outcomes, palm_scores = [""] * len(scores), [np.nan] * len(palms)
    for i in sorted(range(len(scores)), key=lambda i: -scores[i]):
        distances = [float(np.linalg.norm(places[i] - palm)) for palm in palms]
        near = [k for k in np.argsort(distances) if distances[k] <= radius]
        free = [k for k in near if np.isnan(palm_scores[k])]
        if free:
            palm_scores[free[0]], outcomes[i] = float(scores[i]), MATCHED
        elif any(np.linalg.norm(places[i] - place) <= IGNORE_DISTANCE for place in ignored):
            outcomes[i] = IGNORED
        else:
            outcomes[i] = DUPLICATE if near else FALSE
    return outcomes, palm_scores


def by_image(images: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Sums of `values` (items, ...) by image, (count, ...)."""
    sums = np.zeros((count, *np.shape(values)[1:]))
    np.add.at(sums, images, values)
    return sums


def counts(matches: Matches) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By figure: numerator and denominator of each image, (images,). The figure is the ratio of their sums."""
    images, _, matched = matches.counted
    hand_images, _, _, hand_scores = matches.hand_columns
    n, ones = matches.images, np.ones(matches.images)
    false = by_image(images, ~matched, n)
    hands = by_image(hand_images, np.ones(len(hand_images)), n)
    return {
        "found": (by_image(hand_images, np.isfinite(hand_scores), n), hands),
        "images_with_false": ((false > 0).astype(float), ones),
        "false_per_image": (false, ones),
    }


def figures(matches: Matches, block: int = 1) -> dict:
    """Detection at the estimator's thresholds, with intervals. `found` is None without hands.

    `intervals_95` resample blocks of `block` images, `intervals_95_blocks` always blocks of `BLOCK` neighbours.
    """
    result: dict = {"images": matches.images, "hands": len(matches.hands)}
    result |= {"intervals_95": {}, "intervals_95_blocks": {}}
    result |= {
        "detections": len(matches.detections),
        "duplicates": sum(outcome == DUPLICATE for _, _, outcome in matches.detections),
        "ignored": sum(outcome == IGNORED for _, _, outcome in matches.detections),
    }
    weights = {"intervals_95": resampling(matches.images, block)}
    weights["intervals_95_blocks"] = resampling(matches.images, BLOCK)
    for name, (numerator, denominator) in counts(matches).items():
        result[name] = float(numerator.sum() / denominator.sum()) if denominator.sum() else None
        for key, resampled in weights.items():
            result[key][name] = interval(ratios(resampled, numerator, denominator))
    return result


def average_precision(matches: Matches, weights: np.ndarray | None = None) -> np.ndarray:
    """Area under the precision-recall curve, (resamples,); NaN without hands.

    Precision at a recall is the highest at this recall or beyond, as in PASCAL VOC since 2010. Equal scores count as
    one threshold.

    Args:
        weights: (resamples, images), how often each image counts; default: once.
    """
    weights = np.ones((1, matches.images)) if weights is None else weights
    images, scores, matched = matches.counted
    hands = weights @ by_image(matches.hand_columns[0], np.ones(len(matches.hands)), matches.images)
    result = np.where(hands > 0, 0.0, np.nan)
    if not len(scores):
        return result
    last = np.append(scores[1:] != scores[:-1], True)
    true = np.cumsum(weights[:, images] * matched, axis=1)[:, last]
    all_ = np.cumsum(weights[:, images], axis=1)[:, last]
    precision = np.divide(true, all_, out=np.zeros(true.shape), where=all_ > 0)
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    gained = np.diff(true, axis=1, prepend=0)
    return np.divide((gained * precision).sum(1), hands, out=result, where=hands > 0)


@dataclass(frozen=True)
class Curve:
    """Recall against false hands, over descending thresholds of the score.

    Attributes:
        thresholds: (T,), the first infinite.
        recall: (resamples, T), NaN without hands.
        false_per_image, images_with_false: (resamples, T).
    """

    thresholds: np.ndarray
    recall: np.ndarray
    false_per_image: np.ndarray
    images_with_false: np.ndarray

    def recall_at(self, rate: float, of: str = "false_per_image") -> np.ndarray:
        """Recall (resamples,) at the lowest threshold with at most this `rate` of false hands."""
        lowest = (getattr(self, of) <= rate + 1e-9).sum(1) - 1
        return np.take_along_axis(self.recall, lowest[:, None], 1)[:, 0]

    def threshold_at(self, rate: float, of: str = "false_per_image") -> float | None:
        """That threshold, for the first resample; None if there no detection is accepted."""
        threshold = self.thresholds[(getattr(self, of)[0] <= rate + 1e-9).sum() - 1]
        return float(threshold) if np.isfinite(threshold) else None


def thresholds_of(sets: list[Matches]) -> np.ndarray:
    """All scores, the highest first, after an infinite threshold."""
    return np.concatenate([[np.inf], np.unique(np.concatenate([m.counted[1] for m in sets] or [[]]))[::-1]])


def curve(matches: Matches, thresholds: np.ndarray, weights: np.ndarray | None = None) -> Curve:
    """One set's curve at these thresholds; `weights` as of `average_precision`."""
    n = matches.images
    weights = np.ones((1, n)) if weights is None else weights
    images, scores, matched = matches.counted
    hand_images, _, _, hand_scores = matches.hand_columns
    false = by_image(images[~matched], scores[~matched, None] >= thresholds, n)
    found = by_image(hand_images, hand_scores[:, None] >= thresholds, n)
    hands = by_image(hand_images, np.ones(len(hand_images)), n)
    total = weights.sum(1, keepdims=True)
    recall = ratios(weights, found, np.repeat(hands[:, None], len(thresholds), 1))
    return Curve(thresholds, recall, weights @ false / total, weights @ (false > 0) / total)


def mean_curve(sets: list[Matches], resampled: bool = False, block: int = 1) -> Curve:
    """Mean over sets: recall over sets with hands, false hands over sets without; over all if each set has hands.

    Args:
        sets: of one evaluation.
        resampled: resample the images of each set, for intervals.
        block: see `resampling`.
    """
    thresholds = thresholds_of(sets)
    hand_free = [m for m in sets if not m.hands] or sets
    recall, false, with_false = [], [], []
    for seed, matches in enumerate(sets):
        one = curve(matches, thresholds, resampling(matches.images, block, seed) if resampled else None)
        if matches.hands:
            recall.append(one.recall)
        if any(matches is other for other in hand_free):
            false.append(one.false_per_image)
            with_false.append(one.images_with_false)
    shape = false[0].shape
    return Curve(thresholds, _known_mean(recall, shape), np.mean(false, axis=0), np.mean(with_false, axis=0))


def _known_mean(values: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Mean over the list without NaN: a resample may contain no hand of a set."""
    stacked = np.array(values).reshape(-1, *shape)
    known = np.isfinite(stacked)
    total = np.where(known, stacked, 0).sum(0)
    return np.divide(total, known.sum(0), out=np.full(shape, np.nan), where=known.any(0))


def calibration(detections: list[tuple[int, float, str]]) -> dict:
    """Calibration of the score as the probability that a palm lies within the match distance.

    So a duplicate counts as right here. Ignored detections are left out. `ece` is the expected calibration error
    (Naeini et al., AAAI 2015): the mean over `BINS` bins of the absolute difference between mean score and fraction
    right, weighted by detections.
    """
    kept = [(score, outcome in (MATCHED, DUPLICATE)) for _, score, outcome in detections if outcome != IGNORED]
    if not kept:
        return {"detections": 0, "ece": None, "bins": []}
    scores, right = np.array(kept, float).T
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    rows = []
    for k in np.unique(bins):
        which = bins == k
        rows.append({
            "from": float(k / BINS), "detections": int(which.sum()),
            "score": float(scores[which].mean()), "right": float(right[which].mean()),
        })  # fmt: skip
    ece = sum(row["detections"] * abs(row["score"] - row["right"]) for row in rows) / len(scores)
    return {"detections": len(scores), "ece": float(ece), "bins": rows}


def bin_names(limits: tuple, unit: str) -> list[str]:
    between = [f"{low:g}-{high:g} {unit}" for low, high in zip(limits, limits[1:], strict=False)]
    return [f"< {limits[0]:g} {unit}", *between, f"> {limits[-1]:g} {unit}"]


def found_by(matches: Matches, values: np.ndarray, limits: tuple, unit: str) -> dict[str, dict]:
    """Hands and fraction found by bin of `values` (hands,); empty bins are left out."""
    found, bins = np.isfinite(matches.hand_columns[3]), np.digitize(values, limits)
    return {
        bin_names(limits, unit)[k]: {"hands": int((bins == k).sum()), "found": float(found[bins == k].mean())}
        for k in np.unique(bins)
    }
