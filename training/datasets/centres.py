"""Where the cube around the hand has its centre."""

from pathlib import Path

import numpy as np

from fingerpose_ros.perception.kinematics import hand_centre

from .reading import FAR_M, NEAR_M, numbers, read_lines
from .sample import DatasetError, Joints


def cube_centre(
    centres: np.ndarray | None, index: int, joints: Joints, own: np.ndarray, valid: np.ndarray
) -> np.ndarray:
    """The precomputed centre (3,) of a frame, NaN if it is invalid; without any the mean of the hand's labelled joints.

    The latter is fit for training only. What a test reports with it says so.
    """
    if centres is not None:
        return centres[index]
    return hand_centre(joints.hand(own, valid)[0])


def read_centres(path: Path, count: int, y_up: bool = False) -> np.ndarray:
    """Precomputed centres in the text format of V2V-PoseNet (Moon et al., CVPR 2018), `center_test_refined.txt`.

    A line a frame, in the dataset's order: `x y z` in millimetres, or `invalid`, which gives NaN.

    Args:
        count: how many frames the split has.
        y_up: whether the file's y points up, as it does for NYU and MSRA.

    Returns:
        (count, 3) metres in the camera's optical frame.

    Raises:
        DatasetError: the file is missing, or not in the format, or of another split.
    """
    lines = read_lines(path)
    if len(lines) != count:
        raise DatasetError(path, f"{len(lines)} centres for {count} frames", line=lines[-1][0])
    centres = np.full((count, 3), np.nan)
    for centre, (line, text) in zip(centres, lines, strict=True):
        fields = text.split()
        if fields[0] == "invalid":
            continue
        centre[:] = numbers(fields, 3, path, line) / 1000
        if not NEAR_M < centre[2] < FAR_M:
            raise DatasetError(path, f"a centre {centre[2]:.3f} m before the camera", line=line)
    return centres * (1, -1, 1) if y_up else centres
