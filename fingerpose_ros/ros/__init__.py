"""Conversion between ROS messages and arrays: depth images and cameras in; hands, transforms and markers out.

Here: pure functions, tested without a running graph. Not here: anything that needs a node (`node`).
"""
