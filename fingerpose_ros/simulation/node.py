"""`simulated_robot`: a ROS node that stands for a robot hand. It takes commands and publishes the joints' states."""

import argparse
import sys
import time
from array import array
from pathlib import Path

from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from fingerpose_ros.session import BadArguments, own_arguments, session

from .robot import SimulatedRobot

PERIOD = 0.02
"""Between two joint states, seconds."""

MOST_AT_ONCE = 0.1
"""Largest time, seconds, that one turn simulates. A stopped process does not catch up."""


class SimulatedRobotNode(Node):
    """Simulates a robot in real time.

    Subscribes to `joint_trajectory` (its last point is the target), publishes `joint_states`.

    Args:
        urdf: text of the robot's description.
        options: those of `rclpy.node.Node`.
    """

    def __init__(self, urdf: str, **options):
        super().__init__("simulated_robot", **options)
        self._robot = SimulatedRobot(urdf)
        self._states = self.create_publisher(JointState, "joint_states", 10)
        self.create_subscription(JointTrajectory, "joint_trajectory", self._on_trajectory, 1)
        self._simulated = time.monotonic()
        self.create_timer(PERIOD, self._step, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _on_trajectory(self, message: JointTrajectory) -> None:
        if not message.points:
            self.get_logger().warning("a trajectory without points is rejected", throttle_duration_sec=1.0)
            return
        point = message.points[-1]
        try:
            target = dict(zip(message.joint_names, point.positions, strict=True))
            self._robot.command(target, Duration.from_msg(point.time_from_start).nanoseconds * 1e-9)
        except ValueError as error:
            self.get_logger().warning(f"a trajectory is rejected: {error}", throttle_duration_sec=1.0)

    def _step(self) -> None:
        now = time.monotonic()
        self._simulated = max(self._simulated, now - MOST_AT_ONCE)
        self._simulated += self._robot.step(now - self._simulated)
        state = JointState(
            name=list(self._robot.joints),
            position=array("d", self._robot.positions()),
            velocity=array("d", self._robot.velocities()),
        )
        state.header.stamp = self.get_clock().now().to_msg()
        self._states.publish(state)


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM. Exit code 2 for a robot that cannot be simulated."""
    parser = argparse.ArgumentParser(prog="simulated_robot", description=main.__doc__)
    parser.add_argument("urdf", type=Path, help="the robot's URDF")
    try:
        options = parser.parse_args(own_arguments(args))
        with session(args):
            node = SimulatedRobotNode(options.urdf.read_text())
            executor = SingleThreadedExecutor()
            executor.add_node(node)
            executor.spin()
    except (BadArguments, ValueError, OSError) as error:
        print(f"simulated_robot: {error}", file=sys.stderr)
        return 2
    return 0
