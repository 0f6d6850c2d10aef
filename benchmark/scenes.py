"""The benchmark's depth images: those of the sample recording, also resampled to other sizes, or a folder's."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.recording.frame_folder import FrameFolder

MAX_FRAMES = 100

REMOVED = 0.06
"""Pixels closer than this to a joint of a hand that is removed become invalid, metres."""


@lru_cache(maxsize=2)
def sample_frames(hands: int) -> tuple[list[np.ndarray], Camera]:
    """The sample's images with this number of hands completely in view, forward and backward, uint16 millimetres."""
    depths, _, camera = _sample(hands)
    return forward_and_backward(depths), camera


@lru_cache(maxsize=1)
def appearing_frames() -> tuple[list[np.ndarray], list[np.ndarray], Camera]:
    """The sample's images with two hands, as `sample_frames`, once without the second hand and once with both."""
    depths, hands, camera = _sample(2)
    v, u = np.indices(depths[0].shape)
    without = []
    for depth, (_, second) in zip(depths, hands, strict=True):
        points = camera.back_project(np.stack([u, v], axis=-1), depth * 0.001)
        near = np.zeros(depth.shape, bool)
        for joint in second.positions:
            near |= ((points - joint) ** 2).sum(axis=-1) < REMOVED**2
        without.append(np.where(near, 0, depth).astype(np.uint16))
    return forward_and_backward(without), forward_and_backward(depths), camera


def _sample(hands: int) -> tuple[list[np.ndarray], list[list[Hand]], Camera]:
    """The sample's first images with this number of hands completely in view, their hands, and their camera."""
    from fingerpose_ros.commands.demo import SAMPLE
    from fingerpose_ros.recording.bag_reader import DepthBag
    from fingerpose_ros.recording.bag_writer import TRUTH_TOPIC
    from fingerpose_ros.recording.recordings import depth_frames, recorded_hands
    from fingerpose_ros.share import share_folder

    path = share_folder() / SAMPLE
    truth = recorded_hands(path, TRUTH_TOPIC)
    frames: list[np.ndarray] = []
    shown: list[list[Hand]] = []
    with DepthBag(path) as bag:
        for frame in depth_frames(bag):
            true_hands = truth.get(frame.stamp, [])
            if len(true_hands) == hands and all(hand.valid.all() for hand in true_hands):
                frames.append(np.round(frame.depth * 1000).astype(np.uint16))
                shown.append(true_hands)
                camera = frame.camera
            elif frames:  # only one contiguous sequence
                break
    return frames[:MAX_FRAMES], shown[:MAX_FRAMES], camera


def folder_frames(path: Path) -> tuple[list[np.ndarray], Camera]:
    """The first images of a folder with depth/*.png and meta.json, forward and backward, uint16 millimetres."""
    folder = FrameFolder.open(path)
    count = min(len(folder.images), MAX_FRAMES)
    frames = [np.round(folder.depth(i) * 1000).astype(np.uint16) for i in range(count)]
    return forward_and_backward(frames), folder.camera


def forward_and_backward(frames: list[np.ndarray]) -> list[np.ndarray]:
    """A sequence that can be repeated without a jump."""
    return frames + frames[-2:0:-1]


def resampled(frames: Sequence[np.ndarray], camera: Camera, width: int, height: int) -> tuple[list[np.ndarray], Camera]:
    """The same scene by a camera of another size, without distortion, at least as wide as the first for its height.

    The images are scaled to `height`. What the first camera did not see on the left and right repeats its border.
    """
    scale = height / camera.height
    scaled = round(camera.width * scale)
    left = (width - scaled) // 2
    images = []
    for frame in frames:
        image = cv2.resize(frame, (scaled, height), interpolation=cv2.INTER_NEAREST)
        images.append(cv2.copyMakeBorder(image, 0, 0, left, width - scaled - left, cv2.BORDER_REPLICATE))
    cx, cy = (camera.cx + 0.5) * scale - 0.5 + left, (camera.cy + 0.5) * scale - 0.5
    size = {"width": width, "height": height, "fx": camera.fx * scale, "fy": camera.fy * scale}
    return images, replace(camera, cx=cx, cy=cy, **size)
