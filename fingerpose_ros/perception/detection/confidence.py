"""The confidence of a hand: one probability from the detector's and the pose network's evidence."""

from dataclasses import astuple, dataclass

import numpy as np

LARGEST_LOGIT = 12.0
"""The networks' logits are limited to plus and minus this. Beyond, they are no better evidence."""


@dataclass(frozen=True)
class Confidence:
    """A logistic regression. `./run training export_detector` fits it.

    Attributes:
        detector: weight of the logit of the detector's classifier.
        presence: weight of the logit of the pose network's presence probability, in a crop centred on the hand.
        placed: weight of the logit of the fraction of joints that the pose network expects to place well.
        bias: added.

    Raises:
        ValueError: a value is not finite, or a weight is negative.
    """

    detector: float
    presence: float
    placed: float
    bias: float

    def __post_init__(self):
        if not np.isfinite(astuple(self)).all() or min(self.detector, self.presence, self.placed) < 0:
            raise ValueError(f"a confidence is three weights of 0 or more and a bias, not {astuple(self)}")

    def evidence(self, detector_logit: float, present: float, placed: float) -> float:
        """The logit of the probability that a palm lies within 80 mm of the predicted one.

        Args:
            detector_logit: `Detection.logit`.
            present: the pose network's presence probability.
            placed: `CropPrediction.placed`.
        """
        return float(self.combined(limited(detector_logit), limited(logit(present)), limited(logit(placed))))

    def combined(self, detector: np.ndarray | float, presence: np.ndarray | float, placed: np.ndarray | float):
        """The same from `limited` logits."""
        return self.detector * detector + self.presence * presence + self.placed * placed + self.bias


DETECTOR_ALONE = Confidence(1.0, 0.0, 0.0, 0.0)
"""Of a detector that is used or evaluated without a pose network."""


def logit(probability: float) -> float:
    """The logit of a probability; infinite for 0 and 1."""
    with np.errstate(divide="ignore"):
        return float(np.log(probability) - np.log1p(-probability))


def sigmoid(value: np.ndarray | float) -> np.ndarray | float:
    """The probability with this logit."""
    return 0.5 + 0.5 * np.tanh(0.5 * value)  # as 1 / (1 + exp(-value)), without overflow


def limited(value: np.ndarray | float) -> np.ndarray | float:
    """The logit, limited to `LARGEST_LOGIT`."""
    return np.clip(value, -LARGEST_LOGIT, LARGEST_LOGIT)


def mean_probability(probabilities: list[float]) -> float:
    """The probability whose logit is the mean of theirs, which are limited."""
    return float(sigmoid(float(np.mean([limited(logit(probability)) for probability in probabilities]))))
