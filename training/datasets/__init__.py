"""The five benchmarks of the paper, read from their official files: ICVL, NYU, MSRA, HANDS2019 Task 1 and HO-3D v3.

Here: one loader for each format, and batches of samples. Each loader's docstring names the sources of its facts.
Not here: rendering (`rendering`) and benchmark scores (`evaluation`).
"""

import inspect
from pathlib import Path

from .hands2019 import Hands2019
from .ho3d import Ho3d
from .icvl import Icvl
from .msra import Msra
from .nyu import Nyu
from .pack import INDEX, Packed
from .sample import DatasetError, HandDataset, Sample

DATASETS = {"icvl": Icvl, "nyu": Nyu, "msra": Msra, "hands2019": Hands2019, "ho3d": Ho3d}
SPLITS = ("train", "test")

__all__ = ["DATASETS", "SPLITS", "DatasetError", "HandDataset", "Sample", "open_dataset"]


def open_dataset(name: str, root: Path, split: str, **options: object) -> HandDataset:
    """The split "train" or "test" of the dataset `name`, from its official files under `root` or from a packed folder.

    Args:
        options: further arguments of the loader: `centres`, MSRA's `held_out`.

    Raises:
        ValueError: an unknown dataset, split or option, or the dataset was packed with other options.
        DatasetError: its files are missing or invalid.
    """
    if name not in DATASETS or split not in SPLITS:
        raise ValueError(f"no dataset {name!r} with a split {split!r}: {', '.join(DATASETS)}; {', '.join(SPLITS)}")
    kind, root = DATASETS[name], Path(root)
    unknown = options.keys() - inspect.signature(kind).parameters.keys()
    if unknown:
        raise ValueError(f"{name} takes no {', '.join(sorted(unknown))}")
    if (root / INDEX).is_file():
        return Packed(root, name, split, kind.joints, **options)
    return kind(root, split, **options)
