"""Opens a parallel gripper as far as the thumb and the index finger of a hand are apart.

Publishes the opening in metres on `gripper_opening` (std_msgs/Float64), once for each usable hand. It publishes nothing
without one, so that the gripper stays where it is. Limits of speed and force are the gripper controller's task; for a
robot that is to be stopped safely, use `retarget_node`. Start: `python3 gripper_opening.py --ros-args -p width:=0.08`.
"""

import math
import sys

import rclpy
from fingerpose_ros.msg import FingerPose, HandPose, HandPoseArray
from rclpy.node import Node
from std_msgs.msg import Float64

from fingerpose_ros.session import BadArguments, session

CLOSED, OPEN = 0.025, 0.1
"""Metres between the fingertips at which the gripper is closed and open: touching tips are about 20 mm apart."""


class GripperOpening(Node):
    """Follows one handedness: the hand that is tracked for longest."""

    def __init__(self):
        super().__init__("gripper_opening")
        self._width = self.declare_parameter("width", 0.08).value
        side = self.declare_parameter("handedness", "right").value
        if side not in ("right", "left"):
            raise BadArguments(f"handedness is {side}; it must be right or left")
        self._handedness = HandPose.RIGHT if side == "right" else HandPose.LEFT
        self._publisher = self.create_publisher(Float64, "gripper_opening", 10)
        self.create_subscription(HandPoseArray, "hand_poses", self._receive, 1)

    def _receive(self, message: HandPoseArray) -> None:
        hands = [hand for hand in message.hands if hand.handedness == self._handedness]
        if not hands:
            return
        hand = min(hands, key=lambda hand: hand.track_id)
        apart = hand.fingers[FingerPose.INDEX].thumb_distance
        if math.isnan(apart):  # a fingertip is not known
            return
        share = min(max((apart - CLOSED) / (OPEN - CLOSED), 0.0), 1.0)
        self._publisher.publish(Float64(data=share * self._width))


def main() -> None:
    try:
        with session(None):
            rclpy.spin(GripperOpening())
    except BadArguments as error:
        sys.exit(f"gripper_opening: {error}")


if __name__ == "__main__":
    main()
