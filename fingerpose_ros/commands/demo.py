"""`fingerpose demo`: replays the sample recording through the real node, over DDS."""

import argparse
from pathlib import Path

from fingerpose_ros.share import share_folder

from .replay import add_shared_arguments, parse_settings, replay_bag

SAMPLE = "sample/hands"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_shared_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    out = arguments.out or Path("fingerpose_demo")
    replay_bag(
        share_folder() / SAMPLE, out, parameters=parse_settings(arguments.set), lockstep=arguments.lock_step,
        view=arguments.view,
    )  # fmt: skip
    return 0
