"""Hand poses from a depth camera: the node and, if requested, a camera driver, a bag replay and RViz.

ros2 launch fingerpose_ros hand.launch.py camera:=realsense rviz:=true
ros2 launch fingerpose_ros hand.launch.py image_topic:=/depth/image_raw  # Azure Kinect
"""

import math
import os
import subprocess
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix, get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import GroupAction, IncludeLaunchDescription, OpaqueFunction, SetEnvironmentVariable
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node

from fingerpose_ros.isolation import fast_dds_profile
from fingerpose_ros.launching import SHARE, SWITCH, argument, is_on, node_arguments, values

PARAMETERS = SHARE / "config" / "hand.yaml"

VIEWS = {"optical": "hand.rviz", "upright": "hand_upright.rviz"}
"""RViz's configuration by the axes of its fixed frame."""

ARGUMENTS = (
    *node_arguments(PARAMETERS),
    argument("image_topic", "", "topic of the depth images; empty: that of `camera`, else depth/image_rect_raw"),
    argument("info_topic", "", "topic of their camera info; empty: camera_info in the images' namespace"),
    argument("camera", "none", "camera driver to start", ("none", "realsense")),
    argument("backend", "", "inference engine; empty: as in params_file", ("", "auto", "openvino", "torch")),
    argument("model", "", "path of the weights; empty: as in params_file"),
    argument("rviz", "false", "whether to start RViz", SWITCH),
    argument("fixed_frame", "", "RViz's fixed frame; empty: the RealSense frame that fits `view`"),
    argument("view", "optical", "axes of fixed_frame: optical (z forward), or upright (x forward, z up)", tuple(VIEWS)),
    argument("bag", "", "folder of a rosbag2 recording to replay, in simulated time"),
    argument("bag_image_topic", "", "topic of the bag's depth images, if it has several"),
    argument("bag_info_topic", "", "topic of their camera info in the bag, if it is in another namespace"),
    argument("rate", "1.0", "speed relative to the recording"),
    argument("lock_step", "false", "whether to send each image when the node has answered the previous one", SWITCH),
    argument("loop", "false", "whether to replay the bag again and again", SWITCH),
)


def generate_launch_description() -> LaunchDescription:
    # The group keeps the environment variables from actions that an including launch file starts later.
    return LaunchDescription([*ARGUMENTS, GroupAction([*middleware(), OpaqueFunction(function=start)])])


def middleware() -> list[SetEnvironmentVariable]:
    """Fast DDS's profile for images, unless one is set."""
    return [SetEnvironmentVariable(name, file) for name, file in fast_dds_profile(os.environ).items()]


def start(context: LaunchContext) -> list:
    """The actions requested by the arguments."""
    given = values(context, ARGUMENTS, ("params_file", "model", "bag"), PARAMETERS)
    check(given)
    namespace = given["namespace"].strip("/")
    outer = context.launch_configurations.get("ros_namespace", "").strip("/")  # of the including launch file
    root = "".join(f"/{name}" for name in (outer, namespace) if name)
    image, info = topics(given, outer, namespace)
    parameters = {name: given[name] for name in ("backend", "model") if given[name]}
    if given["bag"] or given["use_sim_time"]:
        parameters["use_sim_time"] = bool(given["bag"]) or is_on(given["use_sim_time"])
    remappings = [("depth/image_rect_raw", image), ("depth/camera_info", info)]
    actions = []
    if given["camera"] == "realsense":
        actions.append(realsense(namespace))
    if given["bag"]:
        chosen = [given["bag"]]
        for option in ("image-topic", "info-topic"):
            if topic := given[f"bag_{option.replace('-', '_')}"]:
                chosen += [f"--{option}", topic]
        switches = [f"--{name.replace('_', '-')}" for name in ("lock_step", "loop") if is_on(given[name])]
        parameters.update(image_transport=transport(chosen), reliability="reliable")
        actions.append(
            Node(
                package="fingerpose_ros", executable="play_bag", namespace=namespace, remappings=remappings,
                arguments=[*chosen, "--clock", "--rate", given["rate"], *switches], output="screen",
            )
        )  # fmt: skip
    actions.append(
        Node(
            package="fingerpose_ros", executable="hand_pose_node", namespace=namespace, remappings=remappings,
            parameters=[given["params_file"], parameters], output="screen",
            ros_arguments=["--log-level", given["log_level"]],
        )
    )  # fmt: skip
    if is_on(given["rviz"]):
        fixed = ["-f", given["fixed_frame"]] if given["fixed_frame"] else []
        view = str(SHARE / "config" / VIEWS[given["view"]])
        shown = [*remappings, ("hand_markers", "hand_markers"), ("overlay", "overlay")]
        actions.append(
            Node(
                package="rviz2", executable="rviz2", arguments=["-d", view, *fixed],
                parameters=[given["params_file"], {k: v for k, v in parameters.items() if k == "use_sim_time"}],
                remappings=[(f"/{name}", topic if topic[0] == "/" else f"{root}/{topic}") for name, topic in shown],
            )
        )  # fmt: skip
    return actions


