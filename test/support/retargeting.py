"""A running `retarget_node` with an operator before it, all over DDS."""

import time

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from fingerpose_ros.msg import HandPoseArray
from fingerpose_ros.srv import ChooseHand
from messages import header
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from stand_in import make_hand
from std_msgs.msg import Bool, String
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory

from fingerpose_ros.retarget.node import RetargetNode
from fingerpose_ros.ros.hand_messages import hand_pose_array
from fingerpose_ros.testing import wait_until

IMAGE_PERIOD = 1 / 30


class Operator(Node):
    """Publishes hands, joint states, and what else the node needs; records its commands.

    Attributes:
        hands: what it shows in each image; None: no message at all.
        commands: arrival time and positions of each command.
    """

    def __init__(self, context, commands=JointTrajectory, topic="joint_trajectory"):
        super().__init__("operator", context=context)
        self.hands = [make_hand([0, 0, 0.6])]
        self.commands, self.states = [], []
        self.joint_names, self.measured = [], {}
        self.held: bool | None = None
        self.offset = 0.0
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._description = self.create_publisher(String, "robot_description", latched)
        self._hands = self.create_publisher(HandPoseArray, "hand_poses", 10)
        self._joints = self.create_publisher(JointState, "joint_states", 10)
        self._dead_man = self.create_publisher(Bool, "dead_man", 10)
        self._clients_of = {
            "enable": self.create_client(SetBool, "/retarget_node/enable"),
            "choose_hand": self.create_client(ChooseHand, "/retarget_node/choose_hand"),
        }
        self.create_subscription(commands, topic, self._on_command, 100)
        self.create_subscription(DiagnosticArray, "/diagnostics", lambda m: self.states.extend(m.status), 100)
        self.create_timer(IMAGE_PERIOD, self._show)

    def describe(self, urdf: str) -> None:
        self._description.publish(String(data=urdf))

    def _show(self) -> None:
        if self.measured:
            self._joints.publish(JointState(name=list(self.measured), position=list(self.measured.values())))
        if self.held is not None:
            self._dead_man.publish(Bool(data=self.held))
        if self.hands is not None:
            now = self.get_clock().now().nanoseconds * 1e-9 + self.offset
            self._hands.publish(hand_pose_array(header(now), self.hands))

    def _on_command(self, message) -> None:
        positions = (
            message.points[0].positions
            if isinstance(message, JointTrajectory)
            else (message.data if hasattr(message, "data") else message.position)
        )
        self.joint_names = list(getattr(message, "joint_names", []) or getattr(message, "name", []))
        self.commands.append((time.monotonic(), np.array(positions)))

    def call(self, name: str, **request):
        """Call a service of the node."""
        client = self._clients_of[name]
        assert client.wait_for_service(10)
        future = client.call_async(client.srv_type.Request(**request))
        assert wait_until(future.done, 10)
        return future.result()

    def enable(self, on: bool = True):
        return self.call("enable", data=on)

    def positions(self) -> np.ndarray:
        """The last command."""
        return self.commands[-1][1]

    def wait_for(self, text: str, timeout: float = 10.0) -> str:
        """Wait for a status with this text; returns its message."""
        assert wait_until(lambda: any(text in status.message for status in self.states), timeout), [
            status.message for status in self.states[-5:]
        ]
        return next(status.message for status in self.states if text in status.message)


def make_retarget_node(context, **settings) -> RetargetNode:
    overrides = [Parameter(name, value=value) for name, value in settings.items()]
    return RetargetNode(context=context, parameter_overrides=overrides)
