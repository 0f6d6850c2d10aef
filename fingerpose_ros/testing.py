"""pytest fixtures for whatever is built on hand poses: play a bag into the node, and look at all that it publishes.

In a `conftest.py`: `pytest_plugins = ["fingerpose_ros.testing"]`. Then, in a test:

    def test_my_recording(replay_bag):
        replay = replay_bag("my_recording", parameters={"max_distance": 1.0})
        assert [len(array.hands) for array in replay.hand_poses] == ...
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from fingerpose_ros.msg import HandPoseArray

from .bag import DepthBag
from .loading import EstimatorFactory, load_estimator
from .node import HandPoseNode
from .replay import Playback, Player
from .share import share_folder
from .statistics import Report

KEPT = QoSProfile(depth=2000)
"""A recorder must not lose a message to a slow test machine."""


class Recorder(Node):
    """Keeps every message that a hand pose node publishes, in lists named like the topics."""

    def __init__(self, **options):
        super().__init__("recorder", **options)
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
            self.create_subscription(kind, topic, kept.append, KEPT)


@dataclass(frozen=True)
class Replay:
    """One bag, played into one node.

    Attributes:
        playback: the stamps that were sent and answered.
        report: the node's own counts at the end.
        hand_poses, transforms, hand_markers, hand_joint_states, diagnostics: all that it published.
    """

    playback: Playback
    report: Report
    hand_poses: list[HandPoseArray]
    transforms: list[TFMessage]
    hand_markers: list[MarkerArray]
    hand_joint_states: list[JointState]
    diagnostics: list[DiagnosticArray]


@pytest.fixture
def ros_context(monkeypatch) -> Iterator[Context]:
    """A ROS context on this machine alone, in a domain of its own unless ROS_DOMAIN_ID says which."""
    set_environment(monkeypatch.setenv)
    context = Context()
    rclpy.init(context=context)
    yield context
    rclpy.try_shutdown(context=context)


def set_environment(setenv: Callable[[str, str], None]) -> None:
    """The environment variables that keep tests off the network, and images within DDS's shared memory."""
    setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    setenv("ROS_DOMAIN_ID", os.environ.get("ROS_DOMAIN_ID", str(1 + os.getpid() % 100)))
    names = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
    if not any(name in os.environ for name in names):
        for name in names:
            setenv(name, str(share_folder() / "config" / "fastdds.xml"))


@contextmanager
def spinning(*nodes: Node) -> Iterator[None]:
    """Runs the nodes' callbacks in a thread, and destroys the nodes in the end."""
    executor = SingleThreadedExecutor(context=nodes[0].context)
    for node in nodes:
        executor.add_node(node)

    stopping = threading.Event()

    def spin() -> None:
        with suppress(ExternalShutdownException):
            while not stopping.is_set():
                executor.spin_once(timeout_sec=0.1)

    thread = threading.Thread(target=spin, name="executor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(10)
        executor.shutdown()
        for node in nodes:
            node.close() if isinstance(node, HandPoseNode) else node.destroy_node()


def wait_until(reached: Callable[[], bool], timeout: float = 10.0) -> bool:
    """Whether something happens in other threads within the timeout, seconds."""
    end = time.monotonic() + timeout
    while not reached():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture
def replay_bag(ros_context) -> Callable[..., Replay]:
    """`replay_bag(bag, lockstep=True, rate=1.0, parameters={}, estimator_factory=...)` -> `Replay`.

    Starts a node, plays the bag's depth images into it, and stops the node. The node listens to the bag's transport,
    reliably; `parameters` are its others. In lock-step nothing is dropped, and every replay gives the same answers.
    """

    def replay(
        bag: Path | str, *, lockstep: bool = True, rate: float = 1.0, parameters: Mapping[str, Any] | None = None,
        estimator_factory: EstimatorFactory = load_estimator,
    ) -> Replay:  # fmt: skip
        with DepthBag(bag) as opened:
            settings = {"image_transport": opened.transport, "reliability": "reliable", **(parameters or {})}
            node = HandPoseNode(
                estimator_factory,
                context=ros_context,
                parameter_overrides=[Parameter(name, value=value) for name, value in settings.items()],
            )
            recorder = Recorder(context=ros_context)
            player = Player(opened.transport, clock=bool(settings.get("use_sim_time")), context=ros_context)
            node.start()
            with spinning(node, recorder):
                player.wait_for_node()
                playback = player.play(opened, lockstep=lockstep, rate=rate)
                wait_until(lambda: len(recorder.hand_poses) >= len(playback.answered))
                with_hands = sum(bool(array.hands) for array in recorder.hand_poses)
                wait_until(lambda: min(len(recorder.transforms), len(recorder.hand_joint_states)) >= with_hands)
                player.close()
                kept = {field.name: getattr(recorder, field.name) for field in fields(Replay)[2:]}
                return Replay(playback, node.report(), **kept)

    return replay
