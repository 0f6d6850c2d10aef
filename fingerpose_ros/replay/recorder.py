"""Keeps what a hand pose node publishes."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from fingerpose_ros.msg import HandPoseArray

KEPT = QoSProfile(depth=2000)
"""A recorder must not lose a message to a slow machine."""

Message = TypeVar("Message")


class Messages(Generic[Message]):
    """All messages of a topic, first to last.

    Kept as they came, which takes a fraction of the memory, and read when they are asked for, each time anew.
    """

    def __init__(self, node: Node, kind: type[Message], topic: str):
        self._kind = kind
        self._raw: list[bytes] = []
        node.create_subscription(kind, topic, self._raw.append, KEPT, raw=True)

    def __len__(self) -> int:
        return len(self._raw)

    def __getitem__(self, index: int) -> Message:
        return deserialize_message(self._raw[index], self._kind)

    def __iter__(self) -> Iterator[Message]:
        return (self[index] for index in range(len(self)))

    def clear(self) -> None:
        """Forget them."""
        self._raw.clear()


class Recorder:
    """All messages that a hand pose node of the same namespace publishes, named like the topics.

    Args:
        node: that subscribes to them.
    """

    def __init__(self, node: Node):
        self.hand_poses = Messages(node, HandPoseArray, "hand_poses")
        self.transforms = Messages(node, TFMessage, "/tf")
        self.hand_markers = Messages(node, MarkerArray, "hand_markers")
        self.hand_joint_states = Messages(node, JointState, "hand_joint_states")
        self.diagnostics = Messages(node, DiagnosticArray, "/diagnostics")
