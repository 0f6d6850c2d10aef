"""Makers of fruit, balls, rings, rolls, cables and ropes.

Each returns a mesh and the ways to hold it; sizes are metres. `diameter` is the size along z, `height` or `length` that
along y.
"""

import numpy as np

from .holds import ENCLOSING, FLAT_ON_PALM, HOOK, LATERAL, PINCH, TWO_HANDS, Made, X, Y, Z, around, fitted, hold
from .meshes import revolve, rounded_box, section, stack, tube, union


def ball(diameter: float) -> Made:
    angle = np.linspace(-np.pi / 2, np.pi / 2, 13)
    profile = diameter / 2 * np.column_stack([np.cos(angle).round(12), np.sin(angle)])
    held = [around(PINCH, 0, diameter), hold(FLAT_ON_PALM, (0, 0, 0), Y, diameter)]
    if diameter < 0.11:
        held.append(around(ENCLOSING, 0, diameter))
    if diameter > 0.09:
        held.append(around(TWO_HANDS, 0, diameter))
    return revolve(profile), tuple(held)


def egg(diameter: float, height: float) -> Made:
    """An egg, lemon or kiwi."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 13)
    wide = np.cos(angle).round(12) * (1 - 0.12 * np.sin(angle))
    profile = np.column_stack([wide * diameter / 2 / wide.max(), height / 2 * np.sin(angle)])
    y = profile[np.argmax(wide), 1]
    return revolve(profile, 20), (
        around(ENCLOSING, y, diameter),
        around(PINCH, y, diameter),
        hold(PINCH, (0, 0, 0), Y, height),
        hold(FLAT_ON_PALM, (0, 0, 0), X, diameter),
    )


def apple(diameter: float, height: float) -> Made:
    """An apple, tomato or onion, its stem at +y."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 15)
    wide = np.cos(angle).round(12) ** 0.85 * (1 + 0.1 * np.sin(angle))
    y = np.sin(angle) * (1 - 0.3 * np.exp(-((wide / 0.35) ** 2)))
    profile = np.column_stack([wide * diameter / 2 / wide.max(), height / 2 * y / np.abs(y).max()])
    stem_at, high = profile[-1, 1], profile[:, 1].max()
    stem = tube([(0, stem_at - 0.003, 0), (0.001, stem_at + 0.006, 0), (0.004, high, 0)], 0.0013, segments=5)
    widest = profile[np.argmax(wide), 1]
    mesh = union(revolve(profile, 20), stem)
    held = (
        around(ENCLOSING, widest, diameter),
        around(PINCH, widest, diameter),
        around(FLAT_ON_PALM, widest, diameter),
    )
    return fitted((mesh, held), height=height)


def banana(diameter: float, length: float, bow: float) -> Made:
    """A banana bent towards +x, its stem at +y; `bow` is the height of its bow."""
    half = 0.46 * length
    radius = (half**2 + bow**2) / (2 * bow)
    turn = np.arcsin(min(half / radius, 1.0))
    share = np.array([-1, -0.97, -0.9, -0.75, -0.5, -0.2, 0.1, 0.4, 0.65, 0.8, 0.9, 1.0, 1.08, 1.2])
    path = np.column_stack([radius * (1 - np.cos(share * turn)), radius * np.sin(share * turn), 0 * share])
    size = np.array([0.2, 0.3, 0.5, 0.78, 0.95, 1, 1, 0.97, 0.86, 0.7, 0.5, 0.3, 0.24, 0.28]) * diameter / 2
    mesh = tube(path, size, segments=10, exponent=1.8)
    held = [hold(grip, path[5], X, 2 * size[5], Y) for grip in (ENCLOSING, PINCH)]
    held += [hold(grip, path[5], Z, 2 * size[5], Y, slide=0.005) for grip in (ENCLOSING, PINCH)]
    held.append(hold(PINCH, path[12], Z, 2 * size[12]))
    return fitted((mesh, tuple(held)), None, length, diameter)


def ring(diameter: float, height: float, wall: float) -> Made:
    """A ring, bangle or washer: `wall` is how thick it is along its radius."""
    r = diameter / 2 - wall / 2
    profile = section(12, 2.5) * (wall / 2, height / 2) + (r, 0)
    return revolve(profile, 32), (
        hold(PINCH, (r, 0, 0), -X, wall),
        hold(PINCH, (r, 0, 0), Y, height),
        around(PINCH, 0, diameter),
        hold(HOOK, (r, 0, 0), -X, wall, Z),
    )


def tape(diameter: float, height: float, core: float) -> Made:
    """A roll of tape; `core` is the diameter of its hole."""
    r, c, top = diameter / 2, core / 2, height / 2
    profile = [(c, -top), (r - 0.0005, -top), (r, 0.0005 - top), (r, top - 0.0005), (r - 0.0005, top), (c, top)]
    return revolve(profile, 28), (
        around(ENCLOSING, 0, diameter),
        around(PINCH, 0, diameter),
        hold(PINCH, ((r + c) / 2, 0, 0), -X, r - c),
        hold(LATERAL, ((r + c) / 2, 0, 0), Y, height),
        hold(FLAT_ON_PALM, ((r + c) / 2, 0, 0), Y, height),
    )


