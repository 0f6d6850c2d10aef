"""Predicting the poses of tracked and of possible new hands in one image."""

from dataclasses import replace

import numpy as np

from ..detection.confidence import mean_probability
from ..detection.detector import Detection
from ..pose.crop_predictor import CropPrediction, CropPredictor
from ..settings import EstimatorSettings
from .tracks import Track

MIN_FIRST_PRESENCE = 0.005
"""A new hand is predicted again, centred and turned upright, if its first prediction is at least so probable a hand."""

ELSEWHERE = 0.06
"""A track whose detection is farther from where its palm should be, in metres, is predicted where it is detected."""

Pairs = list[tuple[Track, Detection | None]]
"""Tracks that are looked for in an image, each with its detection there."""


def predict_poses(
    predictor: CropPredictor, pairs: Pairs, settings: EstimatorSettings, stamp: float
) -> list[CropPrediction | None]:
    """The pose of each track at `stamp` seconds, all in one request; those of new hands once more, centred and upright.

    The tracks' handedness is updated.
    """
    tracks = [track for track, _ in pairs]
    centres = [_place(track, detection, stamp) for track, detection in pairs]
    poses = _predicted(predictor, tracks, centres, [track.direction for track in tracks], settings, stamp)
    again = {
        i: pose for i, pose in enumerate(poses) if not tracks[i].images and pose and pose.present >= MIN_FIRST_PRESENCE
    }
    found = again.values()
    centres, directions = [pose.centre for pose in found], [pose.direction for pose in found]
    upright = _predicted(predictor, [tracks[i] for i in again], centres, directions, settings, stamp)
    for i, pose in zip(again, upright, strict=True):
        poses[i] = pose
    return poses


def _place(track: Track, detection: Detection | None, stamp: float) -> np.ndarray:
    """The centre (3,) of a track's crop: where it should be, or where it is detected if that is elsewhere."""
    if detection and np.linalg.norm(detection.palm - track.predict_palm(stamp)) > ELSEWHERE:
        return track.centre + detection.palm - track.palm
    return track.predict_centre(stamp)


def _predicted(
    predictor: CropPredictor, tracks: list[Track], centres: list[np.ndarray], directions: list[np.ndarray],
    settings: EstimatorSettings, stamp: float,
) -> list[CropPrediction | None]:  # fmt: skip
    """The poses of tracks in crops with these centres and directions, in one request."""
    both = settings.handedness == "both"
    sides = [track.sides if both else (settings.handedness,) for track in tracks]
    crops = [
        predictor.crop(centre, side, direction)
        for centre, direction, of_track in zip(centres, directions, sides, strict=True)
        for side in of_track
    ]
    predicted = iter(predictor.predict(crops))
    of_sides = [[next(predicted) for _ in of_track] for of_track in sides]
    return [_likelier(track, predictions, settings, stamp) for track, predictions in zip(tracks, of_sides, strict=True)]


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
