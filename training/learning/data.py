"""Batches for the trainer: made ahead of time in worker processes, the same ones at every resumption."""

import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from .losses import HALF_CUBE_MM

if TYPE_CHECKING:
    from training.datasets import HandDataset

AHEAD = 4
"""Batches each worker may have ready before they are asked for."""


class Batches(Protocol):
    """An endless dataset: batch `index` is a function of the dataset's seed and `index` alone.

    A batch holds `image` (B, 1, S, S) float32, `uvd` (B, 21, 3) float32, `present` (B,) bool and `right` (B,) bool, as
    described in `training.rendering.rendered_batches`; if not every joint is labelled, `valid` (B, 21) bool as well.
    """

    def __getitem__(self, index: int) -> dict[str, np.ndarray]: ...


MakeBatches = Callable[..., Batches]
"""Called with `size`, `batch`, `seed` and `difficulty`."""


def synthetic(size: int, batch: int, seed: int, difficulty: float, **options) -> Batches:
    """Rendered hands; `options` are further ones of `RenderedBatches`."""
    from training.rendering.rendered_batches import (
        RenderedBatches,  # imported late: rendering takes seconds to start, other data do without
    )

    return RenderedBatches(size=size, batch=batch, seed=seed, difficulty=difficulty, **options)


@dataclass(frozen=True)
class Mixed:
    """Batches whose first samples come from one source and whose others from another, at any index."""

    first: Batches
    second: Batches

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        parts = self.first[index], self.second[index]
        for part in parts:
            part.setdefault("valid", np.ones(part["uvd"].shape[:2], bool))
            part.setdefault("tells", np.ones(len(part["uvd"]), bool))
            part.setdefault("half_mm", np.full(len(part["uvd"]), HALF_CUBE_MM, np.float32))
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0] if name in parts[1]}


def rendered_of(batch: int, synthetic_share: float) -> int:
    """How many images of a batch are rendered.

    Raises:
        ValueError: none, or all, although a share of them should be.
    """
    rendered = round(synthetic_share * batch)
    if rendered in (0, batch) and synthetic_share:
        raise ValueError(f"a share of {synthetic_share} of {batch} images leaves none of the one kind or the other")
    return rendered


def from_dataset(
    dataset: "HandDataset", augment: bool, synthetic_share: float = 0.0, render: MakeBatches = synthetic,
    alike: bool = False,
) -> MakeBatches:  # fmt: skip
    """Crops of a dataset on disk; `synthetic_share` of every batch are instead rendered hands, which `render` makes.

    With rendered hands, or `alike`, only those of its labels count that are of the same anatomical points as ours.

    Raises:
        ValueError: hands are to be mixed in, but none of the dataset's joints means the same point as ours.
    """
    from training.datasets.batches import DatasetBatches

    if synthetic_share and not dataset.joints.alike:
        raise ValueError("no joint of this dataset is the same point as ours: rendered hands cannot be mixed in")

    def make(size: int, batch: int, seed: int, difficulty: float) -> Batches:
        rendered = rendered_of(batch, synthetic_share)
        own = DatasetBatches(dataset, size, batch - rendered, seed, augment, alike or rendered > 0)
        # The benchmarks are evaluated with one look at a crop as the camera has it: nothing is turned here either.
        return Mixed(own, render(size, rendered, seed, difficulty, aligned_share=0)) if rendered else own

    return make


def _start_worker(_: int) -> None:
    torch.set_num_threads(1)
    # Ctrl-C and torchrun's SIGTERM reach the whole group, but are for the trainer, which then stops its workers.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def loader(batches: Batches, indices: Iterable[int], workers: int) -> DataLoader:
    """Iterates over the batches called `indices`, as tensors; `workers` processes make them (0: none, here and now)."""
    os.environ["OMP_NUM_THREADS"] = "1"  # read by the workers when they start
    options = {}
    if workers:
        # Not forked: a process that has started Warp, OpenMP or CUDA must not be.
        options = {"multiprocessing_context": "spawn", "prefetch_factor": AHEAD, "worker_init_fn": _start_worker}
    return DataLoader(batches, batch_size=None, sampler=indices, num_workers=workers, **options)


def to_device(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """The tensors that training needs, on `device`, images in channels-last order."""
    names = [name for name in ("image", "uvd", "present", "right", "valid", "tells", "half_mm") if name in batch]
    needed = {name: batch[name].to(device, non_blocking=True) for name in names}
    needed["image"] = needed["image"].contiguous(memory_format=torch.channels_last)
    return needed
