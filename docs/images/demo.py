"""Makes docs/images/demo.png: the node's hands in three images of the sample recording.

./run fingerpose demo --out fingerpose_demo
./run python docs/images/demo.py fingerpose_demo
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from fingerpose_ros.perception import drawing
from fingerpose_ros.recording.bag_reader import DepthBag
from fingerpose_ros.recording.recordings import depth_frames, recorded_hands

SHOWN = (89, 167, 245)
"""Numbers of the images: a right hand that points, a left hand that pinches, both hands."""

MAX_DRAWN_DEPTH = 1.5
"""Depth in metres from which on the images get no darker."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("replay", type=Path, help="output folder of `fingerpose demo`")
    bag = parser.parse_args().replay / "bag"
    answers = recorded_hands(bag, "/hand_poses")
    with DepthBag(bag) as opened:
        frames = [frame for number, frame in enumerate(depth_frames(opened)) if number in SHOWN]
    images = []
    for frame in frames:
        hands = answers.get(frame.stamp, [])
        labels = [hand.handedness for hand in hands]
        image = drawing.draw(frame.depth, frame.camera, labels, hands, MAX_DRAWN_DEPTH)
        images.append(cv2.resize(image[60:440, 60:580], None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA))
    path = Path(__file__).with_suffix(".png")
    cv2.imwrite(str(path), np.hstack(images))
    print(path)


if __name__ == "__main__":
    main()
