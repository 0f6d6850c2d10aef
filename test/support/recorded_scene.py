"""A recording without a hand, as `training.rendering.backgrounds` reads it."""

import json
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT, FOCAL = 320, 240, 300.0


def write_recording(folder: Path, images: list[np.ndarray], **meta: str) -> Path:
    """Write depth images (240, 320) uint16 millimetres; `meta` are further entries of meta.json."""
    (folder / "depth").mkdir(parents=True)
    camera = {"width": WIDTH, "height": HEIGHT, "fx": FOCAL, "fy": FOCAL, "cx": 159.5, "cy": 119.5}
    (folder / "meta.json").write_text(json.dumps({**camera, "depth_unit_m": 0.001, **meta}))
    for i, image in enumerate(images):
        cv2.imwrite(str(folder / "depth" / f"{i:03}.png"), image)
    return folder


def table() -> np.ndarray:
    """A table that rises towards the lower border, in millimetres, with noise of a millimetre and a block on it."""
    depth = np.linspace(1000, 500, HEIGHT)[:, None] + np.random.default_rng(0).normal(0, 1, (HEIGHT, WIDTH))
    depth[60:120, 220:300] = 600
    return depth.astype(np.uint16)
