"""A recording, played over DDS into a node that is started for it."""

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
from .player import STARTING, Playback, Player
from .recorder import Recorder

REJECTED = 3
"""Images in lock-step after which, if the node has answered none, it will answer no other either."""

AFTERWARDS = 1.2
"""Seconds to wait, when all images are answered, for what else the node publishes; its health comes every second."""


@dataclass(frozen=True)
class NodeReplay:
    """One recording, played once.

    Attributes:
        playback: what was sent and answered, and how late.
        recorder: all that the node published.
        backend: what the node computes with, in its own words.
    """

    playback: Playback
    recorder: Recorder
    backend: str

    @property
    def rate(self) -> float:
        """Images sent a second."""
        sent_at = self.playback.sent_at
        return (len(sent_at) - 1) / (sent_at[-1] - sent_at[0]) if len(sent_at) > 1 else float("nan")

    def latency_ms(self) -> dict[str, float]:
        """From sending an image to its answer: median, 95th and 99th percentile."""
        latencies = self.playback.latencies or [float("nan")]
        return dict(zip(("p50", "p95", "p99"), (np.percentile(latencies, (50, 95, 99)) * 1e3).tolist(), strict=True))

    def hands(self) -> dict[int, list[Hand]]:
        """The answers by the stamps of their images, nanoseconds."""
        return {Time.from_msg(array.header.stamp).nanoseconds: to_hands(array) for array in self.recorder.hand_poses}


def replay_through_node(
    bag: DepthBag, log: Path, *, parameters: Mapping[str, object], lockstep: bool = False, rate: float = 1.0,
    on_frame: Callable[[Playback], None] = lambda playback: None, command: Sequence[str] = NODE,
) -> NodeReplay:  # fmt: skip
    """Start a node, play all images of a bag into it, stop it.

    Args:
        log: file for what the node prints.
        parameters: the node's; transport and reliability are as the bag needs them unless given.
        lockstep, rate, on_frame: see `Player.play`.
        command: what starts the node.

    Raises:
        NodeFailed: the node ended, cannot be configured, or answers no image.
        TimeoutError: it does not listen after `STARTING` seconds.
    """
    parameters = {"image_transport": bag.transport, "reliability": "reliable", **parameters}
    context = rclpy.Context()
    rclpy.init(context=context)
    player = None
    try:
        with NodeProcess(parameters, log, command) as node:
            player = Player(bag.transport, context=context)
            recorder = Recorder(player.node)
            _wait(player, recorder, node)

            def sent(playback: Playback) -> None:
                node.check()
                _require_no_company(player)  # DDS may have found another node only by now
                on_frame(playback)
                if lockstep and len(playback.sent) >= REJECTED and not playback.answered:
                    raise _unanswered(playback, recorder)

            playback = player.play(bag, lockstep=lockstep, rate=rate, on_frame=sent)
            player.spin(AFTERWARDS)
            if playback.sent and not playback.answered:
                raise _unanswered(playback, recorder)
            return NodeReplay(playback, recorder, _last(recorder, "backend") or "not known")
    finally:
        if player:
            player.close()
        rclpy.try_shutdown(context=context)


def _wait(player: Player, recorder: Recorder, node: NodeProcess) -> None:
    end = time.monotonic() + STARTING
    while True:
        node.check()
        for status in _statuses(recorder):
            if status.level == DiagnosticStatus.ERROR:
                raise NodeFailed(status.message)
        try:
            player.wait_for_node(0.5)
            break
        except TimeoutError as error:
            if time.monotonic() > end:
                raise TimeoutError(f"{error}\nThe node said:\n{node.last_words()}") from error
    _require_no_company(player)


def _require_no_company(player: Player) -> None:
    if player.node.count_publishers("hand_poses") > 1:
        raise NodeFailed(
            f"another node answers on {player.node.resolve_topic_name('hand_poses')} in ROS_DOMAIN_ID "
            f"{os.environ.get('ROS_DOMAIN_ID', '0')}; end it, or try again"
        )


def _unanswered(playback: Playback, recorder: Recorder) -> NodeFailed:
    why = _last(recorder, "last error") or "the node gives no reason"
    return NodeFailed(f"none of {len(playback.sent)} images was answered: {why}")


def _last(recorder: Recorder, key: str) -> str:
    """What the node's diagnostics said last under a key; empty if nothing."""
    values = [{item.key: item.value for item in status.values}.get(key) for status in _statuses(recorder)]
    return next((value for value in reversed(values) if value), "")


def _statuses(recorder: Recorder) -> list[DiagnosticStatus]:
    return [status for array in recorder.diagnostics for status in array.status]
