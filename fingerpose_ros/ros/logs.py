"""Forwards Python's logging to the node's log, with its level, file and /rosout."""

import logging

from rclpy.impl.rcutils_logger import RcutilsLogger


class RosHandler(logging.Handler):
    """Passes log records of code without ROS to a node's logger, which filters by its level.

    Args:
        logger: the node's logger.
    """

    def __init__(self, logger: RcutilsLogger):
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Called by `logging`."""
        text = self.format(record)
        # A line for each severity: rclpy raises an error if one line of code logs at several.
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        elif record.levelno >= logging.INFO:
            self._logger.info(text)
        else:
            self._logger.debug(text)
