"""Makers of things to drink, eat and keep from: cups, bottles, bowls, cans. Turned about y, standing upright.

Each returns a mesh and the ways to hold it; sizes are metres. `height` is the size along y, `diameter` that along z.
"""

import numpy as np

from .holds import ENCLOSING, FLAT_ON_PALM, HOOK, LATERAL, PINCH, TWO_HANDS, Made, X, Y, Z, around, fitted, hold
from .meshes import Mesh, loft, revolve, rotation, rounded_box, rounded_rectangle, shell, stack, tube, union


def _palm(height: float, thickness: float):
    """It stands on the open hand; `thickness` is that of its floor."""
    return hold(FLAT_ON_PALM, (0, (thickness - height) / 2, 0), Y, thickness)


def _rim(radius: float, y: float, wall: float):
    """The rim between thumb outside and fingers inside, on the side away from any handle."""
    return hold(PINCH, (wall / 2 - radius, y, 0), X, wall)


def _handle(low, high, reach: float, thick: float, wide: float) -> tuple[Mesh, float]:
    """A handle in the plane of x and y, and the height of its middle.

    It leaves the wall at `low` (x, y), comes back at `high`, and is `reach` away from it in the middle. `thick` and
    `wide` are its half sizes in its plane and along z.
    """
    angle = np.linspace(-np.pi / 2, np.pi / 2, 13)
    low, high = np.asarray(low, float), np.asarray(high, float)
    rise = 0.5 + 0.5 * np.sign(angle) * np.abs(np.sin(angle)) ** 0.75
    path = np.zeros((len(angle), 3))
    path[:, :2] = low + rise[:, None] * (high - low)
    path[:, 0] += reach * np.cos(angle).clip(0) ** 0.6
    return tube(path, np.broadcast_to((thick, wide), (len(path), 2)), segments=8, exponent=2.5), path[6, 1]


def mug(diameter: float, height: float, wall: float, reach: float, strap: float) -> Made:
    """A straight mug, its handle at +x."""
    r, top = diameter / 2, height / 2
    body = shell([(0, -top), (r - 0.004, -top), (r, 0.004 - top), (r, top)], wall, 28)
    x, wide = r - 0.4 * wall, 0.75 * strap
    grip, y = _handle((x, -0.62 * top), (x, 0.66 * top), reach + 0.4 * wall, strap / 2, wide)
    handle_at = (r + reach, y, 0)
    return union(body, grip), (
        hold(ENCLOSING, (0, 0, 0), Z, diameter, Y, slide=0.3 * height),
        hold(ENCLOSING, handle_at, -X, strap, Y, slide=0.05 * height),
        hold(HOOK, handle_at, -X, strap, Y),
        hold(PINCH, handle_at, Z, 2 * wide, Y),
        hold(PINCH, (0, top - 0.012, 0), Z, diameter),
        _rim(r, top - 0.015, wall),
        hold(TWO_HANDS, (0, 0, 0), Z, diameter, Y),
        _palm(height, wall),
    )


def cup(diameter: float, base: float, height: float, wall: float) -> Made:
    """A beaker of paper or plastic, wider at its rim, with a lip, or a straight glass."""
    r, b, top = diameter / 2, base / 2, height / 2
    lip = min(0.0015, 0.5 * wall)
    profile = [(0, -top), (b, -top), (r - lip, top - 0.004), (r, top - 0.003), (r, top)]
    held = 0.1 * height
    middle = b + (r - lip - b) * (top + held) / (height - 0.004)
    slide = min(0.35 * height, 0.09 * middle * height / max(r - b, 1e-4))
    return shell(profile, wall), (
        around(ENCLOSING, held, 2 * middle, slide),
        around(PINCH, top - 0.001, diameter),
        _rim(r, top - 0.001, wall),
        _palm(height, wall),
        around(TWO_HANDS, held, 2 * middle),
    )


def wine_glass(diameter: float, height: float, foot: float, stem: float) -> Made:
    wall = 0.0015
    bottom, s, r = -height / 2, stem / 2, diameter / 2
    bowl_at = bottom + 0.48 * height
    share = np.linspace(0, 1, 9)[1:]
    wide = np.where(
        share < 0.45, np.sin(np.pi / 2 * np.minimum(share / 0.45, 1)), 1 - 0.35 * (share - 0.45).clip(0) ** 1.6
    )
    wide = s + (r - s) * wide / wide.max()
    y = bowl_at + 0.52 * height * share**1.15
    profile = [(0, bottom), (foot / 2, bottom), (foot / 2, bottom + 0.002), (0.4 * foot / 2, bottom + 0.006)]
    profile += [(s, bottom + 0.02), (s, bowl_at), *zip(wide, y, strict=True)]
    inner = [(radius - wall, height_) for radius, height_ in zip(wide[::-1], y[::-1], strict=True)]
    mesh = revolve([*profile, *inner, (0, bowl_at + 0.005)])
    along = 0.5 * (bottom + 0.02 + bowl_at)
    widest = int(np.argmax(wide))
    return mesh, (
        around(PINCH, along, stem, 0.35 * (bowl_at - bottom - 0.02)),
        around(ENCLOSING, y[widest], diameter),
        around(ENCLOSING, along, stem),
    )


