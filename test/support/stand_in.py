"""A stand-in for the estimator in tests of the node: simple hands at near blobs of the image."""

import logging

import cv2
import numpy as np
from articulated_hand import ArticulatedHand
from scipy.spatial.transform import Rotation

from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.kinematics import known_parts

NEAR = 1.0
"""Maximum depth of a stand-in hand, metres."""

FAILING = 4.321
"""Metres. An image with this depth in its first pixel makes the estimator raise an error."""

FACING = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
"""Rotation palm frame -> optical frame of a raised right hand with its palm towards the camera."""


def make_hand(centre, handedness="right", track_id=1, bend=0.3, valid=None, turn=0.0) -> Hand:
    """A well-formed hand whose wrist is at `centre`, its index PIP flexed by `bend` radians."""
    articulated = ArticulatedHand(handedness)
    articulated.flexion = {**articulated.flexion, "index": np.array([0.1, bend, 0.2])}
    rotation = Rotation.from_euler("xyz", [turn, 0.5 * turn, 0]).as_matrix() @ FACING
    positions = articulated.positions() @ rotation.T + centre
    valid = np.ones(21, bool) if valid is None else np.asarray(valid)
    return Hand(
        track_id=track_id,
        handedness=handedness,
        handedness_score=0.9,
        confidence=0.8,
        sigma=np.full((21, 3), 0.004),
        joint_confidence=np.full(21, 0.95),
        length=0.187,
        **known_parts(positions, valid, handedness),
    )


class StandIn:
    """Detects a hand at the centre of each near blob: a right hand in the left half of the image, else a left hand."""

    def __init__(self, smoothing: bool):
        self.smoothing = smoothing
        self.next_id = 1
        self.resets = 0
        self.reset()

    def reset(self) -> None:
        self.tracks: dict[str, tuple[int, np.ndarray]] = {}
        self.resets += 1

    def estimate(self, depth_m, camera, stamp, ignored=()) -> list[Hand]:
        if abs(depth_m[0, 0] - FAILING) < 1e-3:
            raise RuntimeError("requested failure of the stand-in")
        near = ((depth_m > 0) & (depth_m < NEAR)).astype(np.uint8)
        count, _, boxes, centres = cv2.connectedComponentsWithStats(near)
        hands, tracks = [], {}
        for i in range(1, count):
            if boxes[i, cv2.CC_STAT_AREA] < 20:
                continue
            u, v = centres[i]
            handedness = "right" if u < camera.width / 2 else "left"
            if handedness in tracks:
                continue
            at = camera.back_project(np.array([u, v]), depth_m[round(v), round(u)] or 0.5)
            track, before = self.tracks.get(handedness, (None, at))
            if track is None:
                track, self.next_id = self.next_id, self.next_id + 1
            at = 0.5 * (at + before) if self.smoothing else at
            tracks[handedness] = (track, at)
            hands.append(make_hand(at, handedness, track, bend=1.0 + np.sin(30 * at[0]), turn=at[0]))
        self.tracks = tracks
        return hands

    def finish(self) -> None:
        pass

    @property
    def tracked(self) -> set[int]:
        return {track for track, _ in self.tracks.values()}


def stand_in(settings):
    """An estimator factory for the node."""
    logging.getLogger("fingerpose_ros.perception").info("stand-in: selected by the test")
    return StandIn(settings["smoothing"]), "stand-in on cpu"
