"""Replaying a bag over DDS through a node that is started for it."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.time import Time

from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.recording.bag_reader import DepthBag
from fingerpose_ros.ros.hand_reading import to_hands

from .node_process import NODE, NodeFailed, NodeProcess
from .player import REASON_TIMEOUT, STARTUP_TIMEOUT, TRAILING_TIME, Playback, Player
from .recorder import Recorder
from .unanswered import node_values, reasons, unanswered

MAX_UNANSWERED = 3
"""A lock-step replay fails if none of its first `MAX_UNANSWERED` images is answered."""


@dataclass(frozen=True)
class NodeReplay:
    """The result of a replay.

    Attributes:
        playback: the images sent and answered, with their latencies.
        recorder: all messages that the node published.
        diagnostics: the node's last ones, by key.
    """

    playback: Playback
    recorder: Recorder
    diagnostics: Mapping[str, str]

    @property
    def rate(self) -> float:
        """Images sent per second."""
        sent_at = self.playback.sent_at
        return (len(sent_at) - 1) / (sent_at[-1] - sent_at[0]) if len(sent_at) > 1 else float("nan")

    def latency_ms(self) -> dict[str, float]:
        """Milliseconds from sending an image to its answer: median, 95th and 99th percentile."""
        latencies = self.playback.latencies or [float("nan")]
        return dict(zip(("p50", "p95", "p99"), (np.percentile(latencies, (50, 95, 99)) * 1e3).tolist(), strict=True))

    def hands(self) -> dict[int, list[Hand]]:
        """The published hands by the stamps of their images, nanoseconds."""
        return {Time.from_msg(array.header.stamp).nanoseconds: to_hands(array) for array in self.recorder.hand_poses}


def replay_through_node(
    bag: DepthBag, log: Path, *, parameters: Mapping[str, object], lockstep: bool = False, rate: float = 1.0,
    on_frame: Callable[[Playback], None] = lambda playback: None, command: Sequence[str] = NODE,
) -> NodeReplay:  # fmt: skip
    """Start a node, play all images of a bag into it, stop it.

    Args:
        bag: open for reading.
        log: file for the node's output.
        parameters: the node's parameters; unless given, transport, reliability and simulated time are set for the bag.
        lockstep, rate, on_frame: see `Player.play`.
        command: starts the node.

    Raises:
        NodeFailed: the node ended, cannot be configured, or answers no image.
        TimeoutError: it has not subscribed within `STARTUP_TIMEOUT` seconds.
    """
    parameters = {"image_transport": bag.transport, "reliability": "reliable", "use_sim_time": True, **parameters}
    context = rclpy.Context()
    rclpy.init(context=context)
    player = None
    try:
        with NodeProcess(parameters, log, command) as node:
            player = Player(bag.transport, clock=True, context=context)
            recorder = Recorder(player.node)
            _wait_until_ready(player, recorder, node)

            def after_frame(playback: Playback) -> None:
                node.check()
                _require_single_node(player)  # DDS may discover another node late
                on_frame(playback)
                if lockstep and len(playback.sent) >= MAX_UNANSWERED and not playback.answered:
                    raise _no_answer(playback, recorder)

            playback = player.play(bag, lockstep=lockstep, rate=rate, on_frame=after_frame)
            player.spin(TRAILING_TIME)
            lost = len(playback.sent) - len(playback.answered)
            player.spin_until(lambda: sum(unanswered(_last_diagnostics(recorder)).values()) >= lost, REASON_TIMEOUT)
            if playback.sent and not playback.answered:
                raise _no_answer(playback, recorder)
            return NodeReplay(playback, recorder, _last_diagnostics(recorder))
    finally:
        if player:
            player.close()
        rclpy.try_shutdown(context=context)


def _wait_until_ready(player: Player, recorder: Recorder, node: NodeProcess) -> None:
    end = time.monotonic() + STARTUP_TIMEOUT
    while True:
        node.check()
        for status in (status for array in recorder.diagnostics for status in array.status):
            if status.level == DiagnosticStatus.ERROR:
                raise NodeFailed(status.message)
        try:
            player.wait_for_node(0.5)
            break
        except TimeoutError as error:
            if time.monotonic() > end:
                raise TimeoutError(f"{error}\nThe node's output:\n{node.log_tail()}") from error
    _require_single_node(player)


def _require_single_node(player: Player) -> None:
    if player.node.count_publishers("hand_poses") > 1:
        raise NodeFailed(
            f"another node publishes {player.node.resolve_topic_name('hand_poses')} in ROS_DOMAIN_ID "
            f"{os.environ.get('ROS_DOMAIN_ID', '0')}; stop it, or try again"
        )


def _no_answer(playback: Playback, recorder: Recorder) -> NodeFailed:
    count = len(playback.sent)
    return NodeFailed(f"none of {count} images was answered: {reasons(_last_diagnostics(recorder), count)}")


def _last_diagnostics(recorder: Recorder) -> dict[str, str]:
    return node_values(recorder.diagnostics[-1]) if len(recorder.diagnostics) else {}
