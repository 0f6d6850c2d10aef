"""Plays a bag's depth images into a running node: at the speed of the recording, or in lock-step with its answers.

The messages go out as they were recorded, on the topics that the node listens to, whatever they were recorded on.
Compressed images go out uncompressed, too, if somebody listens: RViz reads but one transport, whatever the bag holds.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

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

LISTENING = 0.002
"""Seconds before each image for which answers are taken even when it is overdue: they would wait, and look late."""

STARTING = 60.0
"""Seconds that a node has to load its network and listen."""

SETTLING = 0.3
"""Seconds from seeing the node's topics to sending: both ends of a connection learn of each other a little apart."""


@dataclass
class Playback:
    """What was played.

    Attributes:
        sent: stamps of the images in the order they were sent, nanoseconds.
        sent_at: `time.monotonic()` seconds at which each of them was.
        answered: of those, the ones that got a HandPoseArray, in the order of the answers.
        latencies: seconds from sending an image to its answer, for each of `answered`.
    """

    sent: list[int] = field(default_factory=list)
    sent_at: list[float] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)


class Player:
    """The recording's end of the node's topics, as a ROS node of its own.

    Args:
        transport: the bag's, "raw" or "compressedDepth".
        clock: whether to publish /clock, for nodes with `use_sim_time`.
        options: those of `rclpy.node.Node`: context, namespace, arguments for remapping...
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

    def wait_for_node(self, timeout: float = STARTING) -> None:
        """Wait until a node listens and answers.

        Raises:
            TimeoutError: none does.
        """
        ends = (
            (self._images.topic_name, self._images.get_subscription_count),
            (self._infos.topic_name, self._infos.get_subscription_count),
            (self._answers.topic_name, lambda: self.node.count_publishers(self._answers.topic_name)),
        )
        if not self._spin_until(lambda: all(count() for _, count in ends), timeout):
            missing = ", ".join(name for name, count in ends if not count())
            raise TimeoutError(
                f"no node at the other end of {missing} after {timeout:.0f} s; is hand_pose_node active?"
            )
        self._spin_until(lambda: False, SETTLING)

    def play(
        self, bag: DepthBag, *, lockstep: bool = False, rate: float = 1.0, patience: float = 5.0,
        on_frame: Callable[[Playback], None] = lambda playback: None,
    ) -> Playback:  # fmt: skip
        """Play all images once.

        Args:
            lockstep: send the next image when the last is answered; an image that the node rejects costs `patience`.
            rate: speed against that of the recording, when not in lock-step.
            patience: seconds to wait for an answer: in lock-step to each image, else to the last.
            on_frame: called after each image with what was played so far.
        """
        self._playback, self._unanswered = Playback(), {}
        playback, begin, first = self._playback, time.monotonic(), None
        for recorded in bag.images():
            first = recorded.time if first is None else first
            if not lockstep:
                due = begin + (recorded.time - first) * 1e-9 / rate
                self._spin_until(lambda: False, max(due - time.monotonic(), LISTENING))
            if self._clock:
                self._clock.publish(Clock(clock=Time(nanoseconds=recorded.stamp).to_msg()))
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
                self._spin_until(lambda: playback.sent[-1] not in self._unanswered, patience)
            on_frame(playback)
        if not lockstep and playback.sent:  # the last image is never dropped for a newer one
            self._spin_until(lambda: playback.sent[-1] not in self._unanswered, patience)
        return playback

    def spin(self, seconds: float) -> None:
        """Handle messages for so long."""
        self._spin_until(lambda: False, seconds)

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()

    def _on_answer(self, message: HandPoseArray) -> None:
        stamp = Time.from_msg(message.header.stamp).nanoseconds
        if stamp in self._unanswered:
            self._playback.latencies.append(time.monotonic() - self._unanswered.pop(stamp))
            self._playback.answered.append(stamp)

    def _spin_until(self, reached: Callable[[], bool], timeout: float) -> bool:
        """Handle messages until something is reached; whether it was within the timeout."""
        end = time.monotonic() + timeout
        while not reached():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self._executor.spin_once(timeout_sec=min(left, 0.1))
        return True


def positive(text: str) -> float:
    """A number above 0, for the command line."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def main(args: list[str] | None = None) -> int:
    """`play_bag BAG`: play a bag once into the node of this namespace. Exit code 2 for a bag that cannot be played."""
    parser = argparse.ArgumentParser(prog="play_bag", description=main.__doc__)
    parser.add_argument("bag", help="folder of a rosbag2 recording")
    parser.add_argument("--image-topic", help="depth images, if the bag has several topics of them")
    parser.add_argument("--info-topic", help="their camera info, if it is not beside them")
    parser.add_argument("--lock-step", action="store_true", help="send the next image when the last is answered")
    parser.add_argument("--rate", type=positive, default=1.0, help="speed against that of the recording")
    parser.add_argument("--clock", action="store_true", help="publish /clock, for nodes with use_sim_time")
    parser.add_argument("--tell-transport", action="store_true", help="print how the images are recorded; play nothing")
    try:
        options = parser.parse_args(own_arguments(args))
        if options.tell_transport:
            with DepthBag(options.bag, options.image_topic, options.info_topic) as bag:
                print(bag.transport)
            return 0
        with session(args), DepthBag(options.bag, options.image_topic, options.info_topic) as bag:
            player = Player(bag.transport, options.clock)
            player.wait_for_node()
            playback = player.play(bag, lockstep=options.lock_step, rate=options.rate)
            player.node.get_logger().info(f"{len(playback.sent)} images played, {len(playback.answered)} answered")
            player.close()
    except (BadArguments, BagError, FileNotFoundError, TimeoutError) as error:
        print(f"play_bag: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
