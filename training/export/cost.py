"""What int8 costs in accuracy: errors and classifications beside float32's, on the same synthetic crops."""

import numpy as np

from training.learning.losses import HALF_CUBE_MM

from .calibrate import Predictions

LIMITS = {"mean_mm": 0.015, "visible_mm": 0.02, "present": 0.005, "right": 0.005}
"""Largest cost: errors as a fraction of float32's; presence and handedness as a fraction of the crops."""


def figures(predictions: Predictions) -> dict[str, float]:
    """Mean joint error of right hands, all joints and visible ones, mm at the cube's centre; correct fractions."""
    hands = predictions.right_hands
    error = np.linalg.norm(predictions.uvd - predictions.truth, axis=-1)[hands] * HALF_CUBE_MM
    right, present = predictions.logits.T > 0
    shown = predictions.present
    return {
        "mean_mm": float(error.mean()),
        "visible_mm": float(error[predictions.visible[hands]].mean()),
        "present": float((present == shown).mean()),
        "right": float((right == predictions.right)[shown].mean()),
    }


def cost(float32: Predictions, int8: Predictions) -> dict[str, dict[str, float]]:
    """`float32` and `int8`: their `figures`; `cost`: by how much int8 is worse, as in `LIMITS`."""
    one, other = figures(float32), figures(int8)
    worse = {name: other[name] / one[name] - 1 if name.endswith("_mm") else one[name] - other[name] for name in LIMITS}
    return {"float32": one, "int8": other, "cost": worse}


def too_costly(report: dict[str, dict[str, float]]) -> list[str]:
    """What is beyond its limit, for people."""
    return [
        f"{name} {report['float32'][name]:.4g} -> {report['int8'][name]:.4g} (limit {limit:.1%})"
        for name, limit in LIMITS.items()
        if not report["cost"][name] <= limit
    ]
