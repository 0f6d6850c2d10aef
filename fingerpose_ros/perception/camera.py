"""Pinhole cameras with lens distortion: between pixels and metres, in the camera's optical frame (REP 103)."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

NO_DISTORTION = "none"
DISTORTION_MODELS = {NO_DISTORTION: (0,), "plumb_bob": (4, 5), "rational_polynomial": (8, 12, 14), "equidistant": (4,)}
"""REP 132 / sensor_msgs distortion models that are understood -> how many coefficients each may have."""


@dataclass(frozen=True)
class Camera:
    """Intrinsics of one depth image. Optical frame: x right, y down, z forward. Pixel (0, 0) is a pixel's centre.

    Raises:
        ValueError: a size, focal length, principal point or distortion that cannot belong to a camera.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion_model: str = NO_DISTORTION
    distortion: tuple[float, ...] = ()

    def __post_init__(self):
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f"camera size {self.width}x{self.height} is not positive")
        for name in ("fx", "fy"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"camera {name} is {value}; a focal length in pixels is a positive number")
        if not (np.isfinite(self.cx) and np.isfinite(self.cy)):
            raise ValueError(f"camera principal point ({self.cx}, {self.cy}) is not finite")
        if self.distortion_model not in DISTORTION_MODELS:
            known = ", ".join(DISTORTION_MODELS)
            raise ValueError(f"lens distortion model {self.distortion_model!r} is not one of {known}")
        if len(self.distortion) not in DISTORTION_MODELS[self.distortion_model]:
            raise ValueError(f"{self.distortion_model} with {len(self.distortion)} distortion coefficients")
        if not np.all(np.isfinite(self.distortion)):
            raise ValueError(f"distortion coefficients {self.distortion} are not all finite")

    @property
    def matrix(self) -> np.ndarray:
        """The (3, 3) camera matrix."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]])

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) in metres, in front of the camera -> distorted pixels (..., 2)."""
        points = np.asarray(points, np.float64)
        rays = points[..., :2] / points[..., 2:]
        if self.distortion_model == "equidistant":
            rays = cv2.fisheye.distortPoints(rays.reshape(-1, 1, 2), np.eye(3), np.array(self.distortion))
            rays = rays.reshape(*points.shape[:-1], 2)
        elif self.distortion:
            homogeneous = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1).reshape(-1, 1, 3)
            zero = np.zeros(3)
            rays = cv2.projectPoints(homogeneous, zero, zero, np.eye(3), np.array(self.distortion))[0]
            rays = rays.reshape(*points.shape[:-1], 2)
        return rays * (self.fx, self.fy) + (self.cx, self.cy)

    def back_project(self, pixels: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) and their depths along z (...) in metres -> points (..., 3) in metres."""
        pixels = np.asarray(pixels, np.float64)
        rays = (pixels - (self.cx, self.cy)) / (self.fx, self.fy)
        if self.distortion_model == "equidistant":
            rays = cv2.fisheye.undistortPoints(rays.reshape(-1, 1, 2), np.eye(3), np.array(self.distortion))
        elif self.distortion:
            rays = cv2.undistortPoints(rays.reshape(-1, 1, 2), np.eye(3), np.array(self.distortion))
        rays = rays.reshape(pixels.shape)
        depth = np.asarray(depth, np.float64)[..., None]
        return np.concatenate([rays * depth, depth], axis=-1)

    def scaled(self, step: int) -> "Camera":
        """The camera of the image `depth[::step, ::step]`."""
        return replace(
            self,
            width=-(-self.width // step), height=-(-self.height // step),
            fx=self.fx / step, fy=self.fy / step, cx=self.cx / step, cy=self.cy / step,
        )  # fmt: skip
