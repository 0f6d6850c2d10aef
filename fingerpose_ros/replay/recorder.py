"""Recording all messages that a hand pose node publishes, in memory."""

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

QOS = QoSProfile(depth=2000)
"""A long queue, so that a slow machine loses no message."""

Message = TypeVar("Message")


class Messages(Generic[Message]):
    """All messages of a topic, in the order of arrival.

    They are stored serialized, which needs a fraction of the memory, and deserialized at each access.
    """

    def __init__(self, node: Node, kind: type[Message], topic: str):
        self._kind = kind
        self._raw: list[bytes] = []
        node.create_subscription(kind, topic, self._raw.append, QOS, raw=True)

    def __len__(self) -> int:
        return len(self._raw)

    def __getitem__(self, index: int) -> Message:
        return deserialize_message(self._raw[index], self._kind)

    def __iter__(self) -> Iterator[Message]:
        return (self[index] for index in range(len(self)))

    def clear(self) -> None:
        """Delete all messages."""
        self._raw.clear()


class Recorder:
    """All messages of a hand pose node in the namespace of `node`; the attributes are named like the topics.

    Args:
        node: subscribes to the topics.
    """

    def __init__(self, node: Node):
        self.hand_poses = Messages(node, HandPoseArray, "hand_poses")
        self.transforms = Messages(node, TFMessage, "/tf")
        self.hand_markers = Messages(node, MarkerArray, "hand_markers")
        self.hand_joint_states = Messages(node, JointState, "hand_joint_states")
        self.diagnostics = Messages(node, DiagnosticArray, "/diagnostics")
