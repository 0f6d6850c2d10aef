"""Reading the depth images of a rosbag2 bag (MCAP or SQLite), without ROS."""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection
from rosbags.typesys import Stores, get_typestore

from .diagnosis import diagnose

IMAGE, COMPRESSED, INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo"

TRANSPORT_SUFFIX = "/compressedDepth"

_DEPTH_ENCODINGS = ("16UC1", "mono16", "32FC1")


class BagError(ValueError):
    """The bag is damaged, has no depth images with camera info, or several topics of which one must be chosen."""


@contextmanager
def bag_errors(path: Path | str) -> Iterator[None]:
    """Turn errors of the bag reader within this context into `BagError`.

    Raises:
        BagError: the recording at `path` is damaged.
    """
    try:
        yield
    except (BagError, OSError):
        raise
    except Exception as error:  # reader, storage, compression and messages have no common error class
        raise BagError(f"the recording {path} is damaged: {error}") from error


@dataclass(frozen=True)
class RecordedImage:
    """One depth image and its camera info, as recorded.

    Attributes:
        stamp: header stamp of the image, nanoseconds.
        time: time of recording, nanoseconds.
        image, camera_info: the messages, serialized (CDR).
    """

    stamp: int
    time: int
    image: bytes
    camera_info: bytes


def open_reader(path: Path | str) -> AnyReader:
    """Open a recording; the caller closes it.

    Raises:
        FileNotFoundError: `path` does not exist.
        BagError: `path` is not a rosbag2 recording, or incomplete; the message says how to repair it.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        reader = AnyReader([Path(path)], default_typestore=get_typestore(Stores.ROS2_JAZZY))
        reader.open()
    except Exception as error:  # the reader's errors have no common class
        raise BagError(diagnose(Path(path), error)) from error
    if not reader.is2:
        reader.close()
        raise BagError(f"{path} is a recording of ROS 1; convert it: rosbags-convert --src {path} --dst FOLDER")
    return reader


class DepthBag:
    """A bag of depth images, open for reading; a context manager.

    Args:
        path: the bag's folder.
        image_topic: the topic of depth images; None if the bag has only one depth topic.
        info_topic: the topic of camera info. None: `camera_info` in the images' namespace, or the only one in the bag.

    Attributes:
        image_topic, info_topic: the chosen topics.
        transport: "raw" or "compressedDepth".
        count: number of images.

    Raises:
        BagError: see there.
        FileNotFoundError: there is no bag.
    """

    def __init__(self, path: Path | str, image_topic: str | None = None, info_topic: str | None = None):
        self._path, self._reader = path, open_reader(path)
        try:
            with bag_errors(path):
                self._images = self._choose_images(image_topic)
                self._infos = self._choose_infos(info_topic)
        except BaseException:
            self._reader.close()
            raise
        self.image_topic, self.info_topic = self._images.topic, self._infos.topic
        self.transport = "compressedDepth" if self._images.msgtype == COMPRESSED else "raw"
        self.count = self._images.msgcount

    def __enter__(self) -> "DepthBag":
        return self

    def __exit__(self, *_) -> None:
        self._reader.close()

    def images(self) -> Iterator[RecordedImage]:
        """All images in the order of recording, each with the newest camera info up to its stamp, or else the first.

        Raises:
            BagError: there is no camera info, or the recording is damaged. Images before the damage are returned.
        """
        with bag_errors(self._path):
            infos = sorted((self._stamp(raw, INFO), raw) for _, _, raw in self._reader.messages([self._infos]))
            if not infos:
                raise BagError(f"{self.info_topic} holds no messages")
            stamps = [stamp for stamp, _ in infos]
            for _, time, raw in self._reader.messages([self._images]):
                stamp = self._stamp(raw, self._images.msgtype)
                info = infos[max(bisect_right(stamps, stamp) - 1, 0)][1]
                yield RecordedImage(stamp, time, bytes(raw), bytes(info))

    def _stamp(self, raw: bytes, msgtype: str) -> int:
        message: Any = self._reader.deserialize(raw, msgtype)
        stamp = message.header.stamp
        return stamp.sec * 1_000_000_000 + stamp.nanosec

    def _choose_images(self, requested: str | None) -> Connection:
        images = [c for c in self._reader.connections if c.msgtype in (IMAGE, COMPRESSED)]
        if requested:
            matches = [c for c in images if c.topic in (requested, requested + TRANSPORT_SUFFIX)]
        else:
            problems = {c.topic: problem for c in images if (problem := self._why_no_depth(c))}
            matches = [c for c in images if c.topic not in problems]
            if not matches:
                listed = "; ".join(f"{topic} {problem}" for topic, problem in sorted(problems.items()))
                raise BagError(f"the bag has no depth image topic: {listed or 'it has no images at all'}")
        if not matches:
            topics = ", ".join(sorted({c.topic for c in images})) or "none"
            raise BagError(f"the bag has no {requested}; its image topics: {topics}")
        names = sorted({c.topic for c in matches})
        if len(names) > 1 and not requested:
            raise BagError(f"the bag has several depth topics, choose one: {', '.join(names)}")
        return min(matches, key=lambda c: len(c.topic))  # the raw one, if the image was recorded in both transports

    def _why_no_depth(self, connection: Connection) -> str:
        """Why the first message is no depth image; "" if it is one. Topic names are not reliable."""
        for _, _, raw in self._reader.messages([connection]):
            message: Any = self._reader.deserialize(raw, connection.msgtype)
            if connection.msgtype == COMPRESSED:
                return (
                    ""
                    if "compressedDepth" in message.format
                    else f"has the format {message.format!r}, not compressedDepth"
                )
            known = message.encoding in _DEPTH_ENCODINGS
            return "" if known else f"has the encoding {message.encoding!r}, not {' or '.join(_DEPTH_ENCODINGS)}"
        return "has no message"

    def _choose_infos(self, requested: str | None) -> Connection:
        infos = {c.topic: c for c in self._reader.connections if c.msgtype == INFO}
        beside = self._images.topic.removesuffix(TRANSPORT_SUFFIX).rpartition("/")[0] + "/camera_info"
        if requested and requested in infos:
            return infos[requested]
        if not requested and beside in infos:
            return infos[beside]
        if not requested and len(infos) == 1:
            return next(iter(infos.values()))
        topics = ", ".join(sorted(infos)) or "none"
        raise BagError(f"the bag has no {requested or beside}; its camera info topics: {topics}")
