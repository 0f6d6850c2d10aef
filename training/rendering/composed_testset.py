"""Version 18 of the synthetic test set: 4,096 hands with objects in recorded scenes that training never uses.

The hands are those of `ComposedBatches` in the recordings of the part `thresholds` (`backgrounds.yaml`), of which at
least `MIN_VISIBLE` is visible. All are right hands, and are not rotated. Crop centres have a detector's errors. The set
is not stored: its seed, this code and the recordings define it, and a fingerprint detects a change.

Errors are not comparable with those of version 17 (`testset`), whose scenes are rendered.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from training.progress import counter

from .backgrounds import THRESHOLDS
from .composed_batches import OBJECTS, ComposedBatches
from .testset import BATCH, COUNT, EDGE, SIZE, load_or_build, view_of

VERSION = 18
FINGERPRINT = {"uvd": -0.000882, "image": 0.711957, "visible": 0.553106, "roughness": 0.019212}
"""`testset.fingerprint` of this version."""

SEED = 20_261_129
"""Training runs cannot have this seed: `./run training train` multiplies its seeds by a thousand."""

MIN_VISIBLE = 0.3
"""Least visible fraction of a hand."""

GROUPS = {
    "vessels": (
        "mug", "cup", "glass", "wine_glass", "bottle", "small_bottle", "jug", "bowl", "plate", "jar", "open_jar",
        "drinks_can", "food_can", "cup_stack", "milk_carton", "bucket", "pan", "spray_bottle",
    ),
    "boxes and blocks": ("cereal_box", "carton", "small_box", "block", "bar", "case"),
    "flat objects": ("phone", "tablet", "card", "remote", "mouse", "book", "open_book", "squeeze_tube"),
    "paper and cloth": ("paper", "rolled_paper", "folded_cloth", "draped_cloth", "bag"),
    "tools": (
        "pen", "rod", "knife", "kitchen_knife", "fork", "spoon", "hammer", "screwdriver", "spanner", "scissors",
        "pliers", "paint_brush", "hair_brush", "toothbrush", "key", "torch", "drill",
    ),
    "round objects": (
        "ball", "egg", "apple", "banana", "ring", "tape", "paper_roll", "cable_coil", "rope_loop", "cable",
    ),
}  # fmt: skip
"""Group of objects -> their kinds."""

VISIBLE = (0.3, 0.5, 0.7, 0.9, 1.01)
"""Borders of the strata by visible fraction."""


def source(backgrounds: Iterable[Path]) -> ComposedBatches:
    """The dataset from which the set is selected."""
    return ComposedBatches(
        EDGE, BATCH, SEED, tuple(backgrounds), part=THRESHOLDS, extent=EDGE / SIZE,
        left_fraction=0, negative_fraction=0, aligned_fraction=0, off_centre_arm_fraction=0,
    )  # fmt: skip


def build(backgrounds: Iterable[Path], count: int = COUNT) -> dict[str, np.ndarray]:
    """The set: a batch of `count` samples as `ComposedBatches` renders it, with `view`s as indices into `VIEWS`."""
    batches, taken, index, total = source(backgrounds), [], 0, 0
    shown = counter("composing the test set", count)
    while total < count:
        batch = batches[index]
        index += 1
        keep = np.flatnonzero(batch["present"] & (batch["visible_fraction"] >= MIN_VISIBLE))[: count - total]
        total += len(keep)
        taken.append({name: values[keep] for name, values in batch.items()})
        shown.update(len(keep))
    shown.close()
    whole = {name: np.concatenate([batch[name] for batch in taken]) for name in taken[0]}
    whole["view"] = view_of(whole["view"])
    return whole


def load(cache: Path, backgrounds: Iterable[Path]) -> dict[str, np.ndarray]:
    """The set: read from `cache` (an .npz file) if it exists, else built, which takes minutes, and written there.

    Raises:
        ValueError: the set that was built or read is not this version.
        FileNotFoundError: there are no recordings of the part `thresholds` in `backgrounds`.
    """
    return load_or_build(cache, VERSION, FINGERPRINT, lambda: build(backgrounds), __name__)


def strata(whole: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Name of a stratum -> mask (n,) of the samples in it."""
    held, touching, visible = whole["held"], whole["touching"], whole["visible_fraction"]
    result = {"all": np.ones(len(held), bool), "free": ~held & ~touching & (visible >= VISIBLE[-2])}
    result |= {"touching": touching, "held": held, "child": whole["child"]}
    for low, high in zip(VISIBLE[:-1], VISIBLE[1:], strict=True):
        result[f"visible {low:.0%} to {min(high, 1):.0%}"] = (visible >= low) & (visible < high)
    result["held, 50 % visible or less"] = held & (visible <= 0.5)
    for group, kinds in GROUPS.items():
        result[f"held: {group}"] = np.isin(whole["object"], [OBJECTS.index(kind) for kind in kinds])
    return result
