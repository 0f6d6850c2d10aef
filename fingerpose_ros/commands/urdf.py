"""`fingerpose urdf`: prints the URDF of a person's hand, whose joints are those of `hand_joint_states`."""

import argparse

from fingerpose_ros.perception.anatomy import HAND_LENGTH
from fingerpose_ros.perception.hand import LEFT, RIGHT
from fingerpose_ros.ros.hand_description import hand_urdf

from . import CommandError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("hand", choices=(RIGHT, LEFT))
    parser.add_argument(
        "--length", type=float, default=HAND_LENGTH[0],
        help=f"wrist to middle fingertip along the bones, metres, hand_length of HandPose; default: {HAND_LENGTH[0]}",
    )  # fmt: skip
    parser.add_argument("--prefix", default="model_", help="prefix of the links; default: model_")


def run(arguments: argparse.Namespace) -> int:
    try:
        print(hand_urdf(arguments.hand, arguments.length, arguments.prefix), end="")
    except ValueError as error:
        raise CommandError(str(error)) from error
    return 0
