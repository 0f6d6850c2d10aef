"""Fixtures for all tests. Those of ROS are there wherever ROS is; tests that need them skip elsewhere."""

import importlib.util

if importlib.util.find_spec("rclpy"):
    pytest_plugins = ["fingerpose_ros.testing"]
