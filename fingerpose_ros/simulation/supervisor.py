"""Watches a teleoperation: it records all messages, and enables the robot."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.task import Future
from rclpy.time import Time
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool
from trajectory_msgs.msg import JointTrajectory

from fingerpose_ros.msg import HandPoseArray
from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.replay.recorder import QOS
from fingerpose_ros.ros.hand_reading import to_hands

from .processes import NAMESPACE

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
        load: share of a core that the retarget node took while images were sent.
        not_enabled: why the robot could not be enabled the last time; "" if it could.
    """

    images: list[tuple[int, float]] = field(default_factory=list)
    poses: list[tuple[int, float, list[Hand]]] = field(default_factory=list)
    commands: list[tuple[float, Positions]] = field(default_factory=list)
    states: list[tuple[float, Positions]] = field(default_factory=list)
    holds: dict[str, int] = field(default_factory=dict)
    load: float = math.nan
    not_enabled: str = ""


class Supervisor:
    """Records all messages, and enables the robot whenever it is disabled and the person's hand is steadily in view.

    At a real robot a person decides that.

    Args:
        node: in the namespace of the processes.
        handedness: of the hand that commands.

    Attributes:
        record: what has happened so far.
    """

    def __init__(self, node: Node, handedness: str):
        self.record = Teleoperation()
        self._handedness = handedness
        self._seen: tuple[int, int] | None = None  # track of the hand, and stamp since which it is in view
        self._diagnostics: dict[str, str] = {}
        self._client = node.create_client(SetBool, "retarget_node/enable")
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
        self.record.poses.append((stamp, sent(info), hands))
        tracks = [hand.track_id for hand in hands if hand.handedness == self._handedness and hand.valid.all()]
        if not tracks:
            self._seen = None
        elif self._seen is None or self._seen[0] not in tracks:
            self._seen = tracks[0], stamp
        steady = self._seen is not None and stamp - self._seen[1] >= STEADY * 1e9
        waiting = self._request is not None and not self._request.done()
        if steady and not waiting and self._diagnostics.get("robot") == "disabled":
            self._request = self._client.call_async(SetBool.Request(data=True))
            self._request.add_done_callback(self._on_answer)

    def _on_answer(self, request: Future) -> None:
        response = request.result()
        self.record.not_enabled = "" if response.success else response.message

    def _on_command(self, message: JointTrajectory, info: dict) -> None:
        positions = dict(zip(message.joint_names, message.points[-1].positions, strict=True))
        self.record.commands.append((sent(info), positions))

    def _on_state(self, message: JointState, info: dict) -> None:
        self.record.states.append((sent(info), dict(zip(message.name, message.position, strict=True))))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == f"{NAMESPACE.lstrip('/')}/retarget_node: retargeting":
                self._diagnostics = {item.key: item.value for item in status.values}
                self.record.holds = {
                    key.removeprefix("holds: "): int(value)
                    for key, value in self._diagnostics.items()
                    if key.startswith("holds: ")
                }


def sent(info: dict) -> float:
    """The time at which the sender published a message: seconds of this machine's clock."""
    return info["source_timestamp"] * 1e-9
