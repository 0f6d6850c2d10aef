"""The five benchmarks, written once for all tests in their official formats, and opened as their protocols have it."""

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from training.datasets import HandDataset, open_dataset
from training.datasets.fixtures import CAMERAS, WRITERS
from training.datasets.rendered import render

OPTIONS: dict[str, dict] = {"msra": {"held_out": "P0"}}
"""What a dataset must be told besides its split."""

FRAMES = 4


class Written(NamedTuple):
    """A written dataset; half of its frames are to train on, where the format has splits."""

    root: Path
    frames: list
    """What it was written of, see `training.datasets.rendered`."""
    joints: np.ndarray
    """(frames, J, 3), as `training.datasets.fixtures` gives them."""


def open_split(name: str, root: Path, split: str) -> HandDataset:
    return open_dataset(name, root, split, **OPTIONS.get(name, {}))


def write_all(folders: pytest.TempPathFactory, frames: int) -> dict[str, Written]:
    """Each dataset, by name, with so many frames."""
    datasets = {}
    for name, write in WRITERS.items():
        root, shown = folders.mktemp(name), list(render(CAMERAS[name], frames, seed=11, right=name != "icvl"))
        datasets[name] = Written(root, shown, write(root, shown))
    return datasets


@pytest.fixture(scope="session")
def written(tmp_path_factory) -> dict[str, Written]:
    """By name, of `FRAMES` frames. Their files are everybody's: who changes any takes those of `copies`."""
    return write_all(tmp_path_factory, FRAMES)


@pytest.fixture(scope="module")
def copies(written, tmp_path_factory) -> dict[str, Path]:
    """Folders by name, of this module's own."""
    folder = tmp_path_factory.mktemp("copies")
    return {name: shutil.copytree(dataset.root, folder / name) for name, dataset in written.items()}
