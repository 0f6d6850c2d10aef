"""Evaluate hand pose estimates: `./run training evaluate COMMAND --help`.

Each command is a module of `training/evaluation` that has a docstring, `add_arguments(parser)` and `run(arguments)`.
"""

import argparse
import sys
from importlib import import_module

from fingerpose_ros.program import importing

COMMANDS = {
    "frames": "errors on recorded depth frames",
    "detection": "hands found and false positives on recorded depth frames",
    "detector": "a detector's weights alone, without the pose network",
    "synthetic": "errors on the synthetic test set",
    "sequences": "errors, jitter and lag on rendered sequences of moving hands",
    "hand_free": "false positives on images without a hand",
    "predictions": "score prediction files in the common text format",
    "dataset": "errors on a benchmark's test split, and archives for the challenges",
}


def main(argv: list[str]) -> int:
    """Run the command in `argv`. Returns 0, or 2 after printing an error message if the input is invalid."""
    parser = argparse.ArgumentParser(prog="./run training evaluate", description=__doc__.splitlines()[0])
    described = "; ".join(f"{name}: {purpose}" for name, purpose in COMMANDS.items())
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help=described)
    arguments = parser.parse_args(argv[:1])
    with importing(f"./run training evaluate {arguments.command}"):
        command = import_module(f"training.evaluation.{arguments.command}")
    parser = argparse.ArgumentParser(
        prog=f"./run training evaluate {arguments.command}", description=command.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    command.add_arguments(parser)
    try:
        command.run(parser.parse_args(argv[1:]))
    except (ImportError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
