"""Hands in recordings, also in those of earlier versions of the package."""

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("rosbags", reason="rosbags is not installed")

from bags import START
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from fingerpose_ros.recording.recordings import HAND_POSES, recorded_hands

MESSAGES = Path(__file__).parents[2] / "msg"
LATER = ("hand_length", "hand_length_settled")
"""Fields of HandPose that earlier versions did not have."""


def recording(path: Path, without: tuple[str, ...]) -> Path:
    """A bag with one left hand whose wrist is at (0.1, 0.2, 0.6), by a version whose HandPose is `without` fields."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for file in sorted(MESSAGES.glob("*.msg")):
        text = file.read_text()
        for name in without:
            text = re.sub(rf"^\w+ {name}$", "", text, flags=re.MULTILINE)
        store.register(get_types_from_msg(text, f"fingerpose_ros/msg/{file.stem}"))
    make = lambda name, *values, **fields: store.types[name](*values, **fields)  # noqa: E731
    header = make("std_msgs/msg/Header", make("builtin_interfaces/msg/Time", START // 10**9, START % 10**9), "camera")
    at = make("geometry_msgs/msg/Point", 0.1, 0.2, 0.6)
    pose = make("geometry_msgs/msg/Pose", at, make("geometry_msgs/msg/Quaternion", 0.0, 0.0, 0.0, 1.0))
    joint = make("fingerpose_ros/msg/HandJoint", pose, np.full(3, 0.004, np.float32), 0.9, True)
    fingers = [
        make("fingerpose_ros/msg/FingerPose", number, [joint] * 4, np.zeros(3, np.float32), 0.1, 0.2, 0.05)
        for number in range(5)
    ]
    later = {name: value for name, value in zip(LATER, (0.19, True), strict=True) if name not in without}
    hand = make(
        "fingerpose_ros/msg/HandPose", header=header, track_id=3, handedness=2, handedness_score=0.9, confidence=0.8,
        wrist=joint, palm=pose, fingers=fingers, **later,
    )  # fmt: skip
    message = make(HAND_POSES, header, [hand])
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/hand_poses", HAND_POSES, typestore=store)
        writer.write(connection, START, store.serialize_cdr(message, HAND_POSES))
    return path


@pytest.mark.parametrize("without", ((), LATER))
def test_recorded_hands_are_read_with_the_definitions_in_the_recording(tmp_path, without):
    (hand,) = recorded_hands(recording(tmp_path / "bag", without), "/hand_poses")[START]
    assert (hand.track_id, hand.handedness) == (3, "left") and hand.valid.all()
    np.testing.assert_allclose(hand.positions[0], (0.1, 0.2, 0.6))
    assert hand.length == (pytest.approx(0.19) if not without else pytest.approx(np.nan, nan_ok=True))
    assert hand.length_settled == (not without)
