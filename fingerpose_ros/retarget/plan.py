"""All that follows from the settings and the robot's description: which joints move, how, and within which limits."""

from collections.abc import Mapping as Settings
from dataclasses import dataclass
from typing import Any

import numpy as np

from .gripper import Gripper, GripperSettings
from .hand_mapping import HandMapping, find_mapping, rotation_from_rpy
from .limits import JointLimits, read_limits
from .mapping import Mapping
from .parameters import GRIPPER, rest_pose
from .robot import Robot, read_robot


@dataclass(frozen=True)
class Plan:
    """The way from a hand to commands.

    Attributes:
        limits: of the n motors behind the commanded joints.
        rest: (n,) rest pose; None if there is none.
        joints: the commanded joints in the controller's order, which may mimic motors.
    """

    robot: Robot
    mapping: Mapping
    limits: JointLimits
    rest: np.ndarray | None
    joints: tuple[str, ...]

    def target(self, positions: np.ndarray) -> np.ndarray:
        """Positions of the mapping's joints -> (n,) of the motors; NaN for those that the mapping does not move."""
        given = dict(zip(self.mapping.joints, positions, strict=True))
        return np.array([given.get(name, np.nan) for name in self.limits.names])

    def moved(self, motors: np.ndarray) -> np.ndarray:
        """Positions (n,) of the motors -> those of the mapping's joints."""
        return np.array([motors[self.limits.names.index(name)] for name in self.mapping.joints])

    def commands(self, motors: np.ndarray) -> np.ndarray:
        """Positions (n,) of the motors -> those of `joints`, within their limits."""
        given = dict(zip(self.limits.names, motors, strict=True))
        return np.array([self._position(name, given) for name in self.joints])

    def _position(self, name: str, motors: dict[str, float]) -> float:
        joint = self.robot.joints[name]
        if not joint.mimics:
            return motors[name]
        return float(np.clip(joint.multiplier * motors[joint.mimics] + joint.offset, joint.lower, joint.upper))


def make_plan(settings: Settings[str, Any], urdf: str) -> Plan:
    """See `Plan`.

    Args:
        settings: the node's parameters.
        urdf: the robot's description.

    Raises:
        ValueError: settings and robot do not fit; the message names the joint or link.
        RuntimeError: dex-retargeting cannot be used.
    """
    robot = read_robot(urdf, settings["hand_link"])
    mapping = _mapping(settings, robot)
    joints = tuple(filter(None, settings["joints"])) or tuple(name for name in robot.joints if name in mapping.joints)
    unknown = [name for name in joints if name not in robot.joints]
    if unknown:
        raise ValueError(f"joints has {', '.join(unknown)}; the robot's moving joints: {', '.join(robot.joints)}")
    motors = list(dict.fromkeys(_motor(name, robot) for name in joints))
    missing = [name for name in mapping.joints if name not in motors]
    if missing:
        raise ValueError(f"the mapping moves {', '.join(missing)}, which the parameter joints does not have")
    limits = read_limits(robot, motors, settings["max_velocity"], settings["max_linear_velocity"])
    return Plan(robot, mapping, limits, _rest(settings["rest_pose"], limits), joints)


def _mapping(settings: Settings[str, Any], robot: Robot) -> Mapping:
    if settings["mapping"] != GRIPPER:
        rotation = rotation_from_rpy(*settings["operator_rpy"])
        return HandMapping(find_mapping(settings["mapping"]), robot, rotation)
    opens_upwards = settings["gripper_open_at"] == "upper"
    return Gripper(
        robot,
        GripperSettings(settings["pinch_closed"], settings["pinch_open"], opens_upwards, settings["gripper_width"]),
    )


def _motor(name: str, robot: Robot) -> str:
    """The joint that a joint copies; itself if it copies none."""
    return robot.joints[name].mimics or name


def _rest(entries: list[str], limits: JointLimits) -> np.ndarray | None:
    pose = rest_pose(entries)
    if not pose:
        return None
    for name in limits.names:
        if name not in pose:
            raise ValueError(f"rest_pose has no position for joint {name}")
    for name in pose:
        if name not in limits.names:
            raise ValueError(f"rest_pose has joint {name}, which is not commanded: {', '.join(limits.names)}")
    rest = np.array([pose[name] for name in limits.names])
    for name, position, inside in zip(limits.names, rest, limits.clip(rest), strict=True):
        if position != inside:
            raise ValueError(f"rest_pose has {name}={position:g}, which is not within the joint's limits")
    return rest
