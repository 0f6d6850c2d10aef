"""The newest proposal network, as the workers of its own training use it."""

from pathlib import Path

import numpy as np
import torch

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.detection.network import ProposalNetwork
from fingerpose_ros.perception.detection.prediction import PROPOSAL_HALF, PROPOSAL_SIZE
from fingerpose_ros.perception.detection.surface import metric_crops, surface_points
from fingerpose_ros.perception.pose.network.weights import load_tensors
from training.learning.checkpoint import with_prefix
from training.rendering.composed_images import FARTHEST, NEAREST

from .samples import Proposals


class Proposer:
    """The newest proposal network of a run, as a worker process uses it."""

    def __init__(self, path: Path):
        self._path, self._time, self._network = path, 0.0, ProposalNetwork().eval()

    def propose(self, rng: np.random.Generator, depth: np.ndarray, camera: Camera) -> Proposals:
        """The proposals of an image: random ones before there is a network."""
        points = surface_points(depth, camera, NEAREST, FARTHEST)
        crops = metric_crops(depth, camera, points, PROPOSAL_HALF, PROPOSAL_SIZE)
        if self._path.exists() and self._path.stat().st_mtime != self._time:
            self._time = self._path.stat().st_mtime
            tensors = load_tensors(self._path)[0]
            self._network.load_state_dict(with_prefix("proposal.", tensors))
        if not self._time or not len(points):
            return Proposals(points, crops, rng.uniform(size=len(points)), points)
        with torch.inference_mode():
            logits, offsets = self._network(torch.from_numpy(crops)[:, None])
        return Proposals(points, crops, logits.numpy(), points + PROPOSAL_HALF * offsets.numpy())
