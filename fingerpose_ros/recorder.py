"""Keeps what a hand pose node publishes."""

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from fingerpose_ros.msg import HandPoseArray

KEPT = QoSProfile(depth=2000)
"""A recorder must not lose a message to a slow machine."""


class Recorder:
    """All messages that a hand pose node of the same namespace publishes, in lists named like the topics.

    Args:
        node: that subscribes to them.
    """

    def __init__(self, node: Node):
        self.hand_poses: list[HandPoseArray] = []
        self.transforms: list[TFMessage] = []
        self.hand_markers: list[MarkerArray] = []
        self.hand_joint_states: list[JointState] = []
        self.diagnostics: list[DiagnosticArray] = []
        for kind, topic, kept in (
            (HandPoseArray, "hand_poses", self.hand_poses),
            (TFMessage, "/tf", self.transforms),
            (MarkerArray, "hand_markers", self.hand_markers),
            (JointState, "hand_joint_states", self.hand_joint_states),
            (DiagnosticArray, "/diagnostics", self.diagnostics),
        ):
            node.create_subscription(kind, topic, kept.append, KEPT)
