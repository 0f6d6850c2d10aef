"""MSRA (MSRA15): Sun et al., "Cascaded Hand Pose Regression", CVPR 2015; 9 subjects, 17 gestures, 76,375 frames.

Files, under the folder with `P0` to `P8`, one folder per gesture, as in the dataset's readme:

- `NNNNNN_depth.bin`, counted from 0, little-endian. Six 32-bit integers: image width and height, and the hand's box
  (left, top, right, bottom; right and bottom exclusive). Then the depths in the box, row by row, as 32-bit floats in
  millimetres, 0 = invalid pixel.
- `joint.txt`: the number of frames, then one line per frame with 21 times `x y z` in millimetres, x right, y up, z
  towards the camera.

Camera: 241.42, 241.42, 160, 120, 320x240.

Joints: wrist, then index, middle, ring and little finger and thumb, each from base to tip. Right hands. Protocol:
leave-one-subject-out, mean over all nine. Cubes by subject (P0 to P8): DeepPrior++ (Oberweger and Lepetit, ICCVW 2017).

Verified: deep-prior-pp (src/data/importers.py, MSRA15Importer) and V2V-PoseNet-pytorch (datasets/msra_hand.py) read
the fixtures to the same depth and joints as this loader.
"""

from pathlib import Path

import numpy as np

from fingerpose_ros.perception.camera import Camera

from .centres import cube_centre, read_centres
from .reading import FAR_M, check_joints, numbers, read_bytes, read_lines
from .sample import DatasetError, Joints, Sample

CAMERA = Camera(320, 240, 241.42, 241.42, 160.0, 120.0)
CUBES_M = {"P0": 0.20, "P1": 0.20, "P2": 0.20, "P3": 0.18, "P4": 0.18, "P5": 0.18, "P6": 0.17, "P7": 0.16, "P8": 0.15}
GESTURES = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "I", "IP", "L", "MP", "RP", "T", "TIP", "Y")

_PARTS = ("mcp", "pip", "dip", "tip")
_NAMES = tuple(f"{finger}_{part}" for finger in ("index", "middle", "ring", "little") for part in _PARTS)
_THUMB = ("thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip")
JOINTS = Joints(
    names=("wrist", *_NAMES, *_THUMB),
    slots={name: name for name in ("wrist", *_NAMES, *_THUMB)},
    evaluated=tuple(range(21)),
    equivalent=frozenset(("wrist", *_NAMES, *_THUMB)),
)


class Msra:
    """A split, "train" or "test". Subject `held_out` ("P0" to "P8") is the test split, the others are for training.

    `centres`: a text file of precomputed cube centres for the split, see `centres.read_centres`.

    Raises:
        ValueError: `held_out` is not one of the subjects.
        DatasetError: labels are missing or invalid.
    """

    joints = JOINTS
    camera = CAMERA

    def __init__(self, root: Path, split: str, held_out: str = "", centres: Path | None = None):
        if held_out not in CUBES_M:
            raise ValueError(f"MSRA's protocol holds one subject out: held_out is {held_out!r}, not P0 to P8")
        self._frames: list[tuple[Path, str, str]] = []
        labels = []
        for subject in CUBES_M:
            if (subject == held_out) != (split == "test"):
                continue
            for gesture in GESTURES:
                folder = Path(root) / subject / gesture
                joints = _read_labels(folder / "joint.txt")
                self._frames += [(folder / f"{i:06d}_depth.bin", subject, gesture) for i in range(len(joints))]
                labels += joints
        self._labels = np.array(labels)
        self._centres = read_centres(centres, len(labels), y_up=True) if centres else None

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Sample:
        path, subject, gesture = self._frames[index]
        joints, valid = self._labels[index], np.ones(21, bool)
        return Sample(
            depth_m=read_depth(path), camera=CAMERA, joints_m=joints, valid=valid,
            centre_m=cube_centre(self._centres, index, JOINTS, joints, valid), cube_m=CUBES_M[subject], right=True,
            subject=subject, sequence=f"{subject}/{gesture}", name=f"{subject}/{gesture}/{path.name}",
        )  # fmt: skip


def read_depth(path: Path) -> np.ndarray:
    """A `_depth.bin` file -> the image (240, 320) float32 in metres, 0 outside the box.

    Raises:
        DatasetError: truncated, too long, a box outside the image, or invalid depths.
    """
    raw = read_bytes(path)
    if len(raw) < 24:
        raise DatasetError(path, f"{len(raw)} bytes, too short for the header of 24", offset=len(raw))
    width, height, left, top, right, bottom = (int(value) for value in np.frombuffer(raw, "<u4", 6))
    if (width, height) != (CAMERA.width, CAMERA.height):
        raise DatasetError(path, f"the image is {width}x{height}, not {CAMERA.width}x{CAMERA.height}", offset=0)
    if not (left < right <= width and top < bottom <= height):
        raise DatasetError(path, f"the box {left}..{right} x {top}..{bottom} is not in the image", offset=8)
    expected = 24 + 4 * (right - left) * (bottom - top)
    if len(raw) != expected:
        raise DatasetError(path, f"{len(raw)} bytes where the box needs {expected}", offset=min(len(raw), expected))
    box = np.frombuffer(raw, "<f4", offset=24) / np.float32(1000)
    valid = (box >= 0) & (box <= FAR_M)
    if not valid.all():
        first = int(np.argmin(valid))
        raise DatasetError(path, f"a depth of {box[first] * 1000} mm", offset=24 + 4 * first)
    depth = np.zeros((height, width), np.float32)
    depth[top:bottom, left:right] = box.reshape(bottom - top, right - left)
    return depth


def _read_labels(path: Path) -> list[np.ndarray]:
    """`joint.txt` -> (21, 3) for each frame, metres in the optical frame."""
    (line, text), *lines = read_lines(path)
    if not text.isdecimal() or int(text) != len(lines):
        raise DatasetError(path, f"announces {text[:20]!r} frames and has {len(lines)}", line=line)
    labels = []
    for line, text in lines:
        joints = numbers(text.split(), 63, path, line).reshape(21, 3) * (0.001, -0.001, -0.001)
        check_joints(joints, CAMERA, path, line)
        labels.append(joints)
    return labels
