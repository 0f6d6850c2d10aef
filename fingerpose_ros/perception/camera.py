"""The pinhole camera with lens distortion: pixels <-> points in metres, in the camera's optical frame (REP 103)."""

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

NO_DISTORTION = "none"
_BROWN = (4, 5, 8, 12, 14)
DISTORTION_MODELS = {NO_DISTORTION: (0,), "plumb_bob": _BROWN, "rational_polynomial": _BROWN, "equidistant": (4,)}
"""Supported distortion models (REP 132, sensor_msgs) -> the allowed numbers of coefficients.

Some drivers (Orbbec's) send eight coefficients as `plumb_bob`. The number of coefficients decides on the formula.
"""


@dataclass(frozen=True)
class Camera:
    """Intrinsics of one depth image. Optical frame: x right, y down, z forward. Pixel (0, 0) is a pixel's centre.

    Raises:
        ValueError: an invalid size, focal length, principal point or distortion.
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
        if not all(isinstance(size, int | np.integer) and size > 0 for size in (self.width, self.height)):
            raise ValueError(f"camera size {self.width}x{self.height} is not two positive whole numbers")
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
        if self.distortion and not self._max_radius:
            raise ValueError(f"{self.distortion_model} {self.distortion} has no inverse for most of the image")

    @property
    def matrix(self) -> np.ndarray:
        """The (3, 3) camera matrix."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], np.float64)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) in metres, in front of the camera -> distorted pixels (..., 2).

        The lens model is a polynomial that was fitted within the image. Outside the image it could fold back into it,
        so there it is extrapolated linearly.
        """
        points = np.asarray(points, np.float64)
        rays = points[..., :2] / points[..., 2:]
        if self.distortion:
            beyond = np.maximum(np.linalg.norm(rays, axis=-1, keepdims=True) / self._max_radius, 1)
            rays = self._distort(rays / beyond) * beyond
        return rays * (self.fx, self.fy) + (self.cx, self.cy)

    def back_project(self, pixels: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) and their depths along z (...) in metres -> points (..., 3) in metres.

        NaN for a pixel where the lens model has no inverse.
        """
        pixels = np.asarray(pixels, np.float64)
        rays = self._undistort((pixels - (self.cx, self.cy)) / (self.fx, self.fy))
        depth = np.where(np.isfinite(rays[..., :1]), np.asarray(depth, np.float64)[..., None], np.nan)
        return np.concatenate([rays * depth, depth], axis=-1)

    def look_up(self, to_view: np.ndarray, focal: float, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Maps for `cv2.remap`, from a virtual camera at the same position to this image: u and v (size, size).

        Args:
            to_view: this optical frame -> the virtual one, (3, 3); a rotation, or one with a reflection.
            focal: focal length of the virtual camera, pixels. Its principal point is the centre of its image.
            size: side of the virtual camera's square image, pixels.

        Both are -1 for a pixel whose ray is not in front of this camera, or outside its field of view.
        """
        middle = (size - 1) / 2
        view = np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1]])
        fisheye = self.distortion_model == "equidistant"
        library = cv2.fisheye if fisheye else cv2
        coefficients = np.array(self.distortion or np.zeros(4))
        u, v = library.initUndistortRectifyMap(self.matrix, coefficients, to_view, view, (size, size), cv2.CV_32FC1)
        axis = (np.arange(size, dtype=np.float32) - np.float32(middle)) / np.float32(focal)
        z = axis * np.float32(to_view[0, 2]) + (axis * np.float32(to_view[1, 2]) + np.float32(to_view[2, 2]))[:, None]
        outside = z < 1e-3
        if self.distortion:
            outside |= axis**2 + (axis**2)[:, None] + 1 > (1 + self._max_radius**2) * z**2
        u[outside], v[outside] = -1, -1
        return u, v

    @cached_property
    def _max_radius(self) -> float:
        """Largest radius of (x/z, y/z) in the image; 0 if the lens model has no inverse for four fifths of it."""
        u, v = np.linspace(0, self.width - 1, 17), np.linspace(0, self.height - 1, 17)
        observed = (np.stack(np.meshgrid(u, v), axis=-1) - (self.cx, self.cy)) / (self.fx, self.fy)
        rays = self._undistort(observed)
        inverse = np.isfinite(rays[..., 0])
        return float(np.linalg.norm(rays[inverse], axis=-1).max()) if inverse.mean() > 0.2 else 0.0

    def _distort(self, rays: np.ndarray) -> np.ndarray:
        """x/z, y/z (..., 2) -> distorted x/z, y/z."""
        flat = rays.reshape(-1, 1, 2)
        if self.distortion_model == "equidistant":
            return cv2.fisheye.distortPoints(flat, np.eye(3), np.array(self.distortion)).reshape(rays.shape)
        points, zero = np.concatenate([flat, np.ones_like(flat[..., :1])], axis=-1), np.zeros(3)
        return cv2.projectPoints(points, zero, zero, np.eye(3), np.array(self.distortion))[0].reshape(rays.shape)

    def _undistort(self, rays: np.ndarray) -> np.ndarray:
        """The inverse of `_distort`; NaN where there is none."""
        if not self.distortion or rays.size == 0:
            return rays
        flat = rays.reshape(-1, 1, 2)
        if self.distortion_model == "equidistant":
            undistorted = cv2.fisheye.undistortPoints(flat, np.eye(3), np.array(self.distortion))
            # OpenCV returns -1e6 where it did not converge.
            undistorted = np.where(np.abs(undistorted) < 1e5, undistorted, np.nan)
        else:
            undistorted = cv2.undistortPoints(flat, np.eye(3), np.array(self.distortion))
            for _ in range(5):  # OpenCV stops after five iterations, up to a pixel off; clipped in case of divergence
                undistorted = np.clip(undistorted + flat - self._distort(undistorted), -1e3, 1e3)
        with np.errstate(invalid="ignore"):
            converged = np.abs(self._distort(undistorted) - flat).max(axis=-1, keepdims=True) * self.fx < 1
        return np.where(converged, undistorted, np.nan).reshape(rays.shape)

    def scaled(self, step: int) -> "Camera":
        """The camera of the image `depth[::step, ::step]`."""
        return replace(
            self,
            width=-(-self.width // step), height=-(-self.height // step),
            fx=self.fx / step, fy=self.fy / step, cx=self.cx / step, cy=self.cy / step,
        )  # fmt: skip
