"""`HandPose` -> `Hand`, for subscribers of the node and readers of its recordings."""

import numpy as np

from fingerpose_ros.perception.hand import LEFT, RIGHT, Finger, Hand
from fingerpose_ros.perception.skeleton import FINGERS

from . import quaternion

_HANDEDNESS = {1: RIGHT, 2: LEFT}


def to_hands(array) -> list[Hand]:
    """A `HandPoseArray` of rclpy or rosbags -> its hands.

    Raises:
        ValueError: a hand's handedness is invalid, or it does not have five fingers.
    """
    return [to_hand(hand) for hand in array.hands]


def to_hand(message) -> Hand:
    """One `HandPose` message; see `to_hands`."""
    if message.handedness not in _HANDEDNESS or len(message.fingers) != len(FINGERS):
        raise ValueError(
            f"a HandPose has handedness {message.handedness} and {len(message.fingers)} fingers; it must have 1 "
            f"(right) or 2 (left), and {len(FINGERS)}"
        )
    joints = [message.wrist, *(joint for finger in message.fingers for joint in finger.joints)]
    return Hand(
        track_id=message.track_id,
        handedness=_HANDEDNESS[message.handedness],
        handedness_score=message.handedness_score,
        confidence=message.confidence,
        positions=np.array([_position(joint.pose) for joint in joints]),
        rotations=quaternion.to_matrices(np.array([_quaternion(joint.pose) for joint in joints])),
        sigma=np.array([joint.position_stddev for joint in joints], float),
        joint_confidence=np.array([joint.confidence for joint in joints]),
        valid=np.array([joint.valid for joint in joints], bool),
        palm_position=np.array(_position(message.palm)),
        fingers={
            name: Finger(np.array(finger.flexion, float), finger.abduction, finger.curl, finger.thumb_distance)
            for name, finger in zip(FINGERS, message.fingers, strict=True)
        },
        length=getattr(message, "hand_length", np.nan),  # recordings of earlier versions have no length
        length_settled=getattr(message, "hand_length_settled", False),
    )


def _position(pose) -> tuple[float, float, float]:
    return pose.position.x, pose.position.y, pose.position.z


def _quaternion(pose) -> tuple[float, float, float, float]:
    q = pose.orientation
    return q.x, q.y, q.z, q.w
