"""From the node's settings to an estimator."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, Protocol

import numpy as np

from .perception.camera import Camera
from .perception.hand import Hand


class Estimator(Protocol):
    """What the node needs of `perception.estimator.HandPoseEstimator`."""

    def estimate(self, depth_m: np.ndarray, camera: Camera, stamp: float) -> list[Hand]:
        """Depth (height, width) in metres, 0 where there is no reading, seen at `stamp` seconds -> the hands in it."""
        ...

    def reset(self) -> None:
        """Forget all hands: what comes next has nothing to do with what was before."""
        ...


EstimatorFactory = Callable[[Mapping[str, Any]], tuple[Estimator, str]]
"""The node's settings -> an estimator, and in words what computes it, and where."""


def load_estimator(settings: Mapping[str, Any]) -> tuple[Estimator, str]:
    """The estimator with the backend and weights that the settings ask for.

    Raises:
        Exception: an engine that is not installed, a device that is not there, weights that are missing or damaged; the
            message says what to do.
    """
    # Imported here, so that an engine that is not installed is a refusal to configure.
    from .perception import backends
    from .perception.estimator import EstimatorSettings, HandPoseEstimator

    backend = backends.create(*(settings[name] for name in ("backend", "device", "model", "precision")))
    names = [field.name for field in fields(EstimatorSettings)]
    return HandPoseEstimator(
        backend, EstimatorSettings(**{name: settings[name] for name in names})
    ), backend.description
