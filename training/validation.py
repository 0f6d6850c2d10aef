"""How a network does on a fixed set of batches, while it trains. `training.evaluate` is the real evaluation."""

import torch
from torch import Tensor

from fingerpose_ros.perception.network import FingerPoseNet

from .losses import HALF_CUBE_MM, mean_of


@torch.no_grad()
def validate(network: FingerPoseNet, batches: list[dict[str, Tensor]], autocast: torch.autocast) -> dict[str, float]:
    """Mean joint error, and that of the median hand, in mm; coverage of one sigma (0.68 if calibrated); and the shares
    of hands rightly told right or left, and of images rightly told hand or no hand."""
    errors, covered, handed, present = [], [], [], []
    for batch in batches:
        with autocast:
            out = network(batch["image"])
        counts = batch["present"] & batch["right"]
        valid = batch.get("valid", torch.ones_like(batch["uvd"][..., 0], dtype=torch.bool))[counts]
        miss = out.uvd[counts] - batch["uvd"][counts]
        errors.append(mean_of(valid, miss.norm(dim=-1)) * HALF_CUBE_MM)
        covered.append(mean_of(valid, (miss.abs() < out.sigma[counts]).float().mean(2)))
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
