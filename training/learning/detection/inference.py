"""A detector's inference during training and in its evaluation: candidates of an image, and their classification."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fingerpose_ros.perception.detection.network import (
    CONTEXT_HALF,
    CONTEXT_SIZE,
    DETAIL_HALF,
    DETAIL_SIZE,
    PROPOSAL_HALF,
    ClassifierNetwork,
    ProposalNetwork,
)
from fingerpose_ros.perception.detection.surface import metric_crops
from fingerpose_ros.perception.pose.network.weights import load_tensors

from .samples import CANDIDATES, all_proposals, best_candidates

WORKING_FOCAL = 250.0
"""Focal length to which images are decimated, pixels: 3.2 mm a pixel at 0.8 m."""


class Proposer:
    """The newest proposal network of a run, as a worker process uses it."""

    def __init__(self, path: Path):
        self._path, self._time, self._network = path, 0.0, ProposalNetwork().eval()

    def candidates(self, rng: np.random.Generator, depth: np.ndarray, camera, count: int = CANDIDATES) -> np.ndarray:
        """At most `count` candidates (n, 3) of an image, metres: random points before there is a network."""
        points, crops = all_proposals(depth, camera)
        if not len(points):
            return points
        if self._path.exists() and self._path.stat().st_mtime != self._time:
            self._time = self._path.stat().st_mtime
            tensors = load_tensors(self._path)[0]
            self._network.load_state_dict(tensors_below("proposal.", tensors))
        if not self._time:
            return points[rng.choice(len(points), min(count, len(points)), replace=False)]
        with torch.inference_mode():
            logits, offsets = self._network(torch.from_numpy(crops)[:, None])
        palms = points + PROPOSAL_HALF * offsets.numpy()
        return palms[best_candidates(palms, logits.numpy(), count)]


def classify(
    network: ClassifierNetwork, depth: np.ndarray, camera, centres: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Logits (n,) and palms (n, 3) that the classifier predicts for candidates (n, 3) of an image."""
    if not len(centres):
        return np.zeros(0), centres
    context = metric_crops(depth, camera, centres, CONTEXT_HALF, CONTEXT_SIZE)
    detail = metric_crops(depth, camera, centres, DETAIL_HALF, DETAIL_SIZE)
    with torch.inference_mode():
        logits, offsets, _ = network(torch.from_numpy(context)[:, None], torch.from_numpy(detail)[:, None])
    return logits.numpy(), centres + DETAIL_HALF * offsets.numpy()


def tensors_below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names start with `prefix`, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
