"""A watch-dog for handover: `hand_lost` (std_msgs/Bool) is true while the robot must stop: its partner's hand is lost.

A hand is lost when it was not seen for `timeout` seconds (a parameter), or when messages end. The partner is the right
hand that is tracked for longest. It is chosen while `robot_stopped` (std_msgs/Bool) is true, so that no other person's
hand takes over a moving robot. Start: `python3 watch_dog.py --ros-args -p timeout:=0.2`.
"""

import sys

import rclpy
from fingerpose_ros.msg import HandPose, HandPoseArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_msgs.msg import Bool

from fingerpose_ros.session import BadArguments, session


class WatchDog(Node):
    """Counts the time since the partner's hand was seen by the steady clock, which goes on if all messages end."""

    def __init__(self):
        super().__init__("watch_dog")
        self._timeout = self.declare_parameter("timeout", 0.2).value
        self._clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._partner, self._stopped = None, False
        self._last_seen = self._clock.now()
        self._publisher = self.create_publisher(Bool, "hand_lost", 10)
        self.create_subscription(HandPoseArray, "hand_poses", self._receive, 1)
        self.create_subscription(Bool, "robot_stopped", self._receive_stopped, 1)
        self.create_timer(0.05, self._check, clock=self._clock)

    def _receive(self, message: HandPoseArray) -> None:
        hands = {hand.track_id for hand in message.hands if hand.handedness == HandPose.RIGHT}
        if self._partner is None and self._stopped and hands:
            self._partner = min(hands)  # track ids grow
        if self._partner in hands:
            self._last_seen = self._clock.now()

    def _receive_stopped(self, message: Bool) -> None:
        self._stopped = message.data

    def _check(self) -> None:
        silent = (self._clock.now() - self._last_seen).nanoseconds * 1e-9
        if self._partner is not None and silent > self._timeout:
            self.get_logger().warning(f"hand {self._partner} is lost: not seen for {silent:.2f} s")
            self._partner = None
        self._publisher.publish(Bool(data=self._partner is None))


def main() -> None:
    try:
        with session(None):
            rclpy.spin(WatchDog())
    except BadArguments as error:
        sys.exit(f"watch_dog: {error}")


if __name__ == "__main__":
    main()
