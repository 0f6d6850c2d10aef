"""The arm's part of the node: TF, the clutch, and the topic of the wrist's target."""

from collections.abc import Mapping as Settings
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, PoseStamped, Quaternion
from geometry_msgs.msg import Pose as PoseMessage
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Bool, Header

from fingerpose_ros.node.transform_reader import transform_reader
from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.skeleton import WRIST
from fingerpose_ros.ros import quaternion
from fingerpose_ros.ros.transform_tree import TransformUnavailable

from .safety import Safety, State
from .wrist import Pose, WristFollower, WristSettings

TOLERANCE = 0.5
"""Seconds that a transform may be older than the pose that it is used for."""


class Arm:
    """Publishes `wrist_target` while the robot is commanded.

    Args:
        settings: the node's parameters.
    """

    def __init__(self, node: LifecycleNode, settings: Settings[str, Any]):
        self._node = node
        self._base, self._tool = settings["base_frame"], settings["tool_frame"]
        self._follower = WristFollower(
            WristSettings(
                settings["wrist_scale"], settings["wrist_max_speed"], settings["wrist_max_turn"],
                settings["wrist_reach"],
            )
        )  # fmt: skip
        self._closed = True
        self._camera: tuple[np.ndarray, np.ndarray] | None = None
        self._wrist: Pose | None = None
        self._publisher = node.create_lifecycle_publisher(PoseStamped, "wrist_target", 10)
        self._subscription = node.create_subscription(Bool, "clutch", self._on_clutch, 10)
        self._transforms = transform_reader(node)

    def check(self, stamp: Time) -> None:
        """Raises TransformUnavailable if the tool or the camera cannot be found in the base frame.

        Args:
            stamp: the current time of the node.
        """
        self._tool_pose(stamp)
        if self._camera is None:
            raise TransformUnavailable(f"no hand pose has been found in {self._base} yet")

    def locate(self, header: Header) -> None:
        """Find the camera of a hand pose in the base frame. Raises TransformUnavailable if that is not possible."""
        self._wrist = self._camera = None
        self._camera = self._transforms.lookup(self._base, header.frame_id, header.stamp, TOLERANCE)

    def see(self, hand: Hand | None) -> None:
        """The operator's hand seen by the located camera; None if its pose cannot be used."""
        if hand is None:
            self._wrist = None
        else:
            rotation, translation = self._camera
            self._wrist = Pose(rotation @ hand.positions[WRIST] + translation, rotation @ hand.rotations[WRIST])

    def command(self, now: float, safety: Safety, stamp: Time) -> None:
        """Publish the target, if anything may be commanded.

        Args:
            now: seconds of the steady clock.
            stamp: of the message, the node's time.

        Raises:
            TransformUnavailable: the tool cannot be found in the base frame, so there is no target yet.
        """
        if safety.state in (State.DISABLED, State.PAUSED):
            self._follower.stop()
            return
        if self._follower.target is None:
            self._follower.start(now, self._tool_pose(stamp))
        if safety.state is State.FOLLOWING and self._closed and self._wrist is not None:
            self._follower.follow(now, self._wrist, safety.share)
        else:
            self._follower.stay(now)
        target = self._follower.target
        x, y, z = target.position.tolist()
        qx, qy, qz, qw = quaternion.from_matrices(target.rotation[None])[0].tolist()
        pose = PoseMessage(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw))
        self._publisher.publish(PoseStamped(header=Header(stamp=stamp, frame_id=self._base), pose=pose))

    def close(self) -> None:
        self._transforms.close()
        self._node.destroy_subscription(self._subscription)
        self._node.destroy_lifecycle_publisher(self._publisher)

    def _on_clutch(self, message: Bool) -> None:
        self._closed = message.data

    def _tool_pose(self, stamp: Time) -> Pose:
        rotation, translation = self._transforms.lookup(self._base, self._tool, stamp, TOLERANCE)
        return Pose(translation, rotation)
