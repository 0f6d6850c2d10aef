"""Transforms between the TF frames of the graph: by `tf2_ros` where it is installed, else by a reader of our own."""

import importlib.util
from typing import Protocol

import numpy as np
from builtin_interfaces.msg import Time as Stamp
from geometry_msgs.msg import TransformStamped
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.time import Time
from tf2_msgs.msg import TFMessage

from fingerpose_ros.ros import quaternion
from fingerpose_ros.ros.transform_tree import KEPT, TransformTree, TransformUnavailable

from .event_log import LOG_PERIOD


class TransformReader(Protocol):
    """Subscribes to /tf and /tf_static, and answers from any thread."""

    def lookup(self, target: str, source: str, stamp: Stamp, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
        """The transform from frame `source` to frame `target` at a stamp; it never waits.

        Args:
            tolerance: seconds. If the newest transforms are older than `stamp`, but not by more, they are used.

        Returns:
            Rotation (3, 3) and translation (3,), metres: `p_target = rotation @ p_source + translation`.

        Raises:
            TransformUnavailable: a frame is unknown, no chain connects the two, or there is no transform for this time.
        """
        ...

    def close(self) -> None:
        """Unsubscribe."""
        ...


def transform_reader(node: Node) -> TransformReader:
    """A reader of the node's graph: `Tf2Reader` where `tf2_ros` is installed, else `OwnReader`."""
    return Tf2Reader(node) if importlib.util.find_spec("tf2_ros") else OwnReader(node)


class OwnReader:
    """Keeps the transforms in a `TransformTree`."""

    def __init__(self, node: Node):
        self._node = node
        self._tree = TransformTree()
        static = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._subscriptions = [
            node.create_subscription(TFMessage, "/tf", lambda message: self._add(message, False), 100),
            node.create_subscription(TFMessage, "/tf_static", lambda message: self._add(message, True), static),
        ]

    def lookup(self, target: str, source: str, stamp: Stamp, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
        return self._tree.lookup(target, source, Time.from_msg(stamp).nanoseconds, round(tolerance * 1e9))

    def close(self) -> None:
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _add(self, message: TFMessage, static: bool) -> None:
        for transform in message.transforms:
            try:
                self._tree.add(transform, static)
            except ValueError as error:
                self._node.get_logger().warning(f"a transform is ignored: {error}", throttle_duration_sec=LOG_PERIOD)


class Tf2Reader:
    """Asks the buffer of `tf2_ros`."""

    def __init__(self, node: Node):
        import tf2_ros

        self._tf2 = tf2_ros
        self._buffer = tf2_ros.Buffer(Duration(nanoseconds=KEPT))
        self._listener = tf2_ros.TransformListener(self._buffer, node)

    def lookup(self, target: str, source: str, stamp: Stamp, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
        target, source, when = target.lstrip("/"), source.lstrip("/"), Time.from_msg(stamp)
        try:
            found = self._buffer.lookup_transform(target, source, when)
        except self._tf2.ExtrapolationException as error:
            found = self._newest(target, source)
            age = when.nanoseconds - Time.from_msg(found.header.stamp).nanoseconds
            if not 0 <= age * 1e-9 <= tolerance:
                raise TransformUnavailable(f"{error}; {tolerance:g} s are allowed") from error
        except self._tf2.TransformException as error:
            raise TransformUnavailable(str(error)) from error
        t, q = found.transform.translation, found.transform.rotation
        return quaternion.to_matrices(np.array([[q.x, q.y, q.z, q.w]]))[0], np.array([t.x, t.y, t.z])

    def close(self) -> None:
        self._listener.unregister()

    def _newest(self, target: str, source: str) -> TransformStamped:
        """The transform at the newest time for which all of its chain is known."""
        try:
            return self._buffer.lookup_transform(target, source, Time())
        except self._tf2.TransformException as error:
            raise TransformUnavailable(str(error)) from error
