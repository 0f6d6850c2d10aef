"""Retargeting: the node that commands a robot hand or a gripper. It needs a running hand_pose_node (hand.launch.py).

ros2 launch fingerpose_ros retarget.launch.py params_file:=my_robot.yaml controller:=/allegro_hand_controller
ros2 service call /retarget_node/enable std_srvs/srv/SetBool "{data: true}"
"""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction
from launch_ros.actions import Node

from fingerpose_ros.launching import SHARE, argument, is_on, node_arguments, values

PARAMETERS = SHARE / "config" / "retarget.yaml"

ARGUMENTS = (
    *node_arguments(PARAMETERS),
    argument("controller", "", "name of the robot's controller, which gets the commands; empty: no remapping"),
    argument("hand_poses", "hand_poses", "topic of the hand poses"),
    argument("joint_states", "/joint_states", "topic of the robot's joint states"),
    argument("robot_description", "/robot_description", "topic of the robot's URDF"),
    argument("urdf_file", "", "path of the robot's URDF; empty: as in params_file"),
)


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list:
    """The node, with the requested arguments."""
    given = values(context, ARGUMENTS, ("params_file", "urdf_file"), PARAMETERS)
    if given["urdf_file"] and not Path(given["urdf_file"]).is_file():
        raise RuntimeError(f"urdf_file:={given['urdf_file']} is not a file")
    parameters: dict[str, str | bool] = {"urdf_file": given["urdf_file"]} if given["urdf_file"] else {}
    if given["use_sim_time"]:
        parameters["use_sim_time"] = is_on(given["use_sim_time"])
    remappings = [(name, given[name]) for name in ("hand_poses", "joint_states", "robot_description")]
    if controller := given["controller"].rstrip("/"):  # each controller listens to one of them
        remappings += [(name, f"{controller}/{name}") for name in ("joint_trajectory", "commands")]
    node = Node(
        package="fingerpose_ros", executable="retarget_node", namespace=given["namespace"].strip("/"),
        remappings=remappings, parameters=[given["params_file"], parameters], output="screen",
        ros_arguments=["--log-level", given["log_level"]],
    )  # fmt: skip
    return [node]
