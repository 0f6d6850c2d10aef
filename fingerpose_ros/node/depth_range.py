"""Warnings while no depth value lies in the range in which hands are detected."""

import time

import numpy as np

from fingerpose_ros.ros.depth_image import DepthImage

from .event_log import EventLog, GrowingInterval

FIRST_WARNING = 5.0
"""Seconds of images outside the range before the first warning."""

CHECK_PERIOD = 1.0
"""Seconds after an image inside the range in which no other is checked, as the check takes time."""

UNIT_LIMITS = 0.1, 100.0
"""Metres. No image of a camera lies wholly below the first or above the second: its unit is wrong."""


class DepthRangeMonitor:
    """Warns if no image has a depth value within the range, with the depth that they have and its likely cause.

    Args:
        min_distance, max_distance: the range, metres.
    """

    def __init__(self, min_distance: float, max_distance: float, event_log: EventLog):
        self._range = min_distance, max_distance
        self._event_log = event_log
        self._last_inside = -np.inf
        self._outside_since: float | None = None
        self._interval = GrowingInterval(FIRST_WARNING)

    def check(self, image: DepthImage, depth: np.ndarray) -> None:
        """Check one image.

        Args:
            depth: the image's depth (height, width) in metres, 0 for invalid pixels.
        """
        now = time.monotonic()
        if now - self._last_inside < CHECK_PERIOD:
            return
        low, high = self._range
        if ((depth >= low) & (depth <= high)).any():
            self._last_inside, self._outside_since = now, None
            return
        if self._outside_since is None:
            self._outside_since = now
        lasting = now - self._outside_since
        valid = depth[depth > 0]
        if self._interval.due(lasting) and valid.size:  # an image without any depth has a warning of its own
            nearest, median, farthest = np.percentile(valid, (0, 50, 100))
            self._event_log.warning(
                "depth range",
                f"for {lasting:.0f} s no depth value was between min_distance {low} m and max_distance {high} m; the "
                f"image's are {nearest:.4g} to {farthest:.4g} m, median {median:.4g} m. "
                + self._cause(image.pixels.dtype.kind == "u", nearest, farthest),
            )

    def _cause(self, integers: bool, nearest: float, farthest: float) -> str:
        if integers and farthest < UNIT_LIMITS[0]:
            return "Does the driver write metres into a 16UC1 image? It must hold millimetres"
        if not integers and nearest > UNIT_LIMITS[1]:
            return "Does the driver write millimetres into a 32FC1 image? It must hold metres"
        unit = "millimetres" if integers else "metres"
        if farthest < self._range[0]:
            return f"Is the lens covered, or does the driver use another unit than {unit}?"
        return f"Is everything too far away, the lens covered, or the unit another one than {unit}?"
