"""A parallel gripper's mapping: it opens as far as thumb and index finger are apart."""

from dataclasses import dataclass

import numpy as np

from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.skeleton import JOINTS, WRIST

from .robot import Robot

THUMB_TIP, INDEX_TIP = JOINTS.index("thumb_tip"), JOINTS.index("index_tip")


@dataclass(frozen=True)
class GripperSettings:
    """How a gripper opens.

    Attributes:
        pinch_closed, pinch_open: metres between the tips of thumb and index finger at which it is closed and open.
        opens_upwards: whether its joints are open at their upper limits, else at their lower.
        width: of the open gripper, metres.
    """

    pinch_closed: float
    pinch_open: float
    opens_upwards: bool
    width: float


class Gripper:
    """See `mapping.Mapping`. All motors below the gripper's base link open together."""

    def __init__(self, robot: Robot, settings: GripperSettings):
        self._settings = settings
        joints = [robot.joints[name] for name in robot.motors]
        lower, upper = np.array([[joint.lower, joint.upper] for joint in joints]).T
        self._closed, self._open = (lower, upper) if settings.opens_upwards else (upper, lower)
        self.joints = tuple(robot.motors)
        self.needed: tuple[int, ...] = (WRIST, THUMB_TIP, INDEX_TIP)
        self.description = f"gripper, {', '.join(self.joints)}"

    def retarget(self, hand: Hand) -> np.ndarray:
        apart = float(np.linalg.norm(hand.positions[INDEX_TIP] - hand.positions[THUMB_TIP]))
        settings = self._settings
        share = np.clip((apart - settings.pinch_closed) / (settings.pinch_open - settings.pinch_closed), 0, 1)
        return self._closed + share * (self._open - self._closed)

    def reset(self) -> None:
        """It remembers nothing."""

    def width(self, positions: np.ndarray) -> float:
        """The opening, metres, of a gripper whose joints are at these positions."""
        return float(self._settings.width * np.mean((positions - self._closed) / (self._open - self._closed)))


def grasp_frame(hand: Hand) -> tuple[np.ndarray, np.ndarray] | None:
    """Where a gripper would grasp what the hand grasps: position (3,) and rotation (3, 3) in the frame of the hand.

    Between the tips of thumb and index finger; y from the thumb to the index finger, z away from the wrist. None if the
    tips or the wrist do not define it.
    """
    thumb, index, wrist = hand.positions[[THUMB_TIP, INDEX_TIP, WRIST]]
    centre, y = (thumb + index) / 2, index - thumb
    x = np.cross(y, centre - wrist)
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    rotation = np.stack([x, y, np.cross(x, y)], axis=1)
    return (centre, rotation) if np.isfinite(rotation).all() and np.isfinite(centre).all() else None
