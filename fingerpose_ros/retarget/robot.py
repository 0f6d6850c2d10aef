"""A robot's hand from its URDF: the joints below the hand's base link, and their limits."""

import math
from dataclasses import dataclass
from xml.etree import ElementTree

MOVING = ("revolute", "prismatic")
"""Types of joints that can be commanded. A continuous joint has no limits to keep."""


@dataclass(frozen=True)
class Joint:
    """A joint that can move, in radians and rad/s, or metres and m/s if it is prismatic.

    Attributes:
        lower, upper: its position's limits.
        velocity: its speed's limit.
        mimics: the joint that it copies; "" if it has a motor of its own.
        multiplier, offset: its position is `multiplier` times the copied joint's plus `offset`.
    """

    name: str
    prismatic: bool
    lower: float
    upper: float
    velocity: float
    mimics: str = ""
    multiplier: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Robot:
    """The part of a robot below the hand's base link.

    Attributes:
        base: the base link.
        links: names of its links, the base first.
        joints: its moving joints by name, in the order of the URDF.
        urdf: this part alone as a URDF, with the base as its root and without meshes.
    """

    base: str
    links: tuple[str, ...]
    joints: dict[str, Joint]
    urdf: str

    @property
    def motors(self) -> list[str]:
        """Names of the joints that copy no other, in the order of the URDF."""
        return [name for name, joint in self.joints.items() if not joint.mimics]


def read_robot(urdf: str, base: str = "") -> Robot:
    """The robot's hand in a URDF.

    Args:
        urdf: the text of the URDF.
        base: the hand's base link; "" for the root of the robot.

    Raises:
        ValueError: the text is not a URDF, the base is not in it, or a joint's limits cannot be kept. The message names
            the link or joint.
    """
    try:
        tree = ElementTree.fromstring(urdf)
    except ElementTree.ParseError as error:
        raise ValueError(f"the robot description is not XML ({error}); expand a xacro file first") from error
    if tree.tag != "robot":
        raise ValueError(f"the robot description's root element is <{tree.tag}>, not <robot>: it is not a URDF")
    all_joints = tree.findall("joint")
    links = [_name(link) for link in tree.findall("link")]
    children = {_link(joint, "child") for joint in all_joints}
    roots = [link for link in links if link not in children]
    if len(roots) != 1:
        raise ValueError(f"the robot description must have one root link; it has {', '.join(roots) or 'none'}")
    base = base or roots[0]
    if base not in links:
        raise ValueError(f"the robot description has no link {base!r}; its links: {', '.join(links)}")
    below = _below(base, all_joints)
    inner = [joint for joint in all_joints if _link(joint, "parent") in below]
    joints = {_name(joint): _joint(joint) for joint in inner if joint.get("type") != "fixed"}
    for joint in joints.values():
        if joint.mimics and joint.mimics not in joints:
            raise ValueError(f"joint {joint.name} mimics {joint.mimics!r}, which is not below the link {base}")
    if not joints:
        raise ValueError(f"no joint below the link {base!r} can move; is it the hand's base link?")
    return Robot(base, tuple(below), joints, _part(tree, below, inner))


def _below(base: str, joints: list[ElementTree.Element]) -> dict[str, None]:
    """The base link and all links that hang from it, in order; each once, even if the joints form a loop."""
    below = {base: None}
    waiting = [base]
    while waiting:
        link = waiting.pop()
        for joint in joints:
            child = _link(joint, "child")
            if _link(joint, "parent") == link and child not in below:
                below[child] = None
                waiting.append(child)
    return below


def _joint(element: ElementTree.Element) -> Joint:
    name, kind = _name(element), element.get("type")
    if kind not in MOVING:
        raise ValueError(f"joint {name} is of type {kind!r}; only {' and '.join(MOVING)} joints have limits to keep")
    limit, mimic = element.find("limit"), element.find("mimic")
    if limit is None:
        raise ValueError(f"joint {name} has no <limit>; without limits it cannot be moved safely")
    lower, upper = _number(limit, "lower", name, "0"), _number(limit, "upper", name, "0")
    velocity = _number(limit, "velocity", name)
    if not lower < upper:
        raise ValueError(f"joint {name} has the limits {lower:g} to {upper:g}; lower must be less than upper")
    if velocity <= 0:
        raise ValueError(f"joint {name} has the velocity limit {velocity:g}; it must be above 0 for it to move")
    if mimic is None:
        return Joint(name, kind == "prismatic", lower, upper, velocity)
    multiplier, offset = _number(mimic, "multiplier", name, "1"), _number(mimic, "offset", name, "0")
    return Joint(name, kind == "prismatic", lower, upper, velocity, mimic.get("joint", ""), multiplier, offset)


def _part(tree: ElementTree.Element, links: dict[str, None], joints: list[ElementTree.Element]) -> str:
    part = ElementTree.Element("robot", name=tree.get("name", "hand"))
    part.extend(ElementTree.Element("link", name=link) for link in links)
    part.extend(joints)
    return ElementTree.tostring(part, encoding="unicode")


def _name(element: ElementTree.Element) -> str:
    if not (name := element.get("name")):
        raise ValueError(f"the robot description has a <{element.tag}> without a name")
    return name


def _link(joint: ElementTree.Element, end: str) -> str:
    element = joint.find(end)
    if element is None or not (name := element.get("link")):
        raise ValueError(f"joint {_name(joint)} has no {end} link")
    return name


def _number(element: ElementTree.Element, attribute: str, joint: str, default: str | None = None) -> float:
    text = element.get(attribute, default)
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"joint {joint} has {attribute}={text!r} in its <{element.tag}>; it must be a number")
    return value
