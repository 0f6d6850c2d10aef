"""Warnings while nothing arrives on the topics that the node needs."""

import time

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.subscription import Subscription

from .event_log import GrowingInterval
from .graph import describe

FIRST_WARNING = 5.0
"""Seconds without a message before the first warning."""

CHECK_PERIOD = 1.0
"""Seconds between two checks."""


class WaitingMonitor:
    """Warns of topics without messages, with what the graph knows about them.

    Images are needed all the time; camera infos until the first one, and while there are no images.

    Args:
        node: owner of the subscriptions; its executor runs the checks.
        image, camera_info: the subscriptions.
    """

    def __init__(self, node: Node, image: Subscription, camera_info: Subscription):
        self._node, self._image, self._camera_info = node, image, camera_info
        self._start = self._last_image = self._last_camera_info = time.monotonic()
        self._interval = GrowingInterval(FIRST_WARNING)
        self._timer = node.create_timer(CHECK_PERIOD, self._check, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def close(self) -> None:
        """End the checks."""
        self._node.destroy_timer(self._timer)

    def receive_image(self) -> None:
        """An image has arrived."""
        self._last_image = time.monotonic()

    def receive_camera_info(self) -> None:
        """A camera info has arrived."""
        self._last_camera_info = time.monotonic()

    def _check(self) -> None:
        now = time.monotonic()
        no_camera_info_yet = self._last_camera_info == self._start
        silence = now - (min(self._last_image, self._last_camera_info) if no_camera_info_yet else self._last_image)
        if not self._interval.due(silence):
            return
        lines = [
            f"no message for {now - last:.0f} s on {describe(self._node, subscription)}"
            for subscription, last in ((self._image, self._last_image), (self._camera_info, self._last_camera_info))
            if now - last >= FIRST_WARNING
        ]
        self._node.get_logger().warning("\n".join(lines))
