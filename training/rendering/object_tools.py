"""Makers of tools and of other things with a shaft: cutlery, pens, hammers, scissors, brushes.

Each returns a mesh and the ways to hold it; sizes are metres. The shaft lies along y, the head at +y. Flat
sides are at +-z. `width`, `length` and `depth` or `thickness` are the sizes along x, y and z.
"""

import numpy as np

from .holds import ENCLOSING, HOOK, LATERAL, PINCH, Hold, Made, X, Y, Z, fitted, hold
from .meshes import Mesh, extrude, revolve, rotation, rounded_box, sheet, stack, tube, union


def _shaft(y: float, wide: float, thick: float, slide: float, x: float = 0.0, z: float = 0.0) -> tuple[Hold, ...]:
    """Holds of a shaft along y, `wide` along x and `thick` along z."""
    at = (x, y, z)
    return (
        hold(ENCLOSING, at, Z, thick, Y, slide=slide),
        hold(ENCLOSING, at, X, wide, Y, slide=slide),
        hold(PINCH, at, Z, thick, Y, slide=slide),
        hold(LATERAL, at, Z, thick, Y, slide=slide),
    )


def _rounds(y: float, diameter: float, slide: float) -> tuple[Hold, ...]:
    """Holds of a round shaft along y."""
    return tuple(hold(grip, (0, y, 0), X, diameter, Y, True, slide) for grip in (ENCLOSING, PINCH, LATERAL))


def _ring(x: float, y: float, inner_x: float, inner_y: float, thick: float, deep: float, tilt: float = 0.0) -> Mesh:
    """An oval ring in x and y, its opening's half axes `inner_x` and `inner_y`, turned by `tilt` degrees."""
    angle = 2 * np.pi * np.arange(20) / 20
    path = np.column_stack([(inner_x + thick / 2) * np.cos(angle), (inner_y + thick / 2) * np.sin(angle), 0 * angle])
    ring = tube(path, np.broadcast_to((thick / 2, deep / 2), (20, 2)), segments=8, closed=True)
    return ring.transformed(rotation("z", tilt), (x, y, 0))


def pen(diameter: float, length: float, tip: float) -> Made:
    """A pen, its point at -y; `tip` is the length of its cone."""
    r, top = diameter / 2, length / 2
    profile = [(0, -top), (0.0006, -top), (0.2 * r, 0.2 * tip - top), (0.9 * r, tip - top), (r, tip + 0.004 - top)]
    profile += [(r, top - 0.012), (0.7 * r, top - 0.008), (0.6 * r, top), (0, top)]
    body = revolve(profile, 12)
    clip = rounded_box(0.003, 0.04, 0.0015, 0.0007).transformed(rotation("y", 90), (0.97 * r, top - 0.032, 0))
    y = tip + 0.022 - top
    mesh = union(body, clip)
    held = (
        hold(PINCH, (0, y, 0), X, diameter, Y, True, 0.012),
        *_rounds(0.15 * length - 0.02, diameter, 0.2 * length),
    )
    return fitted((mesh, held), None, length, diameter)


def rod(diameter: float, length: float) -> Made:
    """A round bar: a pole's piece, a pipe, a rolling pin."""
    r, top = diameter / 2, length / 2
    profile = [(0, -top), (0.85 * r, -top), (r, 0.15 * r - top), (r, top - 0.15 * r), (0.85 * r, top), (0, top)]
    return revolve(profile, 20), _rounds(0, diameter, top - 0.04)


def knife(width: float, length: float, thickness: float) -> Made:
    """A table knife."""
    top, w, t = length / 2, width / 2, thickness / 2
    share = np.array([0, 0.02, 0.1, 0.4, 0.46, 0.5, 0.6, 0.8, 0.93, 1])
    wide = np.array([0.5, 0.75, 0.8, 0.6, 0.5, 0.85, 1, 1, 0.85, 0.25]) * w
    thick = np.array([0.6, 1, 1, 0.8, 0.6, 0.3, 0.2, 0.2, 0.2, 0.15]) * t
    blade = stack(share * length - top, wide, thick, (wide - w) * (share > 0.45), segments=12)
    held = _shaft(0.25 * length - top, 1.4 * w, 1.8 * t, 0.08 * length)
    return fitted((blade, held), width, length, thickness)


