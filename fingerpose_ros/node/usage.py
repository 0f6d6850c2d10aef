"""The node's command line: `--help`, and the rejection of arguments that are not for ROS."""

import argparse
import textwrap

from .parameters import SETTINGS

_ROS_ARGUMENTS = """\
arguments after --ros-args:
  -r depth/image_rect_raw:=TOPIC  topic of the depth images
  -r depth/camera_info:=TOPIC     topic of their camera info
  -r __ns:=/NAMESPACE             namespace of the node and its topics
  -p NAME:=VALUE                  a parameter
  --params-file FILE              a file with parameters, such as a changed copy of config/hand.yaml
  --log-level LEVEL               debug, info, warn, error or fatal

example:
  hand_pose_node --ros-args -r depth/image_rect_raw:=/camera/depth/image_rect_raw \\
    -r depth/camera_info:=/camera/depth/camera_info -p max_distance:=1.0
"""

_WIDTH = 100


def parse(arguments: list[str]) -> None:
    """Check the arguments that are not for ROS: there are none but `--help`.

    Raises:
        SystemExit: after the help is printed (code 0), or an unknown argument is rejected (code 2).
    """
    parser = argparse.ArgumentParser(
        prog="hand_pose_node", usage="hand_pose_node [-h] [--ros-args ...]",
        description="Publishes hand poses for depth images. docs/node.md describes its topics.",
        epilog=f"{_ROS_ARGUMENTS}\nparameters:\n{_parameters()}", formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.parse_args(arguments)


def _parameters() -> str:
    """One entry for each parameter: name, default, description."""
    return "\n".join(
        textwrap.fill(
            f"{setting.name} ({_text(setting.default)}): {setting.description}",
            _WIDTH, initial_indent="  ", subsequent_indent="      ",
        )
        for setting in SETTINGS
    )  # fmt: skip


def _text(value: bool | int | float | str) -> str:
    """The value as ROS reads it on a command line."""
    return str(value).lower() if isinstance(value, bool) else str(value) or "''"
