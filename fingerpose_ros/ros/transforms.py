"""A hand as a tree of coordinate frames for /tf: camera -> wrist -> MCP -> ... -> tip."""

import numpy as np
from geometry_msgs.msg import TransformStamped
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.skeleton import JOINTS, PARENTS

from . import quaternion


def frame_name(prefix: str, label: str, joint: int) -> str:
    """Name of a joint's coordinate frame, such as `right_hand_index_pip`, after `prefix`."""
    return f"{prefix}{label}_hand_{JOINTS[joint]}"


def transforms(header: Header, prefix: str, labels: list[str], hands: list[Hand]) -> TFMessage:
    """The frames of all known joints. If a joint's parent is unknown, its parent frame is the nearest known ancestor.

    So the message is always one tree under the header's frame, without NaN.
    """
    stamped = []
    for label, hand in zip(labels, hands, strict=True):
        known = hand.valid & np.isfinite(hand.positions).all(1) & np.isfinite(hand.rotations).all((1, 2))
        children = np.flatnonzero(known).tolist()
        parents = [_known_ancestor(joint, known) for joint in children]
        # The last row (index -1) is the camera.
        rotations = np.concatenate([hand.rotations, np.eye(3)[None]])
        positions = np.concatenate([hand.positions, np.zeros((1, 3))])
        to_parent = rotations[parents].transpose(0, 2, 1)
        offsets = (to_parent @ (positions[children] - positions[parents])[..., None])[..., 0].tolist()
        quaternions = quaternion.from_matrices(to_parent @ rotations[children]).tolist()
        for joint, parent, offset, q in zip(children, parents, offsets, quaternions, strict=True):
            # Filled in place, because a constructor creates its default parts even where others are given.
            one = TransformStamped(child_frame_id=frame_name(prefix, label, joint))
            one.header.stamp = header.stamp
            one.header.frame_id = frame_name(prefix, label, parent) if parent >= 0 else header.frame_id
            translation, rotation = one.transform.translation, one.transform.rotation
            translation.x, translation.y, translation.z = offset
            rotation.x, rotation.y, rotation.z, rotation.w = q
            stamped.append(one)
    return TFMessage(transforms=stamped)


def _known_ancestor(joint: int, known: np.ndarray) -> int:
    """The nearest known ancestor of a joint; -1 for the camera."""
    parent = PARENTS[joint]
    while parent >= 0 and not known[parent]:
        parent = PARENTS[parent]
    return parent
