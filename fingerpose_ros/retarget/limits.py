"""Position and velocity limits of the commanded joints. No command leaves the node without passing them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .robot import Joint, Robot


@dataclass(frozen=True)
class JointLimits:
    """Limits of n joints in the order of the commands: radians and rad/s, or metres and m/s if prismatic.

    Attributes:
        names: (n) of the joints.
        lower, upper: (n,) of their positions.
        velocity: (n,) of their speeds.
    """

    names: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    velocity: np.ndarray

    def clip(self, positions: np.ndarray) -> np.ndarray:
        """Positions (n,) -> the nearest within the limits."""
        return np.clip(positions, self.lower, self.upper)

    def step(self, current: np.ndarray, target: np.ndarray, duration: float, share: float) -> np.ndarray:
        """The next command on the way from the current one to the target, all (n,).

        Args:
            current: within the limits.
            target: anything; its elements that are not finite keep the current position.
            duration: seconds since the current command.
            share: 0 to 1, of the velocity limits.
        """
        target = self.clip(np.where(np.isfinite(target), target, current))
        reach = self.velocity * share * duration
        return self.clip(current + np.clip(target - current, -reach, reach))


def read_limits(robot: Robot, names: Sequence[str], max_velocity: float, max_linear_velocity: float) -> JointLimits:
    """The limits of these joints, by their URDF and by the node's own limits of velocity (rad/s and m/s).

    A joint that others mimic is also limited by theirs.

    Raises:
        ValueError: a joint is not in the robot, or a joint that mimics cannot stay within its limits.
    """
    limits = []
    for name in names:
        if name not in robot.joints:
            raise ValueError(f"the robot has no joint {name!r}; its moving joints: {', '.join(robot.joints)}")
        joint = robot.joints[name]
        own = max_linear_velocity if joint.prismatic else max_velocity
        lower, upper, velocity = joint.lower, joint.upper, min(joint.velocity, own)
        for other in robot.joints.values():
            if other.mimics == name and other.multiplier:
                low, high = _source_range(other)
                lower, upper = max(lower, low), min(upper, high)
                velocity = min(velocity, other.velocity / abs(other.multiplier))
        if not lower < upper:
            raise ValueError(f"joint {name} and those that mimic it have no position within all of their limits")
        limits.append((lower, upper, velocity))
    lower, upper, velocity = np.array(limits, float).T
    return JointLimits(tuple(names), lower, upper, velocity)


def _source_range(joint: Joint) -> tuple[float, float]:
    """The positions of the mimicked joint at which this one is within its limits."""
    ends = sorted((end - joint.offset) / joint.multiplier for end in (joint.lower, joint.upper))
    return ends[0], ends[1]
