"""The bag player: publishes a bag's depth images to a running node, at a given speed or in lock-step with its answers.

The messages are published as recorded, on the node's topics, whatever their topics in the bag. Compressed images are
also published uncompressed if that topic has subscribers: an RViz display subscribes to one transport only.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rclpy.time import Time
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from fingerpose_ros.msg import HandPoseArray
from fingerpose_ros.recording.bag_reader import TRANSPORT_SUFFIX, BagError, DepthBag
from fingerpose_ros.ros.compressed_depth import from_compressed
from fingerpose_ros.ros.depth_image import to_image
from fingerpose_ros.ros.rejection import Rejected
from fingerpose_ros.session import BadArguments, own_arguments, session

from .unanswered import node_values, reasons, unanswered

MIN_SPIN = 0.002
"""Seconds before each image for which answers are handled even if the image is overdue. Else they would be counted as
later than they are."""

STARTUP_TIMEOUT = 60.0
"""Seconds in which the node must load its network and subscribe."""

TRAILING_TIME, REASON_TIMEOUT = 1.2, 5.0
"""Seconds to listen after the last answer, as the node publishes its diagnostics every second; and, on a busy machine,
until they explain all images without an answer."""

CLOCK_JUMP, CLOCK_LEAD = 0.5e9, 0.05
"""After a jump of the simulated time by `CLOCK_JUMP` nanoseconds the image is sent `CLOCK_LEAD` seconds later. Else it
could arrive first, and the node would warn of its stamp."""

DISCOVERY_TIME = 0.3
"""Seconds from discovering the node's topics to sending: DDS discovers the two directions at different times."""


@dataclass
class Playback:
    """The images sent, and their answers: an image is answered by a HandPoseArray with its stamp.

    Attributes:
        sent: stamps of the images in the order in which they were sent, nanoseconds.
        sent_at: for each of `sent`, the time of sending: `time.monotonic()` seconds.
        answered: stamps of the images that were answered, in the order of the answers.
        latencies: for each of `answered`, seconds from sending the image to its answer.
    """

    sent: list[int] = field(default_factory=list)
    sent_at: list[float] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)