def kitchen_knife(width: float, length: float, thickness: float) -> Made:
    """A cook's knife: `width` is the blade's, `thickness` the handle's."""
    blade, h = 0.6 * length, 0.4 * length
    edge = np.array([(0, 0), (0.3, 0), (0.7, 0.12), (0.9, 0.45), (1, 0.9)]) * (blade, width) - (0, width)
    outline = np.concatenate(
        [edge[:, ::-1], [(-0.05 * width, 0.9 * blade), (0, 0.6 * blade), (0, -0.02), (-0.015, -0.02)]]
    )
    steel = extrude(outline, 0.0022)
    half, middle = 0.011, -0.0115
    y = np.array([0, 0.02, 0.3, 0.6, 0.9, 1]) * -h
    wide, thick = np.array([0.9, 1, 0.95, 1.05, 1.2, 0.9]) * half, np.array([0.9, 1, 1, 1, 1, 0.8]) * thickness / 2
    handle = stack(y, wide, thick, middle, exponent=3)
    held = _shaft(-0.45 * h, 2 * half, thickness, 0.15 * h, x=middle)
    return fitted((union(steel, handle), held), width, length, thickness)


def spoon(width: float, length: float, bend: float) -> Made:
    """A spoon, hollow to +z; `bend` is how far it is bent."""
    bowl = min(0.3 * length, 1.55 * width)
    share = np.concatenate([np.linspace(0, 1, 12)[:-1], 1 + np.linspace(0, 1, 10)])
    y = np.where(share < 1, share * (length - bowl), length - bowl + (share - 1) * bowl)
    u = (share - 1).clip(0)
    wide = np.where(share < 1, 0.008 - 0.0055 * share.clip(0, 1) ** 0.7, 0.0)
    oval = width / 2 * np.sqrt(np.clip(1 - ((u - 0.55) / np.where(u < 0.55, 0.56, 0.455)) ** 2, 0, 1))
    wide = np.maximum(wide, np.where(share >= 1, oval, 0)).clip(0.0025)
    across = np.linspace(-1, 1, 7)
    bow = 0.6 * bend * np.sin(np.pi * (y / (length - bowl)).clip(0, 1)) * (share < 1) + 0.35 * bend * u
    hollow = 0.65 * bend * np.sin(np.pi * u.clip(0, 1)) ** 0.7
    points = np.empty((len(y), 7, 3))
    points[..., 0] = wide[:, None] * across
    points[..., 1] = y[:, None]
    points[..., 2] = bow[:, None] - hollow[:, None] * (1 - across**2)
    thick = 0.002
    row = 4
    tilt = points[row + 1, 3] - points[row - 1, 3]
    held = tuple(hold(grip, points[row, 3], np.cross(X, tilt), thick, tilt) for grip in (ENCLOSING, PINCH, LATERAL))
    return fitted((sheet(points, thick), held), width, length)


def fork(width: float, length: float, bend: float) -> Made:
    """A fork of four tines; `bend` is how far it is bent."""
    root = 0.74 * length
    share = np.array([0, 0.03, 0.15, 0.6, 0.75, 0.88, 0.95, 1])
    y = share * root
    wide = np.array([0.55, 0.8, 0.75, 0.3, 0.3, 0.7, 1, 1]) * width / 2
    bow = 0.6 * bend * np.sin(np.pi * share)
    thick = 0.0011
    parts = [stack(y, wide, thick, 0, bow, segments=12, exponent=2.5)]
    along = np.linspace(0, 1, 4)
    for x in np.linspace(-0.82, 0.82, 4) * width / 2:
        path = np.column_stack(
            [0 * along + x, root - 0.004 + along * (length - root + 0.004), -bend * np.sin(2 * along)]
        )
        parts.append(tube(path, np.array([0.09, 0.08, 0.07, 0.035])[:, None] * (width, width) / (1, 2), segments=6))
    at = (0, 0.5 * (y[2] + y[3]), 0.5 * (bow[2] + bow[3]))
    held = tuple(hold(grip, at, Z, 2 * thick, Y) for grip in (ENCLOSING, PINCH, LATERAL))
    return fitted((union(*parts), held), width, length)