def check(given: dict[str, str]) -> None:
    """Reject invalid arguments early: launch would notice them after it has started some processes, or only warn."""
    if not is_positive(given["rate"]):
        raise RuntimeError(f"rate:={given['rate']} is not a positive number, such as 0.5 for half the speed")
    if given["bag"] and given["camera"] != "none":
        raise RuntimeError(
            f"camera:={given['camera']} and bag:={given['bag']} would both send images; give only one of them"
        )
    if given["bag"] and given["use_sim_time"] and not is_on(given["use_sim_time"]):
        raise RuntimeError(
            f"use_sim_time:={given['use_sim_time']}, but bag:={given['bag']} is replayed in simulated time; omit it"
        )
    if is_on(given["rviz"]):
        share_of("rviz2", "rviz:=true")


def is_positive(text: str) -> bool:
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False


def transport(chosen: list[str]) -> str:
    """The image transport of a bag, printed by `play_bag`: the Python of `ros2` may not be able to read bags."""
    play_bag = Path(get_package_prefix("fingerpose_ros")) / "lib" / "fingerpose_ros" / "play_bag"
    result = subprocess.run([play_bag, *chosen, "--tell-transport"], capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"bag:={chosen[0]} cannot be replayed: {result.stderr.strip()}")
    return result.stdout.strip()


def share_of(package: str, argument: str) -> Path:
    """The share folder of a package that `argument` needs."""
    try:
        return Path(get_package_share_directory(package))
    except PackageNotFoundError as error:
        name = f"ros-{os.environ.get('ROS_DISTRO', '$ROS_DISTRO')}-{package.replace('_', '-')}"
        raise RuntimeError(f"{argument} needs the package {package}: sudo apt install {name}") from error


def topics(given: dict[str, str], outer: str, namespace: str) -> tuple[str, str]:
    """Topics of the depth images and their camera info."""
    driver = "/".join(["", *filter(None, (outer, namespace or "camera")), "camera/depth/image_rect_raw"])
    image = given["image_topic"] or (driver if given["camera"] == "realsense" else "depth/image_rect_raw")
    folder, slash, _ = image.rpartition("/")
    info = given["info_topic"] or f"{folder}{slash}camera_info"
    return image, info


def realsense(namespace: str) -> IncludeLaunchDescription:
    """The driver of RealSense cameras, depth only."""
    driver = share_of("realsense2_camera", "camera:=realsense")
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(driver / "launch" / "rs_launch.py")),
        launch_arguments={
            "camera_namespace": namespace or "camera",
            "camera_name": "camera",
            "enable_color": "false",
            "depth_module.depth_profile": "640x480x30",
        }.items(),
    )
