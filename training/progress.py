"""Progress of what takes longer than ten seconds, with the time left, on the standard error output."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress(items: Iterable[Item], what: str, unit: str = "images", total: int | None = None) -> Iterator[Item]:
    """Iterate over the items, and show how many are done. In a log, which keeps every line, twice a minute only.

    `total`: number of items, if they have no length.
    """
    yield from _bar(items, what, unit, total)


def counter(what: str, total: int, unit: str = "images") -> tqdm:
    """The same for what is not done item by item: `update(n)` counts `n` more, `close()` ends it."""
    return _bar(None, what, unit, total)


def _bar(items: Iterable | None, what: str, unit: str, total: int | None) -> tqdm:
    interactive = sys.stderr.isatty()
    return tqdm(
        items, what, total, unit=f" {unit}", mininterval=0.5 if interactive else 30, dynamic_ncols=interactive,
        leave=not interactive,
    )  # fmt: skip
