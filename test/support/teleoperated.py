"""A robot for `fingerpose_ros.simulation`, and a pose node that needs no network."""

import sys
from pathlib import Path

from robots import MAPPING, hand_urdf

from fingerpose_ros.simulation.settings import RobotSettings

STAND_IN = (sys.executable, str(Path(__file__).with_name("stand_in_node.py")))
"""Starts the pose node with a stand-in estimator."""


def three_fingers(folder: Path) -> RobotSettings:
    """`robots.hand_urdf`'s hand; its files are written to the folder."""
    (folder / "hand.urdf").write_text(hand_urdf())
    (folder / "mapping.yml").write_text(MAPPING)
    (folder / "parameters.yaml").write_text(
        "/**: {ros__parameters: {hand_link: hand, ramp_time: 0.1, mapping: %s}}" % (folder / "mapping.yml")
    )
    return RobotSettings(
        folder / "hand.urdf", folder / "parameters.yaml", "right", "hand", (0, 0), ("thumb_tip", "fore_tip"),
        ("fore_inner", "fore_outer"),
    )  # fmt: skip