def paper_roll(diameter: float, height: float, core: float) -> Made:
    """A roll of kitchen or toilet paper."""
    mesh, held = tape(diameter, height, core)
    return mesh, (*held[:2], around(TWO_HANDS, 0, diameter, 0.3 * height))


def cable_coil(diameter: float, gauge: float) -> Made:
    """A cable coiled in five turns that lie on one another; `gauge` is its thickness. The coil's axis is y."""
    angle = np.linspace(0, 10 * np.pi, 101)[:-1]
    bundle = 0.86 * gauge
    middle = diameter / 2 - bundle - gauge / 2
    r = middle + bundle * np.cos(angle / 5)
    path = np.column_stack([r * np.cos(angle), bundle * np.sin(angle / 5), r * np.sin(angle)])
    mesh = tube(path, gauge / 2, (0, 1, 0), segments=6, closed=True)
    x = middle + bundle * np.cos(0.4 * np.pi)
    tall = 2 * bundle * np.sin(0.4 * np.pi) + gauge
    at = (x, 0, 0)
    held = (
        hold(ENCLOSING, at, Y, tall, Z),
        hold(PINCH, at, Y, tall, Z),
        hold(HOOK, at, Y, tall, Z),
    )
    return fitted((mesh, held), diameter, None, diameter)


def rope_loop(width: float, length: float, gauge: float) -> Made:
    """A loop of rope or a lanyard that hangs from +y in the shape of a drop."""
    half, bend = width / 2, min(0.014 + gauge / 2, width / 2)
    angle = np.linspace(0, np.pi, 13)
    high, low = length / 2 - bend, 0.8 * half - length / 2
    over = np.column_stack([bend * np.cos(angle), high + bend * np.sin(angle)])
    under = np.column_stack([-half * np.cos(angle), low - 0.8 * half * np.sin(angle)])
    share = np.array([0.3, 0.65])[:, None]
    sides = over[-1] + share * (under[0] - over[-1]), under[-1] + share * (over[0] - under[-1])
    flat = np.concatenate([over, sides[0], under, sides[1]])
    path = np.insert(flat, 2, 0.3 * gauge * np.sin(4 * np.pi * np.arange(len(flat)) / len(flat)), axis=1)
    mesh = tube(path, gauge / 2, segments=8, closed=True)
    top = path[6]
    held = (
        hold(HOOK, top, -Y, gauge, X),
        hold(PINCH, top, Z, gauge, X),
        hold(LATERAL, top, Z, gauge, X),
    )
    return fitted((mesh, held), width, length)


def cable(width: float, length: float, gauge: float) -> Made:
    """A piece of cable with a plug at +y, hanging in waves of the width `width`."""
    share = np.linspace(0, 1, 33)
    wave = np.sin(2.2 * np.pi * share) * (0.3 + 0.7 * share)
    plug = 0.035
    path = np.column_stack([width * wave, -share * (length - plug), 0.3 * width * np.sin(5 * share)])
    path[0, 0] = path[0, 2] = 0
    lead = tube(np.vstack([[0, 0.01, 0], path]), gauge / 2, segments=6)
    body = rounded_box(0.018, plug, 0.010, 0.003).transformed(None, (0, plug / 2, 0))
    tilt = path[5] - path[3]
    across = np.cross(tilt, X)
    mesh = union(lead, body)
    held = (
        hold(PINCH, (0, plug / 2, 0), Z, 0.010, Y),
        hold(LATERAL, (0, plug / 2, 0), Z, 0.010, Y),
        hold(PINCH, path[4], across, gauge),
        hold(ENCLOSING, path[4], across, gauge, tilt),
    )
    return fitted((mesh, held), width, length)


def squeeze_tube(width: float, length: float, depth: float) -> Made:
    """A tube of cream or paste that stands on its cap, its flat end at +y."""
    cap, half = 0.16 * length, depth / 2
    y = np.array([0, cap, cap + 0.002, cap + 0.006, 0.5 * length, 0.93 * length, length])
    wide = np.array([0.36, 0.38, 0.2, 0.42, 0.46, 0.5, 0.5]) * width
    deep = np.array([0.9 * half, half, 0.5 * half, half, 0.8 * half, 0.0015, 0.001])
    at = 0.4 * length
    thick = 2 * np.interp(at, y, deep)
    mesh = stack(y, wide, deep)
    held = (
        hold(ENCLOSING, (0, at, 0), Z, thick, Y, slide=0.1 * length),
        hold(PINCH, (0, at, 0), Z, thick, Y, slide=0.1 * length),
        hold(PINCH, (0, 0.96 * length, 0), Z, 0.0025),
        hold(LATERAL, (0, 0.96 * length, 0), Z, 0.0025),
    )
    return fitted((mesh, held), width, length, depth)
