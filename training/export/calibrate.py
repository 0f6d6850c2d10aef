"""Calibrate the uncertainty of a trained network on synthetic hands used in neither training nor any test.

Standard deviations: scale * sigma ** power along each axis. 68.3 % of errors shall lie within one of them and 95 %
within 1.96, for visible and hidden joints, and for small and large sigma. Two parameters per axis suffice for all these
groups, although visibility is not known on a robot. Probabilities: one temperature each (Guo et al., ICML 2017).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from fingerpose_ros.perception.pose.calibration import Calibration
from training.progress import progress
from training.rendering.rendered_batches import RenderedBatches

FIT_SEED, CHECK_SEED = 20_250_208, 20_250_308
"""Different from the seeds of training runs (see `trainer.VALIDATION_SEED`) and of `training.rendering.testset`."""
BATCH = 64

LEVELS = {"68": (1.0, 0.6827, 0.05), "95": (1.96, 0.95, 0.03)}
"""Interval -> its half-width in standard deviations, the expected fraction of errors in it, and the tolerance."""

POWER_BOUNDS = (0.1, 4.0)
"""Bounds of the power. It stays positive, so that calibration keeps the order of sigmas even for a barely trained
network."""


@dataclass(frozen=True)
class Predictions:
    """Uncalibrated predictions for N synthetic crops, and the ground truth.

    Attributes:
        uvd, sigma: (N, 21, 3).
        logits: (N, 2): right hand, hand present.
        truth: (N, 21, 3).
        visible: (N, 21) bool.
        right, present: (N,) bool.
    """

    uvd: np.ndarray
    sigma: np.ndarray
    logits: np.ndarray
    truth: np.ndarray
    visible: np.ndarray
    right: np.ndarray
    present: np.ndarray

    @property
    def right_hands(self) -> np.ndarray:
        """(N,) bool: crops that show a right hand. Only their joints are evaluated."""
        return self.right & self.present


RawNetwork = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
"""Images (n, 1, size, size) -> uncalibrated uvd and sigma (n, 21, 3) and logits (n, 2)."""


def predict(networks: dict[str, RawNetwork], size: int, seed: int, samples: int) -> dict[str, Predictions]:
    """Predict `samples` crops (rounded up to whole batches) of `size` pixels with each network.

    The crops are rotated upright, like those of the estimator's final predictions.
    """
    batches = RenderedBatches(size=size, batch=BATCH, seed=seed, aligned_fraction=1, off_centre_arm_fraction=0)
    collected: dict[str, list[dict]] = {name: [] for name in networks}
    for index in progress(range(-(-samples // BATCH)), "calibration", "batches"):
        batch = batches[index]
        truth = {name: batch[name] for name in ("visible", "right", "present")} | {"truth": batch["uvd"]}
        for name, network in networks.items():
            predicted = dict(zip(("uvd", "sigma", "logits"), network(batch["image"]), strict=True))
            collected[name].append(predicted | truth)
    return {
        name: Predictions(**{key: np.concatenate([part[key] for part in parts]) for key in parts[0]})
        for name, parts in collected.items()
    }


def fit(predictions: Predictions) -> Calibration:
    """The calibration that fits these predictions best."""
    hands = predictions.right_hands
    error, visible = np.abs(predictions.uvd - predictions.truth)[hands], predictions.visible[hands]
    fits = [_fit_sigma(error[..., axis], predictions.sigma[hands, :, axis], visible) for axis in range(3)]
    scale, power = zip(*fits, strict=True)
    right, present = predictions.logits.T
    return Calibration(
        sigma_scale=scale,
        sigma_power=power,
        right_temperature=_fit_temperature(right[predictions.present], predictions.right[predictions.present]),
        present_temperature=_fit_temperature(present, predictions.present),
    )


def _fit_sigma(error: np.ndarray, sigma: np.ndarray, visible: np.ndarray) -> tuple[float, float]:
    """Scale and power for one axis; all arrays (n, 21).

    The first fit maximises the likelihood of a Gaussian; heavy tails make its sigma too wide. The second fit starts
    there and minimises the coverage error of all groups, in units of the tolerances.
    """
    log_sigma = np.log(sigma)
    uncertain = sigma > np.median(sigma)
    groups = [a & b for a in (visible, ~visible) for b in (uncertain, ~uncertain)]

    def negative_log_likelihood(parameters: np.ndarray) -> float:
        log_scaled = parameters[0] + parameters[1] * log_sigma
        return float(np.mean(0.5 * (error / np.exp(log_scaled)) ** 2 + log_scaled))

    def coverage_error(parameters: np.ndarray) -> float:
        z = error / np.exp(parameters[0] + parameters[1] * log_sigma)
        errors = (
            ((z[group] < width).mean() - expected) / tolerance
            for group in groups
            for width, expected, tolerance in LEVELS.values()
        )
        return float(sum(value**2 for value in errors))

    bounds = [(None, None), POWER_BOUNDS]
    start = minimize(negative_log_likelihood, [0.0, 1.0], method="Nelder-Mead", bounds=bounds).x
    offset, power = minimize(coverage_error, start, method="Nelder-Mead", bounds=bounds).x
    return float(np.exp(offset)), float(power)


def _fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    return float(np.exp(minimize_scalar(lambda log: cross_entropy(logits / np.exp(log), truth), bounds=(-3, 3)).x))


def cross_entropy(logits: np.ndarray, truth: np.ndarray) -> float:
    """Mean binary cross-entropy of logits against booleans."""
    return float(np.mean(np.logaddexp(0, np.where(truth, -logits, logits))))


def evaluate(calibration: Calibration, predictions: Predictions) -> dict:
    """Evaluate a calibration on predictions that it was not fitted to.

    Returns:
        `coverage`: visible and hidden -> interval -> fraction of errors within it along u, v and d;
        `within_tolerance`: whether all of these are within their tolerance;
        `right`, `present`: cross-entropy before (`raw`) and after calibration.
    """
    hands = predictions.right_hands
    calibrated = calibration.apply(predictions.uvd, predictions.sigma, predictions.logits)
    z = (np.abs(calibrated.uvd - predictions.truth) / calibrated.sigma)[hands]
    visible = predictions.visible[hands]
    coverage, within = {}, True
    for group, mask in (("visible", visible), ("hidden", ~visible)):
        coverage[group] = {}
        for level, (width, expected, tolerance) in LEVELS.items():
            fraction = (z[mask] < width).mean(0)
            coverage[group][level] = fraction.tolist()
            within &= bool((np.abs(fraction - expected) <= tolerance).all())
    right, present = predictions.logits.T
    pairs = {
        "right": (right[predictions.present], predictions.right[predictions.present], calibration.right_temperature),
        "present": (present, predictions.present, calibration.present_temperature),
    }
    entropy = {
        name: {"raw": cross_entropy(logits, truth), "calibrated": cross_entropy(logits / temperature, truth)}
        for name, (logits, truth, temperature) in pairs.items()
    }
    return {"samples": len(hands), "coverage": coverage, "within_tolerance": within} | entropy
