"""The training losses have their minima at the right values."""

import numpy as np
import pytest
import torch
from fake_hands import FakeHands

from fingerpose_ros.perception.pose.network import FingerPoseNet
from fingerpose_ros.perception.pose.network.registry import config_named
from training.learning.losses import Objective, dense_losses, gaussian_nll


def test_dense_losses_are_zero_only_for_perfect_maps():
    torch.manual_seed(0)
    image = torch.ones(2, 1, 64, 64)
    truth = torch.rand(2, 3, 3) - 0.5
    axis = (2 * torch.arange(8) + 1) / 8 - 1
    cells = torch.stack([axis.expand(8, 8), axis[:, None].expand(8, 8), torch.zeros(8, 8)])
    offsets = truth[..., None, None] - cells
    logits = -offsets[:, :, :2].square().sum(2, keepdim=True) / (2 * 0.15**2)
    perfect = torch.cat([logits, offsets], 2)
    vote, blob = dense_losses(image, perfect, truth)
    assert vote.max() < 1e-6 and blob.max() < 1e-5
    shifted_vote, shifted_blob = dense_losses(image, perfect + torch.tensor([0, 0.1, 0, 0])[:, None, None], truth)
    assert shifted_vote.min() > 0.01 and shifted_blob.max() < 1e-5
    assert dense_losses(image, perfect.flip(-1), truth)[1].mean(1).min() > 0.1


def test_sigma_loss_is_minimal_at_the_true_standard_deviation():
    error = torch.from_numpy(np.random.default_rng(0).normal(0, 0.07, 200_000))
    sigmas = np.linspace(0.03, 0.15, 121)
    losses = [gaussian_nll(error, torch.tensor(sigma)).mean() for sigma in sigmas]
    assert sigmas[int(np.argmin(losses))] == pytest.approx(0.07, abs=0.002)


def test_errors_of_subtasks_and_of_the_output_cover_the_same_joints():
    torch.manual_seed(0)
    objective = Objective(FingerPoseNet(config_named("ablation_c"))).eval()  # its output is the mean of its estimates
    batch = {k: torch.from_numpy(v) for k, v in FakeHands(64, 8, 0, 1.0)[0].items()}
    with torch.no_grad():
        scalars = objective(batch)[1]
    assert scalars["error_mm/after"] == pytest.approx(scalars["error_mm/joints"].item(), rel=1e-5)
    assert scalars["error_mm/before"] != scalars["error_mm/after"]


def test_only_present_hands_train_positions():
    torch.manual_seed(0)
    objective = Objective(FingerPoseNet(config_named("small"))).eval()
    batch = {k: torch.from_numpy(v) for k, v in FakeHands(64, 8, 0, 1.0)[0].items()}
    present = batch["present"]
    assert 0 < present.sum() < 8
    masked = {**batch, "uvd": torch.where(present[:, None, None], batch["uvd"], torch.nan)}
    with torch.no_grad():
        assert objective(batch)[0] == objective(masked)[0]
        no_hands = {**batch, "present": torch.zeros(8, dtype=torch.bool)}
        assert objective(no_hands)[0].isfinite()
