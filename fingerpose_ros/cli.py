"""`fingerpose`: try the package, replay recordings, watch a running node, estimate single images."""

import argparse
import importlib
import sys

from fingerpose_ros.commands import CommandError

COMMANDS = {
    "demo": "play the sample recording through the node, and show what it finds",
    "replay": "play a recording with a depth topic through the node, and show what it finds",
    "watch": "show the fingers of the hands that a running node sees",
    "estimate": "estimate hands in depth images on disk, without ROS",
    "bag": "turn a folder of depth images into a recording",
}
"""Name -> what it does; the module of the same name in `commands` does it."""

NEEDS_ROS = {"demo", "replay", "watch", "bag"}


def main(args: list[str] | None = None) -> int:
    """Run one command; its exit code, 2 if it was asked for something that cannot be."""
    args = sys.argv[1:] if args is None else args
    parser = argparse.ArgumentParser(prog="fingerpose", description="3D hand poses from depth images.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((arg for arg in args if arg in COMMANDS), None)
    command = None
    for name, text in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if name == chosen:  # only this one is loaded: the others may need what is not installed
            try:
                command = importlib.import_module(f".commands.{name}", __package__)
            except ModuleNotFoundError as error:
                return _fail(name, _what_is_missing(name, error))
            command.add_arguments(subparser)
    arguments = parser.parse_args(args)
    try:
        return command.run(arguments)
    except CommandError as error:
        return _fail(arguments.command, str(error))
    except KeyboardInterrupt:
        return 130


def _what_is_missing(command: str, error: ModuleNotFoundError) -> str:
    module = (error.name or "").partition(".")[0]
    if command in NEEDS_ROS and (
        module in ("rclpy", "rosbags") or error.name == "fingerpose_ros.msg" or module.endswith("_msgs")
    ):
        return (
            f"Python has no {error.name}. This command needs ROS 2 with this package built, sourced in this shell, and "
            "rosbags; on a machine without ROS run it as ./run fingerpose ..."
        )
    return f"Python has no {error.name}; install the requirements of the package"


def _fail(command: str, message: str) -> int:
    print(f"fingerpose {command}: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
