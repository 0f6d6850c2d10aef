"""The node's throttled event log: events are counted in the statistics, and logged at a limited rate."""

import time
from typing import Generic, Protocol, TypeVar

from rclpy.impl.rcutils_logger import RcutilsLogger

from fingerpose_ros.ros.rejection import Rejected

LOG_PERIOD = 5.0
"""Minimum seconds between two log lines about the same subject."""


class GrowingInterval:
    """When to warn of something that lasts: first after some seconds, then whenever it has lasted twice as long.

    Args:
        first: seconds.
    """

    def __init__(self, first: float):
        self._first = self._next = first

    def due(self, lasting: float) -> bool:
        """Whether to warn now that it has lasted for so many seconds. A new start is noticed."""
        if lasting < self._first:
            self._next = self._first
        if lasting < self._next:
            return False
        while self._next <= lasting:
            self._next *= 2
        return True


class Counters(Protocol):
    """The part of a node's statistics that the event log uses."""

    def reject(self, reason: str, message: str) -> None:
        """Count a rejected message."""
        ...

    def fail(self, message: str) -> None:
        """Count an error that does not belong to a message."""
        ...


Statistics = TypeVar("Statistics", bound=Counters)


class EventLog(Generic[Statistics]):
    """Logs events and counts them in `statistics`. Thread-safe.

    Args:
        statistics: creates the node's statistics.
    """

    def __init__(self, logger: RcutilsLogger, statistics: type[Statistics]):
        self.statistics = statistics()
        self._logger = logger
        self._statistics = statistics
        self._logged: dict[str, float] = {}

    def reset(self) -> None:
        """Reset the statistics."""
        self.statistics = self._statistics()

    def reject(self, rejection: Rejected) -> None:
        """Count and log a rejected message."""
        self.warning(rejection.reason, f"rejected ({rejection.reason}): {rejection}")
        self.statistics.reject(rejection.reason, str(rejection))

    # A line for each severity: rclpy raises an error if one line of code logs at several.

    def info(self, subject: str, message: str) -> None:
        if self._is_due(subject):
            self._logger.info(message)

    def warning(self, subject: str, message: str) -> None:
        if self._is_due(subject):
            self._logger.warning(message)

    def error(self, subject: str, message: str) -> None:
        if self._is_due(subject):
            self._logger.error(message)

    def _is_due(self, subject: str) -> bool:
        """Whether the last log line about this subject is at least `LOG_PERIOD` old."""
        now = time.monotonic()
        due = now - self._logged.get(subject, -LOG_PERIOD) >= LOG_PERIOD
        if due:
            self._logged[subject] = now
        return due
