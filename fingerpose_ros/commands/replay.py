"""`fingerpose replay BAG`: replays a recording with a depth topic through the real node, over DDS."""

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from fingerpose_ros.files import write_text
from fingerpose_ros.isolation import isolate
from fingerpose_ros.node.parameters import SETTINGS
from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.recording.bag_reader import BagError, DepthBag
from fingerpose_ros.recording.bag_writer import TRUTH_TOPIC
from fingerpose_ros.recording.recordings import recorded_hands
from fingerpose_ros.replay import report
from fingerpose_ros.replay.node_process import NODE, NodeFailed
from fingerpose_ros.replay.node_replay import NodeReplay, replay_through_node
from fingerpose_ros.replay.player import Playback
from fingerpose_ros.replay.scoring import score
from fingerpose_ros.replay.unanswered import reasons, unanswered
from fingerpose_ros.ros.camera_info import AUTO
from fingerpose_ros.ros.rejection import Rejected

from . import CommandError
from .progress import PERIOD, time_left

SUMMARY = "summary.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bag", type=Path, help="folder of a rosbag2 recording")
    parser.add_argument("--rate", type=float, default=1.0, help="speed relative to the recording")
    parser.add_argument("--image-topic", help="topic of the depth images, if the bag has several")
    parser.add_argument("--info-topic", help="topic of their camera info, if it is not in the same namespace")
    parser.add_argument(
        "--truth", metavar="TOPIC", help=f"topic of the ground truth; default: {TRUTH_TOPIC}, if recorded"
    )
    add_shared_arguments(parser)


def add_shared_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that `demo` has too."""
    parser.add_argument("--lock-step", action="store_true", help="send each image when the previous one is answered")
    parser.add_argument("--out", type=Path, help="folder for the results; results of an earlier replay are replaced")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="set a parameter of the node, such as backend=torch or smoothing=false; repeatable",
    )  # fmt: skip
    parser.add_argument("--view", action="store_true", help="open the results in the Rerun viewer")


def run(arguments: argparse.Namespace) -> int:
    name = arguments.bag.resolve().name
    replay_bag(
        arguments.bag, arguments.out or Path(f"{name}_replay"), parameters=parse_settings(arguments.set),
        lockstep=arguments.lock_step, rate=arguments.rate, truth_topic=arguments.truth, view=arguments.view,
        image_topic=arguments.image_topic, info_topic=arguments.info_topic,
    )  # fmt: skip
    return 0


def parse_settings(texts: list[str]) -> dict[str, str]:
    """["name=value", ...] -> the node's parameters."""
    known = sorted(["use_sim_time", *(setting.name for setting in SETTINGS)])
    for text in texts:
        name, equals, _ = text.partition("=")
        if not equals:
            raise CommandError(f"--set {text}: must be NAME=VALUE, such as --set smoothing=false")
        if name not in known:
            raise CommandError(f"--set {text}: the node has no parameter {name}; it has {', '.join(known)}")
    return dict(text.split("=", 1) for text in texts)


def replay_bag(
    path: Path, out: Path, *, parameters: dict[str, str], lockstep: bool = False, rate: float = 1.0,
    image_topic: str | None = None, info_topic: str | None = None, truth_topic: str | None = None,
    view: bool = False, command: Sequence[str] = NODE,
) -> dict:  # fmt: skip
    """Replay a bag, write all results to `out`, and print them. Returns the contents of `summary.json`.

    Args:
        command: command line that starts the node.

    Raises:
        CommandError: the bag or the folder is not usable, or the node failed.
    """
    if not (math.isfinite(rate) and rate > 0):
        raise CommandError(f"--rate is {rate}; it must be a positive number")
    try:
        isolate()
        truth = recorded_hands(path, truth_topic or TRUTH_TOPIC)
        if truth is None and truth_topic:
            raise CommandError(f"the bag {path} has no topic {truth_topic}")
        with DepthBag(path, image_topic, info_topic) as bag:
            prepare_folder(out, path)
            pace = "in lock-step" if lockstep else f"at {rate:g} x the recorded rate"
            print(f"{bag.count} images of {bag.image_topic}, {pace}")
            start = "ros2 run fingerpose_ros" if shutil.which("ros2") else "./run"
            print(f"(to watch live: ROS_DOMAIN_ID={os.environ['ROS_DOMAIN_ID']} {start} fingerpose watch)")
            replay = replay_through_node(
                bag, out / "node.log", parameters=parameters, lockstep=lockstep, rate=rate,
                on_frame=Progress(bag.count), command=command,
            )  # fmt: skip
            answers = replay.hands()
            result = summarise(path, replay, answers, truth, lockstep)
            write_text(out / SUMMARY, json.dumps(result, indent=1) + "\n")
            print(describe(result))
            if lost := result["images"] - result["answered"]:
                print(f"images not answered: {reasons(replay.diagnostics, lost)}")
                if not lockstep and "dropped" in unanswered(replay.diagnostics):
                    print("(with --lock-step none is dropped: each image is sent when the previous one is answered)")
            report.write_bag(out / "bag", bag, replay)
            seen = answers, truth, parameters.get("distortion", AUTO)
            report.write_sheet(out / "sheet.png", bag, *seen)
            written = ["bag", "sheet.png", SUMMARY, "node.log", *write_rerun(out / "recording.rrd", bag, *seen)]
    except (BagError, OSError, NodeFailed, Rejected) as error:
        raise CommandError(str(error)) from error
    print(f"in {out}: {', '.join(written)}")
    if view:
        open_viewer(out / "recording.rrd")
    return result


