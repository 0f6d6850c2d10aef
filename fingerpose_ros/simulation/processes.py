"""The pose node, the retarget node and the simulated robot, each in a process, in a namespace of their own."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fingerpose_ros.replay.node_process import NodeProcess
from fingerpose_ros.replay.player import STARTUP_TIMEOUT

from .settings import RobotSettings

NAMESPACE = "/teleop"
"""Of all topics. So no real robot in the same ROS graph gets the commands."""

IN_NAMESPACE = ("--ros-args", "-r", f"__ns:={NAMESPACE}")

RETARGET = (sys.executable, "-m", "fingerpose_ros.retarget")
ROBOT = (sys.executable, "-m", "fingerpose_ros.simulation")


@dataclass(frozen=True)
class Processes:
    """The running processes."""

    poses: NodeProcess
    commands: NodeProcess
    simulation: NodeProcess

    def check(self) -> None:
        """Raises NodeFailed if one has ended."""
        for process in (self.poses, self.commands, self.simulation):
            process.check()

    def wait(self, condition: Callable[[], bool], spin_until: Callable[[Callable[[], bool], float], bool]) -> None:
        """Handle messages until the robot is ready.

        Args:
            condition: whether it is.
            spin_until: handles messages until a condition holds, or so many seconds have passed.

        Raises:
            NodeFailed: a process has ended.
            TimeoutError: it is not ready after `STARTUP_TIMEOUT` seconds.
        """
        end = time.monotonic() + STARTUP_TIMEOUT
        while not spin_until(condition, 0.5):
            self.check()
            if time.monotonic() > end:
                raise TimeoutError(f"the robot is not ready:\n{self.simulation.log_tail()}\n{self.commands.log_tail()}")


@contextmanager
def running(
    robot: RobotSettings, logs: Path, images: Mapping[str, object], command: Sequence[str]
) -> Iterator[Processes]:
    """The processes for a robot, until the end of the context.

    Args:
        logs: folder for their logs.
        images: the pose node's parameters.
        command: starts the pose node.
    """
    clock = {"use_sim_time": images["use_sim_time"]}
    hand = clock | {"urdf_file": str(robot.urdf), "handedness": robot.handedness, "output": "trajectory"}
    retarget = (*RETARGET, *IN_NAMESPACE, "--params-file", str(robot.parameters))
    with (
        NodeProcess(images, logs / "node.log", (*command, *IN_NAMESPACE)) as poses,
        NodeProcess(hand, logs / "retarget.log", retarget) as commands,
        NodeProcess({}, logs / "robot.log", (*ROBOT, str(robot.urdf), *IN_NAMESPACE)) as simulation,
    ):
        yield Processes(poses, commands, simulation)