class Player:
    """A ROS node that publishes what the hand pose node subscribes to, and subscribes to its answers.

    Args:
        transport: "raw" or "compressedDepth", as in the bag.
        clock: whether to publish /clock, for nodes with `use_sim_time`.
        options: of `rclpy.node.Node`: context, namespace, arguments for remapping...
    """

    def __init__(self, transport: str, clock: bool = False, **options):
        self.node = Node("bag_player", **options)
        self._executor = SingleThreadedExecutor(context=self.node.context)
        self._executor.add_node(self.node)
        topic = self.node.resolve_topic_name("depth/image_rect_raw")
        self._raw = self.node.create_publisher(Image, topic, 5)
        self._images = self._raw
        if transport != "raw":
            self._images = self.node.create_publisher(CompressedImage, topic + TRANSPORT_SUFFIX, 5)
        self._infos = self.node.create_publisher(CameraInfo, "depth/camera_info", 5)
        self._clock = self.node.create_publisher(Clock, "/clock", 5) if clock else None
        self._answers = self.node.create_subscription(HandPoseArray, "hand_poses", self._on_answer, 100)
        self._unanswered: dict[int, float] = {}
        self._playback = Playback()

    def wait_for_node(self, timeout: float = STARTUP_TIMEOUT) -> None:
        """Wait until a node has subscribed to the images and camera infos, and publishes `hand_poses`.

        Raises:
            TimeoutError: there is none after `timeout` seconds.
        """
        endpoints = (
            (self._images.topic_name, self._images.get_subscription_count),
            (self._infos.topic_name, self._infos.get_subscription_count),
            (self._answers.topic_name, lambda: self.node.count_publishers(self._answers.topic_name)),
        )
        if not self.spin_until(lambda: all(count() for _, count in endpoints), timeout):
            missing = ", ".join(name for name, count in endpoints if not count())
            raise TimeoutError(f"no node is connected to {missing} after {timeout:.0f} s; is hand_pose_node active?")
        self.spin_until(lambda: False, DISCOVERY_TIME)

    def play(
        self, bag: DepthBag, *, lockstep: bool = False, rate: float = 1.0, answer_timeout: float = 5.0,
        on_frame: Callable[[Playback], None] = lambda playback: None,
    ) -> Playback:  # fmt: skip
        """Play all images once.

        Args:
            bag: open for reading.
            lockstep: send the next image when the last one is answered, or after `answer_timeout`.
            rate: speed relative to the recording, when not in lock-step.
            answer_timeout: seconds to wait for an answer: in lock-step to each image, else to the last one.
            on_frame: called after each image with the playback so far.
        """
        self._playback, self._unanswered = Playback(), {}
        playback, begin, first = self._playback, time.monotonic(), None
        for recorded in bag.images():
            first = recorded.time if first is None else first
            if not lockstep:
                due = begin + (recorded.time - first) * 1e-9 / rate
                self.spin_until(lambda: False, max(due - time.monotonic(), MIN_SPIN))
            if self._clock:
                self._clock.publish(Clock(clock=Time(nanoseconds=recorded.stamp).to_msg()))
                if not playback.sent or abs(recorded.stamp - playback.sent[-1]) > CLOCK_JUMP:
                    self.spin_until(lambda: False, CLOCK_LEAD)
                    begin += CLOCK_LEAD
            self._infos.publish(recorded.camera_info)
            playback.sent.append(recorded.stamp)
            playback.sent_at.append(time.monotonic())
            self._unanswered[recorded.stamp] = playback.sent_at[-1]
            self._images.publish(recorded.image)
            if self._images is not self._raw and self._raw.get_subscription_count():
                with suppress(Rejected):
                    message = deserialize_message(recorded.image, CompressedImage)
                    self._raw.publish(to_image(from_compressed(message)))
            if lockstep:
                self.spin_until(lambda: playback.sent[-1] not in self._unanswered, answer_timeout)
            on_frame(playback)
        if not lockstep and playback.sent:  # the last image is never dropped for a newer one
            self.spin_until(lambda: playback.sent[-1] not in self._unanswered, answer_timeout)
        return playback

    def spin(self, seconds: float) -> None:
        """Handle messages for this time."""
        self.spin_until(lambda: False, seconds)

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()

    def _on_answer(self, message: HandPoseArray) -> None:
        stamp = Time.from_msg(message.header.stamp).nanoseconds
        if stamp in self._unanswered:
            self._playback.latencies.append(time.monotonic() - self._unanswered.pop(stamp))
            self._playback.answered.append(stamp)

    def spin_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Handle messages until the condition holds or the timeout ends; returns whether it holds."""
        end = time.monotonic() + timeout
        while not condition():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self._executor.spin_once(timeout_sec=min(left, 0.1))
        return True


def _play(player: Player, bag: DepthBag, values: Mapping[str, str], options: argparse.Namespace) -> bool:
    """Play the bag once, and log the result with the node's reasons in `values`. Whether the bag has images."""
    playback = player.play(bag, lockstep=options.lock_step, rate=options.rate)
    sent, answered = len(playback.sent), len(playback.answered)
    player.spin_until(lambda: sum(unanswered(values).values()) >= sent - answered, REASON_TIMEOUT)
    why = f"; the others: {reasons(values, sent - answered)}" if sent > answered else ""
    player.node.get_logger().info(f"{sent} images played, {answered} answered{why}")
    return sent > 0


def positive(text: str) -> float:
    """A positive number from the command line."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def main(args: list[str] | None = None) -> int:
    """`play_bag BAG`: play a bag to the node in this namespace. Exit code 2 for a bag that cannot be played."""
    parser = argparse.ArgumentParser(prog="play_bag", description=main.__doc__)
    parser.add_argument("bag", help="folder of a rosbag2 recording")
    parser.add_argument("--image-topic", help="topic of depth images, if the bag has several")
    parser.add_argument("--info-topic", help="topic of camera info, if it is not in the images' namespace")
    parser.add_argument("--lock-step", action="store_true", help="send the next image when the last one is answered")
    parser.add_argument("--loop", action="store_true", help="play the bag again and again, until Ctrl-C")
    parser.add_argument("--rate", type=positive, default=1.0, help="speed relative to the recording")
    parser.add_argument("--clock", action="store_true", help="publish /clock, for nodes with use_sim_time")
    parser.add_argument("--tell-transport", action="store_true", help="print the images' transport; play nothing")
    try:
        options = parser.parse_args(own_arguments(args))
        if options.tell_transport:
            with DepthBag(options.bag, options.image_topic, options.info_topic) as bag:
                print(bag.transport)
            return 0
        with session(args), DepthBag(options.bag, options.image_topic, options.info_topic) as bag:
            player = Player(bag.transport, options.clock)
            values: dict[str, str] = {}
            player.node.create_subscription(
                DiagnosticArray, "/diagnostics", lambda array: values.update(node_values(array)), 10
            )
            player.wait_for_node()
            while _play(player, bag, values, options) and options.loop:
                pass
            player.close()
    except (BadArguments, BagError, FileNotFoundError, TimeoutError) as error:
        print(f"play_bag: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
