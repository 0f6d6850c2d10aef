"""The depth images of a rosbag2 recording (MCAP or SQLite), read without ROS."""

from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection
from rosbags.typesys import Stores, get_typestore

IMAGE, COMPRESSED, INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo"

TRANSPORT_SUFFIX = "/compressedDepth"

_DEPTH_ENCODINGS = ("16UC1", "mono16", "32FC1")


class BagError(ValueError):
    """A bag that is damaged, or holds no depth images with their camera, or leaves open which."""


@contextmanager
def reading(path: Path | str) -> Iterator[None]:
    """Whatever the reader stumbles over in here is damage of the recording at `path`.

    Raises:
        BagError: so it is.
    """
    try:
        yield
    except (BagError, OSError):
        raise
    except Exception as error:  # of the reader, its storage, its compression, its messages: each has its own
        raise BagError(f"the recording {path} is damaged: {error}") from error


@dataclass(frozen=True)
class RecordedImage:
    """One depth image and the camera info that belongs to it, as they were recorded.

    Attributes:
        stamp: of the image's header, nanoseconds.
        time: when it was recorded, nanoseconds.
        image, camera_info: the messages, serialized (CDR).
    """

    stamp: int
    time: int
    image: bytes
    camera_info: bytes


def open_reader(path: Path | str) -> AnyReader:
    """A recording, opened; for the caller to close.

    Raises:
        FileNotFoundError: there is nothing at `path`.
        BagError: what is there is no recording.
    """
    if not Path(path).exists():
        raise FileNotFoundError(f"there is no {path}")
    try:
        with reading(path):
            reader = AnyReader([Path(path)], default_typestore=get_typestore(Stores.ROS2_JAZZY))
            reader.open()
    except BagError as error:
        raise BagError(f"{path} is no rosbag2 recording: {error.__cause__}") from error
    if not reader.is2:
        reader.close()
        raise BagError(f"{path} is a recording of ROS 1; convert it: rosbags-convert --src {path} --dst FOLDER")
    return reader


class DepthBag:
    """A recording, open for reading; a context manager.

    Args:
        path: the bag's folder.
        image_topic: which depth images; may be left out if the bag holds but one depth topic.
        info_topic: their camera info; left out, the `camera_info` beside the images, or the only one in the bag.

    Attributes:
        image_topic, info_topic: as chosen.
        transport: "raw" or "compressedDepth".
        count: how many images there are.

    Raises:
        BagError: see there.
        FileNotFoundError: there is no bag.
    """

    def __init__(self, path: Path | str, image_topic: str | None = None, info_topic: str | None = None):
        self._path, self._reader = path, open_reader(path)
        try:
            with reading(path):
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
        """All images in the order of recording, each with the camera info of its stamp or else the newest before.

        Raises:
            BagError: there is no camera info, or the recording is damaged; images before the damage have come.
        """
        with reading(self._path):
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

    def _choose_images(self, wanted: str | None) -> Connection:
        pictures = [c for c in self._reader.connections if c.msgtype in (IMAGE, COMPRESSED)]
        if wanted:
            found = [c for c in pictures if c.topic in (wanted, wanted + TRANSPORT_SUFFIX)]
        else:
            found = [c for c in pictures if self._is_depth(c)]
        if not found:
            there = ", ".join(sorted({c.topic for c in pictures})) or "none"
            raise BagError(f"the bag has no {wanted or 'depth image topic'}; its image topics: {there}")
        if len({c.topic for c in found}) > 1 and not wanted:
            raise BagError(f"the bag has several depth topics, name one: {', '.join(sorted({c.topic for c in found}))}")
        return min(found, key=lambda c: len(c.topic))  # of one image in two transports, the raw one

    def _is_depth(self, connection: Connection) -> bool:
        """By the first message: a topic's name proves nothing."""
        for _, _, raw in self._reader.messages([connection]):
            message: Any = self._reader.deserialize(raw, connection.msgtype)
            if connection.msgtype == COMPRESSED:
                return "compressedDepth" in message.format
            return message.encoding in _DEPTH_ENCODINGS
        return False

    def _choose_infos(self, wanted: str | None) -> Connection:
        infos = {c.topic: c for c in self._reader.connections if c.msgtype == INFO}
        beside = self._images.topic.removesuffix(TRANSPORT_SUFFIX).rpartition("/")[0] + "/camera_info"
        if wanted and wanted in infos:
            return infos[wanted]
        if not wanted and beside in infos:
            return infos[beside]
        if not wanted and len(infos) == 1:
            return next(iter(infos.values()))
        there = ", ".join(sorted(infos)) or "none"
        raise BagError(f"the bag has no {wanted or beside}; its camera info topics: {there}")
