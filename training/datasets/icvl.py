"""ICVL: Tang et al., "Latent Regression Forest", CVPR 2014; 22,067 training and 1,596 test frames, 16 joints.

Files, under the folder with `Training` and `Testing`:

- `Depth/<folder>/image_NNNN.png`: depth as 16-bit PNG, millimetres, 320x240, background 32001.
- `Training/labels.txt`, `Testing/test_seq_1.txt` and `test_seq_2.txt`: one line per frame. The image's path under
  `Depth`, then `u v d` (pixel, pixel, millimetre) for each joint.

Folders of training images whose name is not a date contain in-plane rotated copies. They are skipped, as in
DeepPrior++, because our augmentation rotates. Camera: 240.99, 240.96, 160, 120, as in the common evaluation code (REN;
Guo et al. 2017).

Joints: the palm's centre, then root, middle and tip of each finger, thumb first. Their distances show that these are
the midpoints of the phalanges (index finger, medians over the test labels: palm to root 57, root to middle 29, middle
to tip 19 mm). So none is one of our 21 points; each replaces a joint of the same finger. The images show left hands:
fingers flex in the opposite direction to those of NYU's right hands.

Cube 250 mm: DeepPrior++ (Oberweger and Lepetit, ICCVW 2017).

Verified: deep-prior-pp (src/data/importers.py, ICVLImporter) read the fixtures to the same depth and joints as this
loader.
"""

import re
from pathlib import Path

import numpy as np

from fingerpose_ros.perception.camera import Camera

from .centres import cube_centre, read_centres
from .reading import check_joints, metres, numbers, read_lines, read_png
from .sample import DatasetError, Joints, Sample

CAMERA = Camera(320, 240, 240.99, 240.96, 160.0, 120.0)
FAR_MM = 32000
"""Values from here on are invalid pixels."""

IMAGE_NAME = r"[\w-]+(/[\w-]+)*\.png"

_FINGERS = ("thumb", "index", "middle", "ring", "little")
JOINTS = Joints(
    names=("palm", *(f"{finger}_{part}" for finger in _FINGERS for part in ("root", "mid", "tip"))),
    slots={
        "wrist": "palm",
        "thumb_cmc": "thumb_root", "thumb_mcp": "thumb_mid", "thumb_tip": "thumb_tip",
        **{f"{finger}_{ours}": f"{finger}_{own}" for finger in _FINGERS[1:]
           for ours, own in (("mcp", "root"), ("pip", "mid"), ("tip", "tip"))},
    },
    evaluated=tuple(range(16)),
    equivalent=frozenset(),
)  # fmt: skip

SPLITS = {
    "train": (("Training", "labels.txt"),),
    "test": (("Testing", "test_seq_1.txt"), ("Testing", "test_seq_2.txt")),
}


class Icvl:
    """A split, "train" or "test". `centres`: a text file of precomputed cube centres, see `centres.read_centres`.

    Raises:
        DatasetError: labels are missing or invalid.
    """

    joints = JOINTS
    camera = CAMERA
    cube_m = 0.25

    def __init__(self, root: Path, split: str, centres: Path | None = None):
        self._frames: list[tuple[Path, str]] = []
        labels = []
        for part, file in SPLITS[split]:
            path = Path(root) / part / file
            for line, text in read_lines(path):
                name, *fields = text.split()
                if not re.fullmatch(IMAGE_NAME, name):
                    raise DatasetError(path, f"{name[:60]!r} is not an image path", line=line)
                if not _is_original(name):
                    continue
                uvd = numbers(fields, 48, path, line).reshape(16, 3)
                joints = CAMERA.back_project(uvd[:, :2], uvd[:, 2] / 1000)
                check_joints(joints, CAMERA, path, line)
                self._frames.append((path.parent / "Depth" / name, name))
                labels.append(joints)
            if not labels:
                raise DatasetError(path, "contains only rotated copies")
        self._labels = np.array(labels)
        self._centres = read_centres(centres, len(labels)) if centres else None

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Sample:
        path, name = self._frames[index]
        depth = read_png(path, CAMERA.width, CAMERA.height, np.uint16, 1)
        depth[depth >= FAR_MM] = 0
        joints, valid = self._labels[index], np.ones(16, bool)
        sequence = name.rpartition("/")[0]
        return Sample(
            depth_m=metres(depth, 0.001), camera=CAMERA,
            joints_m=joints, valid=valid, centre_m=cube_centre(self._centres, index, JOINTS, joints, valid),
            cube_m=self.cube_m, right=False, subject=sequence, sequence=sequence, name=name,
        )  # fmt: skip


def _is_original(name: str) -> bool:
    """Whether an image is not a rotated copy: its folder is named by date and time, or is a test sequence."""
    folder = name.partition("/")[0]
    return folder.startswith("test_seq_") or (folder.isdigit() and len(folder) > 6)
