"""What the node subscribes to: hand poses, the robot's description and joint states, the dead-man switch."""

import time
from collections.abc import Callable, Sequence

import numpy as np
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, String

from fingerpose_ros.msg import HandPoseArray
from fingerpose_ros.node.graph import describe
from fingerpose_ros.node.waiting import WaitingMonitor

MAX_AGE = 1.0
"""Seconds since the last joint state after which a joint's position is not known."""


class RobotDescription:
    """Waits for the robot's description, and passes on each that differs from the one before."""

    def __init__(self, node: Node, on_description: Callable[[str], None]):
        self._node, self._on_description = node, on_description
        self._text: str | None = None
        qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._subscription = node.create_subscription(String, "robot_description", self._receive, qos)
        self._waiting: WaitingMonitor | None = WaitingMonitor(node, self._subscription)

    def _receive(self, message: String) -> None:
        if self._waiting:
            self._waiting.close()
            self._waiting = None
        if message.data != self._text:
            self._text = message.data
            self._on_description(message.data)

    def close(self) -> None:
        if self._waiting:
            self._waiting.close()
        self._node.destroy_subscription(self._subscription)


class MeasuredJoints:
    """Remembers where the robot's joints are."""

    def __init__(self, node: Node):
        self._node = node
        self._joints: dict[str, tuple[float, float]] = {}
        self._subscription = node.create_subscription(JointState, "joint_states", self._receive, 10)

    @property
    def topic(self) -> str:
        """Name of the topic."""
        return self._subscription.topic_name

    def _receive(self, message: JointState) -> None:
        now = time.monotonic()
        self._joints.update({name: (at, now) for name, at in zip(message.name, message.position, strict=False)})

    def positions(self, names: Sequence[str]) -> np.ndarray:
        """Of these joints, radians or metres; NaN where no joint state has arrived lately."""
        now = time.monotonic()
        known = (self._joints.get(name, (np.nan, -np.inf)) for name in names)
        return np.array([at if now - arrived < MAX_AGE else np.nan for at, arrived in known])

    def close(self) -> None:
        self._node.destroy_subscription(self._subscription)


class HandInput:
    """Subscribes to the hand poses and, if there is one, the dead-man switch.

    Args:
        on_hands: called with each array of hand poses.
        on_dead_man: called with each message of the dead-man switch; None if there is none.
    """

    def __init__(
        self, node: Node, on_hands: Callable[[HandPoseArray], None], on_dead_man: Callable[[Bool], None] | None
    ):
        self._node, self._on_hands = node, on_hands
        self._hands = node.create_subscription(HandPoseArray, "hand_poses", self._receive, 1)
        self._subscriptions = [self._hands]
        if on_dead_man:
            self._subscriptions.append(node.create_subscription(Bool, "dead_man", on_dead_man, 1))
        self._waiting = WaitingMonitor(node, *self._subscriptions)

    @property
    def topics(self) -> list[str]:
        """The names of the subscribed topics."""
        return [subscription.topic_name for subscription in self._subscriptions]

    def describe(self) -> str:
        """Why no hand pose may arrive."""
        return describe(self._node, self._hands)

    def _receive(self, message: HandPoseArray) -> None:
        self._waiting.receive(self._hands)
        self._on_hands(message)

    def close(self) -> None:
        self._waiting.close()
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
