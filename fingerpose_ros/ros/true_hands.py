"""Ground-truth joints -> message, for the evaluation of estimates."""

from collections.abc import Mapping

import numpy as np
from std_msgs.msg import Header

from fingerpose_ros.msg import HandPoseArray
from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.hand import LEFT, RIGHT, Hand
from fingerpose_ros.perception.kinematics import known_parts

from .hand_messages import hand_pose_array

TRACK_IDS = {RIGHT: 1, LEFT: 2}


def true_hand_poses(header: Header, camera: Camera, joints: Mapping[str, np.ndarray]) -> HandPoseArray:
    """Ground-truth joints (21, 3) of the "right" and "left" hand, metres, NaN where not known -> message.

    A joint outside the image is not valid; a hand without a valid joint is left out.
    """
    hands = [_hand(handedness, positions, camera) for handedness, positions in joints.items()]
    return hand_pose_array(header, [hand for hand in hands if hand.valid.any()])


def _hand(handedness: str, positions: np.ndarray, camera: Camera) -> Hand:
    positions = np.asarray(positions, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        pixels = np.where(positions[:, 2:] > 0, camera.project(positions), np.nan)
        valid = np.all((pixels > -0.5) & (pixels < (camera.width - 0.5, camera.height - 0.5)), axis=1)
    return Hand(
        track_id=TRACK_IDS[handedness],
        handedness=handedness,
        handedness_score=1.0,
        confidence=1.0,
        sigma=np.where(valid[:, None], np.zeros((21, 3)), np.nan),
        joint_confidence=valid.astype(float),
        **known_parts(positions, valid, handedness),
    )
