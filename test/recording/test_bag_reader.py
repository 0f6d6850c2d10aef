"""Recordings that cannot be used: the message says what is wrong and what to do."""

import shlex

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="rosbags is not installed")

from bags import STORE, depth_frame, image_message, write_bag
from rosbags.rosbag2 import StoragePlugin, Writer

from fingerpose_ros.recording.bag_reader import BagError, DepthBag


@pytest.mark.parametrize("kept", [0.5, 0.9999])
def test_a_cut_off_recording_names_the_command_that_recovers_it(tmp_path, kept):
    (file,) = write_bag(tmp_path / "my bag", [depth_frame(i) for i in range(5)]).glob("*.mcap")
    content = file.read_bytes()
    file.write_bytes(content[: int(kept * len(content))])
    recover = f"mcap recover {shlex.quote(str(file))} -o {shlex.quote(str(file.with_stem(f'{file.stem}_recovered')))}"
    for path in (tmp_path / "my bag", file):
        with pytest.raises(BagError, match="was cut off") as raised:
            DepthBag(path)
        assert str(raised.value).endswith(recover)


@pytest.mark.parametrize("storage", StoragePlugin)
def test_a_recording_without_metadata_names_the_command_that_makes_it(tmp_path, storage):
    bag = write_bag(tmp_path / "bag", [depth_frame(0)], storage=storage)
    (bag / "metadata.yaml").unlink()
    with pytest.raises(BagError, match=f"has no metadata.yaml; make it with: ros2 bag reindex {bag}"):
        DepthBag(bag)


def test_a_folder_without_a_recording_says_what_is_missing(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(BagError, match=r"no metadata\.yaml, and no file that ends in \.mcap or \.db3"):
        DepthBag(tmp_path)


def write_images(path, topics):
    """A bag of a topic for each message; None for a topic without a message."""
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for topic, message in topics.items():
            kind = message.__msgtype__ if message else "sensor_msgs/msg/Image"
            connection = writer.add_connection(topic, kind, typestore=STORE)
            if message:
                writer.write(connection, 1, STORE.serialize_cdr(message, kind))
    return path


def test_each_image_topic_says_why_it_is_no_depth(tmp_path):
    header = STORE.types["std_msgs/msg/Header"](STORE.types["builtin_interfaces/msg/Time"](1, 0), "camera")
    colour = image_message(header, np.zeros((4, 4), np.uint16))
    colour.encoding = "rgb8"
    jpeg = STORE.types["sensor_msgs/msg/CompressedImage"](header, "rgb8; jpeg compressed", np.zeros(3, np.uint8))
    bag = write_images(tmp_path / "bag", {"/colour": colour, "/colour/compressed": jpeg, "/depth": None})
    with pytest.raises(BagError, match="no depth image topic") as raised:
        DepthBag(bag)
    assert "/colour has the encoding 'rgb8', not 16UC1 or mono16 or 32FC1" in str(raised.value)
    assert "/colour/compressed has the format 'rgb8; jpeg compressed', not compressedDepth" in str(raised.value)
    assert "/depth has no message" in str(raised.value)


def test_a_bag_without_images_says_so(tmp_path):
    header = STORE.types["std_msgs/msg/Header"](STORE.types["builtin_interfaces/msg/Time"](1, 0), "camera")
    with pytest.raises(BagError, match="it has no images at all"):
        DepthBag(write_images(tmp_path / "bag", {"/header": header}))
