"""A recorded person commands a simulated robot: the pose node, the retarget node and the robot, each in a process."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import rclpy

from fingerpose_ros.recording.bag_reader import DepthBag
from fingerpose_ros.replay.node_process import NODE
from fingerpose_ros.replay.player import Playback, Player

from .processes import NAMESPACE, running
from .settings import RobotSettings
from .supervisor import Supervisor, Teleoperation

TRAILING_TIME = 2.0
"""Seconds to go on after the last image: the robot goes to its rest pose."""


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
    context = rclpy.Context()
    rclpy.init(context=context)
    player = None
    try:
        with running(robot, logs, images, command) as processes:
            player = Player(bag.transport, clock=True, context=context, namespace=NAMESPACE)
            supervisor = Supervisor(player.node, robot.handedness)

            def after_frame(playback: Playback) -> None:
                processes.check()
                on_frame(playback)

            processes.wait(supervisor.is_ready, player.spin_until)
            player.wait_for_node()
            began, used = time.monotonic(), processes.commands.cpu_seconds()
            playback = player.play(bag, rate=rate, on_frame=after_frame)
            supervisor.record.load = (processes.commands.cpu_seconds() - used) / (time.monotonic() - began)
            player.spin(TRAILING_TIME)
            to_clock = time.time() - time.monotonic()
            times = [at + to_clock for at in playback.sent_at]
            supervisor.record.images = list(zip(playback.sent, times, strict=True))
            return supervisor.record
    finally:
        if player:
            player.close()
        rclpy.try_shutdown(context=context)
