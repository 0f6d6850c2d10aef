"""Tracked real hand poses: `real_poses.npz`, and sampling from it.

The asset holds joint angles that `retarget_poses.py` fitted to public recordings of tracked hands.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from . import poses
from .hands import Angles, HandBank

ASSET = Path(__file__).with_name("real_poses.npz")

UNIT = 1e-4
"""Radians per unit of the stored int16 angles."""

COLUMNS = {
    "flexion": (4, 3), "spread": (4,), "metacarpal": (4,), "thumb": (2,), "thumb_twist": (), "thumb_flexion": (2,),
    "wrist": (3,),
}  # fmt: skip
"""Shapes of the fields of `Angles`, in the order of the stored columns."""

MIXED = 0.6
"""Fraction of sampled poses that are mixed with a near neighbour."""

NEIGHBOURS = 8
"""Number of nearest stored poses that a pose may be mixed with."""

JITTER = (1.0, 5.0)
"""Range of the standard deviation of the noise added to the angles, degrees."""


def pack(angles: Angles) -> np.ndarray:
    """Angles of n hands -> (n, 28) radians."""
    return np.concatenate([getattr(angles, name).reshape(len(angles.wrist), -1) for name in COLUMNS], axis=1)


def unpack(columns: np.ndarray) -> Angles:
    """(n, 28) radians -> angles of n hands."""
    widths = [int(np.prod(shape)) for shape in COLUMNS.values()]
    parts = np.split(columns, np.cumsum(widths)[:-1], axis=1)
    return Angles(**{name: part.reshape(-1, *COLUMNS[name]) for name, part in zip(COLUMNS, parts, strict=True)})


def posture(angles: Angles) -> np.ndarray:
    """The angles in which poses are compared, (n, 21) degrees: all but metacarpals and wrist. The thumb's twist and the
    DIPs count half, as they change the image least."""
    parts = [
        (angles.flexion * (1, 1, 0.5)).reshape(-1, 12), angles.spread, angles.thumb,
        0.5 * angles.thumb_twist[:, None], angles.thumb_flexion,
    ]  # fmt: skip
    return np.degrees(np.concatenate(parts, axis=1))


class RealPoses:
    """The poses of `real_poses.npz`.

    Attributes:
        angles: of the stored poses.
        neighbours: (n, 8) the stored poses nearest to each in `posture`.
        recordings: names of the recordings.
        recording, frame: (n,) recording and its frame that each pose comes from.
        about: sources and licence.
    """

    def __init__(self, path: Path = ASSET):
        with np.load(path) as asset:
            self.angles = unpack(asset["angles"] * UNIT)
            self.recordings = asset["recordings"].tolist()
            self.recording, self.frame = asset["recording"].astype(int), asset["frame"].astype(int)
            self.about = str(asset["about"])
        features = posture(self.angles)
        self.neighbours = cKDTree(features).query(features, NEIGHBOURS + 1)[1][:, 1:]

    def __len__(self) -> int:
        return len(self.frame)

    def sample(self, rng: np.random.Generator, bank: HandBank, shapes: np.ndarray) -> Angles:
        """Sample poses for hands `shapes` (n,) of `bank`: stored ones, often mixed with a near neighbour, with jitter.

        A few candidates are sampled for each hand, and the one with the least penetration is kept. The wrist's angles
        are random, as in `poses.sample`.
        """
        first = poses.each(rng.integers(0, len(self), len(shapes)))
        n = len(first)
        other = self.neighbours[first, rng.integers(0, NEIGHBOURS, n)]
        share = rng.uniform(0, 1, n) * (rng.uniform(0, 1, n) < MIXED)
        angles = Angles.mix(self.angles[first], self.angles[other], share)
        angles = poses.jitter(rng, angles, rng.uniform(*JITTER, n))
        return poses.best_candidates(angles, poses.collision_cost(bank, poses.each(shapes), angles)[0])


@lru_cache(maxsize=1)
def real_poses() -> RealPoses:
    """The asset, loaded once."""
    return RealPoses()
