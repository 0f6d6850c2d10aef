"""How a network does on a fixed set of batches, while it trains. `./run training evaluate` is the real evaluation."""

import torch
from torch import Tensor

from fingerpose_ros.perception.pose.network import FingerPoseNet

from .losses import half_cube_mm, labelled, mean_of


def joint_errors_mm(uvd: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Mean error (hands,) of the labelled joints of each right hand in a batch, of which `uvd` (B, 21, 3) is said."""
    counts = batch["present"] & batch["right"]
    return mean_of(labelled(batch)[counts], (uvd - batch["uvd"])[counts].norm(dim=-1)) * half_cube_mm(batch)[counts]


@torch.no_grad()
def validate(network: FingerPoseNet, batches: list[dict[str, Tensor]], autocast: torch.autocast) -> dict[str, float]:
    """Mean joint error, and that of the median hand, in mm; coverage of one sigma (0.68 if calibrated); and the shares
    of hands rightly told right or left, and of images rightly told hand or no hand."""
    errors, covered, handed, present = [], [], [], []
    for batch in batches:
        with autocast:
            out = network(batch["image"])
        errors.append(joint_errors_mm(out.uvd, batch))
        counts = batch["present"] & batch["right"]
        within = ((out.uvd - batch["uvd"]).abs() < out.sigma).float().mean(2)
        covered.append(mean_of(labelled(batch)[counts], within[counts]))
        says_right, says_present = (out.logits > 0).unbind(1)
        handed.append((says_right == batch["right"])[batch["present"]].float())
        present.append((says_present == batch["present"]).float())
    error = torch.cat(errors)
    return {
        "error_mm": error.mean().item(),
        "median_error_mm": error.median().item(),
        "coverage_68": torch.cat(covered).mean().item(),
        "handedness": torch.cat(handed).mean().item(),
        "presence": torch.cat(present).mean().item(),
    }
