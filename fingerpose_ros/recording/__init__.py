"""Recordings on disk: rosbag2 bags, and folders of depth images.

Here: reading and writing them. Not here: playing them into a node (`replay`).
"""
