"""What can be wrong with a disk: it is full, or its names are not UTF-8."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

NOT_UTF8 = os.fsdecode(b"caf\xe9")
"""A file name in another encoding."""


@contextmanager
def full_disk(limit: int = 100) -> Iterator[None]:
    """No file of this process can grow beyond `limit` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
