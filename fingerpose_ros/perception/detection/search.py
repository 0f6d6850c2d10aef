"""Chooses among the candidates of an image those whose crops are predicted, and with which handedness.

Whether one is a hand is decided in `estimator.py` (`HandPoseEstimator._acquire`).
"""

from dataclasses import dataclass, replace

import numpy as np

from ..hand import LEFT, RIGHT
from ..pose.crop_predictor import CropPrediction, CropPredictor
from ..settings import EstimatorSettings
from .hand_finder import find_hands

CANDIDATES = 4
"""Places that the finder may propose in an image."""

BESIDE = 0.1
"""A place nearer than this, in metres, to where a tracked hand should be is that hand."""


@dataclass(frozen=True)
class TentativeHand:
    """A place where there may be a new hand.

    Attributes:
        centre: (3,) metres in the camera's optical frame.
        handedness: what it is to be looked at as.
        direction: (3,) where the hand points: as a look has told, or before any its forearm; None if nothing has.
        score: the finder's, see `hand_finder.Candidate`.
        looks: how often the network has taken it for a hand.
        present: the mean probability that it is one, over those looks.
    """

    centre: np.ndarray
    handedness: str
    score: float
    direction: np.ndarray | None = None
    looks: int = 0
    present: float = 0.0

    def weigh(self, look: CropPrediction) -> CropPrediction:
        """`look`, the next at this place, as sure of a hand as all looks are together.

        Where little tells a hand from what it lies on, a centimetre's shift of the crop can turn one look's opinion.
        """
        return replace(look, present=self.present + (look.present - self.present) / (self.looks + 1))

    def after(self, look: CropPrediction, handedness: str) -> "TentativeHand":
        """What to look at next, where `look`, weighed, saw a hand of this side."""
        return TentativeHand(look.centre, handedness, self.score, look.direction, self.looks + 1, look.present)


class Search:
    """Asks the finder, image after image, and says which of what it proposes is worth a look."""

    def __init__(self, settings: EstimatorSettings):
        self._settings, self._turn = settings, 0

    def __call__(self, see: CropPredictor, tracked: list[np.ndarray]) -> list[TentativeHand]:
        """What the finder sees, as far as it is to be looked at, and as which hand.

        Not all of its candidates each time, nor as both hands: that would take longer than an image lasts. All, and as
        both, the first time; then the best and, in turn, one of the others; beside a tracked hand every other time the
        best. What is taken for the wrong hand may not look like one at all.

        Args:
            see: the image.
            tracked: where the hands that are tracked should be in it, (3,) metres each.
        """
        settings, turn = self._settings, self._turn
        self._turn += 1
        count = CANDIDATES + len(tracked)
        found = find_hands(see.depth_m, see.camera, settings.min_distance, settings.max_distance, count)
        found = [c for c in found if all(np.linalg.norm(c.centre - place) > BESIDE for place in tracked)]
        sides = (RIGHT, LEFT) if settings.handedness == "both" else (settings.handedness,)
        if turn > 0:
            sides = (sides[turn // 2 % len(sides)],)
            best, others = found[:1], found[1:]
            other = [others[(turn // 4 if tracked else turn) % len(others)]] if others else []
            found = (best if turn % 2 or not other else other) if tracked else best + other
        return [TentativeHand(c.centre, side, c.score, c.direction) for c in found for side in sides]
