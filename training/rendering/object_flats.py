"""Makers of boxes and flat things: cartons, books, phones, sheets, cloth.

Each returns a mesh and the ways to hold it; sizes are metres. The larger faces are at +-z. `width` is the size along x,
`height` or `length` along y, `depth` or `thickness` along z; `gauge` is how thick a bent sheet is.
"""

import numpy as np

from .holds import ENCLOSING, FLAT_ON_PALM, HOOK, LATERAL, PINCH, TWO_HANDS, Hold, Made, X, Y, Z, fitted, hold
from .meshes import Mesh, extrude, grid_normals, loft, rounded_box, rounded_rectangle, sheet, stack, tube, union

HAND_SPAN = 0.11
"""Widest thing that is enclosed from its side, metres."""


def _block_holds(width: float, height: float, depth: float) -> tuple[Hold, ...]:
    """Holds of a block: around each side that is narrow enough, at its upper edge, on the palm, in two hands."""
    edge = height / 2 - min(0.015, 0.4 * height)
    held = [
        hold(TWO_HANDS, (0, 0, 0), X, width, Y, slide=0.3 * height),
        hold(FLAT_ON_PALM, (0, 0, 0), Z, depth),
        hold(FLAT_ON_PALM, (0, 0, 0), Y, height),
    ]
    for across, size, other in ((Z, depth, width), (X, width, depth)):
        if size < HAND_SPAN:
            held.append(hold(PINCH, (0, edge, 0), across, size, np.cross(Y, across), slide=0.35 * other))
            held.append(hold(PINCH, (0, 0, 0), across, size, Y, slide=0.35 * height))
            if other < 0.13:
                held.append(hold(ENCLOSING, (0, 0, 0), across, size, Y, slide=0.35 * height))
    return tuple(held)


def _slab_holds(width: float, length: float, thickness: float) -> tuple[Hold, ...]:
    """Holds of something flat: around its width, by its lower end and its side, on the palm, in two hands."""
    end, side = min(0.02, 0.2 * length), min(0.02, 0.2 * width)
    held = [
        hold(LATERAL, (0, end - length / 2, 0), Z, thickness, X, slide=0.3 * width),
        hold(PINCH, (0, end - length / 2, 0), Z, thickness, X, slide=0.3 * width),
        hold(LATERAL, (width / 2 - side, 0, 0), Z, thickness, Y, slide=0.3 * length),
        hold(FLAT_ON_PALM, (0, 0, 0), Z, thickness),
    ]
    if width < HAND_SPAN:
        held.append(hold(ENCLOSING, (0, -0.1 * length, 0), X, width, Y, slide=0.25 * length))
        held.append(hold(PINCH, (0, 0.1 * length, 0), X, width, Y, slide=0.25 * length))
    if width > 0.08:
        held.append(hold(TWO_HANDS, (0, 0, 0), X, width, Y, slide=0.25 * length))
    return tuple(held)


def box(width: float, height: float, depth: float) -> Made:
    """A carton with sharp edges."""
    return rounded_box(width, height, depth, 0.0015), _block_holds(width, height, depth)


def block(width: float, height: float, depth: float) -> Made:
    """A toy block or a piece of wood, its edges slightly round."""
    return rounded_box(width, height, depth, 0.08 * min(width, height, depth)), _block_holds(width, height, depth)


def slab(width: float, length: float, thickness: float, radius: float) -> Made:
    """A flat bar, card, phone or tablet; `radius` is that of its corners."""
    return rounded_box(width, length, thickness, radius, 0.35 * thickness), _slab_holds(width, length, thickness)


