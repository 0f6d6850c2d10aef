"""From the node's settings to an estimator."""

from collections.abc import Callable, Mapping, Set
from typing import Any, Protocol

import numpy as np

from fingerpose_ros.perception import backends
from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.estimator import HandPoseEstimator
from fingerpose_ros.perception.hand import Hand

from .parameters import estimator_settings


class Estimator(Protocol):
    """What the node needs of `perception.estimator.HandPoseEstimator`."""

    @property
    def tracked(self) -> Set[int]:
        """The `track_id`s of the hands that are followed, those among them that the last image did not show."""
        ...

    def estimate(self, depth_m: np.ndarray, camera: Camera, stamp: float) -> list[Hand]:
        """Depth (height, width) in metres, 0 where there is no reading, seen at `stamp` seconds -> the hands in it."""
        ...

    def look_around(self, late: bool) -> None:
        """Look for more hands in the image last estimated, now that it is answered; not now if it was answered `late`,
        when the next image waited."""
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
    chosen = {name: settings[name] for name in ("backend", "device", "model", "precision")}
    backend = backends.create_backend(**chosen, threads=settings["threads"] or None)
    return HandPoseEstimator(backend, estimator_settings(settings)), backend.description
