"""Figures of a teleoperation: its timing, and whether the robot does as the person does. docs/teleop.md has them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.skeleton import FINGER_JOINTS

from .robot import SimulatedRobot
from .settings import RobotSettings
from .supervisor import Positions, Teleoperation

PINCHED, APART = 0.03, 0.06
"""Distances of the tips of the person's thumb and index finger: a pinch below, none above. Metres."""

ROBOT_PINCHED = 0.035
"""Distance of the robot's tips below which it pinches, metres on a robot of the person's size."""

LAGS = np.arange(0, 0.6, 0.01)
"""Candidates of the robot's lag, seconds."""

COMMANDED = 0.1
"""The robot is commanded if the last command is not older, seconds."""

FEWEST = 10
"""Images with truth below which nothing is compared."""


@dataclass(frozen=True)
class Timing:
    """NaN where nothing was commanded.

    Attributes:
        images, answered: number of images, and of those with an answer of the pose node.
        commands: number of commands.
        rate: commands per second while the robot is commanded.
        image_to_pose, image_to_command, added: medians, seconds; `added` from the hand poses to the command.
        tracking_error: RMS of the robot's joints from the last command: radians, or metres of sliding joints.
        load: share of a core that the retarget node took.
    """

    images: int
    answered: int
    commands: int
    rate: float
    image_to_pose: float
    image_to_command: float
    added: float
    tracking_error: float
    load: float


@dataclass(frozen=True)
class Agreement:
    """The robot against the person's true hand; NaN where nothing was to be compared.

    Attributes:
        images: number of images with the whole true hand.
        compared: number of those after which the robot was commanded.
        lag: of the robot, seconds; all is compared at this lag.
        curl: correlation of the index finger's curl; NaN for a gripper.
        opening: correlation of the distance of the tips of thumb and index finger.
        size: the robot's index finger relative to the person's; 1 for a gripper.
        pinches, pinched: number of images with a pinch, and the share of them in which the robot pinches.
        apart, not_pinched: number of images without a pinch, and the share of them in which the robot does not pinch.
    """

    images: int
    compared: int = 0
    lag: float = np.nan
    curl: float = np.nan
    opening: float = np.nan
    size: float = np.nan
    pinches: int = 0
    pinched: float = np.nan
    apart: int = 0
    not_pinched: float = np.nan


def timing(record: Teleoperation) -> Timing:
    """The figures that need no truth."""
    sent = dict(record.images)
    poses = sorted((at, sent[stamp]) for stamp, at, _ in record.poses if stamp in sent)
    answers, images = np.array(poses).reshape(-1, 2).T
    commands = np.array([at for at, _ in record.commands])
    gaps = np.diff(commands)
    following = np.append(commands, np.inf)[np.searchsorted(commands, answers)]
    until = np.minimum(np.append(answers[1:], np.inf), answers + COMMANDED)
    commanded = following < until
    return Timing(
        images=len(sent), answered=len(poses), commands=len(commands), rate=1 / _mean(gaps[gaps < COMMANDED]),
        image_to_pose=_median(answers - images), image_to_command=_median((following - images)[commanded]),
        added=_median((following - answers)[commanded]), tracking_error=_tracking_error(record),
        load=record.load,
    )  # fmt: skip


def agreement(record: Teleoperation, settings: RobotSettings, truth: Mapping[int, list[Hand]]) -> Agreement:
    """Compare the robot with the true hands, given by the images' stamps."""
    shown = [
        (time, hand)
        for stamp, time in record.images
        for hand in truth.get(stamp, [])
        if hand.handedness == settings.handedness and hand.valid.all()
    ]
    commands = np.array([at for at, _ in record.commands])
    compared = [(time, hand) for time, hand in shown if _age(commands, np.array([time + 2 * COMMANDED]))[0] < COMMANDED]
    if len(compared) < FEWEST:
        return Agreement(len(shown))
    times = np.array([time for time, _ in compared])
    curl = np.array([hand.fingers["index"].curl for _, hand in compared])
    apart = np.array([hand.fingers["index"].thumb_distance for _, hand in compared])
    index = np.array([hand.positions[list(FINGER_JOINTS["index"])] for _, hand in compared])

    states = np.array([at for at, _ in record.states])
    robot_curl, robot_apart, length = _robot_motion(settings, [positions for _, positions in record.states])
    gripper = not settings.index_joints
    of_person, of_robot = (apart, robot_apart) if gripper else (curl, robot_curl)
    correlations = [_correlation(of_person, np.interp(times + lag, states, of_robot)) for lag in LAGS]
    lag = float(LAGS[np.argmax(np.nan_to_num(correlations, nan=-1))])
    size = 1.0 if gripper else length / float(np.median(_length(index)))
    robot_apart = np.interp(times + lag, states, robot_apart)
    pinches, robot_pinches = apart < PINCHED, robot_apart < ROBOT_PINCHED * size
    return Agreement(
        images=len(shown), compared=len(compared), lag=lag, size=size,
        curl=np.nan if gripper else _correlation(curl, np.interp(times + lag, states, robot_curl)),
        opening=_correlation(apart, robot_apart),
        pinches=int(pinches.sum()), pinched=_mean(robot_pinches[pinches]),
        apart=int((apart > APART).sum()), not_pinched=_mean(~robot_pinches[apart > APART]),
    )  # fmt: skip


def _robot_motion(settings: RobotSettings, states: list[Positions]) -> tuple[np.ndarray, np.ndarray, float]:
    """Of the robot at n states: the curl (n,), the distance (n,) of its tips, and the length of its index finger."""
    robot = SimulatedRobot(settings.urdf.read_text())
    curl = np.array([sum(positions[name] for name in settings.index_joints) for positions in states])
    apart = []
    for positions in states:
        robot.place(positions)
        thumb, index = robot.links(settings.tips)
        apart.append(np.linalg.norm(index - thumb))
    return curl, np.array(apart), float(_length(np.vstack([robot.axes(settings.index_joints), index])))


def _tracking_error(record: Teleoperation) -> float:
    commands = np.array([at for at, _ in record.commands])
    errors = []
    for at, positions in record.states:
        if _age(commands, np.array([at]))[0] < COMMANDED:
            command = record.commands[np.searchsorted(commands, at, side="right") - 1][1]
            errors += [positions[name] - commanded for name, commanded in command.items()]
    return float(np.sqrt(_mean(np.square(errors))))


def _age(events: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Seconds (n,) from the last of the events, in order, to times (n,); infinite before the first one."""
    last = np.append(-np.inf, events)[np.searchsorted(events, times, side="right")]
    return times - last


def _length(chain: np.ndarray) -> np.ndarray:
    """Of chains (..., n, 3) of points."""
    return np.linalg.norm(np.diff(chain, axis=-2), axis=-1).sum(axis=-1)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) > 1e-6 and np.ptp(b) > 1e-6 else np.nan


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else np.nan


def _mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else np.nan
