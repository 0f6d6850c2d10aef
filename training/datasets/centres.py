"""The centre of the cube around the hand."""

from pathlib import Path

import numpy as np

from fingerpose_ros.perception.kinematics import hand_centre

from .reading import FAR_M, NEAR_M, numbers, read_lines
from .sample import DatasetError, Joints


def cube_centre(
    centres: np.ndarray | None, index: int, joints: Joints, points: np.ndarray, valid: np.ndarray
) -> np.ndarray:
    """The precomputed centre (3,) of a frame, NaN if it is invalid. Without `centres`, the mean of the labelled joints.

    That mean is meant for training only; an evaluation that uses it states so.
    """
    if centres is not None:
        return centres[index]
    return hand_centre(joints.to_hand(points, valid)[0])


def read_centres(path: Path, count: int, y_up: bool = False) -> np.ndarray:
    """Precomputed centres in the text format of V2V-PoseNet (Moon et al., CVPR 2018), `center_test_refined.txt`.

    One line per frame, in the dataset's order: `x y z` in millimetres, or `invalid`, which becomes NaN.

    Args:
        count: number of frames in the split.
        y_up: whether the file's y axis points up, as for NYU and MSRA.

    Returns:
        (count, 3) metres in the camera's optical frame.

    Raises:
        DatasetError: the file is missing, invalid, or for another split.
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
            raise DatasetError(path, f"a centre {centre[2]:.3f} m in front of the camera", line=line)
    return centres * (1, -1, 1) if y_up else centres
