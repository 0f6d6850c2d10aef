"""Which detection belongs to which track, and which tracks are one hand."""

from collections.abc import Callable

import numpy as np

from ..detection.detector import Detection
from ..pose.crop_predictor import CropPrediction
from ..skeleton import WRIST
from .tracks import Track

GATE, GATE_SPEED = 0.1, 1.0
"""A detection belongs to a track if it is nearer than `GATE` metres to where the track's palm should be, or nearer than
a hand moves at `GATE_SPEED` metres per second. One nearer than `GATE` is no new hand."""

SAME_HAND = 0.05
"""Centres closer than this, in metres, belong to one hand."""

SAME_WRIST, BACKWARDS = 0.15, -0.7
"""Of two hands with wrists closer than this, in metres, that point away from each other, the cosine between them being
less than this, one is the other's forearm."""

Seen = list[tuple[Track, CropPrediction]]


def associate(
    tracks: list[Track], detections: list[Detection], stamp: float
) -> tuple[list[Detection | None], list[Detection]]:
    """Assign detections to tracks, nearest pair first.

    Returns:
        The detection of each track, or None; and those that may be new hands.
    """
    palms = np.array([detection.palm for detection in detections]).reshape(-1, 3)
    expected = np.array([track.predict_palm(stamp) for track in tracks]).reshape(-1, 3)
    distances = np.linalg.norm(expected[:, None] - palms, axis=2)
    gates = [max(GATE, GATE_SPEED * (stamp - track.last_seen)) for track in tracks]
    assigned: list[Detection | None] = [None] * len(tracks)
    taken: set[int] = set()
    for t, d in zip(*np.unravel_index(np.argsort(distances, axis=None), distances.shape), strict=True):
        if assigned[t] is None and d not in taken and distances[t, d] < gates[t]:
            assigned[t] = detections[d]
            taken.add(int(d))
    new = [
        detection
        for d, detection in enumerate(detections)
        if d not in taken and (distances[:, d] > GATE).all()
    ]  # fmt: skip
    return assigned, new


def one_track_a_hand(seen: Seen) -> Seen:
    """Without tracks that have come to another's hand, and without those on another hand's forearm.

    Of several tracks at one place the surest stays; confirmed ones come first, of equals the oldest.
    """
    surest = sorted(seen, key=lambda pair: (not pair[0].confirmed, -round(pair[0].confidence, 1), pair[0].id))
    apart = _first_of(surest, lambda a, b: bool(np.linalg.norm(a.centre - b.centre) <= SAME_HAND))
    return _first_of(sorted(apart, key=lambda pair: -pair[1].confidence), _is_forearm)


def _first_of(seen: Seen, are_one: Callable[[CropPrediction, CropPrediction], bool]) -> Seen:
    """Those whose prediction is not one with that of an earlier one that is kept."""
    kept: Seen = []
    for track, prediction in seen:
        if not any(are_one(prediction, other) for _, other in kept):
            kept.append((track, prediction))
    return kept


def _is_forearm(prediction: CropPrediction, hand: CropPrediction) -> bool:
    """Whether one of the two hands would be on the other's forearm."""
    apart = np.linalg.norm(prediction.positions[WRIST] - hand.positions[WRIST])
    lengths = np.linalg.norm(prediction.direction) * np.linalg.norm(hand.direction)
    return bool(apart < SAME_WRIST and prediction.direction @ hand.direction < BACKWARDS * lengths)
