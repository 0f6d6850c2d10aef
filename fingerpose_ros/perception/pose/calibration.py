"""Calibration of the network's probabilities and standard deviations. `training.export.calibrate` fits it."""

from dataclasses import dataclass

import numpy as np

from .prediction import Prediction


@dataclass(frozen=True)
class Calibration:
    """The parameters of a network's calibration, stored with its weights.

    Attributes:
        sigma_scale, sigma_power: along u, v and d. The calibrated standard deviation is scale * sigma ** power.
        right_temperature, present_temperature: divisors of the logits (Guo et al., ICML 2017).

    Raises:
        ValueError: a value is not a positive number.
    """

    sigma_scale: tuple[float, float, float]
    sigma_power: tuple[float, float, float]
    right_temperature: float
    present_temperature: float

    def __post_init__(self):
        values = (*self.sigma_scale, *self.sigma_power, self.right_temperature, self.present_temperature)
        if len(values) != 8 or not all(np.isfinite(values)) or min(values) <= 0:
            raise ValueError(f"a calibration is eight positive numbers, not {values}")

    def apply(self, uvd: np.ndarray, sigma: np.ndarray, logits: np.ndarray) -> Prediction:
        """The network's uvd and sigma (N, 21, 3) and logits (N, 2) -> the calibrated prediction."""
        right, present = np.moveaxis(logits, -1, 0)
        return Prediction(
            uvd=uvd,
            sigma=np.asarray(self.sigma_scale, np.float32) * sigma ** np.asarray(self.sigma_power, np.float32),
            right=_sigmoid(right / self.right_temperature),
            present=_sigmoid(present / self.present_temperature),
        )


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * x)  # as 1 / (1 + exp(-x)), without overflow
