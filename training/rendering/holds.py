"""Where and how hands hold an object."""

from dataclasses import dataclass, replace

import numpy as np

from .meshes import Mesh

ENCLOSING = "enclosing"
"""Palm and fingers wrapped around it."""
PINCH = "pinch"
"""Between the tips of the thumb and of one or more fingers."""
LATERAL = "lateral"
"""Between the thumb and the side of the index finger, or between thumb and palmar side of the flat fingers."""
HOOK = "hook"
"""It hangs in the bent fingers; the thumb may stay away."""
FLAT_ON_PALM = "flat_on_palm"
"""It lies on the open hand, or the hand lies on it."""
TWO_HANDS = "two_hands"
"""Between two hands, one on each side."""
GRIPS = (ENCLOSING, PINCH, LATERAL, HOOK, FLAT_ON_PALM, TWO_HANDS)

X, Y, Z = np.eye(3)


@dataclass(frozen=True)
class Hold:
    """One way to hold an object, in the object's frame, metres.

    The surface is at `point` - `across` * `thickness` / 2, where thumb or palm touch it, and at `point` + `across` *
    `thickness` / 2, where the fingers do. Beyond both there is room for them. Between the two there may be a hollow, as
    in a cup. With TWO_HANDS it is one hand and the other; with FLAT_ON_PALM only the first contact counts.

    Attributes:
        grip: one of `GRIPS`.
        point: (3,), the middle between the two contacts.
        across: (3,) unit vector from thumb or palm to the fingers.
        thickness: metres between the contacts.
        axis: (3,) unit vector that the fingers wrap around, square to `across`, of either sign, or None.
        turns: True where every other direction square to `axis` does as well as `across`.
        slide: metres that `point` may move to either side along `axis`, the thickness staying within a tenth.
    """

    grip: str
    point: np.ndarray
    across: np.ndarray
    thickness: float
    axis: np.ndarray | None = None
    turns: bool = False
    slide: float = 0.0


Made = tuple[Mesh, tuple[Hold, ...]]
"""What the makers of objects return."""


def hold(grip: str, point, across, thickness: float, axis=None, turns: bool = False, slide: float = 0.0) -> Hold:
    """A `Hold`, its directions of any length."""
    across = np.array(across, float)
    axis = None if axis is None else np.array(axis, float) / np.linalg.norm(axis)
    across /= np.linalg.norm(across)
    return Hold(grip, np.array(point, float), across, float(thickness), axis, turns, float(max(slide, 0.0)))


def around(grip: str, y: float, thickness: float, slide: float = 0.0) -> Hold:
    """A hold of something round about the y axis, at height `y`."""
    return hold(grip, (0, y, 0), X, thickness, Y, turns=True, slide=slide)


def fitted(made: Made, width: float | None = None, height: float | None = None, depth: float | None = None) -> Made:
    """Mesh and holds stretched to the sizes `width` (x), `height` (y), `depth` (z), the mesh's middle at the origin.

    None leaves a size as it is.
    """
    mesh, holds = made
    low, high = mesh.bounds.astype(float)
    size = high - low
    wanted = np.array([np.nan if target is None else target for target in (width, height, depth)])
    scale = np.where(np.isnan(wanted), 1.0, wanted / size)
    middle = (low + high) / 2
    vertices = ((mesh.vertices - middle) * scale).astype(np.float32)
    return Mesh(vertices, mesh.faces), tuple(_stretched(one, middle, scale) for one in holds)


def _stretched(one: Hold, middle: np.ndarray, scale: np.ndarray) -> Hold:
    across, axis, slide = one.across * scale, one.axis, one.slide
    longer = np.linalg.norm(across)
    if axis is not None:
        axis = axis * scale
        slide = slide * np.linalg.norm(axis)
        axis = axis / np.linalg.norm(axis)
    return replace(
        one, point=(one.point - middle) * scale, across=across / longer, thickness=one.thickness * float(longer),
        axis=axis, slide=float(slide),
    )  # fmt: skip