def bottle(diameter: float, height: float, cap: float, shoulder: float) -> Made:
    """A closed bottle; `shoulder` is how high the slope between body and neck is."""
    r, top, c = diameter / 2, height / 2, cap / 2
    neck, cap_at, neck_at = 0.85 * c, top - 0.018, top - 0.045
    share = np.linspace(0, 1, 7)
    slope = r + (neck - r) * (0.5 - 0.5 * np.cos(np.pi * share))
    body_top = neck_at - shoulder
    profile = [
        (0, -top),
        (r - 0.006, -top),
        (r, 0.007 - top),
        (r, 0.7 * body_top - 0.3 * top),
        *zip(slope, body_top + shoulder * share, strict=True),
    ]
    profile += [(neck, cap_at), (c, cap_at), (c, top - 0.001), (c - 0.001, top), (0, top)]
    low, high = 0.007 - top, body_top
    middle = 0.4 * low + 0.6 * high
    return revolve(profile), (
        around(ENCLOSING, middle, diameter, 0.9 * (high - middle)),
        around(ENCLOSING, (neck_at + cap_at) / 2, 2 * neck, 0.008),
        around(PINCH, (cap_at + top) / 2, cap, 0.004),
        around(PINCH, (neck_at + cap_at) / 2, 2 * neck),
        around(TWO_HANDS, middle, diameter),
    )


def jug(diameter: float, height: float, wall: float, reach: float, strap: float) -> Made:
    """A bellied jug, its handle at +x, its spout at -x."""
    r, top = diameter / 2, height / 2
    profile = np.array([(0, 0), (0.72, 0), (0.86, 0.08), (1, 0.3), (0.97, 0.5), (0.78, 0.8), (0.74, 0.9), (0.78, 1)])
    profile = profile * (r, height) - (0, top)
    body = shell(profile, wall)
    vertices = body.vertices.copy()
    rim = vertices[:, 1] > 0.9 * height - top + 1e-4
    spout = rim * np.exp(-((vertices[:, 2] / (0.25 * r)) ** 2)) * (vertices[:, 0] < 0)
    vertices[:, 0] -= 0.25 * r * spout
    low, high = np.interp([-0.25 * height, 0.35 * height], profile[2:, 1], profile[2:, 0])
    grip, y = _handle(
        (low - 0.4 * wall, -0.25 * height), (high - 0.4 * wall, 0.35 * height), reach, strap / 2, 0.75 * strap
    )
    x = 0.5 * (low + high) - 0.4 * wall + reach
    return union(Mesh(vertices, body.faces), grip), (
        hold(ENCLOSING, (x, y, 0), -X, strap, (high - low, 0.6 * height, 0), slide=0.04 * height),
        hold(HOOK, (x, y, 0), -X, strap, (high - low, 0.6 * height, 0)),
        hold(TWO_HANDS, (0, -0.2 * height, 0), Z, diameter, Y),
        _palm(height, wall),
    )


def bowl(diameter: float, height: float, base: float, wall: float) -> Made:
    r, b, top = diameter / 2, base / 2, height / 2
    angle = np.linspace(0, np.pi / 2, 8)
    curve = np.column_stack([b + (r - b) * np.sin(angle), height * (1 - np.cos(angle)) - top])
    curve[0] = b, -top
    return shell(np.concatenate([[(0, -top)], curve]), wall, 28), (
        _palm(height, wall),
        around(TWO_HANDS, top - 0.002, diameter),
        _rim(r, top - 0.002, wall),
    )


