"""Validation on a fixed set of batches during training. `./run training evaluate` is the real evaluation."""

import torch
from torch import Tensor

from fingerpose_ros.perception.pose.network import FingerPoseNet

from .losses import half_cube_mm, labelled, masked_mean


def joint_errors_mm(uvd: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Mean error (hands,) over the labelled joints of each right hand in a batch, for predictions `uvd` (B, 21, 3)."""
    hands = batch["present"] & batch["right"]
    return masked_mean(labelled(batch)[hands], (uvd - batch["uvd"])[hands].norm(dim=-1)) * half_cube_mm(batch)[hands]


@torch.no_grad()
def validate(network: FingerPoseNet, batches: list[dict[str, Tensor]], autocast: torch.autocast) -> dict[str, float]:
    """Validation metrics of a network.

    Returns:
        error_mm, median_error_mm: mean joint error over all hands, and of the median hand.
        coverage_68: fraction of errors within one sigma; 0.68 if calibrated.
        handedness, presence: classification accuracy.
    """
    errors, covered, handedness, presence = [], [], [], []
    for batch in batches:
        with autocast:
            out = network(batch["image"])
        errors.append(joint_errors_mm(out.uvd, batch))
        hands = batch["present"] & batch["right"]
        within = ((out.uvd - batch["uvd"]).abs() < out.sigma).float().mean(2)
        covered.append(masked_mean(labelled(batch)[hands], within[hands]))
        predicted_right, predicted_present = (out.logits > 0).unbind(1)
        handedness.append((predicted_right == batch["right"])[batch["present"]].float())
        presence.append((predicted_present == batch["present"]).float())
    error = torch.cat(errors)
    return {
        "error_mm": error.mean().item(),
        "median_error_mm": error.median().item(),
        "coverage_68": torch.cat(covered).mean().item(),
        "handedness": torch.cat(handedness).mean().item(),
        "presence": torch.cat(presence).mean().item(),
    }
