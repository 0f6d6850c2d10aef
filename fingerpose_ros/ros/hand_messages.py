"""`Hand` -> `HandPose` and standard poses; the angles of all hands -> `sensor_msgs/JointState`."""

import numpy as np
from geometry_msgs.msg import Pose, PoseArray, PoseStamped
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from fingerpose_ros.msg import FingerPose, HandJoint, HandPose, HandPoseArray
from fingerpose_ros.perception.hand import LEFT, RIGHT, Hand
from fingerpose_ros.perception.skeleton import FINGER_JOINTS, JOINTS, WRIST

from . import quaternion

HANDEDNESS = {RIGHT: HandPose.RIGHT, LEFT: HandPose.LEFT}


def hand_pose_array(header: Header, hands: list[Hand]) -> HandPoseArray:
    """All hands in the image with this header."""
    return HandPoseArray(header=header, hands=[hand_pose(header, hand) for hand in hands])


def hand_pose(header: Header, hand: Hand) -> HandPose:
    """One hand, in the frame of the header."""
    quaternions = quaternion.from_matrices(hand.rotations).tolist()
    joints = [
        _joint(position, q, stddev, confidence, valid)
        for position, q, stddev, confidence, valid in zip(
            hand.positions.tolist(), quaternions, hand.sigma.astype(np.float32), hand.joint_confidence.tolist(),
            hand.valid.tolist(), strict=True,
        )
    ]  # fmt: skip
    fingers = [
        FingerPose(
            finger=number,
            joints=[joints[joint] for joint in FINGER_JOINTS[name]],
            flexion=np.asarray(finger.flexion, np.float32),
            abduction=float(finger.abduction),
            curl=float(finger.curl),
            thumb_distance=float(finger.thumb_distance),
        )
        for number, (name, finger) in enumerate(hand.fingers.items())
    ]
    return HandPose(
        header=header,
        track_id=hand.track_id,
        handedness=HANDEDNESS[hand.handedness],
        handedness_score=float(hand.handedness_score),
        confidence=float(hand.confidence),
        hand_length=float(hand.length),
        hand_length_settled=hand.length_settled,
        wrist=joints[WRIST],
        palm=_pose(hand.palm_position.tolist(), quaternions[WRIST]),  # orientation of the wrist
        fingers=fingers,
    )


def joint_poses(header: Header, hand: Hand) -> PoseArray:
    """The 21 joints of one hand in the order of `skeleton.JOINTS`; what is not known is NaN, so the order holds."""
    quaternions = quaternion.from_matrices(hand.rotations).tolist()
    poses = [_pose(position, q) for position, q in zip(hand.positions.tolist(), quaternions, strict=True)]
    return PoseArray(header=header, poses=poses)


def wrist_pose(header: Header, hand: Hand) -> PoseStamped | None:
    """The wrist of one hand; None if its position or orientation is not known, as NaN could reach a robot arm."""
    position, rotation = hand.positions[WRIST], hand.rotations[WRIST]
    if not (hand.valid[WRIST] and np.isfinite(position).all() and np.isfinite(rotation).all()):
        return None
    return PoseStamped(
        header=header, pose=_pose(position.tolist(), quaternion.from_matrices(rotation[None])[0].tolist())
    )


def joint_state(header: Header, labels: list[str], hands: list[Hand]) -> JointState:
    """The known angles of all hands, radians, as `right_index_mcp_flexion` and `right_index_mcp_abduction`.

    Unknown angles are left out: NaN could reach the motors of a robot hand that copies them.
    """
    angles = {}
    for label, hand in zip(labels, hands, strict=True):
        for name, finger in hand.fingers.items():
            joints = [JOINTS[joint] for joint in FINGER_JOINTS[name]]
            for joint, flexion in zip(joints[:3], finger.flexion, strict=True):
                angles[f"{label}_{joint}_flexion"] = float(flexion)
            angles[f"{label}_{joints[0]}_abduction"] = float(finger.abduction)
    known = {name: angle for name, angle in angles.items() if np.isfinite(angle)}
    return JointState(header=header, name=list(known), position=list(known.values()))


# A message's constructor creates its default parts even where others are given. So the parts are filled in place.


def _joint(position: list[float], q: list[float], stddev: np.ndarray, confidence: float, valid: bool) -> HandJoint:
    joint = HandJoint(position_stddev=stddev, confidence=confidence, valid=valid)
    _fill(joint.pose, position, q)
    return joint


def _pose(position: list[float], q: list[float]) -> Pose:
    pose = Pose()
    _fill(pose, position, q)
    return pose


def _fill(pose: Pose, position: list[float], q: list[float]) -> None:
    at, orientation = pose.position, pose.orientation
    at.x, at.y, at.z = position
    orientation.x, orientation.y, orientation.z, orientation.w = q
