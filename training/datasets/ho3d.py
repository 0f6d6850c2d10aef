"""HO-3D version 3: Hampali et al., CVPR 2020, and arXiv 2107.00887; right hands holding objects, 21 joints.

Files, under the folder with `train` and `evaluation`, as the dataset's own scripts read them (shreyashampali/ho3d):

- `train.txt` and `evaluation.txt`: one line per frame, `SEQUENCE/NNNN`; 78,297 training and 20,137 evaluation frames.
- `<split>/SEQUENCE/depth/NNNN.png`: 640x480, 8-bit RGB with the low byte in red and the high byte in green, in units of
  0.00012498664727900177 m.
- `<split>/SEQUENCE/meta/NNNN.pkl`: a pickled dictionary with `camMat` (3, 3) and `handJoints3D`. The joints are in
  metres in OpenGL axes (x right, y up, z towards the camera). In the training split they are (21, 3). In the evaluation
  split there is only the wrist (3,), and `handBoundingBox` (left, top, right, bottom).
- `evaluation_xyz.json`, optional: the joints of the evaluation split, published later.

Joints, MANO's order: wrist; three of index, middle, little and ring finger and thumb; the tips of thumb, index,
middle, ring and little finger.

The cube is our choice: 300 mm around the centre of the joints' box in the image, at the wrist's depth. An evaluation
frame provides no more, and training uses the same cubes as the evaluation.

Verified: the authors' scripts (shreyashampali/ho3d, utils/vis_utils.py) read the fixtures to the same depth and joints
as this loader.
"""

import json
from pathlib import Path

import numpy as np

from fingerpose_ros.perception.camera import Camera

from .pickles import array, read_metadata
from .reading import check_joints, metres, read_bytes, read_lines, read_png, two_byte_depth
from .sample import DatasetError, Joints, Sample

WIDTH, HEIGHT = 640, 480
DEPTH_UNIT_M = 0.00012498664727900177
CUBE_M = 0.30
TO_OPTICAL = np.array([1.0, -1.0, -1.0])
"""Factors from OpenGL axes to the optical frame, and back."""

_THREE = {"index": ("mcp", "pip", "dip"), "middle": ("mcp", "pip", "dip"), "little": ("mcp", "pip", "dip"),
          "ring": ("mcp", "pip", "dip"), "thumb": ("cmc", "mcp", "ip")}  # fmt: skip
_TIPS = ("thumb", "index", "middle", "ring", "little")
_NAMES = ("wrist", *(f"{f}_{p}" for f, parts in _THREE.items() for p in parts), *(f"{f}_tip" for f in _TIPS))
JOINTS = Joints(
    names=_NAMES, slots={name: name for name in _NAMES}, evaluated=tuple(range(21)), equivalent=frozenset(_NAMES)
)
WRIST, MIDDLE_MCP = 0, 4
"""Joints used by the scale-and-translation alignment."""

PUBLISHED = "evaluation_xyz.json"
"""The joints of the evaluation split, published in 2024; used if the file is beside `evaluation.txt`."""

EVALUATION_FRAMES = 20_137
"""Number of frames that a submission must contain."""


class Ho3d:
    """A split, "train" or "test" (the dataset's `evaluation`).

    Raises:
        DatasetError: the list of frames is missing or invalid.
    """

    joints = JOINTS
    camera = None

    def __init__(self, root: Path, split: str):
        name = {"train": "train", "test": "evaluation"}[split]
        path = Path(root) / f"{name}.txt"
        self._folder, self._split = Path(root) / name, split
        self._frames = []
        for line, text in read_lines(path, ended=False):
            sequence, slash, frame = text.partition("/")
            if not (slash and sequence.isalnum() and frame.isdecimal() and len(frame) == 4):
                raise DatasetError(path, f"{text[:40]!r} is not SEQUENCE/NNNN", line=line)
            self._frames.append((sequence, frame))
        published = Path(root) / PUBLISHED
        is_published = split == "test" and published.exists()
        self._published = _read_published(published, len(self._frames)) if is_published else None

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Sample:
        sequence, frame = self._frames[index]
        folder, meta = self._folder / sequence, self._folder / sequence / "meta" / f"{frame}.pkl"
        metadata = read_metadata(meta)
        camera = _camera(array(metadata, "camMat", (3, 3), meta), meta)
        joints, valid = np.full((21, 3), np.nan), np.zeros(21, bool)
        if self._split == "train":
            joints[:], valid[:] = array(metadata, "handJoints3D", (21, 3), meta) * TO_OPTICAL, True
            pixels = camera.project(joints)
            left, top, right, bottom = (*pixels.min(axis=0), *pixels.max(axis=0))
        else:
            joints[WRIST], valid[WRIST] = array(metadata, "handJoints3D", (3,), meta) * TO_OPTICAL, True
            left, top, right, bottom = array(metadata, "handBoundingBox", (4,), meta)
        centre = camera.back_project(np.array([(left + right) / 2, (top + bottom) / 2]), joints[WRIST, 2])
        if self._published is not None:
            joints, valid = self._published[index], np.ones(21, bool)
        check_joints(joints[valid], camera, meta)
        image = read_png(folder / "depth" / f"{frame}.png", WIDTH, HEIGHT, np.uint8, 3)
        return Sample(
            depth_m=metres(two_byte_depth(image, high=1, low=2), DEPTH_UNIT_M), camera=camera,
            joints_m=joints, valid=valid, centre_m=centre, cube_m=CUBE_M, right=True,
            subject=sequence.rstrip("0123456789"), sequence=sequence, name=f"{sequence}/{frame}",
        )  # fmt: skip


def _read_published(path: Path, frames: int) -> np.ndarray:
    """The evaluation split's joints (frames, 21, 3), metres in the optical frame."""
    try:
        joints = np.array(json.loads(read_bytes(path)), np.float64)
    except (ValueError, TypeError, RecursionError) as error:
        raise DatasetError(path, f"is not a list of joints ({error})") from error
    if joints.shape != (frames, 21, 3) or not np.isfinite(joints).all():
        raise DatasetError(path, f"has the shape {joints.shape}, not {(frames, 21, 3)}, or values that are not finite")
    return joints * TO_OPTICAL


def _camera(matrix: np.ndarray, path: Path) -> Camera:
    """`camMat` (3, 3) -> the camera."""
    try:
        return Camera(WIDTH, HEIGHT, matrix[0, 0], matrix[1, 1], matrix[0, 2], matrix[1, 2])
    except ValueError as error:
        raise DatasetError(path, f"camMat: {error}") from error
