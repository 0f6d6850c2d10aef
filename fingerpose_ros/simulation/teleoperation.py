"""A recorded person commands a simulated robot: the pose node, the retarget node and the robot, each in a process."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.task import Future
from rclpy.time import Time
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory

from fingerpose_ros.msg import HandPoseArray
from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.recording.bag_reader import DepthBag
from fingerpose_ros.replay.node_process import NODE, NodeProcess
from fingerpose_ros.replay.player import STARTUP_TIMEOUT, Playback, Player
from fingerpose_ros.replay.recorder import QOS
from fingerpose_ros.ros.hand_reading import to_hands

from .settings import RobotSettings

RETARGET = (sys.executable, "-m", "fingerpose_ros.retarget")
ROBOT = (sys.executable, "-m", "fingerpose_ros.simulation")

TRAILING_TIME = 2.0
"""Seconds to go on after the last image: the robot goes to its rest pose."""

STEADY = 0.3
"""Seconds that a whole hand must be in view, before the robot is enabled."""

Positions = dict[str, float]
"""Joint -> position, radians or metres."""


@dataclass
class Teleoperation:
    """What happened. Times are seconds of this machine's clock, at which the sender published.

    Attributes:
        images: of each image, its stamp (nanoseconds) and time.
        poses: of each answer of the pose node, its stamp, its time and its hands.
        commands: time and positions of each command.
        states: time and positions of each of the robot's joint states.
        holds: number of the retarget node's holds, by their reason.
    """

    images: list[tuple[int, float]] = field(default_factory=list)
    poses: list[tuple[int, float, list[Hand]]] = field(default_factory=list)
    commands: list[tuple[float, Positions]] = field(default_factory=list)
    states: list[tuple[float, Positions]] = field(default_factory=list)
    holds: dict[str, int] = field(default_factory=dict)


class Supervisor:
    """Records all messages, and enables the robot whenever it is disabled and the person's hand is steadily in view.

    At a real robot a person decides that.
    """

    def __init__(self, node: Node, handedness: str):
        self.record = Teleoperation()
        self._handedness = handedness
        self._seen: tuple[int, int] | None = None  # track of the hand, and stamp since which it is in view
        self._diagnostics: dict[str, str] = {}
        self._client = node.create_client(SetBool, "/retarget_node/enable")
        self._request: Future | None = None
        callbacks: dict[tuple[type, str], Callable[..., None]] = {
            (HandPoseArray, "hand_poses"): self._on_poses,
            (JointTrajectory, "joint_trajectory"): self._on_command,
            (JointState, "joint_states"): self._on_state,
            (DiagnosticArray, "/diagnostics"): self._on_diagnostics,
        }
        for (kind, topic), callback in callbacks.items():
            node.create_subscription(kind, topic, callback, QOS)

    def is_ready(self) -> bool:
        """Whether the robot and the active retarget node have answered."""
        active = self._diagnostics.get("state") == "active"
        return bool(self.record.states) and active and self._client.service_is_ready()

    def _on_poses(self, message: HandPoseArray, info: dict) -> None:
        hands, stamp = to_hands(message), Time.from_msg(message.header.stamp).nanoseconds
        self.record.poses.append((stamp, _sent(info), hands))
        tracks = [hand.track_id for hand in hands if hand.handedness == self._handedness and hand.valid.all()]
        if not tracks:
            self._seen = None
        elif self._seen is None or self._seen[0] not in tracks:
            self._seen = tracks[0], stamp
        steady = self._seen is not None and stamp - self._seen[1] >= STEADY * 1e9
        waiting = self._request is not None and not self._request.done()
        if steady and not waiting and self._diagnostics.get("robot") == "disabled":
            self._request = self._client.call_async(SetBool.Request(data=True))

    def _on_command(self, message: JointTrajectory, info: dict) -> None:
        positions = dict(zip(message.joint_names, message.points[-1].positions, strict=True))
        self.record.commands.append((_sent(info), positions))

    def _on_state(self, message: JointState, info: dict) -> None:
        self.record.states.append((_sent(info), dict(zip(message.name, message.position, strict=True))))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.endswith(": retargeting"):
                self._diagnostics = {item.key: item.value for item in status.values}
                self.record.holds = {
                    key.removeprefix("holds: "): int(value)
                    for key, value in self._diagnostics.items()
                    if key.startswith("holds: ")
                }


def _sent(info: dict) -> float:
    return info["source_timestamp"] * 1e-9


def teleoperate(
    bag: DepthBag, robot: RobotSettings, logs: Path, *, rate: float = 1.0,
    on_frame: Callable[[Playback], None] = lambda playback: None, command: Sequence[str] = NODE,
) -> Teleoperation:  # fmt: skip
    """Play a bag once; the person in it commands the robot.

    Args:
        bag: open for reading.
        logs: folder for the nodes' logs.
        rate: speed relative to the recording.
        on_frame: called after each image.
        command: starts the pose node.

    Raises:
        NodeFailed: a node ended.
        TimeoutError: a node does not answer.
    """
    images = {"use_sim_time": True, "image_transport": bag.transport, "reliability": "reliable"}
    hand = {
        "use_sim_time": True, "urdf_file": str(robot.urdf), "handedness": robot.handedness, "output": "trajectory",
    }  # fmt: skip
    retarget = (*RETARGET, "--ros-args", "--params-file", str(robot.parameters))
    context = rclpy.Context()
    rclpy.init(context=context)
    player = None
    try:
        with (
            NodeProcess(images, logs / "node.log", command) as poses,
            NodeProcess(hand, logs / "retarget.log", retarget) as commands,
            NodeProcess({}, logs / "robot.log", (*ROBOT, str(robot.urdf))) as simulation,
        ):
            nodes = (poses, commands, simulation)
            player = Player(bag.transport, clock=True, context=context)
            supervisor = Supervisor(player.node, robot.handedness)

            def check() -> None:
                for node in nodes:
                    node.check()

            def after_frame(playback: Playback) -> None:
                check()
                on_frame(playback)

            end = time.monotonic() + STARTUP_TIMEOUT
            while not player.spin_until(supervisor.is_ready, 0.5):
                check()
                if time.monotonic() > end:
                    raise TimeoutError(f"the robot is not ready:\n{simulation.log_tail()}\n{commands.log_tail()}")
            player.wait_for_node()
            playback = player.play(bag, rate=rate, on_frame=after_frame)
            player.spin(TRAILING_TIME)
            to_clock = time.time() - time.monotonic()
            times = [at + to_clock for at in playback.sent_at]
            supervisor.record.images = list(zip(playback.sent, times, strict=True))
            return supervisor.record
    finally:
        if player:
            player.close()
        rclpy.try_shutdown(context=context)
