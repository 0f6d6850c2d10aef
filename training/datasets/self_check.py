"""Check that the loaders read the official formats correctly: `./run training datasets --self-check`.

Writes a small dataset of rendered hands in each of the five formats, reads it back, and compares. `--keep DIR` keeps
the datasets there, to test other readers of the formats.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

from . import SPLITS, open_dataset
from .fixtures import CAMERAS, WRITERS
from .rendered import render

FRAMES = 8
MAX_JOINT_ERROR_MM, MAX_DEPTH_ERROR_MM = 0.01, 0.51
"""Rounding errors of the formats: thousandths of a pixel for ICVL's joints, half a millimetre for depth."""


def check(name: str, root: Path) -> str:
    """Write, read and compare a dataset. Returns a summary.

    Raises:
        ValueError: the data read differ from the data written.
    """
    frames = list(render(CAMERAS[name], FRAMES, seed=0, right=name != "icvl"))
    written = WRITERS[name](root, frames)
    if name == "msra":  # the frames repeat, and their images contain only the hand's box
        frames = [frames[i % FRAMES] for i in range(len(written))]
    options = {"held_out": "P0"} if name == "msra" else {}
    splits = [open_dataset(name, root, split, **options) for split in _order(name)]
    samples = [split[i] for split in splits for i in range(len(split))]
    joint_mm, depth_mm = 0.0, 0.0
    for sample, frame, joints in zip(samples, frames, written, strict=True):
        joint_mm = max(joint_mm, 1000 * np.abs(sample.joints_m - joints)[sample.valid].max(initial=0))
        depth_mm = max(depth_mm, 1000 * np.abs(sample.depth_m - frame.depth_m)[sample.depth_m > 0].max())
    if joint_mm > MAX_JOINT_ERROR_MM or depth_mm > MAX_DEPTH_ERROR_MM:
        raise ValueError(f"{name}: joints differ by {joint_mm:.4f} mm, depth by {depth_mm:.4f} mm")
    return f"{len(samples)} frames, joints within {joint_mm:.6f} mm, depth within {depth_mm:.3f} mm"


def _order(name: str) -> tuple[str, ...]:
    """The splits in the order in which the writers fill them: MSRA's held-out subject is the first."""
    return SPLITS[::-1] if name == "msra" else SPLITS


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run training datasets", description=__doc__.splitlines()[0])
    parser.add_argument("--self-check", action="store_true", required=True)
    parser.add_argument("--keep", type=Path, help="write the datasets to this folder and keep them")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        for name in WRITERS:
            try:
                print(f"{name}: {check(name, (arguments.keep or Path(temporary)) / name)}")
            except ValueError as error:
                print(f"error: {error}", file=sys.stderr)
                return 1
    return 0
