"""What the node counts, for /diagnostics."""

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Report:
    """The counts since the node was configured, and the rates since the report before.

    Attributes:
        received: images that arrived. Each is answered, dropped, rejected, or still on its way.
        answered: images that got a HandPoseArray.
        dropped: images that a newer one overtook.
        rejected: images and camera infos by reason of rejection.
        images_in, images_out: per second, since the report before.
        hands: in the last image answered.
        latency: seconds from arrival to HandPoseArray, (median, 99th percentile) of the last images; None before any.
        last_error: the last rejection or error in words, "" if none.
        new_errors: whether there was one since the report before.
        new_failures: whether the estimator failed since the report before.
        nothing_read: whether the last image answered held no reading at all.
        since_received, since_answered: seconds since the last image arrived, and was answered; before any, since the
            node was configured.
    """

    received: int
    answered: int
    dropped: int
    rejected: dict[str, int]
    images_in: float
    images_out: float
    hands: int
    latency: tuple[float, float] | None
    last_error: str
    new_errors: bool
    new_failures: bool
    nothing_read: bool
    since_received: float
    since_answered: float


class Statistics:
    """Counts, from any thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self._received = self._answered = self._dropped = self._hands = self._errors = 0
        self._rejected: Counter[str] = Counter()
        self._latencies: deque[float] = deque(maxlen=1000)
        self._last_error = ""
        self._nothing_read = False
        self._last_received = self._last_answered = time.monotonic()
        self._mark()

    def _mark(self) -> None:
        """Remember where the next report's rates begin."""
        self._since = time.monotonic()
        self._before = (self._received, self._answered, self._errors, self._rejected["estimation_failed"])

    def receive(self) -> None:
        with self._lock:
            self._received += 1
            self._last_received = time.monotonic()

    def drop(self) -> None:
        with self._lock:
            self._dropped += 1

    def reject(self, reason: str, message: str) -> None:
        with self._lock:
            self._rejected[reason] += 1
            self._errors += 1
            self._last_error = f"{reason}: {message}"

    def fail(self, message: str) -> None:
        """Note an error that is no image's."""
        with self._lock:
            self._errors += 1
            self._last_error = message

    def answer(self, latency: float, hands: int, nothing_read: bool) -> None:
        with self._lock:
            self._answered += 1
            self._last_answered = time.monotonic()
            self._hands = hands
            self._latencies.append(latency)
            self._nothing_read = nothing_read

    def report(self) -> Report:
        """The state now; the next report's rates begin here."""
        with self._lock:
            now = time.monotonic()
            elapsed = max(now - self._since, 1e-3)
            received, answered, errors, failed = self._before
            report = Report(
                received=self._received,
                answered=self._answered,
                dropped=self._dropped,
                rejected=dict(+self._rejected),
                images_in=(self._received - received) / elapsed,
                images_out=(self._answered - answered) / elapsed,
                hands=self._hands,
                latency=tuple(np.percentile(self._latencies, (50, 99)).tolist()) if self._latencies else None,
                last_error=self._last_error,
                new_errors=self._errors > errors,
                new_failures=self._rejected["estimation_failed"] > failed,
                nothing_read=self._nothing_read,
                since_received=now - self._last_received,
                since_answered=now - self._last_answered,
            )
            self._mark()
            return report
