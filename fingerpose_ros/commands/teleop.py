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
from fingerpose_ros.simulation.live import teleoperate_live
from fingerpose_ros.simulation.settings import RobotSettings, read_settings
from fingerpose_ros.simulation.sheet import write_sheet
from fingerpose_ros.simulation.supervisor import Teleoperation
from fingerpose_ros.simulation.teleoperation import teleoperate

from . import CommandError
from .replay import SUMMARY, Progress, prepare_folder

SAMPLE = "sample/teleop"

FEW = 0.8
"""Share of answered images below which the machine is too slow for a fair result."""

LIVE_LAG = 0.2
"""Seconds after a live image at which the picture shows the robot: about its lag. Without truth it is not measured."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bag", type=Path, nargs="?", help="folder of a rosbag2 recording; default: the sample")
    parser.add_argument("--topic", help="topic of a running camera's depth images, instead of a recording")
    parser.add_argument(
        "--seconds", type=positive, default=30.0, help="with --topic: how long; default: 30, or to Ctrl-C"
    )
    parser.add_argument(
        "--robot", default="allegro", help="allegro, panda, or a file like config/teleop_allegro.yaml; default: allegro"
    )
    parser.add_argument("--rate", type=positive, default=1.0, help="speed relative to the recording")
    parser.add_argument("--out", type=Path, default=Path("fingerpose_teleop"), help="folder for the results")


def run(arguments: argparse.Namespace) -> int:
    if arguments.topic and arguments.bag:
        raise CommandError(f"give either the recording {arguments.bag} or --topic {arguments.topic}, not both")
    out = arguments.out
    try:
        robot = read_settings(arguments.robot)
        few = _live(arguments, robot) if arguments.topic else _recorded(arguments, robot)
    except (BagError, OSError, NodeFailed, ValueError, RuntimeError) as error:
        raise CommandError(str(error)) from error
    if few:
        print(f"too few images were answered: this machine is too slow or busy; try again{few}")
    print(f"in {out}: sheet.png, {SUMMARY}, and the logs")
    return 0


def _recorded(arguments: argparse.Namespace, robot: RobotSettings) -> str:
    """The person in a recording commands. Returns what to do if too few images were answered; "" if it were enough."""
    path, out = arguments.bag or share_folder() / SAMPLE, arguments.out
    isolate()
    truth = recorded_hands(path, TRUTH_TOPIC)
    with DepthBag(path) as bag:
        prepare_folder(out, path)
        print(f"{bag.count} images of {bag.image_topic}; the {robot.handedness} hand commands {robot.urdf.stem}")
        record = teleoperate(bag, robot, out, rate=arguments.rate, on_frame=Progress(bag.count))
        like = None if truth is None else agreement(record, robot, truth)
        times = _report(out, robot, record, like)
        lag = 0.0 if like is None or math.isnan(like.lag) else like.lag
        write_sheet(out / "sheet.png", bag, dict(record.images), record, robot, lag)
    return ", or with --rate 0.3" if times.answered < FEW * times.images else ""


def _live(arguments: argparse.Namespace, robot: RobotSettings) -> str:
    """As `_recorded`, for a person before a camera."""
    prepare_folder(arguments.out, Path(arguments.topic))
    print(f"images of {arguments.topic}; your {robot.handedness} hand commands {robot.urdf.stem}; Ctrl-C ends it")
    record, images = teleoperate_live(arguments.topic, robot, arguments.out, arguments.seconds, on_second=_tell)
    times = _report(arguments.out, robot, record, None)
    write_sheet(arguments.out / "sheet.png", images, images.kept, record, robot, LIVE_LAG)
    return "" if times.answered >= FEW * times.images else " with fewer images a second"


def _tell(record: Teleoperation) -> None:
    hands = record.poses[-1][2] if record.poses else []
    print(f"  {len(record.poses)} answered, {len(hands)} hands in view, {len(record.commands)} commands", flush=True)


def _report(out: Path, robot: RobotSettings, record: Teleoperation, like: Agreement | None) -> Timing:
    """Print and write the figures."""
    times = timing(record)
    summary = {"robot": robot.urdf.stem, "holds": record.holds, **asdict(times), **(asdict(like) if like else {})}
    text = json.dumps({key: None if value != value else value for key, value in summary.items()}, indent=1)
    write_text(out / SUMMARY, text + "\n")
    print(describe(times, like, record.holds))
    if record.not_enabled:
        print(f"the robot could not be enabled: {record.not_enabled}")
    return times


def describe(times: Timing, like: Agreement | None, holds: dict[str, int]) -> str:
    """All figures as a table of two columns. `like`: None where there is no truth."""
    reasons = ", ".join(f"{count} {reason.replace('_', ' ')}" for reason, count in sorted(holds.items()))
    rows = {
        "images answered": f"{times.answered} of {times.images}",
        "commands": f"{times.commands}, {times.rate:.0f} a second",
        "image -> hand pose": f"{times.image_to_pose * 1e3:.1f} ms (median)",
        "image -> command": f"{times.image_to_command * 1e3:.1f} ms, {times.added * 1e3:.1f} ms of it after the pose",
        "tracking error": f"{times.tracking_error:.3f} rad or m (RMS of the joints from the last command)",
        "retarget node": f"{times.load:.2f} of a core",
        "holds": f"{sum(holds.values())}{f': {reasons}' if holds else ''}",
    }
    if like and not like.compared:
        rows["true hand"] = "not compared: the robot was not commanded while a whole hand was in view"
    elif like:
        rows |= {
            "true hand": f"compared in {like.compared} of {like.images} images, at the robot's lag of {like.lag:.2f} s",
            "index finger's curl": "a gripper has none" if math.isnan(like.curl) else f"correlation {like.curl:.2f}",
            "thumb-index distance": f"correlation {like.opening:.2f}",
            "the person pinches": f"the robot, too, in {like.pinched:.0%} of {like.pinches} images",
            "the person does not": f"nor does the robot in {like.not_pinched:.0%} of {like.apart} images",
        }
    return "\n".join(f"  {name:<22} {text}" for name, text in rows.items()).replace("nan%", "-").replace("nan", "-")
