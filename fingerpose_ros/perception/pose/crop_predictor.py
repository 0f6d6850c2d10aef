"""One look at a place in a depth image: the crop around it, and what the network says of that crop."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..camera import Camera
from ..hand import LEFT, RIGHT
from ..kinematics import hand_centre, hand_direction
from .crop import BACKGROUND, Crop
from .prediction import Backend
from .uncertainty import probability_within

MIN_SURFACE = 0.02
"""The share of a crop that must show something."""

SMALL_ERROR = 0.02
"""A joint's confidence is the probability that its error is less than this, metres."""


@dataclass(frozen=True)
class CropPrediction:
    """What the network says of one crop: as `prediction.Prediction`, but `right` is of the hand as it is."""

    crop: Crop
    image: np.ndarray
    """(size, size) what of the crop the network was shown."""
    uvd: np.ndarray
    sigma: np.ndarray
    right: float
    present: float

    @property
    def handedness(self) -> str:
        return LEFT if self.crop.mirrored else RIGHT

    @cached_property
    def positions(self) -> np.ndarray:
        """(21, 3) metres in the camera's optical frame."""
        return self.crop.to_points(self.uvd)

    @cached_property
    def centre(self) -> np.ndarray:
        """(3,) metres in the camera's optical frame."""
        return hand_centre(self.positions)

    @cached_property
    def direction(self) -> np.ndarray:
        """(3,) where the hand points, see `kinematics.hand_direction`."""
        return hand_direction(self.positions)

    @cached_property
    def covariance(self) -> np.ndarray:
        """(21, 3, 3) of the positions, square metres."""
        return self.crop.to_covariance(self.uvd, self.sigma)

    @cached_property
    def position_sigma(self) -> np.ndarray:
        """(21, 3) standard deviations of the positions along the camera's axes, metres."""
        return np.sqrt(np.einsum("...ii->...i", self.covariance))

    @cached_property
    def joint_confidence(self) -> np.ndarray:
        """(21,) probability that a joint's error is small."""
        return probability_within(self.covariance, SMALL_ERROR)

    @property
    def shown(self) -> np.ndarray:
        """(21,) bool: whether the image shows anything at a joint's pixel."""
        size = len(self.image)
        column, row = np.floor((self.uvd[:, :2].T + 1) / 2 * size).astype(int)
        within = (np.minimum(column, row) >= 0) & (np.maximum(column, row) < size)
        return within & (self.image[np.clip(row, 0, size - 1), np.clip(column, 0, size - 1)] < BACKGROUND)

    @property
    def confidence(self) -> float:
        """The share of a hand's joints that, as far as is known, are placed with a small error on what is seen.

        Where there is no hand, the network mostly knows no joint's place, or places them where nothing is.
        """
        return self.present * float((self.joint_confidence * self.shown).mean())


class CropPredictor:
    """Looks at places of one depth image through the network."""

    def __init__(self, backend: Backend, half_size: float, depth_m: np.ndarray, camera: Camera):
        self._backend, self._half_size = backend, half_size
        self.depth_m, self.camera = depth_m, camera

    def crop(self, centre: np.ndarray, handedness: str, direction: np.ndarray | None = None) -> Crop | None:
        """None where no cube can be in front of the camera. `direction` (3,), if it is known, points up in the crop."""
        if not centre[2] > self._half_size / 2:
            return None
        crop = Crop(centre, self._half_size, mirrored=handedness == LEFT)
        return crop if direction is None else crop.upright(direction)

    def predict(self, crops: list[Crop | None]) -> list[CropPrediction | None]:
        """One pass of the network for all crops. None where there is nothing to see."""
        size = self._backend.input_size
        images = [None if crop is None else crop.image(self.depth_m, self.camera, size) for crop in crops]
        shown = [i for i, image in enumerate(images) if image is not None and (image < BACKGROUND).mean() > MIN_SURFACE]
        looks: list[CropPrediction | None] = [None] * len(crops)
        if not shown:
            return looks
        said = self._backend.infer(np.stack([images[i] for i in shown])[:, None])
        for name in ("uvd", "sigma", "right", "present"):
            if not np.isfinite(getattr(said, name)).all():
                raise RuntimeError(f"the network's {name} is not finite ({self._backend.description})")
        for n, i in enumerate(shown):
            right = float(said.right[n])
            right = 1 - right if crops[i].mirrored else right
            looks[i] = CropPrediction(crops[i], images[i], said.uvd[n], said.sigma[n], right, float(said.present[n]))
        return looks
