"""Minimises an objective of a robot's joints within their limits: a damped Gauss-Newton method. No clock ends it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

STEPS = 20
"""Most steps for one pose. The next pose goes on from there."""

SMALL_GAIN = 1e-5
"""A smaller gain ends the steps. It is that of 1 mm at one fingertip."""

DAMPING, MORE_DAMPING = 0.01, 10.0
"""Share of the diagonal that is added to it, and the factor after a step without gain."""


class Linearised(NamedTuple):
    """An objective near positions of the n joints.

    Attributes:
        cost: its value.
        gradient: (n,) its derivatives.
        square: (n, n) its second derivatives, as far as the method needs them.
    """

    cost: float
    gradient: np.ndarray
    square: np.ndarray


def minimise(
    linearise: Callable[[np.ndarray], Linearised], start: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> np.ndarray:
    """Positions (n,) near a minimum, at most `STEPS` steps from `start`.

    Args:
        linearise: the objective at positions (n,).
        start: (n,), within the limits `lower` and `upper`, (n,) each.

    Raises:
        ValueError: the objective is not finite at the start.
    """
    joints, now, damping = start, linearise(start), DAMPING
    if not np.isfinite(now.cost):
        raise ValueError(f"the objective is {now.cost} where the joints are; it must be finite")
    for _ in range(STEPS):
        stuck = ((joints <= lower) & (now.gradient > 0)) | ((joints >= upper) & (now.gradient < 0))
        square = np.where(stuck[:, None] | stuck, 0.0, now.square)
        square.flat[:: len(joints) + 1] += damping * now.square.diagonal() + stuck
        step = np.linalg.solve(square, np.where(stuck, 0.0, now.gradient))
        trial = np.minimum(np.maximum(joints - step, lower), upper)
        after = linearise(trial)
        if not after.cost <= now.cost:
            damping *= MORE_DAMPING
            continue
        gain, joints, now, damping = now.cost - after.cost, trial, after, DAMPING
        if gain < SMALL_GAIN:
            break
    return joints
