"""What a network says of crops: the contract between the estimator and the engines that run the network."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Prediction:
    """Of N crops, each shown as if of a right hand (`crop.Crop.image`; a left hand's is mirrored).

    Attributes:
        uvd: (N, 21, 3) joint positions in the crop's `uvd` coordinates, [-1, 1] across the cube.
        sigma: (N, 21, 3) calibrated standard deviations of `uvd`, in the same units and along the same axes.
        right: (N,) calibrated probability that the hand, as shown, is a right hand.
        present: (N,) calibrated probability that there is a hand.
    """

    uvd: np.ndarray
    sigma: np.ndarray
    right: np.ndarray
    present: np.ndarray


class Backend(Protocol):
    """An engine with a network loaded.

    Attributes:
        input_size: the side S of the images it takes, pixels.
        description: engine, device and precision, for people to read.
    """

    input_size: int
    description: str

    def infer(self, images: np.ndarray) -> Prediction:
        """Images (N, 1, S, S) float32, as `crop.Crop.image` makes them -> what the network says of each.

        Raises:
            ValueError: images of another shape.
        """
        ...


def check_images(images: np.ndarray, size: int) -> None:
    """Raises ValueError unless `images` are (N, 1, size, size)."""
    if images.shape[1:] != (1, size, size):
        raise ValueError(f"images are {images.shape}; this model takes (N, 1, {size}, {size})")
