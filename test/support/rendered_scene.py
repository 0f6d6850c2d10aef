"""Exact depth images of simple scenes: spheres and planes. A hand is made of spheres along its bones."""

import json
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from articulated_hand import ArticulatedHand
from scipy.spatial.transform import Rotation

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.skeleton import PARENTS

CAMERA = Camera(640, 480, 610.0, 605.0, 322.4, 238.1)


@lru_cache
def _rays(camera):
    u, v = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    return camera.back_project(np.stack([u, v], axis=-1), np.ones(u.shape))


def render(camera, balls=(), planes=()):
    """Spheres (centre (3,), radius) and planes (normal (3,), offset: normal . point = offset) -> depth in metres."""
    rays = _rays(camera)
    depth = np.full(rays.shape[:2], np.inf)
    for normal, offset in planes:
        with np.errstate(divide="ignore"):
            distance = offset / (rays @ np.asarray(normal, float))
        depth = np.where((distance > 0) & (distance < depth), distance, depth)
    for centre, radius in balls:
        middle, reach = camera.project(centre), 1.5 * camera.fx * radius / centre[2] + 2
        low, high = np.floor(middle - reach).astype(int), np.ceil(middle + reach).astype(int)
        window = (slice(max(low[1], 0), max(high[1], 0)), slice(max(low[0], 0), max(high[0], 0)))
        seen = rays[window]
        a, b = (seen**2).sum(axis=-1), seen @ centre
        inner = b**2 - a * (centre @ centre - radius**2)
        distance = np.where(inner > 0, (b - np.sqrt(np.maximum(inner, 0))) / a, np.inf)
        depth[window] = np.minimum(depth[window], distance)
    return np.where(np.isfinite(depth), depth, 0).astype(np.float32)


def along(start, end, radius, count):
    """`count` spheres from `start` to `end`."""
    return [(start + (end - start) * t, radius) for t in np.linspace(0, 1, count)]


def hand_balls(joints, forearm=0.25):
    """Joints (21, 3) -> the spheres of the hand, and of `forearm` metres of its forearm."""
    balls = []
    for joint, parent in enumerate(PARENTS):
        if parent == 0:
            balls += along(joints[0], joints[joint], 0.016, 8)
        elif parent > 0:
            balls += along(joints[parent], joints[joint], 0.009, 5)
    for a, b in ((5, 9), (9, 13), (13, 17), (1, 5)):
        balls += along(joints[a], joints[b], 0.013, 5)
    if forearm:
        back = joints[0] - joints[9]
        balls += along(joints[0], joints[0] + back / np.linalg.norm(back) * forearm, 0.032, 2 + round(forearm / 0.012))
    return balls


def placed(hand=None, at=(0.0, 0.0, 0.6), turn=(0.0, 0.0, 0.0)):
    """The joints (21, 3) of a hand whose back faces the camera; before `turn`, its fingers point to the right."""
    joints = (hand or ArticulatedHand()).positions()
    facing = Rotation.from_euler("x", 180, degrees=True)
    joints = (Rotation.from_rotvec(turn) * facing).apply(joints - joints.mean(axis=0))
    return joints + at


def record(path: Path, joints: np.ndarray) -> Path:
    """Write a frame folder to `path`: an image of each of these hands (frames, 21, 3), and the true joints."""
    (path / "depth").mkdir(parents=True)
    for i, hand in enumerate(joints):
        depth = render(CAMERA, hand_balls(hand, forearm=0.8), [((0.0, 0.0, 1.0), 1.4)])
        cv2.imwrite(str(path / "depth" / f"{i:03}.png"), np.round(depth * 1000).astype(np.uint16))
    meta = {name: getattr(CAMERA, name) for name in ("width", "height", "fx", "fy", "cx", "cy")}
    (path / "meta.json").write_text(json.dumps(meta | {"depth_unit_m": 0.001}))
    np.savez(path / "joints.npz", joints=joints)
    return path
