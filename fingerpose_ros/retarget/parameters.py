"""The parameters of `retarget_node`: their meaning, defaults and allowed values.

`config/retarget.yaml` and `docs/retarget.md` list them too; a test compares both with this table.
"""

import re
from collections.abc import Mapping
from typing import Any

from fingerpose_ros.node.settings import Parameters, Setting

from .operator import EITHER, OperatorSettings
from .safety import SafetySettings

GRIPPER = "gripper"

SETTINGS = (
    Setting("autostart", True, "Configure and activate the node when it starts. The robot stays disabled."),
    Setting(
        "urdf_file", "",
        "Path of the robot's URDF; empty: it comes from the topic robot_description.",
    ),
    Setting("hand_link", "", "Base link of the hand or gripper in the URDF; empty: the root link."),
    Setting(
        "mapping", "allegro_hand_right.yaml",
        "File in the format of dex-retargeting: a path, a file of this package's config/, or one of dex-retargeting's "
        "configs/, such as teleop/leap_hand_right.yml. gripper: a parallel gripper, without dex-retargeting.",
    ),
    Setting(
        "operator_rpy", [0.0, 0.0, 0.0],
        "Roll, pitch and yaw, radians, of the operator's frame (x out of the palm, z to the fingers) in the frame of "
        "hand_link.",
    ),
    Setting(
        "joints", [""],
        "The commanded joints in the controller's order; [\"\"]: all that the mapping moves, in the URDF's order.",
    ),
    Setting(
        "output", "trajectory",
        "Type of the commands. trajectory: JointTrajectory. positions: Float64MultiArray. joint_state: JointState.",
        choices=("trajectory", "positions", "joint_state"),
    ),
    Setting(
        "time_from_start", 0.1, "Time in which the controller reaches a point of the trajectory, seconds.",
        low=0.01, high=2.0,
    ),
    Setting("rate", 50.0, "Commands per second while no new hand pose arrives, Hz.", low=10.0, high=500.0),
    Setting(
        "start", "measured",
        "Where the robot starts. measured: at its joint_states, without which it cannot be enabled. rest: in its rest "
        "pose, for a robot that does not measure its joints.",
        choices=("measured", "rest"),
    ),
    Setting(
        "rest_pose", [""],
        "Where the robot goes after a long hold: joint=position for each joint, radians or metres. [\"\"]: it stays.",
    ),
    Setting(
        "handedness", "right", "The operator's hand. either: only for a gripper.", choices=("right", "left", EITHER)
    ),
    Setting(
        "max_velocity", 3.0, "Maximum speed of rotating joints, rad/s. The URDF's limit holds, too.",
        low=0.01, high=20.0,
    ),
    Setting(
        "max_linear_velocity", 0.1, "Maximum speed of sliding joints, m/s. The URDF's limit holds, too.",
        low=0.001, high=2.0,
    ),
    Setting(
        "timeout", 0.2, "Time without a usable pose after which the robot holds, seconds.", low=0.05, high=0.3
    ),
    Setting(
        "hold_time", 1.0, "Time of a hold after which the robot goes to its rest pose and is disabled, seconds.",
        low=0.0, high=60.0,
    ),
    Setting(
        "ramp_time", 1.0, "Time in which the robot reaches its full speed after it starts to follow, seconds.",
        low=0.0, high=10.0,
    ),
    Setting(
        "rest_speed", 0.2, "Speed on the way to the rest pose, as a share of the maximum.", low=0.01, high=1.0
    ),
    Setting(
        "max_hand_speed", 2.0, "Maximum speed of the operator's joints, m/s. A faster pose is a jump: the robot holds.",
        low=0.1, high=20.0,
    ),
    Setting("max_age", 0.5, "Maximum age of a hand pose by its stamp, seconds.", low=0.05, high=5.0),
    Setting("dead_man", False, "Command only while the topic dead_man (std_msgs/Bool) is true."),
    Setting(
        "dead_man_timeout", 0.3, "Maximum time between two messages of the topic dead_man, seconds.",
        low=0.05, high=2.0,
    ),
    Setting(
        "pinch_closed", 0.025, "Distance of the tips of thumb and index finger at which a gripper is closed, metres.",
        low=0.0, high=0.2,
    ),
    Setting("pinch_open", 0.1, "Distance at which it is open, metres.", low=0.0, high=0.2),
    Setting(
        "gripper_open_at", "upper", "The limit of a gripper's joints at which it is open.", choices=("upper", "lower")
    ),
    Setting("gripper_width", 0.08, "Opening of the open gripper, metres.", low=0.001, high=1.0),
    Setting("wrist_target", False, "Publish a target for an arm's tool, wrist_target, that follows the wrist."),
    Setting("base_frame", "base_link", "The arm's base frame on TF, in which the target is."),
    Setting("tool_frame", "tool0", "The arm's tool frame on TF, where the target starts."),
    Setting("wrist_scale", 1.0, "Metres of the target per metre of the wrist.", low=0.01, high=10.0),
    Setting("wrist_max_speed", 0.25, "Maximum speed of the target, m/s.", low=0.01, high=2.0),
    Setting("wrist_max_turn", 1.0, "Maximum angular speed of the target, rad/s.", low=0.01, high=6.0),
    Setting(
        "wrist_reach", 0.5, "Maximum distance of the target from where the tool was when it was enabled, metres.",
        low=0.01, high=3.0,
    ),
    Setting("frame_prefix", "", "Prefix of the grasp's TF frame, used as it is."),
)  # fmt: skip

_FRAME_PREFIX = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_/]*)?")


def safety_settings(current: Mapping[str, Any]) -> SafetySettings:
    """The part of the safety's state machine."""
    return SafetySettings(
        current["timeout"], current["hold_time"], current["ramp_time"], current["rest_speed"],
        current["dead_man_timeout"] if current["dead_man"] else None,
    )  # fmt: skip


def operator_settings(current: Mapping[str, Any]) -> OperatorSettings:
    """The part that checks the operator's hand."""
    return OperatorSettings(current["handedness"], current["max_hand_speed"], current["max_age"])


def rest_pose(entries: list[str]) -> dict[str, float]:
    """The rest pose by joint; empty if there is none.

    Raises:
        ValueError: an entry is not joint=position.
    """
    pose = {}
    for entry in entries:
        if not entry:
            continue
        name, _, position = entry.partition("=")
        try:
            pose[name.strip()] = float(position)
        except ValueError as error:
            raise ValueError(f"rest_pose has {entry!r}; an entry must be like joint_1=0.5") from error
    return pose


def _problem(current: Mapping[str, Any]) -> str:
    """What is wrong with these values together, "" if they are valid."""
    try:
        rest = rest_pose(current["rest_pose"])
    except ValueError as error:
        return str(error)
    if current["start"] == "rest" and not rest:
        return "start is rest, but rest_pose gives none"
    if current["handedness"] == EITHER and current["mapping"] != GRIPPER:
        return "handedness is either, but a robot hand follows one: right or left"
    if len(current["operator_rpy"]) != 3:
        return f"operator_rpy has {len(current['operator_rpy'])} numbers; it must have 3: roll, pitch and yaw"
    if current["pinch_closed"] >= current["pinch_open"]:
        return f"pinch_closed {current['pinch_closed']} m is not less than pinch_open {current['pinch_open']} m"
    if not _FRAME_PREFIX.fullmatch(current["frame_prefix"]):
        return f"frame_prefix {current['frame_prefix']!r} must be letters, digits, _ and /, without a leading /"
    return ""


PARAMETERS = Parameters("retarget_node", SETTINGS, _problem)
