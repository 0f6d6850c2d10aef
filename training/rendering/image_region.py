"""Square regions of an image, as large as the surfaces that are rendered into it."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from fingerpose_ros.perception.camera import Camera

MARGIN = 24
"""Pixels around rendered surfaces in which edges and shadows may change the recorded image."""


@dataclass(frozen=True)
class ImageRegion:
    """A square of `side` pixels whose first pixel is at row `top` and column `left`; it may reach beyond the image."""

    camera: Camera
    top: int
    left: int
    side: int

    @classmethod
    def around(cls, camera: Camera, points: np.ndarray) -> Self | None:
        """The region that holds the visible ones of `points` (n, 3), with a margin; None if none is visible."""
        points = points[points[:, 2] > 0.05]
        if not len(points):
            return None
        pixels = camera.project(points)
        low = np.maximum(np.floor(pixels.min(0)).astype(int) - MARGIN, 0)
        high = np.minimum(np.ceil(pixels.max(0)).astype(int) + MARGIN, (camera.width, camera.height))
        if (high - low < 2).any():
            return None
        return cls(camera, int(low[1]), int(low[0]), int((high - low).max()))

    @property
    def to_view(self) -> np.ndarray:
        """Camera frame -> the frame (4, 4) of a renderer's square view, whose principal point is its centre."""
        camera, matrix = self.camera, np.eye(4)
        matrix[1, 1] = camera.fy / camera.fx
        matrix[0, 2] = (camera.cx - self.left + 0.5 - self.side / 2) / camera.fx
        matrix[1, 2] = (camera.cy - self.top + 0.5 - self.side / 2) / camera.fx
        return matrix

    def cut(self, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The region (side, side) of an image, 0 beyond its border; and which pixels are within."""
        part = depth[self.top : self.top + self.side, self.left : self.left + self.side]
        pad = ((0, self.side - part.shape[0]), (0, self.side - part.shape[1]))
        return np.pad(part, pad), np.pad(np.ones(part.shape, bool), pad)

    def paste(self, depth: np.ndarray, part: np.ndarray) -> None:
        """Write `part` (side, side) into an image, in place."""
        target = depth[self.top : self.top + self.side, self.left : self.left + self.side]
        target[:] = part[: target.shape[0], : target.shape[1]]
