"""Progress of a command, with the time left, on the standard error output."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

PERIOD = 1.0
"""Seconds between two lines."""


def time_left(begin: float, done: int, total: int) -> str:
    """The remaining time as text, if the rest is as fast. `begin`: `time.monotonic()` seconds."""
    seconds = round((time.monotonic() - begin) / max(done, 1) * (total - done))
    return f"{seconds // 60}:{seconds % 60:02} left"


def counted(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Iterate over `total` items, and print once a second how many are done."""
    begin = printed = time.monotonic()
    for done, item in enumerate(items):
        if time.monotonic() - printed >= PERIOD:
            printed = time.monotonic()
            print(f"  {done}/{total} {what}, {time_left(begin, done, total)}", file=sys.stderr, flush=True)
        yield item
