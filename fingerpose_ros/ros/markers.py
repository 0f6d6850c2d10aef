"""Hands as RViz markers: a sphere for each joint, a line for each bone, a label; one colour for each finger."""

from collections.abc import Iterable

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from fingerpose_ros.perception.drawing import FINGER_COLOURS, WHITE
from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.skeleton import FINGER_JOINTS, PARENTS, WRIST

JOINTS_ID, BONES_ID, LABEL_ID = range(3)
"""Marker ids of one hand; the namespace is the hand's label."""

_JOINT_DIAMETER, _BONE_WIDTH, _TEXT_HEIGHT, _TEXT_SPACE, _TEXT_ABOVE = 0.012, 0.005, 0.03, 0.012, 0.035
"""Metres. RViz takes the width of a space in a text from `scale.x`."""

_LIFETIME = Duration(sec=1)
"""Time after which RViz deletes a marker itself, if the node has ended."""

_COLOURS = [ColorRGBA(r=r / 255, g=g / 255, b=b / 255, a=1.0) for r, g, b in [WHITE] * 21]
for _finger, _joints in FINGER_JOINTS.items():
    for _joint in _joints:
        _COLOURS[_joint] = ColorRGBA(**dict(zip("rgb", (c / 255 for c in FINGER_COLOURS[_finger]), strict=True)), a=1.0)


def markers(header: Header, labels: list[str], hands: list[Hand], deleted: Iterable[str]) -> MarkerArray:
    """The markers of all hands, and the deletion of the markers of the labels in `deleted`."""
    array = MarkerArray()
    for label in deleted:
        for number in (JOINTS_ID, BONES_ID, LABEL_ID):
            array.markers.append(Marker(header=header, ns=label, id=number, action=Marker.DELETE))
    for label, hand in zip(labels, hands, strict=True):
        array.markers += _hand_markers(header, label, hand)
    return array


def _hand_markers(header: Header, label: str, hand: Hand) -> list[Marker]:
    points = [Point(x=x, y=y, z=z) for x, y, z in hand.positions.tolist()]
    known = np.flatnonzero(hand.valid).tolist()
    if not known:
        return []
    bones = [joint for joint in known if PARENTS[joint] >= 0 and hand.valid[PARENTS[joint]]]

    def marker(number, kind, scale, **content):
        return Marker(
            header=header, ns=label, id=number, type=kind, action=Marker.ADD, scale=scale, lifetime=_LIFETIME, **content
        )

    topmost = min((points[joint] for joint in known), key=lambda point: point.y)  # y points down in an optical frame
    return [
        marker(
            JOINTS_ID, Marker.SPHERE_LIST, Vector3(x=_JOINT_DIAMETER, y=_JOINT_DIAMETER, z=_JOINT_DIAMETER),
            points=[points[joint] for joint in known], colors=[_COLOURS[joint] for joint in known],
        ),
        marker(
            BONES_ID, Marker.LINE_LIST, Vector3(x=_BONE_WIDTH),
            points=[points[end] for joint in bones for end in (PARENTS[joint], joint)],
            colors=[_COLOURS[joint] for joint in bones for _ in range(2)],
        ),
        marker(
            LABEL_ID, Marker.TEXT_VIEW_FACING, Vector3(x=_TEXT_SPACE, z=_TEXT_HEIGHT),
            pose=Pose(position=Point(x=topmost.x, y=topmost.y - _TEXT_ABOVE, z=topmost.z)),
            text=f"{label.replace('_', ' ')} {hand.confidence:.0%}", color=_COLOURS[WRIST],
        ),
    ]  # fmt: skip
