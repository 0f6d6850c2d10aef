"""A sheet of moments of a teleoperation: the depth image with the person's skeleton, and beside it the robot."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from fingerpose_ros.files import write_image
from fingerpose_ros.perception import drawing
from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.recording.bag_reader import DepthBag
from fingerpose_ros.recording.recordings import DepthFrame, depth_frame
from fingerpose_ros.replay.report import MAX_DRAWN_DEPTH, grid
from fingerpose_ros.ros.rejection import Rejected

from .live import LiveImages
from .rendering import RobotPictures
from .settings import RobotSettings
from .supervisor import Teleoperation

COLUMNS, MOMENTS = 4, 12

SIZE = 300
"""Width and height of each of a moment's two pictures, pixels."""

SHOWN_RADIUS = 0.17
"""Of what is shown around the palm, metres."""


def write_sheet(
    path: Path, source: DepthBag | LiveImages, stamps: Iterable[int], record: Teleoperation, settings: RobotSettings,
    lag: float,
) -> None:  # fmt: skip
    """Write a sheet of moments at which the person's hand is seen, evenly over the recording.

    Args:
        source: of the images.
        stamps: of the images that it has.
        lag: seconds after an image at which the robot is shown beside it.

    Raises:
        RuntimeError: there is no EGL driver.
    """
    hands = {stamp: seen for stamp, _, seen in record.poses}
    sent = dict(record.images)
    seen = [
        stamp
        for stamp in stamps
        if stamp in sent
        and any(hand.handedness == settings.handedness and hand.valid.all() for hand in hands.get(stamp, []))
    ]
    chosen = {seen[i] for i in np.linspace(0, len(seen) - 1, min(len(seen), MOMENTS)).round().astype(int)}
    times = np.array([at for at, _ in record.states])
    tiles = []
    with RobotPictures(settings.urdf.read_text(), settings.base, settings.view, SIZE) as pictures:
        for recorded in source.images():
            if recorded.stamp not in chosen:
                continue
            with suppress(Rejected):  # the node rejected it, too
                person = _person(depth_frame(recorded, source.transport), hands[recorded.stamp], settings.handedness)
                state = min(int(np.searchsorted(times, sent[recorded.stamp] + lag)), len(times) - 1)
                second = sent[recorded.stamp] - record.images[0][1]
                tiles.append(
                    _captioned(np.hstack([person, pictures.render(record.states[state][1])]), f"{second:.1f} s")
                )
    blank = np.zeros((SIZE, SIZE, 3), np.uint8)
    write_image(path, grid(tiles or [blank], COLUMNS))


def _person(frame: DepthFrame, hands: list[Hand], handedness: str) -> np.ndarray:
    """A square of the image around the hand that commands, with the skeletons."""
    image = drawing.draw(frame.depth, frame.camera, ["" for _ in hands], hands, MAX_DRAWN_DEPTH)
    palm = next(hand.palm_position for hand in hands if hand.handedness == handedness)
    (x, y), half = frame.camera.project(palm[None])[0], round(frame.camera.fx * SHOWN_RADIUS / palm[2])
    padded = np.pad(image, ((half, half), (half, half), (0, 0)))
    top, left = np.clip(np.round((y, x)).astype(int), 0, image.shape[:2])
    return cv2.resize(
        padded[top : top + 2 * half, left : left + 2 * half], (SIZE, SIZE), interpolation=cv2.INTER_LINEAR
    )


def _captioned(tile: np.ndarray, text: str) -> np.ndarray:
    return cv2.putText(tile, text, (6, SIZE - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.5, drawing.WHITE, 1, cv2.LINE_AA)
