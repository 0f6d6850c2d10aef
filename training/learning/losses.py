"""What training minimises. All coordinates are uvd: 1 is half the cube (see `fingerpose_ros.perception.pose.crop`)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from fingerpose_ros.perception.pose.network.fingerposenet import FingerPoseNet, TrainingOutput
from fingerpose_ros.perception.pose.network.fusion import averaging
from fingerpose_ros.perception.pose.network.readout import cell_positions, votes
from fingerpose_ros.perception.settings import EstimatorSettings

HALF_CUBE_MM = 1000 * EstimatorSettings.cube_half_size
"""Half of the usual cube, to tell errors in millimetres (exact for d, and for u and v at the cube's centre)."""

HUBER = 0.02
"""Where smooth L1 turns from square to straight: 3 mm, below the labels' own accuracy."""

NEAR = 0.4
"""Cells up to here from a joint (56 mm) must know its place; their say falls linearly to nothing at this distance."""

BLOB = 0.15
"""Standard deviation (21 mm) of the weights that the dense maps are drawn towards; about one cell at 128 pixels."""

LEFT_WEIGHT = 4.0
"""What a left hand counts for handedness beside a right one: of rendered hands one in five is left, and the network is
to lean to neither side."""

LEFT_JOINTS = 0.25
"""What a left hand's joints count beside a right one's. Crops of hands known to be left are mirrored; taken for a right
one a hand should still be placed right, so they do count. But counted in full they made the estimate of any hand that
may be either a compromise between the two."""

WEIGHTS = {
    "votes_before": 0.5, "votes_after": 1.0, "blob_before": 0.005, "blob_after": 0.01,
    "integrated_before": 0.5, "integrated_after": 1.0, "joints": 1.0, "sigma": 0.02, "right": 0.1, "present": 0.15,
}  # fmt: skip
"""Term -> its share in the sum. Votes and blobs shape the maps, so that the integrated coordinates can learn."""


class Objective(nn.Module):
    """A network with its losses, as one module, so that data-parallel wrappers see one forward pass."""

    def __init__(self, network: FingerPoseNet):
        super().__init__()
        self.network = network
        joints = torch.tensor(network.config.joints_of_estimates)
        self.register_buffer("joints_of_estimates", joints, persistent=False)
        self.register_buffer("averaging", averaging(network.config.joints_of_estimates), persistent=False)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Batch as `training.rendering.rendered_batches.RenderedBatches` gives it -> the loss, and scalars to log.

        Positions count of left hands too, see `LEFT_JOINTS`. Of a hand those joints count that are labelled: all of
        them, unless the batch says which by `valid` (B, 21) bool. Of `tells` (B,) bool, if it is there, only samples
        that do teach presence and handedness.
        """
        out = self.network.forward_training(batch["image"])
        with torch.autocast(batch["image"].device.type, enabled=False):
            return self._measure(out, batch)

    def _measure(self, out: TrainingOutput, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        valid = labelled(batch) & batch["present"][:, None]
        counts = valid.any(1)
        share = counts * torch.where(batch["right"], 1.0, LEFT_JOINTS)
        share = share / share.sum().clamp_min(LEFT_JOINTS)
        truth = torch.where(valid[..., None], batch["uvd"], 0.0)
        of_estimates, known = (t.index_select(1, self.joints_of_estimates) for t in (truth, valid))
        config, image = self.network.config, batch["image"]

        per_sample = {
            "integrated_after": mean_of(known, smooth_l1(out.after.uvd - of_estimates).mean(2)),
            "joints": mean_of(valid, smooth_l1(out.output.uvd - truth).mean(2)),
            "sigma": mean_of(valid, gaussian_nll((out.output.uvd - truth).detach(), out.output.sigma).mean(2)),
        }
        if config.dense:
            vote, blob = dense_losses(image, out.trunk.maps, of_estimates)
            per_sample |= {"votes_after": mean_of(known, vote), "blob_after": mean_of(known, blob)}
        if config.sharing:
            per_sample["integrated_before"] = mean_of(known, smooth_l1(out.before.uvd - of_estimates).mean(2))
            if config.dense:
                vote, blob = dense_losses(image, out.trunk.maps_before, of_estimates)
                per_sample |= {"votes_before": mean_of(known, vote), "blob_before": mean_of(known, blob)}
        terms = {name: (loss * share).sum() for name, loss in per_sample.items()}

        right, present = out.output.logits.unbind(1)
        target_right, target_present = batch["right"].float(), batch["present"].float()
        handedness = functional.binary_cross_entropy_with_logits(right, target_right, reduction="none")
        tells = batch.get("tells", torch.ones_like(counts)).float()
        weight = tells * target_present * torch.where(batch["right"], 1.0, LEFT_WEIGHT)
        terms["right"] = (handedness * weight).sum() / weight.sum().clamp_min(1)
        presence = functional.binary_cross_entropy_with_logits(present, target_present, reduction="none")
        terms["present"] = (presence * tells).sum() / tells.sum().clamp_min(1)
        loss = sum(WEIGHTS[name] * term for name, term in terms.items())

        with torch.no_grad():
            scalars = {f"loss/{name}": term.detach() for name, term in terms.items()}
            scalars["loss/total"] = loss.detach()
            stages = {"before": self.averaging @ out.before.uvd, "after": self.averaging @ out.after.uvd}
            for name, uvd in (stages | {"joints": out.output.uvd}).items():
                error = mean_of(valid, (uvd - truth).norm(dim=-1))
                scalars[f"error_mm/{name}"] = (error * share * half_cube_mm(batch)).sum()
        return loss, scalars


def labelled(batch: dict[str, Tensor]) -> Tensor:
    """Which joints (B, 21) of a batch have a label: all, unless it says which."""
    return batch.get("valid", torch.ones_like(batch["uvd"][..., 0], dtype=torch.bool))


def half_cube_mm(batch: dict[str, Tensor]) -> Tensor:
    """Half of each cube (B,) of a batch: the usual one, unless it says so."""
    return batch.get("half_mm", torch.full_like(batch["uvd"][:, 0, 0], HALF_CUBE_MM))


def mean_of(known: Tensor, values: Tensor) -> Tensor:
    """The mean (B,) over the known of each row of `values` (B, n); 0 where none is."""
    return torch.where(known, values, 0.0).sum(1) / known.sum(1).clamp_min(1)


def smooth_l1(error: Tensor) -> Tensor:
    """Square up to `HUBER`, straight beyond, of the same shape as `error`."""
    return functional.smooth_l1_loss(error, torch.zeros_like(error), beta=HUBER, reduction="none")


def gaussian_nll(error: Tensor, sigma: Tensor) -> Tensor:
    """Negative log-likelihood of `error` under N(0, sigma^2), less its constant: a proper scoring rule for sigma.

    Given detached errors it trains only sigma: joints that are hard to place would otherwise be let go
    (Seitzer et al., ICLR 2022).
    """
    return 0.5 * (error / sigma).square() + sigma.log()


def dense_losses(image: Tensor, maps: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """How well each cell votes, and where the weights lie.

    Args:
        image: (B, 1, S, S), the network's input.
        maps: (B, estimates, 4, h, w), the network's maps.
        truth: (B, estimates, 3) uvd.

    Returns:
        Per estimate, (B, estimates): smooth L1 of the votes of cells near the joint, and Kullback-Leibler divergence of
        the weights from a Gaussian blob at the joint.
    """
    logits, places = votes(image, maps)
    cells = cell_positions(*maps.shape[-2:], maps.device)
    squared = (cells - truth[:, :, :2, None]).square().sum(2)
    near = (1 - squared.sqrt() / NEAR).clamp_min(0)
    misses = smooth_l1(places - truth[..., None]).mean(2)
    vote = (misses * near).sum(-1) / near.sum(-1).clamp_min(1e-3)
    blob = (squared / (-2 * BLOB**2)).log_softmax(-1)
    divergence = functional.kl_div(logits.log_softmax(-1), blob, reduction="none", log_target=True).sum(-1)
    return vote, divergence
