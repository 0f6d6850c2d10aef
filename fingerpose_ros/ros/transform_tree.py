"""A tree of coordinate frames from `TransformStamped` messages, read at a stamp: a small part of what tf2 does."""

import bisect
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.time import Time

from . import quaternion

KEPT = 10_000_000_000
"""Nanoseconds of each frame's history, as in tf2."""

MAX_ENTRIES = 2000
"""Most transforms of one frame's history."""

MAX_FRAMES = 5000
"""Most frames. A publisher that invents names for ever must not fill the memory."""

JUMP = 1_000_000_000
"""A stamp that goes back by so many nanoseconds is a clock that restarted: a simulation, or a bag that loops."""

NORM_TOLERANCE = 0.01
"""Largest difference of a quaternion's norm from 1, as in tf2."""


class TransformUnavailable(LookupError):
    """A transform cannot be given; the message says why."""


@dataclass
class _Edge:
    """A frame's transforms to its parent: stamps in nanoseconds, ascending, and [x, y, z, qx, qy, qz, qw] of each."""

    parent: str
    static: bool
    stamps: list[int] = field(default_factory=list)
    values: list[list[float]] = field(default_factory=list)


class TransformTree:
    """Frames and their transforms to their parents. Thread-safe."""

    def __init__(self):
        self._edges: dict[str, _Edge] = {}
        self._lock = threading.Lock()

    def add(self, message: TransformStamped, static: bool = False) -> None:
        """Add one transform, from `child_frame_id` to `header.frame_id`.

        Args:
            static: whether it holds at all times.

        Raises:
            ValueError: the transform is invalid: not finite, not normalised, a frame that has no name or is its own
                parent, or one frame too many.
        """
        child, parent = message.child_frame_id.lstrip("/"), message.header.frame_id.lstrip("/")
        if not child or not parent or child == parent:
            raise ValueError(f"a transform from {child!r} to {parent!r}: both need a name, and different ones")
        t, q = message.transform.translation, message.transform.rotation
        value = [t.x, t.y, t.z, q.x, q.y, q.z, q.w]
        norm = (q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w) ** 0.5
        if not np.isfinite(value).all() or abs(norm - 1) > NORM_TOLERANCE:
            raise ValueError(f"the transform from {child} to {parent} is invalid: {value} (x, y, z, then a quaternion)")
        stamp = Time.from_msg(message.header.stamp).nanoseconds
        with self._lock:
            edge = self._edges.get(child)
            if edge is None and len(self._edges) >= MAX_FRAMES:
                raise ValueError(f"the frame {child} is ignored: there are {MAX_FRAMES} already")
            restarted = edge and edge.stamps and stamp < edge.stamps[-1] - JUMP
            if edge is None or static or (edge.parent, edge.static) != (parent, static) or restarted:
                edge = self._edges[child] = _Edge(parent, static)
            _insert(edge, stamp, value)

    def lookup(self, target: str, source: str, stamp: int, tolerance: int) -> tuple[np.ndarray, np.ndarray]:
        """The transform from frame `source` to frame `target`.

        Between two transforms it is interpolated, the rotation by its normalised quaternion: under 30 degrees apart,
        that is exact to 0.1 degrees.

        Args:
            stamp: when, nanoseconds.
            tolerance: nanoseconds. If the newest transforms are older than `stamp`, but not by more, they are used.

        Returns:
            Rotation (3, 3) and translation (3,), metres: `p_target = rotation @ p_source + translation`.

        Raises:
            TransformUnavailable: a frame is unknown, no chain connects the two, or there is no transform for this time.
        """
        target, source = target.lstrip("/"), source.lstrip("/")
        with self._lock:
            self._check_known(target, source)
            up, down = self._ancestors(source), self._ancestors(target)
            common = next((frame for frame in up if frame in down), None)
            if common is None:
                raise TransformUnavailable(
                    f"{source} and {target} are not connected: {source} is below {up[-1]}, {target} below {down[-1]}"
                )
            up, down = up[: up.index(common)], down[: down.index(common)]
            when = self._common_time(up + down, stamp, tolerance)
            rotation, translation = self._to_ancestor(up, when)
            target_rotation, target_translation = self._to_ancestor(down, when)
        return target_rotation.T @ rotation, target_rotation.T @ (translation - target_translation)

    def _check_known(self, *frames: str) -> None:
        known = {*self._edges, *(edge.parent for edge in self._edges.values())}
        for frame in frames:
            if frame not in known:
                raise TransformUnavailable(f"no transform of a frame {frame!r} has arrived; check its spelling")

    def _ancestors(self, frame: str) -> list[str]:
        """The frame, its parent, and so on to the root."""
        chain = [frame]
        while edge := self._edges.get(chain[-1]):
            if edge.parent in chain:
                raise TransformUnavailable(f"the frames {', '.join(chain)} are a loop, not a tree")
            chain.append(edge.parent)
        return chain

    def _dynamic(self, chain: list[str]) -> Iterator[tuple[str, _Edge]]:
        return ((frame, self._edges[frame]) for frame in chain if not self._edges[frame].static)

    def _common_time(self, chain: list[str], stamp: int, tolerance: int) -> int:
        """The stamp, or the newest time before it at which all transforms of a chain are known."""
        for frame, edge in self._dynamic(chain):
            if edge.stamps[0] > stamp:
                raise TransformUnavailable(
                    f"the transforms of {frame} start {(edge.stamps[0] - stamp) * 1e-9:.3f} s after the stamp "
                    f"{stamp * 1e-9:.3f} s"
                )
        frame, newest = min(
            ((frame, edge.stamps[-1]) for frame, edge in self._dynamic(chain)),
            key=lambda of: of[1],
            default=("", stamp),
        )
        if stamp - newest > tolerance:
            raise TransformUnavailable(
                f"the newest transform of {frame} is {(stamp - newest) * 1e-9:.3f} s older than the stamp "
                f"{stamp * 1e-9:.3f} s; {tolerance * 1e-9:g} s are allowed"
            )
        return min(stamp, newest)

    def _to_ancestor(self, chain: list[str], when: int) -> tuple[np.ndarray, np.ndarray]:
        """Rotation and translation from a chain's first frame to the parent of its last."""
        rotation, translation = np.eye(3), np.zeros(3)
        for frame in chain:
            value = _interpolated(self._edges[frame], when)
            to_parent = quaternion.to_matrices(value[None, 3:])[0]
            rotation, translation = to_parent @ rotation, to_parent @ translation + value[:3]
        return rotation, translation


