"""Makes docs/images/demo.webp, the moving picture of the README: the node's hands in the sample recording.

./run fingerpose replay sample/hands --lock-step --out fingerpose_demo
./run python docs/images/demo.py fingerpose_demo
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from fingerpose_ros.perception import drawing
from fingerpose_ros.recording.bag_reader import DepthBag
from fingerpose_ros.recording.recordings import depth_frames, recorded_hands

EVERY = 2
"""One of so many images is shown, for the file's size."""

QUALITY = 60
"""Of WebP, 0 to 100."""

MAX_DRAWN_DEPTH = 1.5
"""Depth in metres from which on the images get no darker."""


def pictures(bag: Path) -> Iterator[tuple[float, np.ndarray]]:
    """Stamp in seconds and picture (height, width, 3) of the images of a replay's bag."""
    answers = recorded_hands(bag, "/hand_poses")
    with DepthBag(bag) as opened:
        for number, frame in enumerate(depth_frames(opened)):
            if number % EVERY:
                continue
            hands = answers.get(frame.stamp, [])
            labels = [hand.handedness for hand in hands]
            yield frame.stamp / 1e9, drawing.draw(frame.depth, frame.camera, labels, hands, MAX_DRAWN_DEPTH)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("replay", type=Path, help="output folder of `fingerpose replay`")
    stamps, images = zip(*pictures(parser.parse_args().replay / "bag"), strict=True)
    animation = cv2.Animation()
    animation.frames = [cv2.resize(image, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA) for image in images]
    periods = np.diff(stamps)
    animation.durations = np.round(1000 * np.append(periods, np.median(periods))).astype(int).tolist()  # milliseconds
    path = Path(__file__).with_suffix(".webp")
    cv2.imwriteanimation(str(path), animation, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    print(f"{path}: {len(images)} images, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
