"""`fingerpose bag FOLDER OUT`: converts a folder of depth images to a rosbag2 recording."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fingerpose_ros.perception.hand import LEFT, RIGHT
from fingerpose_ros.recording.bag_writer import write_depth_bag
from fingerpose_ros.recording.frame_folder import FrameFolder

from . import CommandError
from .progress import counted

START = 1_700_000_000_000_000_000
"""Stamp of image 0, nanoseconds, as folders hold no times."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, help="folder with depth/*.png, meta.json and, optionally, true joints in joints.npz"
    )
    parser.add_argument("out", type=Path, help="folder of the new recording; must not exist")
    parser.add_argument("--fps", type=float, default=30.0, help="images per second")
    parser.add_argument(
        "--hand", choices=(RIGHT, LEFT), help="handedness of the joints in joints.npz, if meta.json has no `hand`"
    )


def run(arguments: argparse.Namespace) -> int:
    if not (np.isfinite(arguments.fps) and arguments.fps > 0):
        raise CommandError(f"--fps is {arguments.fps}; it must be a positive number")
    try:
        folder = FrameFolder.open(arguments.folder)
        hand = _handedness(folder, arguments.hand) if folder.joints is not None else ""
        frames = counted(_frames(folder, hand, arguments.fps), len(folder.images), "images")
        write_depth_bag(arguments.out, folder.camera, frames)
    except (ValueError, OSError) as error:
        raise CommandError(str(error)) from error
    print(f"{arguments.out}: {len(folder.images)} images{f', true joints of a {hand} hand' if hand else ''}")
    return 0


def _handedness(folder: FrameFolder, requested: str | None) -> str:
    stored = json.loads((folder.path / "meta.json").read_text()).get("hand")
    hand = requested or stored
    if hand not in (RIGHT, LEFT):
        raise CommandError(
            f"{folder.path} has joints.npz, but its meta.json does not give the handedness (`hand` is {stored!r}); "
            f"add --hand {RIGHT} or --hand {LEFT}"
        )
    return hand


def _frame_numbers(folder: FrameFolder) -> list[int]:
    """Frame number of each image: `frame_ids` of meta.json, or consecutive numbers."""
    numbers = json.loads((folder.path / "meta.json").read_text()).get("frame_ids", list(range(len(folder.images))))
    whole = isinstance(numbers, list) and all(isinstance(number, int) for number in numbers)
    if not whole or len(numbers) != len(folder.images) or sorted(set(numbers)) != numbers:
        raise ValueError(
            f"{folder.path / 'meta.json'}: frame_ids must be {len(folder.images)} increasing whole numbers"
        )
    return numbers


def _frames(folder: FrameFolder, hand: str, fps: float) -> Iterator[tuple[int, np.ndarray, dict[str, np.ndarray]]]:
    numbers = _frame_numbers(folder)
    for index, number in enumerate(numbers):
        millimetres = np.round(folder.depth(index) * 1000)
        if millimetres.max() > 65535:
            raise ValueError(
                f"{folder.images[index]} has depths up to {millimetres.max() / 1000:.1f} m; 16 bits hold 65.5 m"
            )
        truth = {hand: folder.joints[index]} if hand else {}
        yield START + round(number * 1e9 / fps), millimetres.astype(np.uint16), truth
