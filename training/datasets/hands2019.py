"""HANDS2019 Task 1: Armagan et al., ECCV 2020, on BigHand2.2M; 175,951 training and 124,999 test frames, 21 joints.

Files, under the task's folder:

- `training_images/` and `test_images/image_DNNNNNNNN.png`: depth as 16-bit PNG, millimetres, 640x480, 0 = invalid
  pixel.
- `training_joint_annotation.txt`: tab-separated, one line per frame. The image's name and 21 times `x y z` in
  millimetres, x right, y down, z away.
- `training_bbs.txt` and `test_bbs.txt`: one line per frame. The image's name and the hand's box, left top right bottom,
  in pixels. It spans 300 mm around the middle finger's MCP, clipped to the image. It is empty where no hand was
  detected.
- `test_joint_annotation.txt`, optional, in the same format as for training. It was not published with the test split.
  Without it the test joints are NaN and not valid.

Camera: 475.065948, 475.065857, 315.944855, 245.287079, from the challenge's toolbox.

Joints: wrist, the five base joints (thumb, index, middle, ring, little), then the three distal joints of each finger in
the same order. Right hands.

The cube has an edge of 300 mm. It is centred on the box, at the distance where 300 mm are as wide as the box's longer
side. Source: HandAugment (Zhang et al. 2020), the winner of the task. A box that is clipped at one image edge is first
extended to a square, away from that edge.

Verified: the challenge's toolbox (HANDS19-Challenge-Toolbox, utils/reader.py) and, for the centres, HandAugment
(data/hands19task1.py) read the fixtures to the same depth and joints as this loader.
"""

import re
from pathlib import Path

import numpy as np

from fingerpose_ros.perception.camera import Camera

from .reading import FAR_M, NEAR_M, check_joints, metres, numbers, read_lines, read_png
from .sample import DatasetError, Joints, Sample

CAMERA = Camera(640, 480, 475.065948, 475.065857, 315.944855, 245.287079)
CUBE_M = 0.30
MAX_DEPTH_MM = 10_000
IMAGE_NAME = r"[\w-]+\.png"

_FINGERS = ("thumb", "index", "middle", "ring", "little")
_BASE = {"thumb": "thumb_cmc", **{finger: f"{finger}_mcp" for finger in _FINGERS[1:]}}
_DISTAL = {"thumb": ("mcp", "ip", "tip"), **{finger: ("pip", "dip", "tip") for finger in _FINGERS[1:]}}
_NAMES = ("wrist", *_BASE.values(), *(f"{finger}_{part}" for finger in _FINGERS for part in _DISTAL[finger]))
JOINTS = Joints(
    names=_NAMES, slots={name: name for name in _NAMES}, evaluated=tuple(range(21)), equivalent=frozenset(_NAMES)
)

TEST_FRAMES = 124_999
"""Number of frames that a submission must contain."""


class Hands2019:
    """A split, "train" or "test".

    Raises:
        DatasetError: labels or boxes are missing, invalid, or for different frames.
    """

    joints = JOINTS
    camera = CAMERA

    def __init__(self, root: Path, split: str):
        prefix = {"train": "training", "test": "test"}[split]
        self._folder, self._split = Path(root) / f"{prefix}_images", split
        boxes = Path(root) / f"{prefix}_bbs.txt"
        frames = [(text.split(), line) for line, text in read_lines(boxes)]
        for (name, *_), line in frames:
            if not re.fullmatch(IMAGE_NAME, name):
                raise DatasetError(boxes, f"{name[:60]!r} is not an image name", line=line)
        self._frames = [(name, cube_centre(numbers(box, 4, boxes, line))) for (name, *box), line in frames]
        if split == "train" and (bad := [name for name, centre in self._frames if not np.isfinite(centre).all()]):
            raise DatasetError(
                boxes, f"the box of {bad[0]} (and of {len(bad) - 1} more) is empty and cannot be trained on"
            )
        self._labels = np.full((len(frames), 21, 3), np.nan)
        labels = Path(root) / f"{prefix}_joint_annotation.txt"
        if split == "train" or labels.exists():
            self._read_labels(labels, boxes)

    def _read_labels(self, path: Path, boxes: Path) -> None:
        lines = read_lines(path)
        if len(lines) != len(self._frames):
            raise DatasetError(path, f"{len(lines)} frames, but {boxes} has {len(self._frames)}", line=lines[-1][0])
        for joints, (name, _), (line, text) in zip(self._labels, self._frames, lines, strict=True):
            label_name, *fields = text.split()
            if label_name != name:
                raise DatasetError(path, f"has {label_name[:40]!r} where {boxes} has {name!r}", line=line)
            joints[:] = numbers(fields, 63, path, line).reshape(21, 3) / 1000
            check_joints(joints, CAMERA, path, line)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the images, in the order of a submission."""
        return tuple(name for name, _ in self._frames)

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Sample:
        name, centre = self._frames[index]
        path = self._folder / name
        depth = read_png(path, CAMERA.width, CAMERA.height, np.uint16, 1)
        if depth.max() > MAX_DEPTH_MM:
            raise DatasetError(path, f"a depth of {depth.max()} mm, beyond the camera's range")
        joints = self._labels[index]
        return Sample(
            depth_m=metres(depth, 0.001), camera=CAMERA, joints_m=joints, valid=np.isfinite(joints).all(-1),
            centre_m=centre, cube_m=CUBE_M, right=True, subject="", sequence=self._split, name=name,
        )  # fmt: skip


def cube_centre(box: np.ndarray) -> np.ndarray:
    """The centre (3,) in metres of the cube around a hand's box (left, top, right, bottom); NaN for an empty box."""
    left, top, right, bottom = (float(side) for side in box)
    longer = max(right - left, bottom - top)
    if right <= left or bottom <= top:
        return np.full(3, np.nan)
    cut = (left == 0, top == 0, right == CAMERA.width, bottom == CAMERA.height)
    if sum(cut) == 1:
        left, top, right, bottom = (
            right - longer if cut[0] else left, bottom - longer if cut[1] else top,
            left + longer if cut[2] else right, top + longer if cut[3] else bottom,
        )  # fmt: skip
    distance = float(np.clip(CUBE_M * CAMERA.fx / longer, NEAR_M + CUBE_M, FAR_M))
    return CAMERA.back_project(np.array([(left + right) / 2, (top + bottom) / 2]), np.array(distance))
