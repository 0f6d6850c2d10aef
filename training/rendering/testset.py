"""Version 17 of the synthetic test set: 4,096 rendered hands that training never uses, the same on every machine.

The set is not stored. Its seed and this code define it, and a fingerprint detects a change of the generator. Such a
change makes a new version, whose errors are not comparable with those of the last one.

| part of the set | fraction |
| --- | --- |
| each of eleven sensors and four views (palm, back, side, end of the hand) | equal |
| touches or is near a table, wall or body | at least 40 % |
| holds an object, or has a second hand in front | at least 30 % |
| a child's hand | 20 % |

All hands have a forearm, and are right hands, as the network predicts only those. Crop centres have a detector's
errors, and image borders cut some hands.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from fingerpose_ros.files import write_arrays
from training.progress import counter

from .rendered_batches import RenderedBatches
from .scene_sampling import BACKGROUNDS
from .sensors import SENSORS

VERSION = 17
FINGERPRINT = {"uvd": -0.000818, "image": 0.721576, "visible": 0.629685, "roughness": 0.018821}
"""`fingerprint` of this version."""

COUNT = 4096
SEED = 20_250_107
"""Training runs cannot have this seed: `./run training train` multiplies its seeds by a thousand."""
SIZE = 128
"""Pixels across the cube."""
EDGE = 182
"""Pixels across the images. They are larger than the cube, so that crops can be rotated."""
BATCH = 64

CAMERAS = (
    "realsense_d435", "realsense_d435_colour", "realsense_d405", "zed", "kinect_v1", "realsense_sr305", "orbbec_astra",
    "kinect_v2", "azure_kinect_nfov", "azure_kinect_wfov", "tof_qvga",
)  # fmt: skip
"""Its sensors. A sensor that is added to `SENSORS` for training does not change the set."""

VIEWS = ("palm", "back", "side", "end")


def view_of(direction: np.ndarray) -> np.ndarray:
    """Direction from the hand to the camera (n, 3), wrist frame -> index into `VIEWS` (n,)."""
    axis = np.abs(direction).argmax(axis=1)
    return np.select([(axis == 0) & (direction[:, 0] < 0), axis == 0, axis == 2], [0, 1, 2], 3)


def source() -> RenderedBatches:
    """The dataset from which the set is selected: it has more hands of some sensors and views than the set."""
    kind = {
        "extent": EDGE / SIZE,
        "left_fraction": 0,
        "negative_fraction": 0,
        "aligned_fraction": 0,
        "off_centre_arm_fraction": 0,
    }
    return RenderedBatches(EDGE, BATCH, SEED, sensors=CAMERAS, **kind)


def build(count: int = COUNT) -> dict[str, np.ndarray]:
    """The set: a batch of `count` samples as `RenderedBatches` gives it, with `view`s as indices into `VIEWS`."""
    cells = len(CAMERAS) * len(VIEWS)
    camera_of = np.array([CAMERAS.index(name) if name in CAMERAS else -1 for name in SENSORS])
    quota = np.full(cells, count // cells)
    quota[: count - quota.sum()] += 1
    children = np.ceil(quota * 0.2).astype(int)
    batches, taken, left, left_children, index = source(), [], quota.copy(), children.copy(), 0
    shown = counter("rendering the test set", count)
    while left.sum():
        batch = batches[index]
        index += 1
        batch["sensor"] = camera_of[batch["sensor"]]
        cell = batch["sensor"] * len(VIEWS) + view_of(batch["view"])
        keep = []
        for i in np.flatnonzero(batch["present"]):
            c, child = cell[i], batch["child"][i]
            # The last places of a cell are reserved for children until it has enough of them.
            if left[c] > (0 if child else max(left_children[c], 0)):
                left[c] -= 1
                left_children[c] -= child
                keep.append(i)
        taken.append({name: values[keep] for name, values in batch.items()})
        shown.update(len(keep))
    shown.close()
    whole = {name: np.concatenate([batch[name] for batch in taken]) for name in taken[0]}
    whole["view"] = view_of(whole["view"])
    return whole


def fingerprint(whole: dict[str, np.ndarray]) -> dict[str, float]:
    """Means over a set that change with its hands, images, visibility and sensor noise."""
    means = {name: float(whole[name].mean(dtype=np.float64)) for name in ("uvd", "image", "visible")}
    return means | {"roughness": float(np.abs(np.diff(whole["image"])).mean(dtype=np.float64))}


def load(cache: Path) -> dict[str, np.ndarray]:
    """The set: read from `cache` (an .npz file) if it exists, else built, which takes minutes, and written there.

    Raises:
        ValueError: the set that was built or read is not this version.
    """
    return load_or_build(cache, VERSION, FINGERPRINT, build, __name__)


def load_or_build(
    cache: Path, version: int, expected: dict[str, float], build: Callable[[], dict[str, np.ndarray]], module: str
) -> dict[str, np.ndarray]:  # fmt: skip
    """Read a set from `cache`, or build it and write it there, and check that its means are as `expected`.

    Raises:
        ValueError: they are not; the message names the `module` that defines the set.
    """
    if cache.exists():
        with np.load(cache) as stored:
            whole = dict(stored)
    else:
        whole = build()
    means = fingerprint(whole)
    if not np.allclose(list(means.values()), list(expected.values()), atol=5e-5):
        if cache.exists():
            advice = f"{cache} is not version {version} of the test set. Remove it: the set is then rendered again"
        else:
            advice = (
                f"the generator no longer renders version {version} of the test set. If that is intended, raise "
                f"VERSION in {module} and put these means into FINGERPRINT"
            )
        raise ValueError(f"{advice}. Its means are {means}, not {expected}")
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(cache, **whole)
    return whole


def strata(whole: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Name of a stratum -> mask (n,) of the samples in it."""
    near = whole["background"] != BACKGROUNDS.index("free")
    result = {"all": np.ones(len(near), bool), "free": ~near, "touching or near": near, "touching": whole["touching"]}
    result |= {"held": whole["held"], "second hand": whole["other_hand"], "child": whole["child"]}
    result |= {f"view: {name}": whole["view"] == i for i, name in enumerate(VIEWS)}
    return result | {f"sensor: {name}": whole["sensor"] == i for i, name in enumerate(CAMERAS)}
