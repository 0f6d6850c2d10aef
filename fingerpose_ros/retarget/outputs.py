"""The commands as messages of the usual controllers, and what a gripper tells besides."""

from array import array

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64, Float64MultiArray, Header
from tf2_msgs.msg import TFMessage
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.ros import quaternion

from .gripper import Gripper, grasp_frame
from .plan import Plan

TOPICS = {
    "trajectory": (JointTrajectory, "joint_trajectory"),
    "positions": (Float64MultiArray, "commands"),
    "joint_state": (JointState, "joint_commands"),
}
"""Output -> type and topic of the commands."""


class Outputs:
    """Publishers of the commands.

    Args:
        output: a key of `TOPICS`.
        time_from_start: of a trajectory's point, seconds.
        frame_prefix: of the grasp's frame.
        gripper: whether to offer the opening width and the grasp's frame.
    """

    def __init__(self, node: LifecycleNode, output: str, time_from_start: float, frame_prefix: str, gripper: bool):
        self._node, self._output, self._prefix = node, output, frame_prefix
        self._time_from_start = Duration(seconds=time_from_start).to_msg()
        self._publishers: list[LifecyclePublisher] = []
        try:
            self._commands = self._publisher(*TOPICS[output])
            self._width = self._publisher(Float64, "gripper_width") if gripper else None
            self._tf = self._publisher(TFMessage, "/tf") if gripper else None
        except Exception:
            self.close()
            raise

    def _publisher(self, kind: type, topic: str) -> LifecyclePublisher:
        self._publishers.append(self._node.create_lifecycle_publisher(kind, topic, 10))
        return self._publishers[-1]

    @property
    def topic(self) -> str:
        """Name of the commands' topic."""
        return self._commands.topic_name

    def publish(self, plan: Plan, motors: np.ndarray, now: Time) -> None:
        """Publish one command: positions of the plan's motors."""
        positions = array("d", plan.commands(motors))  # rclpy checks each element of a list
        if self._output == "trajectory":
            self._commands.publish(self._trajectory(plan.joints, positions))
        elif self._output == "positions":
            self._commands.publish(Float64MultiArray(data=positions))
        else:
            header = Header(stamp=now)
            self._commands.publish(JointState(header=header, name=list(plan.joints), position=positions))
        if self._width and isinstance(plan.mapping, Gripper):
            self._width.publish(Float64(data=plan.mapping.width(plan.moved(motors))))

    def _trajectory(self, names: tuple[str, ...], positions: array) -> JointTrajectory:
        """A trajectory of one point. Its stamp is zero, which means: start now."""
        point = JointTrajectoryPoint(positions=positions, time_from_start=self._time_from_start)
        return JointTrajectory(joint_names=list(names), points=[point])

    def publish_grasp(self, header: Header, hand: Hand) -> None:
        """Publish the grasp's frame on TF, where thumb and index finger define it."""
        frame = grasp_frame(hand)
        if self._tf is None or frame is None:
            return
        (x, y, z), (qx, qy, qz, qw) = frame[0].tolist(), quaternion.from_matrices(frame[1][None])[0].tolist()
        stamped = TransformStamped(
            header=header,
            child_frame_id=f"{self._prefix}{hand.handedness}_hand_grasp",
            transform=Transform(
                translation=Vector3(x=x, y=y, z=z), rotation=Quaternion(x=qx, y=qy, z=qz, w=qw)
            ),
        )  # fmt: skip
        self._tf.publish(TFMessage(transforms=[stamped]))

    def close(self) -> None:
        for publisher in self._publishers:
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers = []
