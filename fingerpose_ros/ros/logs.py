"""Python's logging -> the node's log: one level, one file, /rosout."""

import logging

from rclpy.impl.rcutils_logger import RcutilsLogger


class RosHandler(logging.Handler):
    """Hands what the ROS-free part has to say to a node's logger, whose level decides what is heard.

    Args:
        logger: the node's.
    """

    def __init__(self, logger: RcutilsLogger):
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Called by `logging`."""
        text = self.format(record)
        # A line each: rclpy holds every line that logs to the severity it logged with first.
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        elif record.levelno >= logging.INFO:
            self._logger.info(text)
        else:
            self._logger.debug(text)
