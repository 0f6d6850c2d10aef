"""The synthetic test set: 4,096 hands, the same for everyone, drawn from a stream that training never sees.

It is defined by its seed and this code rather than stored, and by a fingerprint: a change to the generator that changes
the set is noticed, and makes it another version, not to be compared with the one before.

Equal parts of eleven sensors and four views (palm, back of the hand, sides, from the fingertips or the arm); at least
40 % touch or are near a table, wall or body, 30 % hold something or have a second hand before them, 20 % are
children's; a forearm in all; centres off as a finder errs; some cut by the border of the camera's image. All are right
hands, as the network is only asked for those.
"""

from pathlib import Path

import numpy as np

from .rendered_batches import RenderedBatches
from .scene_sampling import BACKGROUNDS
from .sensors import SENSORS

VERSION = 17
FINGERPRINT = {"uvd": -0.000818, "image": 0.721576, "visible": 0.629685, "roughness": 0.018821}
"""`fingerprint` of this version."""

COUNT = 4096
SEED = 20_250_107
"""No run's: `./run training train` makes its seeds by multiplying by a thousand."""
SIZE = 128
"""Pixels across the cube."""
EDGE = 182
"""Pixels across the images: they reach beyond the cube, so that it can be turned."""
BATCH = 64

CAMERAS = (
    "realsense_d435", "realsense_d435_colour", "realsense_d405", "zed", "kinect_v1", "realsense_sr305", "orbbec_astra",
    "kinect_v2", "azure_kinect_nfov", "azure_kinect_wfov", "tof_qvga",
)  # fmt: skip
"""Its sensors: one that is added to `SENSORS` for training leaves the set as it is."""

VIEWS = ("palm", "back", "side", "end")


def view_of(direction: np.ndarray) -> np.ndarray:
    """Direction from the hand to the camera (n, 3), wrist frame -> index into `VIEWS` (n,)."""
    axis = np.abs(direction).argmax(axis=1)
    return np.select([(axis == 0) & (direction[:, 0] < 0), axis == 0, axis == 2], [0, 1, 2], 3)


def stream() -> RenderedBatches:
    """What the set is picked from: more hands than are wanted of some sensors and views."""
    kind = {"left_share": 0, "empty_share": 0, "aligned_share": 0, "astray_share": 0, "extent": EDGE / SIZE}
    return RenderedBatches(EDGE, BATCH, SEED, sensors=CAMERAS, **kind)


def build(count: int = COUNT) -> dict[str, np.ndarray]:
    """The set: a batch of `count` samples as `RenderedBatches` gives it, with `view`s as indices into `VIEWS`."""
    cells = len(CAMERAS) * len(VIEWS)
    camera_of = np.array([CAMERAS.index(name) if name in CAMERAS else -1 for name in SENSORS])
    quota = np.full(cells, count // cells)
    quota[: count - quota.sum()] += 1
    children = np.ceil(quota * 0.2).astype(int)
    batches, taken, left, left_children, index = stream(), [], quota.copy(), children.copy(), 0
    while left.sum():
        batch = batches[index]
        index += 1
        batch["sensor"] = camera_of[batch["sensor"]]
        cell = batch["sensor"] * len(VIEWS) + view_of(batch["view"])
        keep = []
        for i in np.flatnonzero(batch["present"]):
            c, child = cell[i], batch["child"][i]
            # The last places of a cell are kept for children until it has enough of them.
            if left[c] > (0 if child else max(left_children[c], 0)):
                left[c] -= 1
                left_children[c] -= child
                keep.append(i)
        taken.append({name: values[keep] for name, values in batch.items()})
    whole = {name: np.concatenate([batch[name] for batch in taken]) for name in taken[0]}
    whole["view"] = view_of(whole["view"])
    return whole


def fingerprint(whole: dict[str, np.ndarray]) -> dict[str, float]:
    """Means over a set that change with its hands, its images, what is visible, and the sensors' noise."""
    means = {name: float(whole[name].mean(dtype=np.float64)) for name in ("uvd", "image", "visible")}
    return means | {"roughness": float(np.abs(np.diff(whole["image"])).mean(dtype=np.float64))}


def load(cache: Path) -> dict[str, np.ndarray]:
    """The set, from `cache` (an .npz file) if it is there, else built (minutes) and left there.

    Raises:
        ValueError: what was built, or lies in `cache`, is not this version.
    """
    if cache.exists():
        with np.load(cache) as stored:
            whole = dict(stored)
    else:
        whole = build()
    drawn = fingerprint(whole)
    if not np.allclose(list(drawn.values()), list(FINGERPRINT.values()), atol=5e-5):
        if cache.exists():
            advice = f"{cache} is not version {VERSION} of the test set. Remove it: the set is then drawn anew"
        else:
            advice = (
                f"what the generator draws is not version {VERSION} of the test set any more. If that is meant, "
                "raise VERSION in training/synth/testset.py and put these means into FINGERPRINT"
            )
        raise ValueError(f"{advice}. Its means are {drawn}, not {FINGERPRINT}")
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        part = cache.with_suffix(".part.npz")  # an interrupted write leaves no set behind that is taken for one
        np.savez_compressed(part, **whole)
        part.replace(cache)
    return whole


def strata(whole: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Name of a stratum -> which samples (n,) bool are in it."""
    near = whole["background"] != BACKGROUNDS.index("free")
    result = {"all": np.ones(len(near), bool), "free": ~near, "touching or near": near, "touching": whole["touching"]}
    result |= {"held": whole["held"], "second hand": whole["other_hand"], "child": whole["child"]}
    result |= {f"view: {name}": whole["view"] == i for i, name in enumerate(VIEWS)}
    return result | {f"sensor: {name}": whole["sensor"] == i for i, name in enumerate(CAMERAS)}
