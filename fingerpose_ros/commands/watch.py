"""`fingerpose watch`: shows the fingers of a running node's hands live in the terminal."""

import argparse
import math
import sys
import time

import numpy as np
import rclpy
from rclpy.exceptions import InvalidTopicNameException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.validate_topic_name import validate_topic_name

from fingerpose_ros.msg import HandPoseArray
from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.ros.hand_reading import to_hands

from . import CommandError

PERIOD = 0.1
"""Seconds between two updates of the display."""

_BAR = 10  # characters


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--topic", default="hand_poses", help="the node's HandPoseArray topic")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds without a message before giving up")
    parser.add_argument("--once", action="store_true", help="print the first message with a hand, and exit")


def run(arguments: argparse.Namespace) -> int:
    if not (math.isfinite(arguments.timeout) and arguments.timeout > 0):
        raise CommandError(f"--timeout is {arguments.timeout}; it must be a positive number of seconds")
    try:
        validate_topic_name(arguments.topic)
    except InvalidTopicNameException as error:
        raise CommandError(f"--topic {arguments.topic!r} is not a valid topic name: {error}") from error
    rclpy.init()
    watcher = Watcher(arguments.topic)
    executor = SingleThreadedExecutor()
    executor.add_node(watcher.node)
    drawn, terminal = 0.0, sys.stdout.isatty() and not arguments.once
    try:
        while True:
            executor.spin_once(timeout_sec=PERIOD)
            now = time.monotonic()
            if now - watcher.received > arguments.timeout:
                raise CommandError(_no_message_error(watcher.node, arguments))
            if watcher.hands is None or now - drawn < PERIOD or (arguments.once and not watcher.hands):
                continue
            drawn = now
            print(("\x1b[H\x1b[J" if terminal else "") + table(watcher.hands, watcher.rate()), flush=True)
            if arguments.once:
                return 0
            watcher.hands = None
    except (KeyboardInterrupt, ExternalShutdownException):  # the user's way to end it
        return 0
    finally:
        executor.shutdown()
        watcher.node.destroy_node()
        rclpy.try_shutdown()


class Watcher:
    """Subscribes to a node's hand poses.

    Attributes:
        hands: hands of the newest message; None if they were already shown.
        received: `time.monotonic()` seconds of the newest message.
    """

    def __init__(self, topic: str):
        self.node = Node("hand_pose_watcher")
        self.node.create_subscription(HandPoseArray, topic, self._on_message, 10)
        self.hands: list[Hand] | None = None
        self.received = time.monotonic()
        self._times: list[float] = []

    def rate(self) -> float:
        """Recent messages per second."""
        times = self._times
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else math.nan

    def _on_message(self, message: HandPoseArray) -> None:
        self.hands = to_hands(message)
        self.received = time.monotonic()
        self._times = [*self._times[-29:], self.received]


def _no_message_error(node: Node, arguments: argparse.Namespace) -> str:
    topic = node.resolve_topic_name(arguments.topic)
    if node.count_publishers(topic):
        return f"no message on {topic} for {arguments.timeout:g} s; does the node get images? See /diagnostics"
    return (
        f"nobody publishes {topic}; is hand_pose_node active in this ROS_DOMAIN_ID? For a node in a namespace, use "
        "--topic /NAMESPACE/hand_poses"
    )


def table(hands: list[Hand], rate: float) -> str:
    """The hands as text. Of each finger: curl as a bar, flexion and abduction in degrees, distance to the thumb."""
    lines = ["no hand" if not hands else f"{len(hands)} hand{'s' if len(hands) > 1 else ''}"]
    lines[0] += "" if math.isnan(rate) else f"   {rate:.0f} Hz"
    for hand in hands:
        palm = " ".join(_known(value, "+.3f") for value in hand.palm_position.tolist())
        lines += [
            "",
            f"{hand.handedness} hand {hand.track_id}   confidence {hand.confidence:.0%}   palm {palm} m",
            "          curl         flexion, base to tip  abduction  to the thumb",
        ]
        for name, finger in hand.fingers.items():
            flexion = " ".join(f"{_degrees(angle):>6}" for angle in finger.flexion)
            thumb = "" if name == "thumb" else f"{_known(finger.thumb_distance * 1000, '.0f')} mm"
            lines.append(
                f"  {name:<7} {_bar(finger.curl)} {flexion}     {_degrees(finger.abduction):>6}   {thumb:>8}".rstrip()
            )
    return "\n".join(lines)


def _bar(curl: float) -> str:
    if not np.isfinite(curl):
        return f"{'not known':^{_BAR}}"
    full = round(curl * _BAR)
    return "#" * full + "." * (_BAR - full)


def _degrees(angle: float) -> str:
    return _known(math.degrees(angle), ".0f") + "°"


def _known(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "-"
