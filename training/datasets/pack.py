"""Decode a dataset once, for fast training: of every frame only what a crop can show, in one file.

    ./run training pack --dataset nyu --root /data/nyu --split train --out /data/nyu_packed

Decoding a full PNG costs several times as much as all the rest of making a network input. What is packed reads like
the dataset itself: `open_dataset("nyu", "/data/nyu_packed/train", "train")` gives the same joints, centres and cubes,
and images cut to what is around the cube, with the camera moved along.
"""

import argparse
import dataclasses
import json
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fingerpose_ros.perception.camera import Camera

from .batches import JITTER_M, SCALE
from .reading import metres
from .sample import DatasetError, HandDataset, Joints, Sample

INDEX, WINDOWS = "index.npz", "windows.bin"
UNIT_M = 0.000125
"""Of the packed depths: an eighth of a millimetre holds whole millimetres exactly, up to 8.1 m."""
MARGIN_M = 4 * JITTER_M
"""Beyond the largest, rolled cube: how far its centre may be shifted."""
LEVEL = 1
"""Of zlib: the fastest to write; higher ones save little."""


def pack(dataset: HandDataset, name: str, split: str, folder: Path, **options: object) -> None:
    """Write `dataset`, the split `split` of the dataset `name` opened with `options`, to `folder`, which must not hold
    one already.

    Raises:
        DatasetError: a file of the dataset cannot be read.
        FileExistsError: there is a packed dataset in the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / INDEX).exists():
        raise FileExistsError(f"{folder} holds a packed dataset already")
    offset, cameras, rows = [0], [], {field: [] for field in _FIELDS}
    with open(folder / WINDOWS, "wb") as file:
        for index in tqdm(range(len(dataset)), unit="frames", desc=f"packing {name} {split}"):
            sample = dataset[index]
            window, camera = cut(sample)
            file.write(zlib.compress(np.round(window / UNIT_M).astype("<u2").tobytes(), LEVEL))
            offset.append(file.tell())
            cameras.append((camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy))
            for field, values in rows.items():
                values.append(getattr(sample, field))
    said = json.dumps(_said(options))
    np.savez(folder / INDEX, dataset=name, part=split, options=said, offset=offset, camera=cameras, **rows)


def _said(options: Mapping[str, object]) -> dict[str, str]:
    """Options in words that stay the same wherever the files lie."""
    return {key: value.name if isinstance(value, Path) else str(value) for key, value in sorted(options.items())}


_FIELDS = tuple(field.name for field in dataclasses.fields(Sample) if field.name not in ("depth_m", "camera"))


def cut(sample: Sample) -> tuple[np.ndarray, Camera]:
    """The part of a sample's image that any augmented crop of it may show, nothing else in it, and its camera."""
    if not np.isfinite(sample.centre_m).all():
        return sample.depth_m, sample.camera
    camera, half = sample.camera, SCALE[1] * sample.cube_m / 2
    reach = half * np.sqrt(3) + MARGIN_M
    near = max(float(np.linalg.norm(sample.centre_m)) - reach, 0.05)
    u, v = camera.project(sample.centre_m)
    # A sphere of radius r at distance d fills at most asin(r / d) around its direction; oblique views stretch it.
    oblique = 1 + np.hypot(*(sample.centre_m[:2] / sample.centre_m[2]))
    across = np.array([camera.fx, camera.fy]) * reach / near * oblique
    left, top = (int(max(0, np.floor(value))) for value in (u - across[0], v - across[1]))
    right = int(min(camera.width, max(left + 1, np.ceil(u + across[0]))))
    bottom = int(min(camera.height, max(top + 1, np.ceil(v + across[1]))))
    left, top = min(left, camera.width - 1), min(top, camera.height - 1)
    depth = sample.depth_m[top:bottom, left:right]
    depth = np.where(np.abs(depth - sample.centre_m[2]) < reach, depth, 0)
    size = {"width": right - left, "height": bottom - top}
    return depth, dataclasses.replace(camera, **size, cx=camera.cx - left, cy=camera.cy - top)


class Packed:
    """A packed split.

    Raises:
        DatasetError: it is of another dataset or split, or damaged.
        ValueError: it was opened with other `options` when it was packed.
    """

    camera = None

    def __init__(self, folder: Path, name: str, split: str, joints: Joints, **options: object):
        self.joints, self._windows = joints, Path(folder) / WINDOWS
        path = Path(folder) / INDEX
        try:
            with np.load(path) as index:
                self._index = {key: index[key] for key in index.files}
            held = str(self._index["dataset"]), str(self._index["part"])
            said = json.loads(str(self._index["options"]))
            offset, size = self._index["offset"], self._windows.stat().st_size
            counts = {len(self._index[key]) for key in ("camera", *_FIELDS)}
        except Exception as error:  # NumPy raises whatever a damaged file makes it trip over
            raise DatasetError(path, f"is no readable index of a packed dataset ({error})") from error
        if held != (name, split):
            raise DatasetError(path, f"holds {' '.join(held)}, not {name} {split}")
        if said != _said(options):
            raise ValueError(f"{folder} was packed with {said or 'no options'}, not {_said(options) or 'none'}")
        if counts != {len(offset) - 1} or offset[0] != 0 or offset[-1] != size or (np.diff(offset) <= 0).any():
            raise DatasetError(self._windows, f"is {size} bytes, and the index does not fit it", offset=size)

    def __len__(self) -> int:
        return len(self._index["offset"]) - 1

    def __getitem__(self, index: int) -> Sample:
        start, end = self._index["offset"][index : index + 2].tolist()
        width, height, *intrinsics = self._index["camera"][index].tolist()
        camera = Camera(int(width), int(height), *intrinsics)
        with open(self._windows, "rb") as file:
            file.seek(start)
            raw = file.read(end - start)
        try:
            pixels = zlib.decompress(raw, bufsize=2 * camera.width * camera.height)
            window = np.frombuffer(pixels, "<u2").reshape(camera.height, camera.width)
        except (zlib.error, ValueError) as error:
            raise DatasetError(self._windows, f"a window is damaged ({error})", offset=start) from error
        fields = {field: self._index[field][index] for field in _FIELDS}
        plain = {field: value.item() if value.ndim == 0 else value for field, value in fields.items()}
        return Sample(depth_m=metres(window, UNIT_M), camera=camera, **plain)


def main(argv: list[str]) -> int:
    from . import DATASETS, SPLITS, open_dataset

    parser = argparse.ArgumentParser(prog="./run training pack", description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", required=True, choices=DATASETS)
    parser.add_argument("--root", required=True, type=Path, help="folder of the official files")
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--out", required=True, type=Path, help="folder to write to; a folder a split is made in it")
    parser.add_argument("--held-out", help="MSRA: the subject that is not trained on, P0 to P8")
    parser.add_argument("--centres", type=Path, help="ICVL, NYU, MSRA: precomputed centres of the split's cubes")
    arguments = parser.parse_args(argv)
    options = {name: value for name in ("held_out", "centres") if (value := getattr(arguments, name)) is not None}
    try:
        dataset = open_dataset(arguments.dataset, arguments.root, arguments.split, **options)
        pack(dataset, arguments.dataset, arguments.split, arguments.out / arguments.split, **options)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
