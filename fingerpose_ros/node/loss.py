"""Notices images that are lost between the driver's process and the node: only their camera infos arrive."""

from builtin_interfaces.msg import Time
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.subscription import Subscription

from .event_log import EventLog, GrowingInterval
from .graph import has_compatible_publisher

WINDOW = 5.0
"""Seconds of messages that are compared."""

MIN_CAMERA_INFOS = 10
"""Fewer of them in a window say nothing."""

MAX_LOSS = 0.2
"""Share of the images that may be missing. A window may end between a camera info and its image."""

REMEDY = (
    "With Fast DDS, start the driver with the profile config/fastdds.xml (README.md, Large images and Fast DDS), or "
    "set reliability: reliable at both ends, the driver and this node"
)


class LossMonitor:
    """Compares the stamps of images and camera infos. Drivers stamp both alike; of others, nothing is concluded.

    Warns of lost images, and counts them in the statistics.

    Args:
        node: owner of the subscription; its executor runs the comparison.
        image: the subscription to images.
    """

    def __init__(self, node: Node, image: Subscription, event_log: EventLog):
        self._node, self._image, self._event_log = node, image, event_log
        self._images: set[tuple[int, int]] = set()
        self._camera_infos: set[tuple[int, int]] = set()
        self._lossy_windows = 0
        self._interval = GrowingInterval(WINDOW)
        self._timer = node.create_timer(WINDOW, self._compare, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def close(self) -> None:
        """End the comparison."""
        self._node.destroy_timer(self._timer)
        self._event_log.statistics.lose(0, "")

    def receive_image(self, stamp: Time) -> None:
        """An image has arrived."""
        self._images.add((stamp.sec, stamp.nanosec))

    def receive_camera_info(self, stamp: Time) -> None:
        """A camera info has arrived."""
        self._camera_infos.add((stamp.sec, stamp.nanosec))

    def _compare(self) -> None:
        sent, lost = len(self._camera_infos), self._lost()
        self._images.clear()
        self._camera_infos.clear()
        message = f"{lost} of {sent} images did not arrive, only their camera infos" if lost else ""
        self._event_log.statistics.lose(lost, message)
        self._lossy_windows = self._lossy_windows + 1 if lost else 0
        if self._interval.due(self._lossy_windows * WINDOW):
            self._node.get_logger().warning(
                f"in the last {WINDOW:.0f} s {message}. They are lost between the driver's process and this one, or "
                f"dropped in between. {REMEDY}"
            )

    def _lost(self) -> int:
        """The number of lost images, 0 if there are few or if it cannot be known."""
        infos, images = self._camera_infos, self._images
        arrived = len(infos & images)
        lost = len(infos) - arrived
        if len(infos) < MIN_CAMERA_INFOS or lost <= MAX_LOSS * len(infos):
            return 0
        stamped_differently = arrived < len(images) / 2
        if stamped_differently or not has_compatible_publisher(self._node, self._image):
            return 0
        return lost