def remote(width: float, length: float, thickness: float) -> Made:
    """A remote control: round below, flat above, with rows of keys."""
    top = length / 2
    y = np.array([-1, -0.97, -0.9, -0.2, 0.5, 0.94, 0.985, 1]) * top
    wide = np.array([0.6, 0.85, 1, 0.9, 0.95, 1, 0.9, 0.7]) * width / 2
    thick = np.array([0.5, 0.8, 1, 0.9, 0.85, 0.85, 0.7, 0.4]) * (thickness - 0.0015) / 2
    body = stack(y, wide, thick, exponent=4, segments=20)
    face = 0.85 * (thickness - 0.0015) / 2
    one = extrude(rounded_rectangle(0.13 * width, 0.025 * length, 0.0015, 2), 0.004)
    places = [(x * width, row * length, face) for row in (0.05, 0.13, 0.21, 0.29) for x in (-0.22, 0, 0.22)]
    keys = [one.transformed(None, place) for place in places]
    mesh = union(body, *keys)
    held = (
        hold(ENCLOSING, (0, -0.2 * top, 0), X, 1.8 * width / 2, Y, slide=0.12 * length),
        hold(PINCH, (0, -0.2 * top, 0), X, 1.8 * width / 2, Y, slide=0.12 * length),
        hold(LATERAL, (0, -0.55 * top, 0), Z, 0.95 * (thickness - 0.0015), Y, slide=0.08 * length),
        hold(FLAT_ON_PALM, (0, -0.2 * top, 0), Z, 0.9 * (thickness - 0.0015)),
    )
    return fitted((mesh, held), width, length, thickness)


def mouse(width: float, length: float, thickness: float) -> Made:
    """A computer mouse: it stands on its side at -z, its keys at +y."""
    share = np.linspace(0, np.pi / 2, 6)
    level = np.sin(share)
    size = np.cos(share) ** 0.55
    outline = np.array([1, 1.0]) * (width / 2, length / 2)
    angle = 2 * np.pi * np.arange(20) / 20
    flat = np.column_stack([np.cos(angle), np.sin(angle)]).round(12)
    flat = np.sign(flat) * np.abs(flat) ** 0.75 * outline
    flat[:, 0] *= 1 - 0.1 * np.cos(np.pi * flat[:, 1] / (length / 2))
    rings = np.empty((6, 20, 3))
    rings[..., :2] = flat * np.maximum(size, 0.12)[:, None, None]
    rings[..., 1] += -0.06 * length * level[:, None]
    rings[..., 2] = (level * thickness)[:, None]
    rings = np.concatenate([rings[:1] * (0.94, 0.94, 1) - (0, 0, 0.001), rings])
    wheel = tube([(-0.004, 0.22 * length, 0), (0, 0.22 * length, 0), (0.004, 0.22 * length, 0)], 0.011, segments=10)
    wheel = wheel.transformed(None, (0, 0, 0.78 * thickness - 0.006))
    half = 0.9 * width / 2
    mesh = union(loft(rings), wheel)
    held = (
        hold(PINCH, (0, 0, 0.0005), X, 2 * half, Y),
        hold(FLAT_ON_PALM, (0, -0.06 * length, (thickness - 0.001) / 2), -Z, thickness + 0.001),
    )
    return fitted((mesh, held), width, length, thickness)


def book(width: float, length: float, thickness: float) -> Made:
    """A closed hardcover book: its back at -x, its pages set back from its boards."""
    board = min(0.003, 0.2 * thickness)
    pages = rounded_box(width - 0.006, length - 0.008, thickness - board, 0.001)
    covers = [rounded_box(width, length, board, 0.0015).transformed(None, (0, 0, side * (thickness - board) / 2))
              for side in (-1, 1)]  # fmt: skip
    back = rounded_box(board, length, thickness, 0.3 * board).transformed(None, ((board - width) / 2, 0, 0))
    held = [*_slab_holds(width, length, thickness)]
    held.append(hold(ENCLOSING, (0.03 - width / 2, 0, 0), Z, thickness, Y, slide=0.3 * length))
    return union(pages, *covers, back), tuple(held)


