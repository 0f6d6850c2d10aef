"""Predicting crops: cut crops out of a depth image, run the network on them, and convert its output to metres."""

from collections.abc import Iterator
from concurrent.futures import Executor, wait
from contextlib import contextmanager
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
"""Minimum fraction of a crop's pixels that show a surface in the cube. Emptier crops are not predicted."""

SMALL_ERROR = 0.02
"""A joint's confidence is the probability that its position error is less than this, metres."""


@dataclass(frozen=True)
class CropPrediction:
    """The network's prediction for one crop.

    Attributes:
        crop: the cube.
        image: (size, size) the network's input.
        uvd, sigma: (21, 3) joint positions and standard deviations in `crop`'s coordinates, see `Prediction`.
        right: probability that the hand in the scene is a right hand. Unlike in `Prediction`, mirroring is undone.
        present: probability that the crop shows a hand.
    """

    crop: Crop
    image: np.ndarray
    uvd: np.ndarray
    sigma: np.ndarray
    right: float
    present: float

    @property
    def handedness(self) -> str:
        """The handedness that the crop was made for, whatever `right` is."""
        return LEFT if self.crop.mirrored else RIGHT

    @cached_property
    def positions(self) -> np.ndarray:
        """(21, 3) joint positions, metres in the camera's optical frame."""
        return self.crop.to_points(self.uvd)

    @cached_property
    def centre(self) -> np.ndarray:
        """(3,) the hand's centre (`kinematics.hand_centre`), metres in the camera's optical frame."""
        return hand_centre(self.positions)

    @cached_property
    def direction(self) -> np.ndarray:
        """(3,) from the wrist to the fingers' MCPs, see `kinematics.hand_direction`."""
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
        """(21,) probability that a joint's error is less than `SMALL_ERROR`."""
        return probability_within(self.covariance, SMALL_ERROR)

    @property
    def placed(self) -> float:
        """Expected fraction of the joints whose error is less than `SMALL_ERROR`."""
        return float(self.joint_confidence.mean())

    def valid(self, camera: Camera, max_sigma: float) -> np.ndarray:
        """(21,) bool: whether a joint is known well enough to be used.

        Its standard deviation is at most `max_sigma` metres on each axis, and it lies within the cube and the image.
        """
        pixels = camera.project(np.maximum(self.positions, (-np.inf, -np.inf, 1e-3)))
        return (
            (self.position_sigma.max(axis=-1) <= max_sigma)
            & (np.abs(self.uvd) <= 1).all(axis=-1)
            & (pixels >= -0.5).all(axis=-1)
            & (pixels <= (camera.width - 0.5, camera.height - 0.5)).all(axis=-1)
        )

    @property
    def shown(self) -> np.ndarray:
        """(21,) bool: whether the joint's pixel in `image` shows a surface."""
        size = len(self.image)
        column, row = np.floor((self.uvd[:, :2].T + 1) / 2 * size).astype(int)
        within = (np.minimum(column, row) >= 0) & (np.maximum(column, row) < size)
        return within & (self.image[np.clip(row, 0, size - 1), np.clip(column, 0, size - 1)] < BACKGROUND)

    @property
    def confidence(self) -> float:
        """Expected fraction of the joints that lie on a visible surface with an error less than `SMALL_ERROR`.

        The presence probability is a factor. A false positive mostly has large standard deviations, or joints on empty
        pixels, so its confidence is low.
        """
        return self.present * float((self.joint_confidence * self.shown).mean())


class CropPredictor:
    """Crops one depth image around given centres, and runs the network on the crops.

    Args:
        backend: the network.
        half_size: half the side of the cubes, metres.
        depth_m: (height, width) float32 depth in metres.
        camera: the image's camera.
    """

    def __init__(self, backend: Backend, half_size: float, depth_m: np.ndarray, camera: Camera):
        self._backend, self._half_size = backend, half_size
        self.depth_m, self.camera = depth_m, camera
        self._known: dict[bytes, CropPrediction] = {}

    def crop(self, centre: np.ndarray, handedness: str, direction: np.ndarray | None = None) -> Crop | None:
        """The crop around `centre` (3,), metres; None if the cube would not be in front of the camera.

        Args:
            centre: in the camera's optical frame.
            handedness: "left" mirrors the crop.
            direction: (3,) is made to point up; None leaves the crop unrotated.
        """
        if not centre[2] > self._half_size / 2:
            return None
        crop = Crop(centre, self._half_size, mirrored=handedness == LEFT)
        return crop if direction is None else crop.upright(direction)

    @contextmanager
    def ahead(self, crops: list[Crop | None], threads: Executor) -> Iterator[None]:
        """Predict crops in another thread during this context. After it, `predict` need not predict them again.

        Raises:
            RuntimeError: the network's output is not finite.
        """
        cut = self._cut(crops)
        running = threads.submit(self._infer, cut)
        try:
            yield
        finally:
            wait([running])
        self._known = running.result()

    def predict(self, crops: list[Crop | None]) -> list[CropPrediction | None]:
        """Predict all crops in one batch; None for a crop that is None or shows less surface than `MIN_SURFACE`.

        Raises:
            RuntimeError: the network's output is not finite.
        """
        cut = self._cut([crop for crop in crops if crop and _key(crop) not in self._known])
        known = self._known | self._infer(cut)
        return [known.get(_key(crop)) if crop else None for crop in crops]

    def _cut(self, crops: list[Crop | None]) -> list[tuple[Crop, np.ndarray]]:
        """The crops that show enough surface, with their images."""
        size = self._backend.input_size
        cut = [(crop, crop.image(self.depth_m, self.camera, size)) for crop in crops if crop]
        return [(crop, image) for crop, image in cut if (image < BACKGROUND).mean() > MIN_SURFACE]

    def _infer(self, cut: list[tuple[Crop, np.ndarray]]) -> dict[bytes, CropPrediction]:
        """The prediction for each `_key` of a crop."""
        if not cut:
            return {}
        batch = self._backend.infer(np.stack([image for _, image in cut])[:, None])
        for name in ("uvd", "sigma", "right", "present"):
            if not np.isfinite(getattr(batch, name)).all():
                raise RuntimeError(f"the network's {name} is not finite ({self._backend.description})")
        predictions = {}
        for n, (crop, image) in enumerate(cut):
            right = 1 - float(batch.right[n]) if crop.mirrored else float(batch.right[n])
            predictions[_key(crop)] = CropPrediction(
                crop, image, batch.uvd[n], batch.sigma[n], right, float(batch.present[n])
            )
        return predictions


def _key(crop: Crop) -> bytes:
    """The same for crops that show the same."""
    return crop.centre.tobytes() + crop.to_crop.tobytes()
