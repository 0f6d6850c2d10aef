"""Archives for the two challenges whose test joints are not published: HANDS2019 Task 1 and HO-3D v3.

HANDS2019: `result.txt` in a zip, tab-separated, one line per frame in the order of `test_bbs.txt`. A line has the
image's name and 21 times `x y z` in millimetres, in the dataset's joint order (as in HandAugment's winning archive).

HO-3D: `pred.json` in a zip, a list of two lists in metres in OpenGL axes (`pred.py` of shreyashampali/ho3d). For every
frame of `evaluation.txt`, in order, the first holds the 21 joints in MANO's order and the second the mesh vertices.
We estimate no mesh: each mesh is one vertex, the wrist. The challenge's script then omits the mesh errors, and its
F-scores are meaningless.
"""

import json
import zipfile
from pathlib import Path

import numpy as np

from fingerpose_ros.files import whole_file
from training.datasets.hands2019 import TEST_FRAMES
from training.datasets.ho3d import EVALUATION_FRAMES, TO_OPTICAL, WRIST
from training.datasets.sample import DatasetError

JOINTS = 21
EPOCH = (2020, 1, 1, 0, 0, 0)
"""Fixed time stamp in the archives: the same estimates give the same bytes."""
ROUNDING_M = 1e-6


def required_frames(dataset: str) -> int:
    """Number of frames that the challenge of "hands2019" or "ho3d" requires."""
    return {"hands2019": TEST_FRAMES, "ho3d": EVALUATION_FRAMES}[dataset]


def write_hands2019(path: Path, names: tuple[str, ...], joints_m: np.ndarray) -> None:
    """Write estimates (frames, 21, 3) of the images `names`, in the dataset's joint order, metres in the optical frame.

    Raises:
        ValueError: frames missing, not 21 finite joints in each, or a joint not in front of the camera.
        DatasetError: the written archive does not read back as the same joints.
    """
    joints = _checked(joints_m, TEST_FRAMES)
    if len(names) != len(joints) or len(set(names)) != len(names):
        raise ValueError(f"{len(set(names))} different names for {len(joints)} frames")
    rows = ("".join(f"\t{value:.4f}" for value in frame.ravel()) for frame in joints * 1000)
    _write(path, "result.txt", "".join(f"{name}{row}\n" for name, row in zip(names, rows, strict=True)))
    _compare(path, read_hands2019(path, names), joints)


def read_hands2019(path: Path, names: tuple[str, ...]) -> np.ndarray:
    """Read the estimates (frames, 21, 3) of these images in this order, metres in the optical frame.

    Raises:
        DatasetError: the challenge would not accept the archive.
    """
    lines = _read(path, "result.txt").decode("ascii", "replace").splitlines()
    if len(lines) != len(names):
        raise DatasetError(path, f"{len(lines)} frames instead of {len(names)}", line=len(lines))
    rows = []
    for number, (line, name) in enumerate(zip(lines, names, strict=True), 1):
        own, *fields = line.split("\t")
        if own != name or len(fields) != 3 * JOINTS:
            raise DatasetError(path, f"{own[:40]!r} with {len(fields)} numbers, not {name!r} with 63", line=number)
        rows.append(fields)
    return _checked_file(path, rows, len(names)) / 1000


def write_ho3d(path: Path, joints_m: np.ndarray) -> None:
    """Write estimates (frames, 21, 3) in MANO's joint order, metres in the optical frame.

    Raises:
        ValueError: frames missing, not 21 finite joints in each, or a joint not in front of the camera.
        DatasetError: the written archive does not read back as the same joints.
    """
    joints = _checked(joints_m, EVALUATION_FRAMES)
    xyz = np.round(joints * TO_OPTICAL, 7).tolist()
    _write(path, "pred.json", json.dumps([xyz, [[frame[WRIST]] for frame in xyz]]))
    _compare(path, read_ho3d(path), joints)


def read_ho3d(path: Path) -> np.ndarray:
    """Read the joints of an archive, (frames, 21, 3), metres in the optical frame.

    Raises:
        DatasetError: the challenge would not accept the archive.
    """
    try:
        xyz, mesh = json.loads(_read(path, "pred.json"))
        meshes = {np.shape(vertices) for vertices in mesh}
    except (ValueError, TypeError, RecursionError) as error:
        raise DatasetError(path, f"pred.json is not two lists of numbers ({error})") from error
    if len(mesh) != EVALUATION_FRAMES or len(meshes) != 1 or meshes.pop()[1:] != (3,):
        raise DatasetError(path, f"{len(mesh)} meshes, or their numbers of vertices differ")
    return _checked_file(path, xyz, EVALUATION_FRAMES, TO_OPTICAL)


def _checked(joints: np.ndarray, frames: int) -> np.ndarray:
    """The joints as float64. Raises ValueError unless there are `frames` x 21 finite joints in front of the camera."""
    joints = np.asarray(joints, np.float64)
    if joints.shape != (frames, JOINTS, 3):
        raise ValueError(f"estimates are {joints.shape}; the challenge requires {(frames, JOINTS, 3)}")
    if not np.isfinite(joints).all():
        raise ValueError(f"the estimate of frame {int(np.argmin(np.isfinite(joints).all((1, 2))))} is not finite")
    behind = (joints[..., 2] <= 0).any(1)
    if behind.any():
        raise ValueError(
            f"the estimate of frame {int(np.argmax(behind))} has a joint that is not in front of the camera"
        )
    return joints


def _checked_file(path: Path, rows: list, frames: int, axes: np.ndarray | float = 1.0) -> np.ndarray:
    try:
        return _checked(np.array(rows, np.float64).reshape(len(rows), -1, 3) * axes, frames)
    except (ValueError, TypeError) as error:
        raise DatasetError(path, str(error)) from error


def _compare(path: Path, read: np.ndarray, written: np.ndarray) -> None:
    worst = np.abs(read - written).max()
    if worst > ROUNDING_M:
        raise DatasetError(path, f"differs from the joints to be written by {worst} m when read back")


def _write(path: Path, name: str, text: str) -> None:
    with whole_file(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, EPOCH), text, zipfile.ZIP_DEFLATED)


def _read(path: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.read(name)
    except (OSError, KeyError, zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise DatasetError(path, f"is not an archive with a {name} ({error})") from error
