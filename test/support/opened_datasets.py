"""Small datasets in the official formats of the five benchmarks, written once for all tests."""

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from training.datasets import HandDataset, open_dataset
from training.datasets.fixtures import CAMERAS, WRITERS
from training.datasets.rendered import render

OPTIONS: dict[str, dict] = {"msra": {"held_out": "P0"}}
"""Required options of a dataset besides its split."""

FRAMES = 4


class Written(NamedTuple):
    """A written dataset. Half of its frames are for training, if the format has splits."""

    root: Path
    frames: list
    """The frames that were written, see `training.datasets.rendered`."""
    joints: np.ndarray
    """(frames, J, 3), as returned by `training.datasets.fixtures`."""


def open_split(name: str, root: Path, split: str) -> HandDataset:
    return open_dataset(name, root, split, **OPTIONS.get(name, {}))


def write_all(folders: pytest.TempPathFactory, frames: int) -> dict[str, Written]:
    """Write each dataset with this number of frames: name -> dataset."""
    datasets = {}
    for name, write in WRITERS.items():
        root, content = folders.mktemp(name), list(render(CAMERAS[name], frames, seed=11, right=name != "icvl"))
        datasets[name] = Written(root, content, write(root, content))
    return datasets


@pytest.fixture(scope="session")
def written(tmp_path_factory) -> dict[str, Written]:
    """Name -> dataset of `FRAMES` frames. All tests share the files; tests that change them use `copies`."""
    return write_all(tmp_path_factory, FRAMES)


@pytest.fixture(scope="module")
def copies(written, tmp_path_factory) -> dict[str, Path]:
    """Name -> folder with a copy for one test module."""
    folder = tmp_path_factory.mktemp("copies")
    return {name: shutil.copytree(dataset.root, folder / name) for name, dataset in written.items()}
