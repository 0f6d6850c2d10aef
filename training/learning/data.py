"""Batches for the trainer, made ahead of time by worker processes. A resumed run gets the same ones."""

import os
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from .losses import HALF_CUBE_MM
from .worker_processes import ShieldedLoader

if TYPE_CHECKING:
    from training.datasets import HandDataset

AHEAD = 4
"""Batches that each worker prefetches."""


class Batches(Protocol):
    """An endless dataset: batch `index` depends only on the dataset's seed and `index`.

    A batch holds these arrays, described in `training.rendering.rendered_batches` and `training.datasets.batches`:
        image: (B, 1, S, S) float32.
        uvd: (B, 21, 3) float32.
        present, right: (B,) bool.
        valid: optional, (B, 21) bool, the labelled joints; all by default.
        classes_valid: optional, (B,) bool, samples that train presence and handedness; all by default.
        half_mm: optional, (B,) float32, half of the cube's edge; `HALF_CUBE_MM` by default.
    """

    def __getitem__(self, index: int) -> dict[str, np.ndarray]: ...


MakeBatches = Callable[..., Batches]
"""Called with `size`, `batch`, `seed` and `difficulty`."""


def synthetic(size: int, batch: int, seed: int, difficulty: float, **options) -> Batches:
    """Rendered hands; `options` are further arguments of `RenderedBatches`."""
    from training.rendering.rendered_batches import (
        RenderedBatches,  # imported late: rendering takes seconds to start, and other data do not need it
    )

    return RenderedBatches(size=size, batch=batch, seed=seed, difficulty=difficulty, **options)


def composed(render: MakeBatches, backgrounds: Sequence[Path], fraction: float, part: str = "training") -> MakeBatches:
    """A `fraction` of every batch are hands composed into recorded images, the others come from `render`.

    Args:
        backgrounds: folders of recorded images without hands, see `training.rendering.backgrounds`.
        part: of these recordings.
    """
    from training.rendering.composed_batches import ComposedBatches  # imported late, as in `synthetic`

    def make_crops(size: int, batch: int, seed: int, difficulty: float) -> Batches:
        return ComposedBatches(size, batch, seed, tuple(backgrounds), difficulty, part)

    return _mixed(render, make_crops, fraction)


def mined(render: MakeBatches, backgrounds: Sequence[Path], fraction: float, detector: Path) -> MakeBatches:
    """A `fraction` of every batch are crops at detections in composed images, the others come from `render`.

    Args:
        backgrounds: as in `composed`.
        detector: file of the detector's weights.
    """
    from training.rendering.mined_batches import MinedBatches  # imported late, as in `synthetic`

    def make_crops(size: int, batch: int, seed: int, difficulty: float) -> Batches:
        return MinedBatches(size, batch, seed, tuple(backgrounds), detector)

    return _mixed(render, make_crops, fraction)


def _mixed(first: MakeBatches, second: MakeBatches, fraction: float) -> MakeBatches:
    """A `fraction` of every batch come from `second`, the others from `first`."""

    def make(size: int, batch: int, seed: int, difficulty: float, **options) -> Batches:
        count = rendered_count(batch, fraction)
        crops = second(size, count, seed, difficulty)
        return MixedBatches(first(size, batch - count, seed, difficulty, **options), crops)

    return make


@dataclass(frozen=True)
class MixedBatches:
    """Batches whose first samples come from one source and whose remaining samples come from another."""

    first: Batches
    second: Batches

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        parts = self.first[index], self.second[index]
        for part in parts:
            part.setdefault("valid", np.ones(part["uvd"].shape[:2], bool))
            part.setdefault("classes_valid", np.ones(len(part["uvd"]), bool))
            part.setdefault("half_mm", np.full(len(part["uvd"]), HALF_CUBE_MM, np.float32))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name in parts[1]}


def rendered_count(batch: int, synthetic_share: float) -> int:
    """Number of images of a batch that a fraction of it are.

    Raises:
        ValueError: the fraction rounds to none or to all of the batch.
    """
    rendered = round(synthetic_share * batch)
    if rendered in (0, batch) and synthetic_share:
        raise ValueError(f"a fraction of {synthetic_share} of {batch} images leaves none of one kind")
    return rendered


def from_dataset(
    dataset: "HandDataset", augment: bool, synthetic_share: float = 0.0, render: MakeBatches = synthetic,
    equivalent_only: bool = False,
) -> MakeBatches:  # fmt: skip
    """Crops of a dataset on disk. A fraction `synthetic_share` of every batch are rendered hands from `render`.

    With rendered hands, or with `equivalent_only`, only joints that are the same anatomical points as ours are
    labelled.

    Raises:
        ValueError: hands are to be mixed in, but no joint of the dataset is the same anatomical point as ours.
    """
    from training.datasets.batches import DatasetBatches

    if synthetic_share and not dataset.joints.equivalent:
        raise ValueError(
            "no joint of this dataset is the same anatomical point as ours: rendered hands cannot be mixed in"
        )

    def make(size: int, batch: int, seed: int, difficulty: float) -> Batches:
        rendered = rendered_count(batch, synthetic_share)
        crops = DatasetBatches(dataset, size, batch - rendered, seed, augment, equivalent_only or rendered > 0)
        # The benchmarks are evaluated on one crop that is not rotated upright, so rendered hands are not either.
        return MixedBatches(crops, render(size, rendered, seed, difficulty, aligned_fraction=0)) if rendered else crops

    return make


def _start_worker(_: int) -> None:
    torch.set_num_threads(1)
    # Ctrl-C and torchrun's SIGTERM reach the whole process group. Only the trainer reacts, and stops its workers.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def loader(batches: Batches, indices: Iterable[int], workers: int) -> DataLoader:
    """Iterate over the batches with these indices, as tensors, made by `workers` processes (0: in this process)."""
    os.environ["OMP_NUM_THREADS"] = "1"  # read by the workers when they start
    options = {}
    if workers:
        # Not forked: that is unsafe once Warp, OpenMP or CUDA has started.
        options = {"multiprocessing_context": "spawn", "prefetch_factor": AHEAD, "worker_init_fn": _start_worker}
    return ShieldedLoader(batches, batch_size=None, sampler=indices, num_workers=workers, **options)


def to_device(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """The tensors that training needs, on `device`, with images in channels-last order."""
    names = [
        name for name in ("image", "uvd", "present", "right", "valid", "classes_valid", "half_mm") if name in batch
    ]
    needed = {name: batch[name].to(device, non_blocking=True) for name in names}
    needed["image"] = needed["image"].contiguous(memory_format=torch.channels_last)
    return needed
