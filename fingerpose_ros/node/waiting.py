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

    The first topic is needed all the time; the others until their first message, and while the first is silent.

    Args:
        node: owner of the subscriptions; its executor runs the checks.
        subscriptions: the node's, the one that is needed all the time first.
    """

    def __init__(self, node: Node, *subscriptions: Subscription):
        self._node = node
        self._start = time.monotonic()
        self._last = dict.fromkeys(subscriptions, self._start)
        self._interval = GrowingInterval(FIRST_WARNING)
        self._timer = node.create_timer(CHECK_PERIOD, self._check, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def close(self) -> None:
        """End the checks."""
        self._node.destroy_timer(self._timer)

    def receive(self, subscription: Subscription) -> None:
        """A message of this subscription has arrived."""
        self._last[subscription] = time.monotonic()

    def _check(self) -> None:
        now = time.monotonic()
        always, *others = self._last.values()
        silence = now - min([always, *(last for last in others if last == self._start)])
        if not self._interval.due(silence):
            return
        lines = [
            f"no message for {now - last:.0f} s on {describe(self._node, subscription)}"
            for subscription, last in self._last.items()
            if now - last >= FIRST_WARNING
        ]
        self._node.get_logger().warning("\n".join(lines))
