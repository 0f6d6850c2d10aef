"""Retargeting: the node that commands a robot hand or a gripper. It needs a running hand_pose_node (hand.launch.py).

ros2 launch fingerpose_ros retarget.launch.py params_file:=my_robot.yaml controller:=/allegro_hand_controller
ros2 service call /retarget_node/enable std_srvs/srv/SetBool "{data: true}"
"""

import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch_ros.actions import Node

PARAMETERS = Path(get_package_share_directory("fingerpose_ros")) / "config" / "retarget.yaml"


def argument(name: str, default: str, description: str, choices: tuple = ()) -> DeclareLaunchArgument:
    return DeclareLaunchArgument(name, default_value=default, description=description, choices=choices or None)


SWITCH = ("true", "false", "True", "False")

ARGUMENTS = (
    argument("namespace", "", "namespace of the node and its topics"),
    argument("params_file", str(PARAMETERS), "file of the node's parameters"),
    argument("controller", "", "name of the robot's controller, which gets the commands; empty: no remapping"),
    argument("hand_poses", "hand_poses", "topic of the hand poses"),
    argument("joint_states", "/joint_states", "topic of the robot's joint states"),
    argument("robot_description", "/robot_description", "topic of the robot's URDF"),
    argument("urdf_file", "", "path of the robot's URDF; empty: as in params_file"),
    argument("use_sim_time", "", "whether to use the time of /clock; empty: as in params_file", ("", *SWITCH)),
    argument("log_level", "info", "log level of the node", ("debug", "info", "warn", "error")),
)


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list:
    """The node, with the requested arguments."""
    given = {argument.name: context.launch_configurations[argument.name] for argument in ARGUMENTS}
    paths = {name: os.path.expanduser(given[name]) for name in ("params_file", "urdf_file")}
    for name, path in paths.items():
        if path and not Path(path).is_file():
            raise RuntimeError(f"{name}:={path} is not a file")
    parameters: dict[str, str | bool] = {"urdf_file": paths["urdf_file"]} if paths["urdf_file"] else {}
    if given["use_sim_time"]:
        parameters["use_sim_time"] = given["use_sim_time"].lower() == "true"
    remappings = [(name, given[name]) for name in ("hand_poses", "joint_states", "robot_description")]
    if controller := given["controller"].rstrip("/"):  # each controller listens to one of them
        remappings += [(name, f"{controller}/{name}") for name in ("joint_trajectory", "commands")]
    node = Node(
        package="fingerpose_ros", executable="retarget_node", namespace=given["namespace"].strip("/"),
        remappings=remappings, parameters=[paths["params_file"], parameters], output="screen",
        ros_arguments=["--log-level", given["log_level"]],
    )  # fmt: skip
    return [node]
