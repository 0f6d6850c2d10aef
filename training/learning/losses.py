"""The training losses. All coordinates are uvd: 1 is half the cube (see `fingerpose_ros.perception.pose.crop`)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from fingerpose_ros.perception.pose.network.fingerposenet import FingerPoseNet, TrainingOutput
from fingerpose_ros.perception.pose.network.fusion import averaging
from fingerpose_ros.perception.pose.network.readout import cell_positions, votes
from fingerpose_ros.perception.settings import EstimatorSettings

HALF_CUBE_MM = 1000 * EstimatorSettings.cube_half_size
"""Half of the default cube's edge, converts errors to millimetres (exact for d, and for u and v at the centre)."""

HUBER = 0.02
"""Where smooth L1 changes from quadratic to linear: 3 mm, below the accuracy of the labels."""

VOTE_RADIUS = 0.4
"""Cells up to this distance from a joint (56 mm) must predict it. Their weight falls linearly to zero there."""

BLOB_SIGMA = 0.15
"""Standard deviation (21 mm) of the target for the weights of the dense maps; about one cell at 128 pixels."""

LEFT_WEIGHT = 4.0
"""Weight of a left hand in the handedness loss; a right hand has 1. One in five rendered hands is left, so this
balances the two classes."""

LEFT_JOINTS = 0.25
"""Weight of a left hand's joints; a right hand's have 1. Crops of hands classified as left are mirrored. The joints of
a left hand that was misclassified should still be predicted correctly, so they have some weight. With full weight, the
prediction of any ambiguous hand was a compromise between both."""

TERM_WEIGHTS = {
    "votes_before": 0.5, "votes_after": 1.0, "blob_before": 0.005, "blob_after": 0.01,
    "integrated_before": 0.5, "integrated_after": 1.0, "joints": 1.0, "sigma": 0.02, "right": 0.1, "present": 0.15,
}  # fmt: skip
"""Term -> its weight in the loss. Votes and blobs shape the maps, so that the integrated coordinates can be learnt."""