def _insert(edge: _Edge, stamp: int, value: list[float]) -> None:
    """Add a transform in the order of the stamps. It replaces one of the same stamp; the oldest are forgotten."""
    at = bisect.bisect_left(edge.stamps, stamp)
    if at < len(edge.stamps) and edge.stamps[at] == stamp:
        edge.values[at] = value
        return
    edge.stamps.insert(at, stamp)
    edge.values.insert(at, value)
    old = max(bisect.bisect_left(edge.stamps, edge.stamps[-1] - KEPT), len(edge.stamps) - MAX_ENTRIES)
    del edge.stamps[:old], edge.values[:old]


def _interpolated(edge: _Edge, when: int) -> np.ndarray:
    """[x, y, z, qx, qy, qz, qw] at a time: linear between neighbours, the quaternion normalised."""
    after = min(bisect.bisect_left(edge.stamps, when), len(edge.stamps) - 1)
    value = np.array(edge.values[after])
    if not edge.static and edge.stamps[after] > when:
        before = np.array(edge.values[after - 1])
        if before[3:] @ value[3:] < 0:  # the same rotation has two quaternions
            before[3:] *= -1
        share = (when - edge.stamps[after - 1]) / (edge.stamps[after] - edge.stamps[after - 1])
        value = before + share * (value - before)
    value[3:] /= np.linalg.norm(value[3:])
    return value
