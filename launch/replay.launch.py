"""Replays a bag's depth images into the node in simulated time.

ros2 launch fingerpose_ros replay.launch.py bag:=/path/to/bag rviz:=true loop:=true
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

from fingerpose_ros.launching import SHARE

HAND = SHARE / "launch" / "hand.launch.py"


def generate_launch_description() -> LaunchDescription:
    """hand.launch.py with a required bag; its other arguments are available too."""
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "bag", description="folder of a rosbag2 recording with depth images and their camera info"
            ),
            IncludeLaunchDescription(PythonLaunchDescriptionSource(str(HAND))),
        ]
    )
