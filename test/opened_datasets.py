"""Benchmarks opened as their protocols have it, where a test goes through all of them."""

from pathlib import Path

from training.datasets import HandDataset, open_dataset

OPTIONS: dict[str, dict] = {"msra": {"held_out": "P0"}}
"""What a dataset must be told besides its split."""


def open_split(name: str, root: Path, split: str) -> HandDataset:
    return open_dataset(name, root, split, **OPTIONS.get(name, {}))
