"""The interface of an inference engine: crops in, predictions out."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Prediction:
    """The network's prediction for N crops. Crops of left hands are mirrored, see `crop.Crop.image`.

    Attributes:
        uvd: (N, 21, 3) joint positions in the crop's `uvd` coordinates, [-1, 1] across the cube.
        sigma: (N, 21, 3) calibrated standard deviations of `uvd`, in the same units and along the same axes.
        right: (N,) calibrated probability that the crop, mirrored or not, shows a right hand.
        present: (N,) calibrated probability that the crop shows a hand.
    """

    uvd: np.ndarray
    sigma: np.ndarray
    right: np.ndarray
    present: np.ndarray


class Backend(Protocol):
    """An inference engine with a network loaded.

    Attributes:
        input_size: the side S of its input images, pixels.
        precision: of the network: "f32", "bf16" or "int8".
        concurrent: whether `infer` is meant to run in another thread while the detector runs.
        description: engine, device and precision, as a text for people.
    """

    input_size: int
    precision: str
    concurrent: bool
    description: str

    def infer(self, images: np.ndarray) -> Prediction:
        """Images (N, 1, S, S) float32, as `crop.Crop.image` makes them -> the prediction for each.

        Raises:
            ValueError: images of another shape.
        """
        ...


def check_images(images: np.ndarray, size: int) -> None:
    """Raises ValueError unless `images` are (N, 1, size, size)."""
    if images.shape[1:] != (1, size, size):
        raise ValueError(f"images are {images.shape}; this model takes (N, 1, {size}, {size})")
