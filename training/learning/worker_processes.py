"""Worker processes that a Ctrl-C does not reach, not even while they start: only their trainer reacts to it."""

import signal
from collections.abc import Iterator
from multiprocessing import resource_tracker
from typing import Any

from torch.utils.data import DataLoader


class ShieldedLoader(DataLoader):
    """A DataLoader whose workers never receive SIGINT.

    The terminal sends it to all processes. A worker would print a traceback if it were still importing, and the trainer
    would end with an error before it has saved its state.
    """

    def __iter__(self) -> Iterator[Any]:
        resource_tracker.ensure_running()  # which would end the blocking, if it were started below
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # inherited; ours waits
        try:
            return super().__iter__()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
