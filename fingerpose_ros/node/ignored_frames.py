"""The parameter `ignored_frames`: TF frames, such as a gripper's, near which nothing is a hand."""

import math
import time
from collections.abc import Mapping, Sequence

from rclpy.node import Node
from std_msgs.msg import Header

from fingerpose_ros.perception.sphere import Sphere
from fingerpose_ros.ros.transform_tree import TransformUnavailable

from .event_log import EventLog
from .transform_reader import transform_reader

TOLERANCE = 0.2
"""Seconds that a transform may be older than the image, which often arrives before the arm's next transform."""

MAX_RADIUS = 2.0
"""Metres. A larger radius is likely meant in other units."""

STARTING = 2.0
"""Seconds after the start in which transforms that have not arrived yet are shown in /diagnostics, but not logged."""


def parse_ignored_frames(entries: Sequence[str]) -> dict[str, float]:
    """The radius of each frame, metres, from entries like "tool0: 0.15"; empty entries count for nothing.

    Raises:
        ValueError: an entry is not such a text, its radius is out of range, or its frame was named before.
    """
    radii: dict[str, float] = {}
    for entry in entries:
        if not entry.strip():
            continue
        frame, _, number = (part.strip() for part in entry.rpartition(":"))
        try:
            radius = float(number)
        except ValueError:
            radius = math.nan
        if not frame or len(frame.split()) > 1 or math.isnan(radius):
            raise ValueError(
                f'ignored_frames has {entry!r}; an entry must be a TF frame and a radius in metres, like "tool0: 0.15"'
            )
        if not 0 < radius <= MAX_RADIUS:
            raise ValueError(
                f"ignored_frames has {entry!r}; the radius must be greater than 0 m and at most {MAX_RADIUS:g} m"
            )
        if frame in radii:
            raise ValueError(f"ignored_frames has {entry!r}, but names the frame {frame} twice")
        radii[frame] = radius
    return radii


class IgnoredFrames:
    """Finds the frames in the camera's coordinates. It subscribes to TF, if there is any frame.

    Args:
        radii: frame -> metres.
    """

    def __init__(self, node: Node, radii: Mapping[str, float], event_log: EventLog):
        self._radii, self._event_log = radii, event_log
        self._started = time.monotonic()
        self._transforms = transform_reader(node) if radii else None

    def spheres(self, header: Header) -> list[Sphere]:
        """The spheres to ignore in an image with this header. Frames without a transform are left out with a warning.

        It may be called from any thread, and never waits.
        """
        if self._transforms is None:
            return []
        spheres, missing = [], []
        for frame, radius in self._radii.items():
            try:
                _, centre = self._transforms.lookup(header.frame_id, frame, header.stamp, TOLERANCE)
                spheres.append(Sphere(centre, radius))
            except TransformUnavailable as error:
                missing.append(f"{frame} cannot be ignored in the images of {header.frame_id}: {error}")
        self._event_log.statistics.miss_frames("; ".join(missing))
        if missing and time.monotonic() - self._started >= STARTING:
            self._event_log.warning("ignored frames", f"{'; '.join(missing)}. Hands may be detected there")
        return spheres

    def close(self) -> None:
        """Unsubscribe."""
        if self._transforms:
            self._transforms.close()
