"""NYU: Tompson et al., ACM ToG 33(5), 2014; 72,757 training and 8,252 test frames, 36 joints of which 14 are scored.

Files, under the folder with `train` and `test`:

- `depth_1_NNNNNNN.png`, counted from 1: depth of the first camera, 640x480, 8-bit RGB. Green is the high byte of the
  millimetres, blue the low byte.
- `joint_data.mat` (MATLAB 5) with `joint_xyz` (3 cameras, frames, 36, 3) in millimetres, x right, y up, z away.

Camera: 588.036865, 587.075073, 320, 240, from the dataset's `convert_xyz_to_uvd.m`.

Joints: six of each finger (`F1` is the little finger, `F4` the index finger, `TH` the thumb; KNU3_A is the tip) and six
of the palm. Scored are the 14 of Tompson et al., indices 0 3 6 9 12 15 18 21 24 25 27 30 31 32. PALM_1 and PALM_2 are
the two sides of the wrist and PALM_3 is the palm's centre. They replace our wrist, thumb CMC and middle MCP. Right
hands.

Cubes: 300 mm; 250 mm for the second test subject, frames 2,441 to 8,252. Sources: DeepPrior++ (Oberweger and Lepetit,
ICCVW 2017), and a factor of 5/6 in V2V-PoseNet (Moon et al., CVPR 2018).

Verified: deep-prior-pp (src/data/importers.py, NYUImporter) and AWR (dataloader/nyu_loader.py) read the fixtures to
the same depth and joints as this loader.
"""

from pathlib import Path

import numpy as np

from fingerpose_ros.perception.camera import Camera

from .centres import cube_centre, read_centres
from .matlab import read_array
from .reading import check_joints, metres, read_png, two_byte_depth
from .sample import DatasetError, Joints, Sample

CAMERA = Camera(640, 480, 588.036865, 587.075073, 320.0, 240.0)
FAR_MM = 32000
MAX_DEPTH_MM = 10_000
"""A Kinect measures up to 10 m. Values from there to `FAR_MM` are an error; from `FAR_MM` on, invalid pixels."""
FIRST_SUBJECT_FRAMES = 2440
"""Number of test frames, at the start, with the subject of the training split."""

_PARTS = ("KNU3_A", "KNU3_B", "KNU2_A", "KNU2_B", "KNU1_A", "KNU1_B")
_FINGERS = {"little": "F1", "ring": "F2", "middle": "F3", "index": "F4"}
JOINTS = Joints(
    names=(
        *(f"{own}_{part}" for own in (*_FINGERS.values(), "TH") for part in _PARTS),
        *(f"PALM_{i}" for i in range(1, 7)),
    ),
    slots={
        "wrist": "PALM_1", "thumb_cmc": "PALM_2", "middle_mcp": "PALM_3",
        "thumb_mcp": "TH_KNU2_B", "thumb_ip": "TH_KNU3_B", "thumb_tip": "TH_KNU3_A",
        **{f"{finger}_mcp": f"{own}_KNU1_B" for finger, own in _FINGERS.items() if finger != "middle"},
        **{f"{finger}_pip": f"{own}_KNU2_B" for finger, own in _FINGERS.items()},
        **{f"{finger}_dip": f"{own}_KNU3_B" for finger, own in _FINGERS.items()},
        **{f"{finger}_tip": f"{own}_KNU3_A" for finger, own in _FINGERS.items()},
    },
    evaluated=(0, 3, 6, 9, 12, 15, 18, 21, 24, 25, 27, 30, 31, 32),
    equivalent=frozenset(f"{finger}_tip" for finger in (*_FINGERS, "thumb")),
)  # fmt: skip


class Nyu:
    """A split, "train" or "test". `centres`: a text file of precomputed cube centres, see `centres.read_centres`.

    Raises:
        DatasetError: labels are missing or invalid, or their number differs from that of the images.
    """

    joints = JOINTS
    camera = CAMERA

    def __init__(self, root: Path, split: str, centres: Path | None = None):
        self._split, self._folder = split, Path(root) / split
        path = self._folder / "joint_data.mat"
        self._labels = _read_labels(path)
        count = len(self._labels)
        for number, expected in ((count, True), (count + 1, False)):
            image = self._image(number)
            if image.is_file() != expected:
                raise DatasetError(path, f"labels {count} frames, but {image} {'is missing' if expected else 'exists'}")
        self._centres = read_centres(centres, count, y_up=True) if centres else None

    def _image(self, number: int) -> Path:
        return self._folder / f"depth_1_{number:07d}.png"

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> Sample:
        index = range(len(self))[index]
        path = self._image(index + 1)
        image = read_png(path, CAMERA.width, CAMERA.height, np.uint8, 3)
        depth = two_byte_depth(image, high=1, low=0)
        depth[depth >= FAR_MM] = 0
        if depth.max() > MAX_DEPTH_MM:
            raise DatasetError(path, f"a depth of {depth.max()} mm, beyond the range of a Kinect")
        subject = subject_of(self._split, index)
        joints, valid = self._labels[index], np.ones(len(JOINTS.names), bool)
        return Sample(
            depth_m=metres(depth, 0.001), camera=CAMERA, joints_m=joints, valid=valid,
            centre_m=cube_centre(self._centres, index, JOINTS, joints, valid), cube_m=cube_m(subject), right=True,
            subject=subject, sequence=f"{self._split}_{subject}", name=path.name,
        )  # fmt: skip


def subject_of(split: str, index: int) -> str:
    """The subject of a frame: "2" is in the test split only."""
    return "2" if split == "test" and index >= FIRST_SUBJECT_FRAMES else "1"


def cube_m(subject: str) -> float:
    """The edge of the cube around a subject's hand."""
    return 0.25 if subject == "2" else 0.30


def _read_labels(path: Path) -> np.ndarray:
    """`joint_data.mat` -> the first camera's joints (frames, 36, 3), metres in its optical frame."""
    labels = read_array(path, "joint_xyz")
    if labels.ndim != 4 or (labels.shape[0], *labels.shape[2:]) != (3, len(JOINTS.names), 3) or not labels.shape[1]:
        raise DatasetError(path, f"joint_xyz is {labels.shape}, not (3, frames, 36, 3)")
    joints = labels[0].astype(np.float64) * (0.001, -0.001, 0.001)
    try:
        check_joints(joints.reshape(-1, 3), CAMERA, path)
    except DatasetError:  # find the frame for the message
        for frame, points in enumerate(joints):
            check_joints(points, CAMERA, Path(f"{path}, frame {frame + 1}"))
        raise
    return joints