def hammer(width: float, length: float, grip: float, head: float) -> Made:
    """A claw-less hammer: `width` is its head's length, `head` its face, `grip` the handle's thickness."""
    g, f = grip / 2, head / 2
    y = np.array([0, 0.02, 0.15, 0.35, 0.55, 0.9, 1]) * (length - f)
    half = np.array([0.9, 1.1, 1, 1, 0.75, 0.65, 0.65]) * g
    handle = stack(y, 1.15 * half, half, exponent=2.3)
    x = np.array([-0.5, -0.47, -0.3, -0.2, 0.15, 0.3, 0.49, 0.5]) * width
    size = np.array([0.9, 1, 1, 0.75, 0.85, 0.8, 0.3, 0.1]) * f
    path = np.column_stack([x, 0 * x + length - f, 0 * x])
    steel = tube(
        path, np.column_stack([np.maximum(size, 0.1 * f), np.where(x > 0.2 * width, 0.8 * f, size)]), exponent=3
    )
    held = _shaft(0.25 * (length - f), 2.3 * g, 2 * g, 0.08 * length)
    return fitted((union(handle, steel), held[:2]), width, length)


def screwdriver(diameter: float, length: float, handle: float, shaft: float) -> Made:
    """A screwdriver; `handle` is the length of its handle, `shaft` the diameter of its shaft."""
    r, s = diameter / 2, shaft / 2
    profile = np.array(
        [(0, 0), (0.7, 0), (0.95, 0.05), (1, 0.15), (1, 0.6), (0.75, 0.75), (0.8, 0.88), (0.6, 1), (0, 1)]
    )
    free = length - handle - 0.012
    grip = revolve(profile * (r, handle), 16)
    steel = revolve([(0, handle - 0.01), (s, handle - 0.01), (s, length - 0.012), (0.5 * s, length), (0, length)], 12)
    held = (
        *_rounds(0.375 * handle, diameter, 0.2 * handle)[:2],
        *_rounds(handle + 0.4 * free, shaft, 0.25 * free)[1:],
    )
    return fitted((union(grip, steel), held), diameter, length, diameter)


def spanner(width: float, length: float, thickness: float, shaft: float) -> Made:
    """A spanner: an open jaw at +y, a ring at -y; `shaft` is its shaft's width."""
    r = width / 2
    angle = np.radians(np.linspace(75, 360 + 45, 15))
    centre = np.array([0, length - r])
    outer = centre + r * np.column_stack([np.cos(angle - np.pi / 2 + 2.2), np.sin(angle - np.pi / 2 + 2.2)])
    lips = outer[[-1, 0]]
    mouth = centre + 0.9 * (lips - lips.mean(0)) - 0.25 * (lips.mean(0) - centre)
    jaw = extrude(np.concatenate([outer, [mouth[0], mouth[1]]]), thickness, 0.0006)
    ring_r = 0.42 * width
    ring = _ring(0, ring_r, 0.55 * ring_r, 0.55 * ring_r, 0.45 * ring_r, thickness)
    low, high = 1.85 * ring_r, length - 1.9 * r
    bar = rounded_box(shaft, high - low + 0.006, 0.7 * thickness, 0.002).transformed(None, (0, (low + high) / 2, 0))
    held = _shaft((low + high) / 2, shaft, 0.7 * thickness, 0.3 * (high - low))
    return fitted((union(ring, bar, jaw), held), width, length, thickness)


def _crossing(half: Mesh, held: list[Hold], degrees: float, pivot: float, apart: float) -> Made:
    """Two equal halves that cross at height `pivot`, one of them turned over, each opened by `degrees`."""
    at, turn = np.array([0, pivot, 0]), rotation("z", degrees)
    first = half.transformed(None, -at).transformed(turn, at + (0, 0, apart / 2))
    second = first.transformed(np.diag([-1.0, 1, -1]))
    moved = []
    for one in held:
        point, across = turn @ (one.point - at) + at + (0, 0, apart / 2), turn @ one.across
        axis = None if one.axis is None else turn @ one.axis
        moved.append(hold(one.grip, point, across, one.thickness, axis, slide=one.slide))
    return union(first, second), tuple(moved)


