"""The `fingerpose` command: demo, replay of recordings, display of a running node's hands, single images."""

import argparse
import importlib
import sys

from fingerpose_ros.commands import CommandError
from fingerpose_ros.program import importing, interrupted, print_any_name

COMMANDS = {
    "demo": "replay the sample recording through the node and show the detected hands",
    "replay": "replay a recording with a depth topic through the node and show the detected hands",
    "watch": "show the fingers of the hands that a running node publishes",
    "estimate": "estimate hands in depth images on disk, without ROS",
    "teleop": "let the person in a recording command a simulated robot hand",
    "urdf": "print the URDF of a person's hand, to show the published joint states in RViz",
    "bag": "convert a folder of depth images to a recording",
}
"""Name -> description. The module of the same name in `commands` implements it."""

NEEDS_ROS = {"demo", "replay", "watch", "teleop", "urdf", "bag"}


def main(args: list[str] | None = None) -> int:
    """Run one command. Returns its exit code, 2 for a usage error."""
    print_any_name()
    args = sys.argv[1:] if args is None else args
    parser = argparse.ArgumentParser(prog="fingerpose", description="3D hand poses from depth images.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((arg for arg in args if arg in COMMANDS), None)
    command = None
    for name, text in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if name == chosen:  # the other commands may need packages that are not installed
            try:
                with importing(f"fingerpose {name}"):
                    command = importlib.import_module(f".commands.{name}", __package__)
            except ModuleNotFoundError as error:
                return _fail(name, _missing_module_message(name, error))
            command.add_arguments(subparser)
    if not args:
        parser.print_help(sys.stderr)
        return 2
    arguments = parser.parse_args(args)
    try:
        return command.run(arguments)
    except CommandError as error:
        return _fail(arguments.command, str(error))
    except KeyboardInterrupt:
        return interrupted(f"fingerpose {arguments.command}")


def _missing_module_message(command: str, error: ModuleNotFoundError) -> str:
    module = (error.name or "").partition(".")[0]
    if module == "mujoco":
        return "the Python module mujoco is missing; install requirements/teleop.txt, or use ./run teleop"
    if command in NEEDS_ROS and (
        module in ("rclpy", "rosbags") or error.name == "fingerpose_ros.msg" or module.endswith("_msgs")
    ):
        return (
            f"the Python module {error.name} is missing. This command needs ROS 2 with this package built and "
            "sourced in this shell, and rosbags; on a machine without ROS, run it as ./run fingerpose ..."
        )
    return f"the Python module {error.name} is missing; install the requirements of the package"


def _fail(command: str, message: str) -> int:
    print(f"fingerpose {command}: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
