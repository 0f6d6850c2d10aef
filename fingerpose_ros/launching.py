"""What the launch files share: their arguments, and the arguments that are none of theirs. It needs `launch`."""

import difflib
import os
from collections.abc import Collection, Sequence
from pathlib import Path

import yaml
from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument
from launch.launch_context import LaunchContext
from launch.logging import get_logger

SHARE = Path(get_package_share_directory("fingerpose_ros"))

SWITCH = ("true", "false", "True", "False")
"""The values of an argument that turns something on or off."""


def argument(name: str, default: str, description: str, choices: tuple = ()) -> DeclareLaunchArgument:
    """An argument with a default. `choices`: the allowed values; any if empty."""
    return DeclareLaunchArgument(name, default_value=default, description=description, choices=choices or None)


def node_arguments(params_file: Path) -> tuple[DeclareLaunchArgument, ...]:
    """The arguments of each node that the launch files start. `params_file`: the default."""
    return (
        argument("namespace", "", "namespace of the node and its topics"),
        argument("params_file", str(params_file), "file of the node's parameters"),
        argument("use_sim_time", "", "whether to use the time of /clock; empty: as in params_file", ("", *SWITCH)),
        argument("log_level", "info", "log level of the node", ("debug", "info", "warn", "error")),
    )


def is_on(switch: str) -> bool:
    return switch.lower() == "true"


def values(
    context: LaunchContext, arguments: Sequence[DeclareLaunchArgument], paths: Collection[str], params_file: Path
) -> dict[str, str]:
    """The arguments' values by name. What looks as if it were meant as an argument, but is none, gives a warning.

    Args:
        paths: the arguments that are paths; in them `~` becomes the home folder: a shell leaves it in `bag:=~/bag`.
        params_file: has all of the node's parameters, which are not arguments.

    Raises:
        RuntimeError: the value of params_file is not a file.
    """
    names = [argument.name for argument in arguments]
    others = [name for name in context.launch_configurations if name not in names]
    for message in misplaced(others, names, params_file):
        get_logger("launch").warning(message)
    given = {name: context.launch_configurations[name] for name in names}
    given |= {name: os.path.expanduser(given[name]) for name in paths}
    if not Path(given["params_file"]).is_file():
        raise RuntimeError(f"params_file:={given['params_file']} is not a file; give a file like {params_file}")
    return given


def misplaced(others: Sequence[str], names: Sequence[str], params_file: Path) -> list[str]:
    """A warning for each of `others` that is a parameter of the node, or similar to one of the arguments `names`.

    The others are left out. They may be those of an including launch file.
    """
    parameters = yaml.safe_load(params_file.read_text())["/**"]["ros__parameters"]
    messages = []
    for name in others:
        if name in parameters:
            messages.append(
                f"{name}:=... has no effect: it is a parameter of the node, not an argument of this launch file. "
                f"Set it in a copy of {params_file}, and give that as params_file:=FILE"
            )
        elif nearest := difflib.get_close_matches(name, names, 1, 0.8):
            messages.append(f"{name}:=... has no effect: there is no such argument; do you mean {nearest[0]}?")
    return messages
