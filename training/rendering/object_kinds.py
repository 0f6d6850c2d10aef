"""The kinds of objects that hands hold: their real sizes, their meshes, and the ways to hold them.

An object's own frame: origin at the middle, y its long axis or axis of revolution, upwards as it stands. Handles are at
+x. Along z is the thinnest side of what is flat.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import object_flats as flats
from . import object_rounds as rounds
from . import object_tools as tools
from . import object_vessels as vessels
from .holds import Hold, Made
from .meshes import Mesh


@dataclass(frozen=True)
class ObjectKind:
    """One kind of object.

    Attributes:
        name: what it is called.
        make: from one value for each of `sizes` to the mesh and the ways to hold it.
        sizes: (smallest, largest) of each dimension, metres (`folds`, `layers`: counts; `opening`: degrees). `width` is
            along x, `height` or `length` along y, `depth` or `thickness` along z, and `diameter` along z, too.
    """

    name: str
    make: Callable[..., Made]
    sizes: dict[str, tuple[float, float]]

    def build(self, **dimensions: float) -> Mesh:
        """The mesh of an object of these sizes."""
        return self.make(**dimensions)[0]

    def holds(self, **dimensions: float) -> tuple[Hold, ...]:
        """The ways to hold an object of these sizes."""
        return self.make(**dimensions)[1]


@dataclass(frozen=True)
class SampledObject:
    """One object: the name of its kind, its mesh, its sizes as for `ObjectKind.build`, and the ways to hold it."""

    name: str
    mesh: Mesh
    dimensions: dict[str, float]
    holds: tuple[Hold, ...]


def _kind(name: str, make: Callable[..., Made], **millimetres: tuple[float, float]) -> ObjectKind:
    """A kind from its sizes in millimetres; counts and angles stay as they are."""
    unscaled = ("folds", "layers", "opening")
    sizes = {key: tuple(v if key in unscaled else v / 1000 for v in ends) for key, ends in millimetres.items()}
    return ObjectKind(name, make, sizes)


# fmt: off
KINDS: dict[str, ObjectKind] = {kind.name: kind for kind in (
    # To drink and eat from, to keep in. Millimetres.
    _kind("mug", vessels.mug, diameter=(76, 95), height=(80, 108), wall=(3, 5), reach=(28, 40), strap=(8, 12)),
    _kind("cup", vessels.cup, diameter=(70, 92), base=(46, 60), height=(75, 135), wall=(1, 2)),
    _kind("glass", vessels.cup, diameter=(62, 85), base=(55, 62), height=(85, 160), wall=(2, 3)),
    _kind("wine_glass", vessels.wine_glass, diameter=(68, 95), height=(180, 235), foot=(60, 67), stem=(6, 10)),
    _kind("bottle", vessels.bottle, diameter=(58, 92), height=(180, 320), cap=(28, 34), shoulder=(30, 70)),
    _kind("small_bottle", vessels.bottle, diameter=(32, 58), height=(95, 180), cap=(18, 28), shoulder=(6, 20)),
    _kind("jug", vessels.jug, diameter=(105, 145), height=(160, 260), wall=(3, 5), reach=(38, 55), strap=(10, 15)),
    _kind("bowl", vessels.bowl, diameter=(110, 190), height=(45, 85), base=(45, 70), wall=(3, 5)),
    _kind("plate", vessels.plate, diameter=(150, 275), height=(14, 28), wall=(3, 5)),
    _kind("jar", vessels.jar, diameter=(55, 95), height=(70, 160), lid=(10, 18)),
    _kind("open_jar", vessels.open_jar, diameter=(66, 95), height=(80, 160), neck=(54, 64), wall=(3, 4)),
    _kind("drinks_can", vessels.can, diameter=(53, 67), height=(115, 168), rim=(5, 7)),
    _kind("food_can", vessels.can, diameter=(65, 100), height=(40, 120), rim=(0.5, 1)),
    _kind("cup_stack", vessels.cup_stack, diameter=(70, 90), base=(48, 58), height=(110, 200), step=(10, 18)),
    _kind("milk_carton", vessels.milk_carton, width=(60, 95), height=(130, 250)),
    _kind("bucket", vessels.bucket, diameter=(180, 300), height=(300, 480), base=(140, 175)),
    _kind("pan", vessels.pan, width=(160, 280), length=(330, 480), side=(35, 55), grip=(15, 22)),
    _kind("spray_bottle", vessels.spray_bottle, body=(65, 100), height=(210, 280), depth=(50, 80), neck=(28, 38)),
    # Boxes and flat things.
    _kind("cereal_box", flats.box, width=(150, 200), height=(210, 310), depth=(40, 80)),
    _kind("carton", flats.box, width=(80, 250), height=(60, 200), depth=(60, 180)),
    _kind("small_box", flats.box, width=(35, 95), height=(50, 150), depth=(18, 60)),
    _kind("block", flats.block, width=(20, 80), height=(20, 80), depth=(20, 80)),
    _kind("bar", flats.slab, width=(15, 60), length=(90, 220), thickness=(6, 25), radius=(3, 6)),
    _kind("phone", flats.slab, width=(62, 80), length=(130, 168), thickness=(7, 12), radius=(6, 12)),
    _kind("tablet", flats.slab, width=(130, 215), length=(195, 285), thickness=(6, 10), radius=(6, 12)),
    _kind("card", flats.slab, width=(50, 60), length=(80, 92), thickness=(0.7, 1), radius=(2, 4)),
    _kind("remote", flats.remote, width=(36, 55), length=(120, 230), thickness=(14, 26)),
    _kind("mouse", flats.mouse, width=(55, 70), length=(95, 125), thickness=(28, 42)),
    _kind("book", flats.book, width=(105, 200), length=(165, 280), thickness=(9, 45)),
    _kind("open_book", flats.open_book, width=(210, 400), length=(165, 280), pages=(5, 20), sag=(5, 35)),
    _kind("paper", flats.paper, width=(105, 216), length=(148, 297), gauge=(0.4, 1.5), curl=(-25, 25), droop=(-60, 60)),
    _kind("rolled_paper", flats.rolled_paper, diameter=(25, 60), length=(200, 420), gauge=(0.8, 2)),
    _kind("folded_cloth", flats.folded_cloth, width=(80, 200), length=(80, 250), thickness=(12, 45), layers=(3, 6)),
    _kind("draped_cloth", flats.draped_cloth, width=(70, 220), length=(150, 380), bulge=(25, 70), folds=(2, 4)),
    _kind("bag", flats.bag, width=(200, 340), height=(300, 460), depth=(80, 160), strap=(8, 25)),
    _kind("case", flats.case, width=(280, 440), height=(220, 350), depth=(90, 200), grip=(18, 28)),
    _kind("squeeze_tube", rounds.squeeze_tube, width=(35, 60), length=(100, 190), depth=(24, 42)),
    # Tools and other things with a shaft.
    _kind("pen", tools.pen, diameter=(7, 14), length=(130, 155), tip=(10, 22)),
    _kind("rod", tools.rod, diameter=(6, 45), length=(120, 420)),
    _kind("knife", tools.knife, width=(16, 24), length=(195, 245), thickness=(6, 12)),
    _kind("kitchen_knife", tools.kitchen_knife, width=(25, 48), length=(200, 340), thickness=(14, 22)),
    _kind("fork", tools.fork, width=(20, 28), length=(170, 215), bend=(12, 22)),
    _kind("spoon", tools.spoon, width=(28, 46), length=(130, 215), bend=(10, 20)),
    _kind("hammer", tools.hammer, width=(90, 135), length=(250, 340), grip=(24, 34), head=(20, 32)),
    _kind("screwdriver", tools.screwdriver, diameter=(20, 36), length=(150, 300), handle=(75, 120), shaft=(4, 8)),
    _kind("spanner", tools.spanner, width=(22, 50), length=(130, 260), thickness=(5, 10), shaft=(10, 16)),
    _kind("scissors", tools.scissors, width=(70, 110), length=(130, 230), opening=(0, 40)),
    _kind("pliers", tools.pliers, width=(50, 90), length=(150, 210), thickness=(15, 20), opening=(4, 18)),
    _kind("paint_brush", tools.paint_brush, width=(20, 80), length=(180, 260), thickness=(10, 18), grip=(20, 28)),
    _kind("hair_brush", tools.hair_brush, width=(45, 80), length=(190, 250), depth=(25, 42), grip=(18, 28)),
    _kind("toothbrush", tools.toothbrush, width=(11, 17), length=(165, 200), depth=(13, 18)),
    _kind("key", tools.key, width=(21, 30), length=(48, 70), thickness=(2, 3.5)),
    _kind("torch", tools.torch, diameter=(30, 55), length=(110, 260), grip=(20, 30)),
    _kind("drill", tools.drill, width=(65, 80), length=(190, 250), depth=(170, 230), grip=(38, 48)),
    # Fruit, balls, rings, cables.
    _kind("ball", rounds.ball, diameter=(38, 120)),
    _kind("egg", rounds.egg, diameter=(40, 70), height=(52, 90)),
    _kind("apple", rounds.apple, diameter=(55, 95), height=(50, 85)),
    _kind("banana", rounds.banana, diameter=(28, 42), length=(150, 220), bow=(20, 50)),
    _kind("ring", rounds.ring, diameter=(20, 95), height=(2, 12), wall=(1.5, 7)),
    _kind("tape", rounds.tape, diameter=(75, 120), height=(10, 55), core=(25, 70)),
    _kind("paper_roll", rounds.paper_roll, diameter=(90, 130), height=(95, 240), core=(38, 48)),
    _kind("cable_coil", rounds.cable_coil, diameter=(70, 190), gauge=(4, 9)),
    _kind("rope_loop", rounds.rope_loop, width=(50, 150), length=(120, 360), gauge=(3, 14)),
    _kind("cable", rounds.cable, width=(30, 90), length=(180, 380), gauge=(3, 7)),
)}
# fmt: on
"""By name, in the order of the table."""


def sample(rng: np.random.Generator, kind: ObjectKind | str) -> SampledObject:
    """An object of `kind` (or of that name), each size evenly drawn from its range."""
    kind = KINDS[kind] if isinstance(kind, str) else kind
    dimensions = {name: float(rng.uniform(low, high)) for name, (low, high) in kind.sizes.items()}
    mesh, holds = kind.make(**dimensions)
    return SampledObject(kind.name, mesh, dimensions, holds)


def sample_any(rng: np.random.Generator) -> SampledObject:
    """An object of any kind, all kinds alike."""
    names = list(KINDS)
    return sample(rng, names[rng.integers(len(names))])
