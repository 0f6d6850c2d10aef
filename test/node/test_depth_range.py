"""Warnings while no depth value lies in the range in which hands are detected."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from observed_node import feed_and_wait, make_node

from fingerpose_ros.node import depth_range
from fingerpose_ros.testing import wait_until


@pytest.fixture
def send(ros_context, monkeypatch, capfd):
    """Feeds a node with copies of an image for half a second. Returns the warnings about the range."""
    monkeypatch.setattr(depth_range, "FIRST_WARNING", 0.3)
    monkeypatch.setattr(depth_range, "CHECK_PERIOD", 0.1)
    node = make_node(ros_context)
    node.start()
    stamp = [0.0]

    def send(depth, seconds=0.5):
        capfd.readouterr()
        for _ in range(round(seconds / 0.05)):
            stamp[0] += 0.05
            feed_and_wait(node, depth, stamp[0])
            wait_until(lambda: False, 0.05)
        return [line for line in capfd.readouterr().err.splitlines() if "no depth value" in line]

    yield send
    node.close()


@pytest.mark.parametrize(
    ("kind", "near", "far", "cause"),
    [
        (np.uint16, 1, 4, "0.001 to 0.004 m, median 0.001 m. Does the driver write metres into a 16UC1 image?"),
        (np.float32, 700, 4000, "700 to 4000 m, median 700 m. Does the driver write millimetres into a 32FC1 image?"),
        (np.float32, 0.05, 0.1, "0.05 to 0.1 m, median 0.05 m. Is the lens covered, or does the driver use another"),
        (np.uint16, 7000, 9000, "7 to 9 m, median 7 m. Is everything too far away, the lens covered, or the unit"),
    ],
)
def test_images_out_of_range_give_a_warning_with_the_likely_cause(send, kind, near, far, cause):
    depth = np.full((120, 160), near, kind)
    depth[:40] = far
    depth[50:55] = 0  # invalid
    warnings = send(depth)
    assert len(warnings) == 1
    assert "between min_distance 0.2 m and max_distance 1.5 m; the image's are " + cause in warnings[0]


def test_the_warning_needs_the_whole_time_without_a_value_in_the_range(send):
    far, hand = np.full((120, 160), 4000, np.uint16), np.full((120, 160), 4000, np.uint16)
    hand[60, 80] = 700
    assert not send(hand)
    for _ in range(3):
        assert not send(far, 0.15) and not send(hand, 0.15)
    assert send(far)


def test_images_without_any_depth_have_their_own_warning_only(send):
    assert not send(np.zeros((120, 160), np.uint16))
