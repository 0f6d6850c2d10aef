"""Creates the estimator from the node's settings."""

from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, Protocol

import numpy as np

from fingerpose_ros.perception import backends
from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.estimator import HandPoseEstimator
from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.sphere import Sphere

from .parameters import estimator_settings


class Estimator(Protocol):
    """The part of `perception.estimator.HandPoseEstimator` that the node uses."""

    @property
    def tracked(self) -> Set[int]:
        """The `track_id`s of all tracked hands, including those that were not seen in the last image."""
        ...

    def estimate(self, depth_m: np.ndarray, camera: Camera, stamp: float, ignored: Sequence[Sphere]) -> list[Hand]:
        """Depth (height, width) in metres, 0 for invalid pixels, and its stamp in seconds -> the hands in it.

        A hand whose palm lies within an ignored sphere, given in the camera's optical frame, is left out.
        """
        ...

    def finish(self) -> None:
        """Do what is left to do with the last image, once its hands are published."""
        ...

    def reset(self) -> None:
        """Delete all tracks: the next image is unrelated to the last one."""
        ...


EstimatorFactory = Callable[[Mapping[str, Any]], tuple[Estimator, str]]
"""The node's settings -> an estimator, and a description of its engine, device and precision."""


def load_estimator(settings: Mapping[str, Any]) -> tuple[Estimator, str]:
    """Create the estimator with the backend and weights given in the settings.

    Raises:
        Exception: the engine is not installed, the device does not exist, or the weights are missing or damaged. The
            message says what to do.
    """
    chosen = {name: settings[name] for name in ("backend", "device", "model", "precision")}
    backend = backends.create_backend(**chosen, threads=settings["threads"] or None)
    detector = backends.create_detector(
        settings["backend"], settings["device"], settings["detector"], settings["threads"] or None, backend.precision
    )
    return HandPoseEstimator(backend, detector, estimator_settings(settings)), backend.description