def scissors(width: float, length: float, opening: float) -> Made:
    """Scissors with an opening of `opening` degrees; the holds are of one finger's ring and of the closed blades."""
    pivot, thick, ring = 0.47 * length, 0.0025, 0.19 * length
    blade = extrude([(-0.004, pivot - 0.012), (0.006, pivot - 0.012), (0.007, pivot + 0.01), (0.001, length),
                     (-0.001, length), (-0.007, pivot + 0.01)], thick)  # fmt: skip
    x, y, deep = 0.12 * length, ring, 0.007
    loop = _ring(x, y, 0.4 * ring, 0.72 * ring, 0.008, deep, 14)
    start = np.array([0.6 * x, y + 0.85 * ring, 0])
    shank = tube([start, 0.5 * start + (0, pivot / 2 - 0.002, 0), (0, pivot, 0)], [(0.005, 0.0025)] * 3, segments=8)
    side = rotation("z", 14) @ X
    outside = np.array([x, y, 0]) + side * (0.4 * ring + 0.004)
    held = [hold(HOOK, outside, -side, 0.008), hold(PINCH, outside, -side, 0.008)]
    mesh, holds = _crossing(union(blade, loop, shank), held, opening / 2, pivot, thick)
    closed = hold(LATERAL, (0, pivot + 0.003, 0), Z, 2 * thick)
    return fitted((mesh, (*holds, closed)), width, length)


def pliers(width: float, length: float, thickness: float, opening: float) -> Made:
    """Pliers with an opening of `opening` degrees; `width` is that of both handles."""
    pivot, thick = 0.72 * length, 0.008
    jaw = stack(np.array([pivot - 0.012, pivot + 0.01, length - 0.002, length]), np.array([0.011, 0.01, 0.004, 0.003]),
                thick / 2, np.array([0.0, -0.006, -0.004, -0.003]), exponent=4)  # fmt: skip
    share = np.linspace(0, 1, 9)
    bow = 0.022 * np.sin(np.pi * (0.85 * share + 0.15)) + 0.008 * (1 - share)
    path = np.column_stack([bow, share * (pivot - 0.004), 0 * share])
    radii = np.interp(share, [0, 0.05, 0.6, 0.8, 1], [0.0055, 0.0065, 0.0065, 0.0055, 0.006])
    arm = tube(path, radii, segments=10, dome=0.5)
    row = 3
    mesh, _ = _crossing(union(jaw, arm), [], opening / 2, pivot, thick)
    at, turn = np.array([0, pivot, 0]), rotation("z", opening / 2)
    point = turn @ (path[row] - at) + at
    span = 2 * (point[0] + 0.0065)
    whole = hold(ENCLOSING, (0, point[1], 0), X, span, Y)
    one = hold(PINCH, (0, pivot, 0), Z, 2 * thick)
    return fitted((mesh, (whole, one)), width, length, thickness)


def paint_brush(width: float, length: float, thickness: float, grip: float) -> Made:
    """A flat paint brush: `width` and `thickness` are its ferrule's, `grip` the width of its handle."""
    w, t, g = width / 2, thickness / 2, grip / 2
    share = np.array([0, 0.02, 0.1, 0.3, 0.5, 0.58, 0.59, 0.72, 0.73, 0.95, 1])
    wide = np.array([0.4 * g, 0.8 * g, g, 0.7 * g, 0.9 * w, 0.95 * w, w, w, 0.95 * w, 0.98 * w, 0.9 * w])
    thick = np.array([0.4, 0.7, 0.8, 0.6, 0.8, 0.9, 1, 1, 0.9, 0.6, 0.2]) * t
    held = _shaft(0.2 * length, 1.7 * g, 1.4 * t, 0)
    return fitted((stack(share * length, wide, thick, exponent=3), held), width, length, thickness)


def hair_brush(width: float, length: float, depth: float, grip: float) -> Made:
    """A brush with a paddle at +y and a block of bristles to +z; `depth` includes the bristles."""
    head, g = 0.45 * length, grip / 2
    handle = stack(np.array([0, 0.03, 0.3, 0.8, 1.1]) * (length - head), np.array([0.7, 1, 1, 0.7, 0.8]) * g,
                   np.array([0.6, 0.75, 0.75, 0.55, 0.5]) * g, exponent=2.3)  # fmt: skip
    y = length - head / 2
    paddle = rounded_box(width, head, 0.012, 0.4 * width, 0.003).transformed(None, (0, y, 0))
    bristles = rounded_box(0.8 * width, 0.85 * head, 0.6 * depth, 0.3 * width, 0.001).transformed(
        None, (0, y, 0.3 * depth)
    )
    held = _shaft(0.3 * (length - head), 2 * g, 1.5 * g, 0.01)
    return fitted((union(handle, paddle, bristles), held), width, length, depth)


