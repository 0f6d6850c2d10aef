"""Check that the loaders read what the official formats hold: `./run training datasets --self-check`.

Writes a small dataset of rendered hands in each of the five formats, reads it back, and compares. `--keep DIR` leaves
them there, for other readers of the formats to be tried on.
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
JOINT_BOUND_MM, DEPTH_BOUND_MM = 0.01, 0.51
"""What the formats round away at most: ICVL thousandths of a pixel, depth half a millimetre."""


def check(name: str, root: Path) -> str:
    """Write, read and compare; what was found.

    Raises:
        ValueError: something did not come back.
    """
    frames = list(render(CAMERAS[name], FRAMES, seed=0, right=name != "icvl"))
    written = WRITERS[name](root, frames)
    if name == "msra":  # the frames go round, and their images hold the hand's box alone
        frames = [frames[i % FRAMES] for i in range(len(written))]
    options = {"held_out": "P0"} if name == "msra" else {}
    splits = [open_dataset(name, root, split, **options) for split in _order(name)]
    samples = [split[i] for split in splits for i in range(len(split))]
    joint_mm, depth_mm = 0.0, 0.0
    for sample, frame, joints in zip(samples, frames, written, strict=True):
        joint_mm = max(joint_mm, 1000 * np.abs(sample.joints_m - joints)[sample.valid].max(initial=0))
        depth_mm = max(depth_mm, 1000 * np.abs(sample.depth_m - frame.depth_m)[sample.depth_m > 0].max())
    if joint_mm > JOINT_BOUND_MM or depth_mm > DEPTH_BOUND_MM:
        raise ValueError(f"{name}: joints come back {joint_mm:.4f} mm off, depth {depth_mm:.4f} mm")
    return f"{len(samples)} frames, joints within {joint_mm:.6f} mm, depth within {depth_mm:.3f} mm"


def _order(name: str) -> tuple[str, ...]:
    """The splits in the order in which the writers fill them: MSRA's first subject is the one held out."""
    return SPLITS[::-1] if name == "msra" else SPLITS


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run training datasets", description=__doc__.splitlines()[0])
    parser.add_argument("--self-check", action="store_true", required=True)
    parser.add_argument("--keep", type=Path, help="write the datasets to this folder and leave them there")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as temporary:
        for name in WRITERS:
            try:
                print(f"{name}: {check(name, (arguments.keep or Path(temporary)) / name)}")
            except ValueError as error:
                print(f"error: {error}", file=sys.stderr)
                return 1
    return 0
