"""`fingerpose bag FOLDER OUT`: a folder of depth images becomes a recording that can be replayed."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fingerpose_ros.perception.hand import LEFT, RIGHT
from fingerpose_ros.recording.bag_writer import write_depth_bag
from fingerpose_ros.recording.frame_folder import FrameFolder

from . import CommandError

START = 1_700_000_000_000_000_000
"""Stamp of image 0, nanoseconds: folders do not say when they were taken."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="holds depth/*.png, meta.json and, if the truth is known, joints.npz")
    parser.add_argument("out", type=Path, help="folder of the recording; must not exist")
    parser.add_argument("--fps", type=float, default=30.0, help="images a second")
    parser.add_argument(
        "--hand", choices=(RIGHT, LEFT), help="whose the joints in joints.npz are, if meta.json does not say `hand`"
    )


def run(arguments: argparse.Namespace) -> int:
    if not (np.isfinite(arguments.fps) and arguments.fps > 0):
        raise CommandError(f"--fps is {arguments.fps}; it must be a positive number")
    try:
        folder = FrameFolder.open(arguments.folder)
        hand = _handedness(folder, arguments.hand) if folder.joints is not None else ""
        write_depth_bag(arguments.out, folder.camera, _frames(folder, hand, arguments.fps))
    except (ValueError, OSError) as error:
        raise CommandError(str(error)) from error
    print(f"{arguments.out}: {len(folder.images)} images{f', true joints of a {hand} hand' if hand else ''}")
    return 0


def _handedness(folder: FrameFolder, asked: str | None) -> str:
    said = json.loads((folder.path / "meta.json").read_text()).get("hand")
    hand = asked or said
    if hand not in (RIGHT, LEFT):
        raise CommandError(
            f"{folder.path} has joints.npz, but its meta.json does not say of which hand (`hand` is {said!r}); "
            f"add --hand {RIGHT} or --hand {LEFT}"
        )
    return hand


def _frame_numbers(folder: FrameFolder) -> list[int]:
    """When each image was taken: `frame_ids` of meta.json, where the folder holds only some of the images."""
    numbers = json.loads((folder.path / "meta.json").read_text()).get("frame_ids", list(range(len(folder.images))))
    if len(numbers) != len(folder.images) or sorted(set(numbers)) != numbers:
        raise ValueError(f"{folder.path / 'meta.json'}: frame_ids must be {len(folder.images)} growing numbers")
    return numbers


def _frames(folder: FrameFolder, hand: str, fps: float) -> Iterator[tuple[int, np.ndarray, dict[str, np.ndarray]]]:
    numbers = _frame_numbers(folder)
    for index, number in enumerate(numbers):
        millimetres = np.round(folder.depth(index) * 1000)
        if millimetres.max() > 65535:
            raise ValueError(f"{folder.images[index]} reaches {millimetres.max() / 1000:.1f} m; 65.5 m fit in 16 bits")
        truth = {hand: folder.joints[index]} if hand else {}
        yield START + round(number * 1e9 / fps), millimetres.astype(np.uint16), truth
