"""Robot arms with their tools, of primitives: to a depth camera they are much like an arm with a hand."""

import numpy as np

from .body_posing import pick
from .primitives import Primitives, basis, direction_near, unit
from .renderer import BOX, CYLINDER, SPHERE

TOOLS = {"parallel": 0.4, "fingers": 0.3, "suction": 0.15, "none": 0.15}
"""Probabilities of the tools: a parallel gripper, two to three jointed fingers, a suction cup, a bare flange."""

LINKS = (3, 5)
"""Least and largest count of the arm's links."""

_X, _Y, _Z = np.eye(3)


def sample_robot(rng: np.random.Generator) -> Primitives:
    """A robot arm in the frame of its tool, metres.

    The origin is in the middle of the tool's body, the tool points along y and the arm leads to the other side.
    """
    robot = Primitives()
    radius, half = rng.uniform(0.025, 0.055), rng.uniform(0.015, 0.06)
    if rng.uniform() < 0.6:
        width = np.array([radius * rng.uniform(1, 1.8), half, rng.uniform(0.015, 0.04)])
        robot.add(BOX, np.zeros(3), width)
    else:
        width = np.array([radius, half, radius])
        robot.add(CYLINDER, np.zeros(3), width)
    tool = pick(rng, TOOLS)
    if tool == "parallel":
        _jaws(rng, robot, width)
    elif tool == "fingers":
        _fingers(rng, robot, width)
    elif tool == "suction":
        _suction(rng, robot, width)
    _arm(rng, robot, half)
    return robot


def _jaws(rng: np.random.Generator, robot: Primitives, body: np.ndarray) -> None:
    """Two bars, often with a pad on the inside of each."""
    bar = np.array([rng.uniform(0.004, 0.012), rng.uniform(0.015, 0.05), rng.uniform(0.006, 0.015)])
    apart = rng.uniform(bar[0], max(body[0], 0.045))
    for side in (-1, 1):
        middle = side * apart * _X + (body[1] + bar[1]) * _Y
        robot.add(BOX, middle, bar)
        if apart > 2.5 * bar[0]:
            robot.add(BOX, middle + 0.6 * bar[1] * _Y - side * 1.5 * bar[0] * _X, bar * (0.5, 0.4, 1.2))


def _fingers(rng: np.random.Generator, robot: Primitives, body: np.ndarray) -> None:
    """Two or three fingers of two links each around the body, all as far closed."""
    count, first = int(rng.integers(2, 4)), rng.uniform(0, np.pi)
    thick, links = rng.uniform(0.006, 0.014), rng.uniform(0.025, 0.06, 2)
    spread, bend = np.radians(rng.uniform(0, 60)), np.radians(rng.uniform(10, 80))
    kind = BOX if rng.uniform() < 0.6 else CYLINDER
    for angle in first + 2 * np.pi * np.arange(count) / count:
        out = np.cos(angle) * _X + np.sin(angle) * _Z
        start, tilt = 0.8 * body[0] * out + body[1] * _Y, spread
        for length in links:
            along = np.sin(tilt) * out + np.cos(tilt) * _Y
            side = np.cross(along, np.cross(out, _Y))
            robot.add(
                kind,
                start + along * length / 2,
                (thick, length / 2, thick),
                np.stack([np.cross(along, side), along, side], 1),
            )
            start, tilt = start + along * length, tilt - bend


def _suction(rng: np.random.Generator, robot: Primitives, body: np.ndarray) -> None:
    """A rod with a cup at its end."""
    radius, length = rng.uniform(0.005, 0.015), rng.uniform(0.02, 0.12)
    robot.add(CYLINDER, (body[1] + length / 2) * _Y, (radius, length / 2, radius))
    cup = radius * rng.uniform(1.5, 3)
    robot.add(CYLINDER, (body[1] + length) * _Y, (cup, rng.uniform(0.004, 0.015), cup))


def _arm(rng: np.random.Generator, robot: Primitives, half: float) -> None:
    """Links from the tool's body on, with a housing at each joint."""
    start, along, radius = -half * _Y, -_Y, rng.uniform(0.03, 0.06)
    for k in range(rng.integers(LINKS[0], LINKS[1] + 1)):
        length = rng.uniform(0.05, 0.14) if k < 2 else rng.uniform(0.15, 0.4)
        middle, end = start + along * length / 2, start + along * length
        kind = BOX if rng.uniform() < 0.2 else CYLINDER
        robot.add(
            kind, middle, (radius * rng.uniform(0.7, 1), length / 2, radius * rng.uniform(0.7, 1)), basis(along, rng)
        )
        bent = along if rng.uniform() < 0.3 else direction_near(rng, along, 100)
        axis = unit(np.cross(along, bent) + 1e-6 * direction_near(rng, along, 90))
        if rng.uniform() < 0.7:
            robot.add(CYLINDER, end, radius * rng.uniform(1, 1.3, 3) * (1, 1.2, 1), basis(axis, rng))
        else:
            robot.add(SPHERE, end, np.full(3, radius * rng.uniform(1, 1.3)))
        start, along, radius = end, bent, radius * rng.uniform(1, 1.25)