def plate(diameter: float, height: float, wall: float) -> Made:
    """A flat plate with a sloping rim."""
    r, top, well = diameter / 2, height / 2, 0.33 * diameter
    rise = 0.3 * (height - wall)
    under = np.array([(0, -top), (0.9 * well, -top), (well, rise - top), (r, top - wall)])
    run, climb = r - well, height - wall - rise
    at = (well + 0.6 * run, rise - top + 0.6 * climb + wall / 2, 0)
    down, thick = np.array([climb, -run, 0]), wall * run / np.hypot(run, climb)
    return revolve(np.concatenate([under, under[::-1] + (0, wall)]), 32), (
        _palm(height, wall),
        hold(LATERAL, at, down, thick),
        hold(PINCH, at, down, thick),
        around(TWO_HANDS, top - 0.1 * wall, diameter),
    )


def jar(diameter: float, height: float, lid: float) -> Made:
    """A jar of glass, its screw lid closed; `lid` is the lid's height."""
    r, top = diameter / 2, height / 2
    neck, seam = 0.86 * r, top - lid
    profile = [(0, -top), (r - 0.004, -top), (r, 0.004 - top), (r, seam - 0.018), (neck, seam - 0.004), (neck, seam)]
    profile += [(0.93 * r, seam), (0.93 * r, top - 0.002), (0.93 * r - 0.002, top), (0, top)]
    middle, room = 0.5 * (seam - 0.014 - top), 0.5 * (seam - 0.022 + top)
    return revolve(profile), (
        around(ENCLOSING, middle, diameter, room),
        around(ENCLOSING, top - 0.5 * lid, 1.86 * r, 0.3 * lid),
        around(PINCH, top - 0.5 * lid, 1.86 * r, 0.3 * lid),
        around(TWO_HANDS, middle, diameter),
    )


def open_jar(diameter: float, height: float, neck: float, wall: float) -> Made:
    """A jar of glass without its lid; `neck` is the opening's outer diameter."""
    r, n, top = diameter / 2, neck / 2, height / 2
    profile = [(0, -top), (r - 0.004, -top), (r, 0.004 - top), (r, top - 0.036), (n, top - 0.018), (n, top)]
    middle = -0.016
    return shell(profile, wall), (
        around(ENCLOSING, middle, diameter, 0.9 * (top - 0.02)),
        around(PINCH, top - 0.008, neck),
        _rim(n, top - 0.009, wall),
        _palm(height, wall),
    )


def can(diameter: float, height: float, rim: float) -> Made:
    """A can with sunken ends; its `rim` is drawn in by so much, as drinks cans are."""
    r, top = diameter / 2, height / 2
    n = r - rim
    end = [(0, 0.004), (n - 0.003, 0.004), (n - 0.003, 0), (n, 0), (n, 0.002), (r, 0.004 + 1.2 * rim)]
    profile = np.concatenate([np.array(end) - (0, top), (np.array(end[::-1]) - (0, top)) * (1, -1)])
    return revolve(profile), (
        around(ENCLOSING, 0, diameter, top - 0.006 - 1.2 * rim),
        hold(PINCH, (0, top - 0.006 - 1.2 * rim, 0), Z, diameter),
        around(TWO_HANDS, 0, diameter),
    )


def cup_stack(diameter: float, base: float, height: float, step: float) -> Made:
    """Several beakers in one another, their lips `step` apart."""
    r, b, top = diameter / 2, base / 2, height / 2
    single = min(0.095, 0.75 * height)
    count = max(2, int((height - single) / step) + 1)
    lips = top - step * np.arange(count)[::-1]
    profile = [(0, -top), (b, -top)]
    for y in lips:
        profile += [(r - 0.003, y - 0.0045), (r, y - 0.003), (r - 0.0005, y)]
    floor = lips[-1] - single + 0.004
    profile = [*profile[:-1], (r, top), (r - 0.002, top), (b, floor), (0, floor)]
    share = 0.55
    y = -top + share * (lips[0] - 0.0045 + top)
    middle = b + share * (r - 0.003 - b)
    slide = min(0.4 * (lips[0] + top), 0.09 * middle * (lips[0] + top) / max(r - b, 1e-4))
    return revolve(profile, 20), (
        around(ENCLOSING, y, 2 * middle, slide),
        around(PINCH, top - 0.002, diameter),
        around(TWO_HANDS, y, 2 * middle),
    )


def milk_carton(width: float, height: float) -> Made:
    """A square carton with a gable: `width` wide and deep, its ridge along x."""
    half, top, ridge = width / 2, height / 2, 0.45 * width
    rows = [(half, -top), (half, top - 0.015 - ridge), (0.003, top - 0.015), (0.0015, top)]
    outlines = [(rounded_rectangle(width, 2 * deep, min(0.003, 0.9 * deep)), y) for deep, y in rows]
    rings = [np.column_stack([flat[:, 0], np.full(len(flat), y), -flat[:, 1]]) for flat, y in outlines]
    y = -0.5 * (0.015 + ridge)
    slide = top - 0.025 - ridge / 2
    return loft(np.array(rings)), (
        hold(ENCLOSING, (0, y, 0), Z, width, Y, slide=slide),
        hold(ENCLOSING, (0, y, 0), X, width, Y, slide=slide),
        hold(PINCH, (0, top - 0.009, 0), Z, 0.0042, X, slide=0.3 * width),
        hold(TWO_HANDS, (0, y, 0), X, width, Y),
    )


