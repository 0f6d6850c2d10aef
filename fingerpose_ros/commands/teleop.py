"""`fingerpose teleop`: the person in a recording commands a simulated robot hand, through both nodes, over DDS."""

import argparse
import json
import math
from dataclasses import asdict
from pathlib import Path

from fingerpose_ros.files import write_text
from fingerpose_ros.isolation import isolate
from fingerpose_ros.recording.bag_reader import BagError, DepthBag
from fingerpose_ros.recording.bag_writer import TRUTH_TOPIC
from fingerpose_ros.recording.recordings import recorded_hands
from fingerpose_ros.replay.node_process import NodeFailed
from fingerpose_ros.replay.player import positive
from fingerpose_ros.share import share_folder
from fingerpose_ros.simulation.figures import Agreement, Timing, agreement, timing
from fingerpose_ros.simulation.settings import read_settings
from fingerpose_ros.simulation.sheet import write_sheet
from fingerpose_ros.simulation.teleoperation import teleoperate

from . import CommandError
from .replay import SUMMARY, Progress, prepare_folder

SAMPLE = "sample/teleop"

FEW = 0.8
"""Share of answered images below which the machine is too slow for a fair result."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bag", type=Path, nargs="?", help="folder of a rosbag2 recording; default: the sample")
    parser.add_argument(
        "--robot", default="allegro", help="allegro, panda, or a file like config/teleop_allegro.yaml; default: allegro"
    )
    parser.add_argument("--rate", type=positive, default=1.0, help="speed relative to the recording")
    parser.add_argument("--out", type=Path, default=Path("fingerpose_teleop"), help="folder for the results")


def run(arguments: argparse.Namespace) -> int:
    path, out = arguments.bag or share_folder() / SAMPLE, arguments.out
    try:
        isolate()
        robot = read_settings(arguments.robot)
        truth = recorded_hands(path, TRUTH_TOPIC) or {}
        with DepthBag(path) as bag:
            prepare_folder(out, path)
            print(f"{bag.count} images of {bag.image_topic}; the {robot.handedness} hand commands {robot.urdf.stem}")
            record = teleoperate(bag, robot, out, rate=arguments.rate, on_frame=Progress(bag.count))
            times, like = timing(record), agreement(record, robot, truth)
            summary = {"robot": robot.urdf.stem, "holds": record.holds, **asdict(times), **asdict(like)}
            text = json.dumps({key: None if value != value else value for key, value in summary.items()}, indent=1)
            write_text(out / SUMMARY, text + "\n")
            print(describe(times, like, record.holds))
            if times.answered < FEW * times.images:
                print("too few images were answered: this machine is too slow or busy; try again, or with --rate 0.3")
            write_sheet(out / "sheet.png", bag, record, robot, 0.0 if math.isnan(like.lag) else like.lag)
    except (BagError, OSError, NodeFailed, ValueError, RuntimeError) as error:
        raise CommandError(str(error)) from error
    print(f"in {out}: sheet.png, {SUMMARY}, and the logs")
    return 0


def describe(times: Timing, like: Agreement, holds: dict[str, int]) -> str:
    """All figures as a table of two columns."""
    reasons = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in sorted(holds.items()))
    rows = {
        "images answered": f"{times.answered} of {times.images}",
        "commands": f"{times.commands}, {times.rate:.0f} a second",
        "image -> hand pose": f"{times.image_to_pose * 1e3:.1f} ms (median)",
        "image -> command": f"{times.image_to_command * 1e3:.1f} ms, {times.added * 1e3:.1f} ms of it after the pose",
        "tracking error": f"{times.tracking_error:.3f} rad or m (RMS of the joints from the last command)",
        "holds": f"{sum(holds.values())}{f': {reasons}' if holds else ''}",
    }
    if not like.compared:
        rows["true hand"] = "not compared: the recording has no truth, or the robot was not commanded"
    else:
        rows |= {
            "true hand": f"compared in {like.compared} of {like.images} images, at the robot's lag of {like.lag:.2f} s",
            "index finger's curl": "a gripper has none" if math.isnan(like.curl) else f"correlation {like.curl:.2f}",
            "thumb-index distance": f"correlation {like.opening:.2f}",
            "the person pinches": f"the robot, too, in {like.pinched:.0%} of {like.pinches} images",
            "the person does not": f"nor does the robot in {like.not_pinched:.0%} of {like.apart} images",
        }
    return "\n".join(f"  {name:<22} {text}" for name, text in rows.items()).replace("nan%", "-").replace("nan", "-")
