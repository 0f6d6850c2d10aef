"""pytest fixtures for packages that use hand poses: replay a bag into the node and collect its messages.

In `conftest.py`: `pytest_plugins = ["fingerpose_ros.testing"]`. Then, in a test:

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
from sensor_msgs.msg import JointState
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from fingerpose_ros.isolation import isolate
from fingerpose_ros.msg import HandPoseArray
from fingerpose_ros.node.lifecycle import ManagedNode
from fingerpose_ros.node.loading import EstimatorFactory, load_estimator
from fingerpose_ros.node.node import HandPoseNode
from fingerpose_ros.node.statistics import Report
from fingerpose_ros.recording.bag_reader import DepthBag
from fingerpose_ros.replay.player import Playback, Player
from fingerpose_ros.replay.recorder import Recorder


@dataclass(frozen=True)
class Replay:
    """The result of replaying one bag into one node.

    Attributes:
        playback: the stamps of sent and of answered images.
        report: the node's statistics at the end.
        hand_poses, transforms, hand_markers, hand_joint_states, diagnostics: all messages of the node.
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
    """A ROS context limited to this machine, in a domain of its own (`isolation.isolate`)."""
    environment = dict(os.environ)
    isolate(environment)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    context = Context()
    rclpy.init(context=context)
    yield context
    rclpy.try_shutdown(context=context)


@contextmanager
def spinning(*nodes: Node) -> Iterator[None]:
    """Spins the nodes in a thread, and destroys them at the end."""
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
            node.close() if isinstance(node, ManagedNode) else node.destroy_node()


def wait_until(condition: Callable[[], bool], timeout: float = 10.0) -> bool:
    """Waits until the condition is true or the timeout (seconds) expires. Returns whether it became true."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture
def replay_bag(ros_context) -> Callable[..., Replay]:
    """`replay_bag(bag, lockstep=True, rate=1.0, parameters={}, image_topic=None, info_topic=None)` -> `Replay`.

    Starts a node, plays the bag's depth images into it, and stops the node. The node uses the bag's image transport and
    reliable QoS; `parameters` sets further parameters. In lock-step no image is dropped, and every replay gives the
    same results. Name the topics if the bag has several. `estimator_factory` replaces the package's estimator.

    Raises:
        BagError: the bag cannot be read, or the depth topic is ambiguous.
        RuntimeError: the node cannot be configured; the message says why.
    """

    def replay(
        bag: Path | str, *, lockstep: bool = True, rate: float = 1.0, parameters: Mapping[str, Any] | None = None,
        image_topic: str | None = None, info_topic: str | None = None,
        estimator_factory: EstimatorFactory = load_estimator,
    ) -> Replay:  # fmt: skip
        with DepthBag(bag, image_topic, info_topic) as opened:
            settings = {"image_transport": opened.transport, "reliability": "reliable", **(parameters or {})}
            node = HandPoseNode(
                estimator_factory,
                context=ros_context,
                parameter_overrides=[Parameter(name, value=value) for name, value in settings.items()],
            )
            observer = Node("observer", context=ros_context)
            recorder = Recorder(observer)
            player = Player(opened.transport, clock=bool(settings.get("use_sim_time")), context=ros_context)
            node.start()
            with spinning(node, observer):
                if error := node.report().last_error:
                    raise RuntimeError(f"the node cannot start: {error}")
                player.wait_for_node()
                playback = player.play(opened, lockstep=lockstep, rate=rate)
                wait_until(lambda: len(recorder.hand_poses) >= len(playback.answered))
                with_hands = sum(bool(array.hands) for array in recorder.hand_poses)
                wait_until(lambda: min(len(recorder.transforms), len(recorder.hand_joint_states)) >= with_hands)
                player.close()
                kept = {field.name: list(getattr(recorder, field.name)) for field in fields(Replay)[2:]}
                return Replay(playback, node.report(), **kept)

    return replay