def bucket(diameter: float, height: float, base: float) -> Made:
    """A bucket, `height` with its bail upright, which ends in a grip."""
    r, b, tall = diameter / 2, base / 2, 0.58 * height
    body = shell([(0, 0), (b, 0), (r - 0.004, tall - 0.012), (r, tall - 0.01), (r, tall)], 0.003)
    angle = np.linspace(0, np.pi, 19)
    rise = height - tall + 0.02 - 0.012
    path = np.column_stack([r * np.cos(angle), tall - 0.02 + rise * np.sin(angle), 0 * angle])
    bail = tube(path, 0.0025, segments=6)
    grip_y = height - 0.012
    grip = tube([(-0.055, grip_y, 0), (0, grip_y, 0), (0.055, grip_y, 0)], 0.012, segments=12, dome=0.3)
    mesh = union(body, bail, grip)
    held = (
        hold(HOOK, (0, grip_y, 0), -Y, 0.024, X, slide=0.02),
        hold(ENCLOSING, (0, grip_y, 0), -Y, 0.024, X, slide=0.02),
        hold(PINCH, (0, tall - 0.002, 0.0015 - r), Z, 0.003),
    )
    return fitted((mesh, held), height=height)


def pan(width: float, length: float, side: float, grip: float) -> Made:
    """A frying pan hung up by its handle: the handle is +y, the pan opens to +z. `side` is the height of its side."""
    r = width / 2
    dish = shell([(0, 0), (0.85 * r, 0), (r, side), (r, side + 0.001)], 0.003, 28)
    dish = dish.transformed(np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]))
    y = np.array([r - 0.003, r + 0.03, r + 0.06, length - r - 0.01, length - r])
    z = np.array([side - 0.006, side, side + 0.008, side + 0.02, side + 0.02])
    half = np.array([0.5, 0.55, 1, 1, 0.6]) * grip / 2
    path = np.column_stack([0 * y, y, z])
    handle = tube(path, np.column_stack([1.25 * half, half]), segments=12, exponent=2.5)
    middle, tilt = (path[2] + path[3]) / 2, path[3] - path[2]
    across = np.cross(X, tilt)
    mesh = union(dish, handle)
    held = (
        hold(ENCLOSING, middle, across, grip, tilt, slide=0.35 * np.linalg.norm(tilt)),
        hold(LATERAL, middle, X, 1.25 * grip, tilt),
    )
    return fitted((mesh, held), width, length)


def spray_bottle(body: float, height: float, depth: float, neck: float) -> Made:
    """A spray bottle, its nozzle and trigger at -x; `body` is its width without them."""
    low, high, n = -height / 2, 0.17 * height, neck / 2
    y = np.array([low, low + 0.006, high - 0.02, high, high + 0.035, high + 0.05, height / 2 - 0.035])
    wide = np.array([0.46 * body, 0.5 * body, 0.5 * body, 0.4 * body, n, 0.9 * n, 0.9 * n])
    deep = np.array([0.46 * depth, 0.5 * depth, 0.5 * depth, 0.4 * depth, n, 0.9 * n, 0.9 * n])
    vessel = stack(y, wide, deep, exponent=2.3)
    head = rounded_box(0.9 * body, 0.035, 0.8 * neck, 0.008).transformed(None, (-0.05 * body, height / 2 - 0.0175, 0))
    trigger = rounded_box(0.008, 0.05, 0.016, 0.003)
    trigger = trigger.transformed(rotation("z", -18), (-0.4 * body, height / 2 - 0.05, 0))
    middle, held_at = 0.5 * (low + high - 0.014), 0.5 * (high + 0.05 + height / 2 - 0.035)
    mesh = union(vessel, head, trigger)
    held = (
        hold(ENCLOSING, (0, held_at, 0), Z, 1.8 * n, Y),
        hold(ENCLOSING, (0, middle, 0), Z, depth, Y, slide=0.3 * (high - low)),
        hold(TWO_HANDS, (0, middle, 0), X, body, Y),
    )
    return fitted((mesh, held), None, height, depth)
