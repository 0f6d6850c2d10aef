"""Crops: the cube around a hand as network input, for training and inference alike.

A crop is the square image of a virtual pinhole camera. It stands where the real camera stands, looks at the cube's
centre, and its image shows just the cube. So a hand looks the same anywhere in the image, and lens distortion is
removed. Left hands are mirrored, so the network's input always shows right hands. If the hand's direction is known, the
view is rolled so that it points up.
"""

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from ..camera import Camera

BACKGROUND = 1.0
"""Network input where the cube is empty: an invalid pixel, or a surface before or behind the cube."""


def look_at(centre: np.ndarray) -> np.ndarray:
    """The smallest rotation (3, 3) that takes the direction of `centre` (3,) to +z."""
    z = centre / np.linalg.norm(centre)
    axis = np.array([z[1], -z[0], 0.0])  # z x (0, 0, 1): sine of the angle along the axis of rotation
    skew = np.array([[0, 0, axis[1]], [0, 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.eye(3) + skew + skew @ skew / (1 + z[2])


def roll_matrix(roll: np.ndarray | float) -> np.ndarray:
    """Rotations (..., 3, 3) about z by `roll` (...) in radians: from u towards v, which is clockwise in the image."""
    cosine, sine = np.cos(roll), np.sin(roll)
    matrix = np.zeros((*np.shape(roll), 3, 3))
    matrix[..., 0, 0] = matrix[..., 1, 1] = cosine
    matrix[..., 1, 0], matrix[..., 0, 1], matrix[..., 2, 2] = sine, -sine, 1
    return matrix


def upright_roll(direction: np.ndarray) -> np.ndarray:
    """Directions (..., 3) in a virtual camera's frame -> the roll (...), see `Crop`, that makes them point up."""
    return -np.pi / 2 - np.arctan2(direction[..., 1], direction[..., 0])


@dataclass(frozen=True)
class Crop:
    """The cube of half-size `half_size` (metres) around `centre` (3,), in metres in the camera's optical frame.

    `uvd` coordinates are those of the network's output: u right and v down in the virtual image, d away from the
    camera, each in [-1, 1] across the cube.

    Raises:
        ValueError: the cube is not in front of the camera.
    """

    centre: np.ndarray
    half_size: float
    mirrored: bool = False
    roll: float = 0.0
    """Radians by which the image is rotated, clockwise, after it was mirrored."""
    to_crop: np.ndarray = field(init=False)
    """Camera optical frame -> virtual camera frame, (3, 3); a reflection if mirrored."""

    def __post_init__(self):
        centre = np.asarray(self.centre, np.float64)
        if centre.shape != (3,) or not np.all(np.isfinite(centre)) or centre[2] <= self.half_size / 2:
            raise ValueError(f"a cube of half-size {self.half_size} m around {centre} is not in front of the camera")
        object.__setattr__(self, "centre", centre)
        mirror = np.diag([-1.0 if self.mirrored else 1.0, 1, 1])
        object.__setattr__(self, "to_crop", roll_matrix(self.roll) @ mirror @ look_at(centre))

    def upright(self, direction: np.ndarray) -> "Crop":
        """The same cube, turned so that `direction` (3,), in the camera's optical frame, points up in the image."""
        return replace(self, roll=self.roll + float(upright_roll(self.to_crop @ direction)))

    @property
    def distance(self) -> float:
        """Metres from the camera to the cube's centre."""
        return float(np.linalg.norm(self.centre))

    def image(self, depth: np.ndarray, camera: Camera, size: int) -> np.ndarray:
        """Depth (height, width) in metres -> network input (size, size) in [-1, 1].

        Pixels that are 0, negative, NaN or infinite are invalid.
        """
        slope = self.half_size / self.distance
        u, v = camera.look_up(self.to_crop, size / (2 * slope), size)
        z = cv2.remap(depth, u, v, cv2.INTER_NEAREST, borderValue=0)
        axis = ((2 * np.arange(size) + 1) / size - 1) * slope
        along = axis * self.to_crop[0, 2] + (axis * self.to_crop[1, 2] + self.to_crop[2, 2])[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            d = (z / along.astype(np.float32) - np.float32(self.distance)) / np.float32(self.half_size)
            inside = (z > 0) & (np.abs(d) < 1)
        return np.where(inside, d, np.float32(BACKGROUND))

    def to_uvd(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) in metres in the camera's optical frame -> uvd (..., 3)."""
        points = np.asarray(points) @ self.to_crop.T
        uv = points[..., :2] / points[..., 2:] * (self.distance / self.half_size)
        return np.concatenate([uv, (points[..., 2:] - self.distance) / self.half_size], axis=-1)

    def to_points(self, uvd: np.ndarray) -> np.ndarray:
        """The inverse of `to_uvd`."""
        uvd = np.asarray(uvd, np.float64)
        z = self.distance + uvd[..., 2:] * self.half_size
        xy = uvd[..., :2] * z * (self.half_size / self.distance)
        return np.concatenate([xy, z], axis=-1) @ self.to_crop

    def to_covariance(self, uvd: np.ndarray, sigma: np.ndarray) -> np.ndarray:
        """Standard deviations (..., 3) along u, v and d at `uvd` (..., 3) -> covariance (..., 3, 3) in square metres.

        To first order, in the camera's optical frame. Source: the law of propagation of uncertainty (JCGM 100:2008,
        5.1) applied to `to_points`.
        """
        uvd, sigma = np.asarray(uvd, np.float64), np.asarray(sigma, np.float64)
        scale = self.half_size / self.distance
        z = self.distance + uvd[..., 2] * self.half_size
        jacobian = np.zeros((*uvd.shape, 3))
        jacobian[..., 0, 0] = jacobian[..., 1, 1] = z * scale
        jacobian[..., :2, 2] = uvd[..., :2] * (scale * self.half_size)
        jacobian[..., 2, 2] = self.half_size
        jacobian = self.to_crop.T @ jacobian
        return (jacobian * sigma[..., None, :] ** 2) @ np.swapaxes(jacobian, -1, -2)
