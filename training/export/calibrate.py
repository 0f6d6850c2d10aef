"""Fit how a trained network's uncertainty is read, on synthetic hands that neither training nor any test has.

Standard deviations: along each axis scale * sigma ** power, so that 68.3 % of errors are within one and 95 % within
1.96, for visible and for hidden joints, and for sure and unsure ones. Two numbers an axis suffice for all of these,
though whether a joint is visible is not known on a robot. Probabilities: one temperature each (Guo et al., ICML 2017).
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize, minimize_scalar

from fingerpose_ros.perception.pose.calibration import Calibration
from fingerpose_ros.perception.pose.network import FingerPoseNet
from training.rendering.rendered_batches import RenderedBatches

FIT_SEED, CHECK_SEED = 20_250_208, 20_250_308
"""Neither a training run's (see `./run training train`) nor the test set's (see `training.rendering.testset`)."""
BATCH = 64

LEVELS = {"68": (1.0, 0.6827, 0.05), "95": (1.96, 0.95, 0.03)}
"""Interval -> its half-width in standard deviations, the share of errors that belong in it, and the tolerance."""

POWERS = (0.1, 4.0)
"""The powers there may be: a joint the network is less sure of must not come out as the surer one, even of a network
that has hardly learnt anything yet."""


@dataclass(frozen=True)
class Answers:
    """What a network says of N synthetic crops, uncalibrated, and the truth.

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
    def counts(self) -> np.ndarray:
        """(N,) bool: crops whose joints the network is asked for: those of right hands, as shown."""
        return self.right & self.present


@torch.inference_mode()
def ask(network: FingerPoseNet, size: int, seed: int, samples: int) -> Answers:
    """Let the network, in float32, look at `samples` crops (rounded up to whole batches) of `size` pixels, which are
    turned as those are that an estimate rests on."""
    stream = RenderedBatches(size=size, batch=BATCH, seed=seed, aligned_share=1, astray_share=0)
    collected = []
    for index in range(-(-samples // BATCH)):
        batch = stream[index]
        out = network(torch.from_numpy(batch["image"]))
        answers = {name: tensor.numpy() for name, tensor in zip(("uvd", "sigma", "logits"), out, strict=True)}
        truth = {name: batch[name] for name in ("visible", "right", "present")} | {"truth": batch["uvd"]}
        collected.append(answers | truth)
    return Answers(**{name: np.concatenate([part[name] for part in collected]) for name in collected[0]})


def fit(answers: Answers) -> Calibration:
    """The calibration that suits these answers best."""
    counts = answers.counts
    error, visible = np.abs(answers.uvd - answers.truth)[counts], answers.visible[counts]
    lines = [_fit_sigma(error[..., axis], answers.sigma[counts, :, axis], visible) for axis in range(3)]
    scale, power = zip(*lines, strict=True)
    right, present = answers.logits.T
    return Calibration(
        sigma_scale=scale,
        sigma_power=power,
        right_temperature=_fit_temperature(right[answers.present], answers.right[answers.present]),
        present_temperature=_fit_temperature(present, answers.present),
    )


def _fit_sigma(error: np.ndarray, sigma: np.ndarray, visible: np.ndarray) -> tuple[float, float]:
    """Scale and power for one axis; all arrays (n, 21).

    Begins where a Gaussian's likelihood is greatest, which heavy tails make too wide, and goes on to where the coverage
    of all groups is nearest to what it should be, in units of the tolerances.
    """
    log_sigma = np.log(sigma)
    unsure = sigma > np.median(sigma)
    groups = [a & b for a in (visible, ~visible) for b in (unsure, ~unsure)]

    def unlikelihood(line: np.ndarray) -> float:
        log_scaled = line[0] + line[1] * log_sigma
        return float(np.mean(0.5 * (error / np.exp(log_scaled)) ** 2 + log_scaled))

    def misses(line: np.ndarray) -> float:
        z = error / np.exp(line[0] + line[1] * log_sigma)
        found = (((z[group] < width).mean() - share) / tol for group in groups for width, share, tol in LEVELS.values())
        return float(sum(miss**2 for miss in found))

    bounds = [(None, None), POWERS]
    start = minimize(unlikelihood, [0.0, 1.0], method="Nelder-Mead", bounds=bounds).x
    offset, power = minimize(misses, start, method="Nelder-Mead", bounds=bounds).x
    return float(np.exp(offset)), float(power)


def _fit_temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    return float(np.exp(minimize_scalar(lambda log: cross_entropy(logits / np.exp(log), truth), bounds=(-3, 3)).x))


def cross_entropy(logits: np.ndarray, truth: np.ndarray) -> float:
    """Mean binary cross-entropy of logits against booleans."""
    return float(np.mean(np.logaddexp(0, np.where(truth, -logits, logits))))


def measure(calibration: Calibration, answers: Answers) -> dict:
    """How well a calibration holds on answers it was not fitted on.

    Returns:
        `coverage`: visible and hidden -> interval -> share of errors within it along u, v and d;
        `within_tolerance`: whether all of these are;
        `right`, `present`: cross-entropy as the network says it, and calibrated.
    """
    counts = answers.counts
    said = calibration.read(answers.uvd, answers.sigma, answers.logits)
    z = (np.abs(said.uvd - answers.truth) / said.sigma)[counts]
    visible = answers.visible[counts]
    coverage, within = {}, True
    for group, mask in (("visible", visible), ("hidden", ~visible)):
        coverage[group] = {}
        for level, (width, share, tolerance) in LEVELS.items():
            found = (z[mask] < width).mean(0)
            coverage[group][level] = found.tolist()
            within &= bool((np.abs(found - share) <= tolerance).all())
    right, present = answers.logits.T
    pairs = {
        "right": (right[answers.present], answers.right[answers.present], calibration.right_temperature),
        "present": (present, answers.present, calibration.present_temperature),
    }
    entropy = {
        name: {"raw": cross_entropy(logits, truth), "calibrated": cross_entropy(logits / temperature, truth)}
        for name, (logits, truth, temperature) in pairs.items()
    }
    return {"samples": len(counts), "coverage": coverage, "within_tolerance": within} | entropy
