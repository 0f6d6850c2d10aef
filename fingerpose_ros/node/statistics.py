"""The node's statistics, for /diagnostics."""

import threading
import time
from collections import Counter, deque
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Report:
    """Counts since the node was configured, and rates since the previous report.

    Attributes:
        received: images that arrived. Each is answered, dropped, rejected, or still in progress.
        answered: images for which a HandPoseArray was published.
        dropped: images that were replaced by a newer one before they were processed.
        lost: images that never arrived although their camera infos did.
        rejected: images and camera infos by reason of rejection.
        images_in, images_out: per second, since the previous report.
        hands: number of hands in the last answered image.
        latency: seconds from arrival to HandPoseArray, (median, 99th percentile) of the last 1000 images; None if none.
        last_error: message of the last rejection or error, "" if none.
        new_errors: whether there was one since the previous report.
        new_failures: whether the estimator failed since the previous report.
        loss: a description of the images that were lost lately, "" if none.
        no_depth: whether the last answered image had no valid pixel.
        missing_frames: why frames could not be ignored in the last image, "" if all were.
        since_received, since_answered: seconds since the last image arrived, and since one was answered; if there was
            none, since the node was configured.
    """

    received: int
    answered: int
    dropped: int
    lost: int
    rejected: dict[str, int]
    images_in: float
    images_out: float
    hands: int
    latency: tuple[float, float] | None
    last_error: str
    new_errors: bool
    new_failures: bool
    loss: str
    no_depth: bool
    missing_frames: str
    since_received: float
    since_answered: float


class Statistics:
    """Thread-safe counters."""

    def __init__(self):
        self._lock = threading.Lock()
        self._received = self._answered = self._dropped = self._lost = self._hands = self._errors = 0
        self._rejected: Counter[str] = Counter()
        self._latencies: deque[float] = deque(maxlen=1000)
        self._last_error = self._loss = self._missing_frames = ""
        self._no_depth = False
        self._last_received = self._last_answered = time.monotonic()
        self._mark()

    def _mark(self) -> None:
        """Start the period of the next report's rates."""
        self._since = time.monotonic()
        self._at_mark = (self._received, self._answered, self._errors, self._rejected["estimation_failed"])

    def receive(self) -> None:
        with self._lock:
            self._received += 1
            self._last_received = time.monotonic()

    def drop(self) -> None:
        with self._lock:
            self._dropped += 1

    def lose(self, count: int, message: str) -> None:
        """Count images that were lost lately; 0 and "" if none were."""
        with self._lock:
            self._lost += count
            self._loss = message

    def miss_frames(self, message: str) -> None:
        """Note why frames cannot be ignored in an image; "" if all are."""
        with self._lock:
            self._missing_frames = message

    def reject(self, reason: str, message: str) -> None:
        with self._lock:
            self._rejected[reason] += 1
            self._errors += 1
            self._last_error = f"{reason}: {message}"

    def fail(self, message: str) -> None:
        """Count an error that does not belong to an image."""
        with self._lock:
            self._errors += 1
            self._last_error = message

    def answer(self, latency: float, hands: int, no_depth: bool) -> None:
        with self._lock:
            self._answered += 1
            self._last_answered = time.monotonic()
            self._hands = hands
            self._latencies.append(latency)
            self._no_depth = no_depth

    def report(self) -> Report:
        """The current statistics; starts the period of the next report's rates."""
        with self._lock:
            now = time.monotonic()
            elapsed = max(now - self._since, 1e-3)
            received, answered, errors, failed = self._at_mark
            report = Report(
                received=self._received,
                answered=self._answered,
                dropped=self._dropped,
                lost=self._lost,
                rejected=dict(+self._rejected),
                images_in=(self._received - received) / elapsed,
                images_out=(self._answered - answered) / elapsed,
                hands=self._hands,
                latency=tuple(np.percentile(self._latencies, (50, 99)).tolist()) if self._latencies else None,
                last_error=self._last_error,
                new_errors=self._errors > errors,
                new_failures=self._rejected["estimation_failed"] > failed,
                loss=self._loss,
                no_depth=self._no_depth,
                missing_frames=self._missing_frames,
                since_received=now - self._last_received,
                since_answered=now - self._last_answered,
            )
            self._mark()
            return report
