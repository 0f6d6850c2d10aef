"""Predicting the poses of tracked and of possible new hands in one image."""

from dataclasses import replace

import numpy as np

from ..detection.confidence import mean_probability
from ..detection.detector import Detection
from ..pose.crop import Crop
from ..pose.crop_predictor import CropPrediction, CropPredictor
from ..settings import EstimatorSettings
from .tracks import Track

MIN_FIRST_PRESENCE = 0.005
"""A new hand is predicted again, centred and upright, if its first prediction is at least so probable a hand."""

SEARCHED = 2
"""Crops for a postponed search, in each image: one possible hand and its mirror image."""

ELSEWHERE = 0.06
"""A track whose detection is farther from where its palm should be, in metres, is predicted where it is detected."""

Pairs = list[tuple[Track, Detection | None]]
"""Tracks that are looked for in an image, each with its detection there."""


def predict_poses(
    predictor: CropPredictor, pairs: Pairs, settings: EstimatorSettings, stamp: float
) -> list[CropPrediction | None]:
    """The pose of each track at `stamp` seconds, all in one request. The tracks' handedness is updated."""
    sides = [_sides(track, settings) for track, _ in pairs]
    crops = crops_of(predictor, pairs, settings, stamp)
    predicted = iter(predictor.predict(crops))
    of_sides = [[next(predicted) for _ in of_track] for of_track in sides]
    return [
        _likelier(track, predictions, settings, stamp)
        for (track, _), predictions in zip(pairs, of_sides, strict=True)
    ]  # fmt: skip


def crops_of(predictor: CropPredictor, pairs: Pairs, settings: EstimatorSettings, stamp: float) -> list[Crop | None]:
    """The crops that `predict_poses` needs. Few depend on the detection, see `ELSEWHERE`."""
    return [
        predictor.crop(_place(track, detection, stamp), side, track.direction)
        for track, detection in pairs
        for side in _sides(track, settings)
    ]


def is_promising(prediction: CropPrediction | None) -> bool:
    """Whether a new hand with this first prediction is worth a second one, centred and upright."""
    return prediction is not None and prediction.present >= MIN_FIRST_PRESENCE


def first_in_line(pairs: Pairs, settings: EstimatorSettings) -> tuple[Pairs, Pairs]:
    """Split possible hands into the first ones, of `SEARCHED` crops together, and the others."""
    crops = np.cumsum([len(_sides(track, settings)) for track, _ in pairs])
    count = int(np.searchsorted(crops, SEARCHED, side="right"))
    return pairs[:count], pairs[count:]


def _sides(track: Track, settings: EstimatorSettings) -> tuple[str, ...]:
    """The handedness, or both, for which a track's crops are predicted."""
    return track.sides if settings.handedness == "both" else (settings.handedness,)


def _place(track: Track, detection: Detection | None, stamp: float) -> np.ndarray:
    """The centre (3,) of a track's crop: where it should be, or where it is detected if that is elsewhere."""
    if detection and np.linalg.norm(detection.palm - track.predict_palm(stamp)) > ELSEWHERE:
        return track.centre + detection.palm - track.palm
    return track.predict_centre(stamp)


def _likelier(
    track: Track, predictions: list[CropPrediction | None], settings: EstimatorSettings, stamp: float
) -> CropPrediction | None:
    """Of the predictions for one or both handednesses that which fits the hand; the track's handedness is updated.

    The network may lean to one side. Shown a hand and its mirror image it does so both times, and their mean does not
    lean. The mean presence of both is the better evidence, too.
    """
    known = [prediction for prediction in predictions if prediction]
    if not known or settings.handedness != "both":
        return next(iter(known), None)
    right = sum(prediction.right for prediction in known) / len(known)
    if len(predictions) == 1:
        track.observe_handedness(right, stamp)
    elif track.set_handedness(right):
        track.begin_pose(settings)
    likelier = next((prediction for prediction in known if prediction.handedness == track.handedness), known[0])
    return replace(likelier, present=mean_probability([prediction.present for prediction in known]))
