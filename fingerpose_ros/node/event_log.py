"""What goes wrong in the node: counted, and told to the log, but not over and over."""

import time

from rclpy.impl.rcutils_logger import RcutilsLogger

from fingerpose_ros.ros.rejection import Rejected

from .statistics import Statistics

LOG_PERIOD = 5.0
"""Seconds between two log lines about the same subject."""


class EventLog:
    """The log, and `statistics`. From any thread."""

    def __init__(self, logger: RcutilsLogger):
        self.statistics = Statistics()
        self._logger = logger
        self._logged: dict[str, float] = {}

    def start_anew(self) -> None:
        """Count from zero."""
        self.statistics = Statistics()

    def reject(self, rejection: Rejected) -> None:
        """Note that a message is rejected."""
        self.warning(rejection.reason, f"rejected ({rejection.reason}): {rejection}")
        self.statistics.reject(rejection.reason, str(rejection))

    # Each severity has its line: rclpy wants a line of code to log at one severity only.

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
        """Whether to log something about this subject, or there was something just now."""
        now = time.monotonic()
        due = now - self._logged.get(subject, -LOG_PERIOD) >= LOG_PERIOD
        if due:
            self._logged[subject] = now
        return due
