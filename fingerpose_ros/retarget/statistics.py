"""The node's statistics, for /diagnostics."""

import time
from collections import Counter, deque

import numpy as np


class Statistics:
    """Counts since the node was configured. Used in the executor's thread only."""

    def __init__(self):
        self.received = self.commands = 0
        self.rejected: Counter[str] = Counter()
        self.last_error = ""
        self.failing = False
        self._latencies: deque[float] = deque(maxlen=1000)
        self._mark = (time.monotonic(), 0)

    def receive(self) -> None:
        self.received += 1

    def command(self) -> None:
        self.commands += 1

    def answer(self, latency: float) -> None:
        """A hand pose was answered with a command, so many seconds after it arrived."""
        self._latencies.append(latency)

    def reject(self, reason: str, message: str) -> None:
        self.rejected[reason] += 1
        self.last_error = f"{reason}: {message}"

    def fail(self, message: str) -> None:
        """An error that makes the node useless until it is configured again, or gets another robot description."""
        self.failing, self.last_error = True, message

    def recover(self) -> None:
        """The error of `fail` is gone."""
        self.failing = False

    def latency(self) -> tuple[float, float]:
        """Median and 99th percentile, seconds; NaN if there is none."""
        return tuple(np.percentile(self._latencies, (50, 99)).tolist()) if self._latencies else (np.nan, np.nan)

    def rate(self) -> float:
        """Commands per second since the last call."""
        (since, before), now = self._mark, time.monotonic()
        self._mark = (now, self.commands)
        return (self.commands - before) / max(now - since, 1e-3)
