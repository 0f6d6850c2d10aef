"""Writes the joints of all hands to a CSV file: a row for each joint of each hand in each message.

Positions are in metres in the camera's optical frame `frame`. A joint that is not known has empty cells, never zeros.
An existing file is not overwritten. Start: `python3 record_joints.py joints.csv`, and end it by Ctrl-C.
"""

import argparse
import csv
import sys
from typing import TextIO

import rclpy
from fingerpose_ros.msg import HandPose, HandPoseArray
from rclpy.node import Node
from rclpy.utilities import remove_ros_args

from fingerpose_ros.perception.skeleton import JOINTS
from fingerpose_ros.session import session

COLUMNS = ("stamp", "frame", "track_id", "handedness", "joint", "x", "y", "z", "confidence")


class JointRecorder(Node):
    """Appends each message to an open file."""

    def __init__(self, file: TextIO):
        super().__init__("joint_recorder")
        self._file, self._writer = file, csv.writer(file)
        self._writer.writerow(COLUMNS)
        self.create_subscription(HandPoseArray, "hand_poses", self._receive, 10)

    def _receive(self, message: HandPoseArray) -> None:
        stamp = f"{message.header.stamp.sec}.{message.header.stamp.nanosec:09d}"
        if message.hands:
            self.get_logger().info("the first hand is recorded; end by Ctrl-C", once=True)
        for hand in message.hands:
            side = "right" if hand.handedness == HandPose.RIGHT else "left"
            joints = [hand.wrist, *(joint for finger in hand.fingers for joint in finger.joints)]
            for name, joint in zip(JOINTS, joints, strict=True):
                at = joint.pose.position
                position = [f"{value:.5f}" if joint.valid else "" for value in (at.x, at.y, at.z)]
                known = [stamp, message.header.frame_id, hand.track_id, side, name]
                self._writer.writerow([*known, *position, f"{joint.confidence:.3f}"])
        self._file.flush()  # nothing is lost if the process is killed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="the CSV file to write")
    path = parser.parse_args(remove_ros_args(sys.argv)[1:]).file
    try:
        with session(None), open(path, "x", newline="") as file:
            rclpy.spin(JointRecorder(file))
    except FileExistsError:
        parser.error(f"{path} exists; name another file")


if __name__ == "__main__":
    main()