def prepare_folder(out: Path, recording: Path) -> None:
    """Create the folder, or delete an earlier replay's results in it.

    Raises:
        CommandError: the folder holds the recording, or other files without an earlier replay.
    """
    if (out / "bag").resolve() == recording.resolve():
        raise CommandError(f"results in {out} would overwrite the recording {recording}; choose another --out")
    if out.exists() and (not out.is_dir() or any(out.iterdir()) and not (out / "node.log").exists()):
        raise CommandError(f"{out} exists and is not an earlier replay; choose another folder with --out")
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / "bag", ignore_errors=True)
    for name in ("sheet.png", SUMMARY, "node.log", "recording.rrd"):
        (out / name).unlink(missing_ok=True)


class Progress:
    """Prints the progress of the replay once a second."""

    def __init__(self, count: int):
        self._count = count
        self._printed = time.monotonic()

    def __call__(self, playback: Playback) -> None:
        now, sent = time.monotonic(), len(playback.sent)
        if now - self._printed < PERIOD and sent < self._count:
            return
        self._printed = now
        recent = sorted(playback.latencies[-30:])
        latency = f", latency {recent[len(recent) // 2] * 1e3:.1f} ms" if recent else ""
        left = time_left(playback.sent_at[0], sent, self._count)
        print(f"  {sent}/{self._count} sent, {len(playback.answered)} answered{latency}, {left}", flush=True)


def summarise(
    path: Path, replay: NodeReplay, answers: dict[int, list[Hand]], truth: dict[int, list[Hand]] | None, lockstep: bool
) -> dict:
    """The contents of `summary.json`."""
    playback = replay.playback
    result = {
        "recording": path.resolve().name,
        "backend": replay.diagnostics.get("backend", "not known"),
        "lock_step": lockstep,
        "images": len(playback.sent),
        "answered": len(playback.answered),
        "not_answered": unanswered(replay.diagnostics),
        "rate_hz": replay.rate,
        "latency_ms": replay.latency_ms(),
        "images_with_a_hand": sum(bool(hands) for hands in answers.values()),
        "truth": asdict(score(truth, answers)) if truth is not None else None,
    }
    return json.loads(json.dumps(result), parse_constant=lambda constant: None)  # JSON has no NaN


def describe(result: dict) -> str:
    """The summary as text."""
    latency = result["latency_ms"]
    lines = [
        f"node: {result['backend']}",
        f"images: {result['images']} at {_number(result['rate_hz'])} Hz, {result['answered']} answered, "
        f"{result['images'] - result['answered']} not; a hand in {result['images_with_a_hand']}",
        f"latency, sent to answered: median {_number(latency['p50'])} ms, 95 % {_number(latency['p95'])} ms, "
        f"99 % {_number(latency['p99'])} ms",
    ]
    if truth := result["truth"]:
        names = ("detected", "handedness_correct", "joints_known")
        fraction = {name: "-" if truth[name] is None else f"{truth[name]:.1%}" for name in names}
        fingers = ", ".join(f"{finger} {_number(error)}" for finger, error in truth["fingers_mm"].items())
        lines += [
            f"hands: {fraction['detected']} detected of {truth['hands']} entirely in the image, "
            f"{fraction['handedness_correct']} of them with the correct handedness; "
            f"{truth['false_positives']} false positives",
            f"joints: {fraction['joints_known']} valid; mean error {_number(truth['error_mm'])} mm ({fingers}), "
            f"95 % under {_number(truth['error_95_mm'])} mm",
        ]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def write_rerun(path: Path, *recording) -> list[str]:
    """`report.write_rerun`, if rerun-sdk is installed. Returns the names of the written files."""
    try:
        report.write_rerun(path, *recording)
    except ImportError:
        print(f"no {path.name}: rerun-sdk is not installed (pip install rerun-sdk)", file=sys.stderr)
        return []
    return [path.name]


def open_viewer(recording: Path) -> None:
    if not recording.exists():
        raise CommandError("--view needs rerun-sdk (pip install rerun-sdk)")
    viewer = [sys.executable, "-m", "rerun", "--bind", "127.0.0.1"]  # else other machines could send it data
    code = subprocess.run([*viewer, str(recording)], check=False).returncode
    if code:
        raise CommandError(f"the Rerun viewer ended with code {code}; is there a display? The recording is {recording}")
