"""Decode a dataset once, for fast training. One file holds the part of every frame that a crop can show.

    ./run training pack --dataset nyu --root /data/nyu --split train --out /data/nyu_packed

Decoding a full PNG takes several times as long as the other steps that make a network input. A packed dataset is opened
like the original: `open_dataset("nyu", "/data/nyu_packed/train", "train")`. It has the same joints, centres and cubes.
Its images are cropped to the region around the cube, with the camera's principal point adapted.
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

from fingerpose_ros.files import whole_file
from fingerpose_ros.perception.camera import Camera

from .batches import JITTER_M, SCALE
from .reading import metres
from .sample import DatasetError, HandDataset, Joints, Sample

INDEX, WINDOWS = "index.npz", "windows.bin"
UNIT_M = 0.000125
"""Unit of the packed depths: an eighth of a millimetre keeps whole millimetres exact, up to 8.1 m."""
MARGIN_M = 4 * JITTER_M
"""Margin around the largest rotated cube for the random shift of its centre."""
ZLIB_LEVEL = 1
"""The fastest to write; higher levels save little."""


def pack(dataset: HandDataset, name: str, split: str, folder: Path, **options: object) -> None:
    """Write `dataset`, which is split `split` of the dataset `name` opened with `options`, to `folder`.

    Raises:
        DatasetError: a file of the dataset cannot be read.
        FileExistsError: the folder already contains a packed dataset.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / INDEX).exists():
        raise FileExistsError(f"{folder} already contains a packed dataset")
    offset, cameras, rows = [0], [], {field: [] for field in _FIELDS}
    with whole_file(folder / WINDOWS) as part, open(part, "wb") as file:
        for index in tqdm(range(len(dataset)), unit="frames", desc=f"packing {name} {split}"):
            sample = dataset[index]
            window, camera = crop_window(sample)
            file.write(zlib.compress(np.round(window / UNIT_M).astype("<u2").tobytes(), ZLIB_LEVEL))
            offset.append(file.tell())
            cameras.append((camera.width, camera.height, camera.fx, camera.fy, camera.cx, camera.cy))
            for field, values in rows.items():
                values.append(getattr(sample, field))
    texts = json.dumps(_option_texts(options))
    with whole_file(folder / INDEX) as part:
        np.savez(part, dataset=name, part=split, options=texts, offset=offset, camera=cameras, **rows)


def _option_texts(options: Mapping[str, object]) -> dict[str, str]:
    """Options as texts that do not depend on where the files are."""
    return {key: value.name if isinstance(value, Path) else str(value) for key, value in sorted(options.items())}


_FIELDS = tuple(field.name for field in dataclasses.fields(Sample) if field.name not in ("depth_m", "camera"))


def crop_window(sample: Sample) -> tuple[np.ndarray, Camera]:
    """The part of a sample's image that an augmented crop may show, 0 outside its depth range, and its camera."""
    if not np.isfinite(sample.centre_m).all():
        return sample.depth_m, sample.camera
    camera, half = sample.camera, SCALE[1] * sample.cube_m / 2
    radius = half * np.sqrt(3) + MARGIN_M
    near = max(float(np.linalg.norm(sample.centre_m)) - radius, 0.05)
    u, v = camera.project(sample.centre_m)
    # A sphere of radius r at distance d spans at most asin(r / d) around its direction; oblique views stretch it.
    oblique = 1 + np.hypot(*(sample.centre_m[:2] / sample.centre_m[2]))
    across = np.array([camera.fx, camera.fy]) * radius / near * oblique
    left, top = (int(max(0, np.floor(value))) for value in (u - across[0], v - across[1]))
    right = int(min(camera.width, max(left + 1, np.ceil(u + across[0]))))
    bottom = int(min(camera.height, max(top + 1, np.ceil(v + across[1]))))
    left, top = min(left, camera.width - 1), min(top, camera.height - 1)
    depth = sample.depth_m[top:bottom, left:right]
    depth = np.where(np.abs(depth - sample.centre_m[2]) < radius, depth, 0)
    size = {"width": right - left, "height": bottom - top}
    return depth, dataclasses.replace(camera, **size, cx=camera.cx - left, cy=camera.cy - top)


class Packed:
    """A packed split.

    Raises:
        DatasetError: it contains another dataset or split, or is damaged.
        ValueError: it was packed with other `options`.
    """

    camera = None

    def __init__(self, folder: Path, name: str, split: str, joints: Joints, **options: object):
        self.joints, self._windows = joints, Path(folder) / WINDOWS
        path = Path(folder) / INDEX
        try:
            with np.load(path) as index:
                self._index = {key: index[key] for key in index.files}
            packed = str(self._index["dataset"]), str(self._index["part"])
            packed_options = json.loads(str(self._index["options"]))
            offset, size = self._index["offset"], self._windows.stat().st_size
            counts = {len(self._index[key]) for key in ("camera", *_FIELDS)}
        except Exception as error:  # NumPy raises many kinds of errors on a damaged file
            raise DatasetError(path, f"is not a readable index of a packed dataset ({error})") from error
        if packed != (name, split):
            raise DatasetError(path, f"contains {' '.join(packed)}, not {name} {split}")
        texts = _option_texts(options)
        if packed_options != texts:
            raise ValueError(f"{folder} was packed with {packed_options or 'no options'}, not {texts or 'none'}")
        if counts != {len(offset) - 1} or offset[0] != 0 or offset[-1] != size or (np.diff(offset) <= 0).any():
            raise DatasetError(self._windows, f"has {size} bytes, which does not match the index", offset=size)

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
        values = {field: value.item() if value.ndim == 0 else value for field, value in fields.items()}
        return Sample(depth_m=metres(window, UNIT_M), camera=camera, **values)


def main(argv: list[str]) -> int:
    from . import DATASETS, SPLITS, open_dataset

    parser = argparse.ArgumentParser(prog="./run training pack", description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", required=True, choices=DATASETS)
    parser.add_argument("--root", required=True, type=Path, help="folder of the official files")
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--out", required=True, type=Path, help="folder to write to; each split gets a folder in it")
    parser.add_argument("--held-out", help="MSRA: the subject to hold out, P0 to P8")
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