def open_book(width: float, length: float, pages: float, sag: float) -> Made:
    """A book lying open to +z, its pages bent; `pages` is the thickness of one half, `sag` how high it rises."""
    share = np.linspace(0, 1, 9)
    rise = sag * (np.sin(np.pi * share**0.7) - 0.25 * share)
    fade = np.minimum(1, 0.35 + 4 * share)
    half = np.column_stack([share * width / 2, rise])
    upper = half + np.column_stack([0 * share, pages * fade])
    outline = np.concatenate([half, upper[::-1], upper[1:] * (-1, 1), half[:0:-1] * (-1, 1)])
    mesh = extrude(outline, length).transformed(np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]]))
    row = 7
    x, z = half[row]
    mid = z + pages / 2
    held = (
        hold(LATERAL, (x, -0.1 * length, mid), Z, pages, Y, slide=0.25 * length),
        hold(LATERAL, (-x, -0.1 * length, mid), Z, pages, Y, slide=0.25 * length),
        hold(FLAT_ON_PALM, (0, 0, 0.175 * pages), Z, 0.35 * pages, Y),
        hold(PINCH, (x, 0.02 - length / 2, mid), Z, pages, X),
    )
    return fitted((mesh, held), width, length)


def paper(width: float, length: float, gauge: float, curl: float, droop: float) -> Made:
    """A sheet bent by `curl` across and by `droop` along, both heights of its bow, held at its lower end."""
    x, y = np.linspace(-0.5, 0.5, 11), np.linspace(0, 1, 11)
    points = np.empty((11, 11, 3))
    points[..., 0] = x * width
    points[..., 1] = y[:, None] * length
    points[..., 2] = 4 * curl * x**2 - droop * y[:, None] ** 2
    normals = grid_normals(points)
    held = []
    for row, column in ((1, 5), (5, 9), (1, 8)):
        for grip in (LATERAL, PINCH):
            held.append(hold(grip, points[row, column], normals[row, column], gauge))
    sides = points[5, 0], points[5, 10]
    if abs(curl) < 0.01 and width > 0.1:
        held.append(hold(TWO_HANDS, (sides[0] + sides[1]) / 2, X, width))
    return fitted((sheet(points, gauge), tuple(held)), width, length)


def rolled_paper(diameter: float, length: float, gauge: float) -> Made:
    """A rolled magazine or plan."""
    angle = np.linspace(0, 5 * np.pi, 36)
    radius = diameter / 2 - gauge / 2 - 1.3 * gauge * angle[::-1] / (2 * np.pi)
    path = np.column_stack([radius * np.cos(angle), 0 * angle, radius * np.sin(angle)])
    points = path[:, None] + np.array([[0, -0.5, 0], [0, 0.5, 0]]) * length
    mesh = sheet(points, gauge)
    low, high = mesh.bounds[:, 2].astype(float)
    at = (0, 0, (low + high) / 2)
    held = tuple(hold(grip, at, Z, high - low, Y, slide=0.4 * length) for grip in (ENCLOSING, PINCH))
    return fitted((mesh, held), diameter, length, diameter)


def folded_cloth(width: float, length: float, thickness: float, layers: float) -> Made:
    """A cloth folded into as many layers as `layers` says; the folds are at +-x."""
    count = int(round(layers))
    pitch = thickness / count
    turn = np.linspace(-np.pi / 2, np.pi / 2, 5)
    path = []
    for k in range(count):
        side = 1 if k % 2 == 0 else -1
        end = (width - pitch) / 2
        path += [(-side * end * share, k * pitch) for share in (1, 0.4, -0.4)]
        middle = side * end, (k + 0.5) * pitch
        path += [(middle[0] + side * pitch / 2 * np.cos(a), middle[1] + pitch / 2 * np.sin(a)) for a in turn]
    path = [*path[: -len(turn)], (side * end, (count - 1) * pitch)]
    flat = np.array(path)
    rows = np.linspace(-0.5, 0.5, 3) * length
    points = np.empty((len(flat), 3, 3))
    points[..., 0], points[..., 2] = flat[:, :1], flat[:, 1:]
    points[..., 1] = rows
    middle = (count - 1) * pitch / 2
    held = tuple(
        hold(grip, (x, 0, middle), Z, (count - 0.2) * pitch, Y, slide=0.3 * length)
        for grip, x in ((ENCLOSING, 0), (PINCH, 0.3 * width), (FLAT_ON_PALM, 0))
    )
    return fitted((sheet(points, 0.8 * pitch), held), width, length, thickness)