class Objective(nn.Module):
    """A network with its losses in one module, so that data-parallel wrappers see one forward pass."""

    def __init__(self, network: FingerPoseNet):
        super().__init__()
        self.network = network
        joints = torch.tensor(network.config.joints_of_estimates)
        self.register_buffer("joints_of_estimates", joints, persistent=False)
        self.register_buffer("averaging", averaging(network.config.joints_of_estimates), persistent=False)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """A batch as described by `data.Batches` -> the loss, and scalars to log.

        Left hands train positions too, see `LEFT_JOINTS`. Only labelled joints train positions, see `valid`. Only
        samples with `classes_valid` train presence and handedness.
        """
        out = self.network.forward_training(batch["image"])
        with torch.autocast(batch["image"].device.type, enabled=False):
            return self._losses(out, batch)

    def _losses(self, out: TrainingOutput, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        valid = labelled(batch) & batch["present"][:, None]
        any_valid = valid.any(1)
        weight = any_valid * torch.where(batch["right"], 1.0, LEFT_JOINTS)
        weight = weight / weight.sum().clamp_min(LEFT_JOINTS)
        truth = torch.where(valid[..., None], batch["uvd"], 0.0)
        estimates, mask = (t.index_select(1, self.joints_of_estimates) for t in (truth, valid))
        config, image = self.network.config, batch["image"]

        per_sample = {
            "integrated_after": masked_mean(mask, smooth_l1(out.after.uvd - estimates).mean(2)),
            "joints": masked_mean(valid, smooth_l1(out.output.uvd - truth).mean(2)),
            "sigma": masked_mean(valid, gaussian_nll((out.output.uvd - truth).detach(), out.output.sigma).mean(2)),
        }
        if config.dense:
            vote, blob = dense_losses(image, out.trunk.maps, estimates)
            per_sample |= {"votes_after": masked_mean(mask, vote), "blob_after": masked_mean(mask, blob)}
        if config.sharing:
            per_sample["integrated_before"] = masked_mean(mask, smooth_l1(out.before.uvd - estimates).mean(2))
            if config.dense:
                vote, blob = dense_losses(image, out.trunk.maps_before, estimates)
                per_sample |= {"votes_before": masked_mean(mask, vote), "blob_before": masked_mean(mask, blob)}
        terms = {name: (loss * weight).sum() for name, loss in per_sample.items()}

        right, present = out.output.logits.unbind(1)
        target_right, target_present = batch["right"].float(), batch["present"].float()
        handedness = functional.binary_cross_entropy_with_logits(right, target_right, reduction="none")
        classes_valid = batch.get("classes_valid", torch.ones_like(any_valid)).float()
        class_weight = classes_valid * target_present * torch.where(batch["right"], 1.0, LEFT_WEIGHT)
        terms["right"] = (handedness * class_weight).sum() / class_weight.sum().clamp_min(1)
        presence = functional.binary_cross_entropy_with_logits(present, target_present, reduction="none")
        terms["present"] = (presence * classes_valid).sum() / classes_valid.sum().clamp_min(1)
        loss = sum(TERM_WEIGHTS[name] * term for name, term in terms.items())

        with torch.no_grad():
            scalars = {f"loss/{name}": term.detach() for name, term in terms.items()}
            scalars["loss/total"] = loss.detach()
            stages = {"before": self.averaging @ out.before.uvd, "after": self.averaging @ out.after.uvd}
            for name, uvd in (stages | {"joints": out.output.uvd}).items():
                error = masked_mean(valid, (uvd - truth).norm(dim=-1))
                scalars[f"error_mm/{name}"] = (error * weight * half_cube_mm(batch)).sum()
        return loss, scalars


def labelled(batch: dict[str, Tensor]) -> Tensor:
    """The joints of a batch that are labelled, (B, 21) bool; all by default."""
    return batch.get("valid", torch.ones_like(batch["uvd"][..., 0], dtype=torch.bool))


def half_cube_mm(batch: dict[str, Tensor]) -> Tensor:
    """Half of the edge of each cube, (B,) in millimetres; that of the default cube if the batch has none."""
    return batch.get("half_mm", torch.full_like(batch["uvd"][:, 0, 0], HALF_CUBE_MM))


def masked_mean(mask: Tensor, values: Tensor) -> Tensor:
    """The mean (B,) of each row of `values` (B, n) where `mask` is true; 0 where none is."""
    return torch.where(mask, values, 0.0).sum(1) / mask.sum(1).clamp_min(1)


def smooth_l1(error: Tensor) -> Tensor:
    """Quadratic up to `HUBER`, linear beyond; of the same shape as `error`."""
    return functional.smooth_l1_loss(error, torch.zeros_like(error), beta=HUBER, reduction="none")


def gaussian_nll(error: Tensor, sigma: Tensor) -> Tensor:
    """Negative log-likelihood of `error` under N(0, sigma^2) without its constant: a proper scoring rule for sigma.

    Given detached errors it trains only sigma. Otherwise the positions of difficult joints would be neglected
    (Seitzer et al., ICLR 2022).
    """
    return 0.5 * (error / sigma).square() + sigma.log()


def dense_losses(image: Tensor, maps: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Losses of the dense maps: of each cell's vote, and of the distribution of the weights.

    Args:
        image: (B, 1, S, S), the network's input.
        maps: (B, estimates, 4, h, w), the network's maps.
        truth: (B, estimates, 3) uvd.

    Returns:
        For each estimate, (B, estimates): smooth L1 of the votes of cells near the joint, and the Kullback-Leibler
        divergence of the weights from a Gaussian blob at the joint.
    """
    logits, positions = votes(image, maps)
    cells = cell_positions(*maps.shape[-2:], maps.device)
    squared = (cells - truth[:, :, :2, None]).square().sum(2)
    near = (1 - squared.sqrt() / VOTE_RADIUS).clamp_min(0)
    errors = smooth_l1(positions - truth[..., None]).mean(2)
    vote = (errors * near).sum(-1) / near.sum(-1).clamp_min(1e-3)
    blob = (squared / (-2 * BLOB_SIGMA**2)).log_softmax(-1)
    divergence = functional.kl_div(logits.log_softmax(-1), blob, reduction="none", log_target=True).sum(-1)
    return vote, divergence