def toothbrush(width: float, length: float, depth: float) -> Made:
    """A toothbrush, its bristles at +y to +z."""
    w = width / 2
    share = np.array([0, 0.02, 0.2, 0.5, 0.65, 0.82, 0.84, 0.98, 1])
    wide = np.array([0.5, 0.75, 1, 0.8, 0.5, 0.35, 0.8, 0.8, 0.5]) * w
    thick = np.array([0.5, 0.8, 1, 0.9, 0.6, 0.5, 0.5, 0.5, 0.4]) * 0.3 * depth
    handle = stack(share * length, wide, thick, exponent=2.5, segments=12)
    bristles = rounded_box(1.5 * w, 0.13 * length, 0.85 * depth, 0.003).transformed(
        None, (0, 0.91 * length, 0.42 * depth)
    )
    held = _shaft(0.35 * length, 1.8 * w, 0.57 * depth, 0.05 * length)
    return fitted((union(handle, bristles), held), width, length, depth)


def key(width: float, length: float, thickness: float) -> Made:
    """A flat key: its bow at -y, its teeth at +x."""
    r = width / 2
    bow = _ring(0, r, 0.4 * r, 0.25 * r, 0.62 * r, thickness)
    b, n = 0.0045, 6
    teeth = np.linspace(2 * r + 0.008, length - 0.005, 2 * n)
    depth = b - 0.0018 * np.array([0, 1, 0.3, 0.8, 0, 1, 0.5, 0.2, 0.9, 0.4, 0.8, 0])
    outline = [(-b, 1.7 * r), (b, 1.7 * r), *zip(depth, teeth, strict=True), (0, length), (-b, length - 0.005)]
    blade = extrude(outline, 0.8 * thickness)
    y = 1.6 * r
    held = (hold(LATERAL, (0, y, 0), Z, thickness), hold(PINCH, (0, y, 0), Z, thickness))
    return fitted((union(bow, blade), held), width, length, thickness)


def torch(diameter: float, length: float, grip: float) -> Made:
    """A torch, its wider head at +y with a sunken glass; `grip` is its body's diameter."""
    r, g, top = diameter / 2, grip / 2, length / 2
    neck, head = top - 0.05, top - 0.03
    profile = [(0, -top), (0.8 * g, -top), (g, 0.003 - top), (g, neck), (r, head), (r, top), (0.85 * r, top)]
    profile += [(0.8 * r, top - 0.008), (0, top - 0.008)]
    y = 0.5 * (neck - top)
    held = _rounds(y, grip, 0.3 * (neck + top))
    return revolve(profile, 20), (*held[:2], _rounds(0.5 * (head + top), diameter, 0.006)[0])


def drill(width: float, length: float, depth: float, grip: float) -> Made:
    """A cordless drill: pistol grip along y, motor along z, battery at -y. `grip` is the grip's thickness."""
    body, g = 0.28 * length, grip / 2
    motor = stack(np.array([0, 0.03, 0.55, 0.6, 0.72, 0.74, 0.97, 1]) * depth,
                  np.array([0.35, 0.48, 0.5, 0.4, 0.35, 0.24, 0.2, 0.05]) * body,
                  np.array([0.35, 0.48, 0.5, 0.4, 0.35, 0.24, 0.2, 0.05]) * body)  # fmt: skip
    motor = motor.transformed(rotation("x", 90), (0, length - body / 2, 0))
    y = np.array([0.1, 0.25, 0.5, 0.75, 0.85]) * length
    z = np.array([0.2, 0.22, 0.24, 0.27, 0.28]) * depth
    handle = stack(y, 0.8 * g, g, 0, z, exponent=2.5)
    battery = rounded_box(width, 0.14 * length, 0.5 * depth, 0.006).transformed(None, (0, 0.07 * length, 0.28 * depth))
    trigger = rounded_box(0.012, 0.03, 0.012, 0.003).transformed(None, (0, 0.66 * length, 0.26 * depth + g))
    at, tilt = (0, 0.4 * length, 0.232 * depth), (0, 0.25 * length, 0.02 * depth)
    held = (
        hold(ENCLOSING, at, Z, grip, tilt, slide=0.06 * length),
        hold(ENCLOSING, at, X, 1.6 * g, tilt, slide=0.06 * length),
    )
    return fitted((union(motor, handle, battery, trigger), held), width, length, depth)
