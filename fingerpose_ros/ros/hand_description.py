"""A URDF of a person's hand, for RViz's RobotModel. Its joints have the names and angles of `hand_joint_states`.

The joint states have no rotation of a finger about its own bone, and the wrist's frame follows the middle finger's MCP.
So the links are only near the person's joints; docs/consumers.md has the errors.
"""

from xml.etree import ElementTree

import numpy as np

from fingerpose_ros.perception import anatomy
from fingerpose_ros.perception.drawing import FINGER_COLOURS
from fingerpose_ros.perception.hand import LEFT, RIGHT
from fingerpose_ros.perception.skeleton import FINGER_JOINTS, FINGERS, JOINTS, WRIST

from .transforms import frame_name

BASES = np.array([
    (0.192, 0.108, 0.005), (0.473, 0.108, -0.025), (0.480, 0, 0), (0.450, -0.107, -0.001), (0.401, -0.183, -0.025),
])  # fmt: skip
"""Base joints in a right hand's wrist frame, as fractions of the hand's length: means over the hand model's poses."""

HINGE_ORIGINS = ((-50.6, -28.8, -7.1), (-30.6, 0, 0), (-22.9, 0, 0), (-15.8, 0, 0), (-11.7, 0, 0))
"""From the first bone's frame to that of the hinge at its end, at a flexion of 0: roll, pitch and yaw as in a URDF,
degrees, of a right hand. Fitted to the hand model's poses and the angles published for them."""

AWAY = np.array([1, 1, 1, -1, -1])
"""Sign of a positive abduction about the wrist's z, of a right hand; see `kinematics`."""

RADII = np.array([0.055, 0.045, 0.045, 0.042, 0.038])
"""Of the drawn bones, as fractions of the hand's length."""

ANY = np.pi / 2
"""Limit of the base joints, radians. URDFs need limits; `hand_joint_states` does not keep them."""


def hand_urdf(handedness: str, length: float = anatomy.HAND_LENGTH[0], prefix: str = "model_") -> str:
    """The URDF of a hand. Link `<prefix>right_hand_index_mcp` is at the joint of that name, with its axes.

    Args:
        handedness: "right" or "left".
        length: wrist to middle fingertip along the bones, metres, as `hand_length` in `HandPose`.
        prefix: of the links, so that they are not the node's own frames. The root link is `<prefix>right_hand_wrist`.

    Raises:
        ValueError: a handedness or length that is not possible.
    """
    if handedness not in (RIGHT, LEFT):
        raise ValueError(f"the hand is {handedness!r}; it must be {RIGHT} or {LEFT}")
    if not 0.05 <= length <= 0.5:
        raise ValueError(f"the hand's length is {length} m; it must be 0.05 to 0.5 m, wrist to middle fingertip")
    robot = ElementTree.Element("robot", name=f"{handedness}_hand")
    mirror = np.array([1, -1 if handedness == LEFT else 1, 1])
    links = [frame_name(prefix, handedness, joint) for joint in range(len(JOINTS))]
    wrist = _link(robot, links[WRIST])
    for number, finger in enumerate(FINGERS):
        names = [f"{handedness}_{JOINTS[joint]}" for joint in FINGER_JOINTS[finger]]
        chain = [links[joint] for joint in FINGER_JOINTS[finger]]
        base, bones, radius = length * BASES[number] * mirror, length * anatomy.BONES[number], length * RADII[number]
        _bone(wrist, base, radius, finger)
        swivel = f"{chain[0]}_swivel"
        _link(robot, swivel)
        up = (0, 0, AWAY[number] * mirror[1])
        _joint(robot, f"{names[0]}_abduction", links[WRIST], swivel, base, axis=up, limits=(-ANY, ANY))
        _joint(robot, f"{names[0]}_flexion", swivel, chain[0], axis=(0, 1, 0), limits=(-ANY, ANY))
        turn = np.radians(HINGE_ORIGINS[number]) * (mirror[1], 1, mirror[1])
        hinges = anatomy.THUMB_FLEXION_LIMITS if finger == "thumb" else anatomy.FLEXION_LIMITS[1:]
        for i, degrees in enumerate(hinges):
            _bone(_link(robot, chain[i]), (bones[i], 0, 0), radius, finger)
            at, limits = (bones[i], 0, 0), np.radians(degrees)
            _joint(robot, f"{names[i + 1]}_flexion", chain[i], chain[i + 1], at, turn if i == 0 else (0, 0, 0),
                   axis=(0, 1, 0), limits=limits)  # fmt: skip
        _bone(_link(robot, chain[2]), (bones[2], 0, 0), radius, finger)
        _link(robot, chain[3])
        _joint(robot, f"{names[3]}_fixed", chain[2], chain[3], (bones[2], 0, 0))
    ElementTree.indent(robot)
    return ElementTree.tostring(robot, encoding="unicode") + "\n"


def _text(values) -> str:
    return " ".join(f"{value:.6g}" for value in values)


def _link(robot: ElementTree.Element, name: str) -> ElementTree.Element:
    return ElementTree.SubElement(robot, "link", name=name)


def _joint(robot, name: str, parent: str, child: str, at=(0, 0, 0), rpy=(0, 0, 0), axis=None, limits=None) -> None:
    """A revolute joint; a fixed one without an axis."""
    joint = ElementTree.SubElement(robot, "joint", name=name, type="fixed" if axis is None else "revolute")
    ElementTree.SubElement(joint, "parent", link=parent)
    ElementTree.SubElement(joint, "child", link=child)
    ElementTree.SubElement(joint, "origin", xyz=_text(at), rpy=_text(rpy))
    if axis is not None:
        ElementTree.SubElement(joint, "axis", xyz=_text(axis))
        lower, upper = limits
        ElementTree.SubElement(joint, "limit", lower=f"{lower:.4g}", upper=f"{upper:.4g}", velocity="20", effort="1")


def _bone(link: ElementTree.Element, end, radius: float, finger: str) -> None:
    """Draw a bone from the link's origin to `end` (3,), metres, in the finger's colour."""
    end = np.asarray(end, float)
    length = np.linalg.norm(end)
    pitch, yaw = np.arccos(end[2] / length), np.arctan2(end[1], end[0])  # a cylinder lies along z
    red, green, blue = (channel / 255 for channel in FINGER_COLOURS[finger])
    for shape, at, rpy in (
        (ElementTree.Element("cylinder", radius=f"{radius:.5f}", length=f"{length:.5f}"), end / 2, (0, pitch, yaw)),
        (ElementTree.Element("sphere", radius=f"{radius:.5f}"), end, (0, 0, 0)),
    ):
        visual = ElementTree.SubElement(link, "visual")
        ElementTree.SubElement(visual, "origin", xyz=_text(at), rpy=_text(rpy))
        ElementTree.SubElement(visual, "geometry").append(shape)
        material = ElementTree.SubElement(visual, "material", name=finger)
        ElementTree.SubElement(material, "color", rgba=_text((red, green, blue, 1)))