def draped_cloth(width: float, length: float, bulge: float, folds: float) -> Made:
    """A cloth that hangs from a point at its top, in `folds` folds, `bulge` deep at its lower end."""
    gauge = 0.002
    u, v = np.linspace(-1, 1, 33), np.linspace(0, 1, 10)[:, None]
    open_ = 0.06 + 0.94 * v**0.7
    points = np.empty((10, 33, 3))
    points[..., 0] = width / 2 * open_ * u
    points[..., 1] = -length * v * (1 - 0.12 * u**2 * v) - 0.004 * u**2
    points[..., 2] = bulge / 2 * (0.03 + 0.97 * v) * np.cos(np.pi * folds * u) * (1 - 0.3 * u**2)
    points[..., 2] += 0.2 * bulge * v * u
    normal = grid_normals(points)[1, 16]
    held = tuple(hold(grip, points[1, 16], normal, gauge) for grip in (PINCH, LATERAL))
    return fitted((sheet(points, gauge), held), width, length)


def _arch(wide: float, low: float, high: float, z: float) -> np.ndarray:
    """An arched path (13, 3) in the plane z, with a flat top."""
    angle = np.linspace(0, np.pi, 13)
    x = wide / 2 * np.sign(np.cos(angle)) * np.abs(np.cos(angle)).round(12) ** 0.7
    return np.column_stack([x, low + (high - low) * np.sin(angle) ** 0.6, 0 * x + z])


def bag(width: float, height: float, depth: float, strap: float) -> Made:
    """A carrier bag with contents and two handles, which meet above it."""
    tall, t = 0.72 * height, 0.0025
    rows = [(0.96, 0.9, 0), (1, 1, 0.04), (0.98, 0.95, 0.5), (0.96, 0.6, 0.85), (0.97, 0.45, 1)]
    outlines = [(rounded_rectangle(a * width, b * depth, 0.02 * b), c * tall) for a, b, c in rows]
    rings = [np.column_stack([flat[:, 0], np.full(len(flat), y), -flat[:, 1]]) for flat, y in outlines]
    parts: list[Mesh] = [loft(np.array(rings))]
    for side in (-1, 1):
        path = _arch(0.35 * width, tall - 0.03, height - t, side * 0.22 * depth)
        rise = ((path[:, 1] - tall) / (height - t - tall)).clip(0, 1)
        path[:, 2] *= 1 - rise
        path[:, 2] += side * 0.0002 * rise
        parts.append(tube(path, np.broadcast_to((t, strap / 2), (13, 2)), segments=8, exponent=3))
    mesh = union(*parts)
    held = (
        hold(HOOK, (0, height - t, 0), -Y, 2 * t, X, slide=0.012 * width),
        hold(ENCLOSING, (0, height - t, 0), -Y, 2 * t, X, slide=0.012 * width),
        hold(TWO_HANDS, (0, 0.25 * tall, 0), X, 0.99 * width, Y),
    )
    return fitted((mesh, held), width, height, depth)


def case(width: float, height: float, depth: float, grip: float) -> Made:
    """A case or tool box with a handle on top; `height` includes the handle."""
    tall = height - 0.045
    body = rounded_box(width, tall, depth, 0.012).transformed(None, (0, tall / 2, 0))
    handle = tube(_arch(0.13, tall - 0.005, height - grip / 2, 0), grip / 2, segments=10)
    mesh = union(body, handle)
    held = (
        hold(HOOK, (0, height - grip / 2, 0), -Y, grip, X, slide=0.01),
        hold(ENCLOSING, (0, height - grip / 2, 0), -Y, grip, X, slide=0.01),
        hold(TWO_HANDS, (0, tall / 2, 0), X, width, Y, slide=0.2 * tall),
    )
    return fitted((mesh, held), width, height, depth)
