"""A robot hand's mapping by the methods of `dex-retargeting`: the robot's links are placed like the operator's joints.

The library reads the mapping's file, and has the robot's kinematics. What it minimises is minimised here: faster, and
with the same result on a busy machine.

Source: Y. Qin et al., "AnyTeleop: A General Vision-Based Dexterous Robot Arm-Hand Teleoperation System", RSS 2023.
"""

import contextlib
import io
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from fingerpose_ros.interop import operator
from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.skeleton import JOINTS
from fingerpose_ros.share import share_folder

from .goals import goals_of
from .minimiser import minimise
from .robot import Robot

LINKS = ("target_link_names", "target_origin_link_names", "target_task_link_names", "finger_tip_link_names")
"""Keys of a mapping's file that hold lists of links."""


class HandMapping:
    """See `mapping.Mapping`.

    Args:
        file: the mapping in dex-retargeting's format, by `find_mapping`.
        rotation: (3, 3) from the operator's frame to that of the hand's base link.

    Raises:
        ValueError: the file does not fit the robot. The message names the link, joint or key.
        RuntimeError: dex-retargeting cannot be used; the message says what to do.
    """

    def __init__(self, file: Path, robot: Robot, rotation: np.ndarray):
        check_installation()
        from .objective import Objective  # it needs pinocchio

        content = _read(file)
        _check_names(file, content, robot)
        content["target_joint_names"] = content.get("target_joint_names") or robot.motors
        self._rotation = rotation
        retargeting = _build(file, content, robot)
        optimizer, self._filter = retargeting.optimizer, retargeting.filter
        self._lower, self._upper = retargeting.joint_limits.T
        self._last = self._start = (self._lower + self._upper) / 2
        names = optimizer.target_joint_names
        self.joints = tuple(name for name in names if name in robot.joints)
        self._columns = [names.index(name) for name in self.joints]
        self._indices = np.array(optimizer.target_link_human_indices)
        self.needed = tuple(sorted(set(self._indices.ravel().tolist())))
        if not set(self.needed) <= set(range(len(JOINTS))):
            raise ValueError(f"{file}: target_link_human_indices must be from 0 to {len(JOINTS) - 1}")
        fixed = [robot.joints[name] for name in optimizer.fixed_joint_names]
        self._objective = Objective(optimizer, np.clip(0.0, [j.lower for j in fixed], [j.upper for j in fixed]))
        if self._indices.shape[-1] != self._objective.count:
            raise ValueError(
                f"{file}: target_link_human_indices has {self._indices.shape[-1]} columns; these links need "
                f"{self._objective.count}"
            )
        self._goals = goals_of(optimizer)
        self.description = f"{file.stem} ({content.get('type')}), {len(self.joints)} joints"

    def retarget(self, hand: Hand) -> np.ndarray:
        return self.retarget_points(operator(hand))

    def retarget_points(self, points: np.ndarray) -> np.ndarray:
        """As `retarget`, for the joints (21, 3) in the operator's frame, metres.

        Raises:
            ValueError: a point that counts is not finite.
        """
        points = points @ self._rotation.T
        value = points[self._indices]
        if self._indices.ndim == 2:  # vectors between joints
            value = value[1] - value[0]
        goal, last = self._goals.goal(value), self._last
        self._last = minimise(
            lambda joints: self._objective.linearise(joints, goal, last), last, self._lower, self._upper
        )
        positions = self._last if self._filter is None else self._filter.next(self._last)
        return positions[self._columns]

    def reset(self) -> None:
        self._last = self._start
        self._goals.reset()
        if self._filter is not None:
            self._filter.reset()


def find_mapping(name: str) -> Path:
    """The file of a mapping: a path, or the name of one in this package's config/ or dex-retargeting's configs/.

    Raises:
        ValueError: there is none; the message names the places.
    """
    path = Path(name).expanduser()
    places = [path] if path.is_absolute() else [share_folder() / "config" / path, *_dex_files(path)]
    for place in places:
        if place.is_file():
            return place
    raise ValueError(f"mapping {name!r} is not a file; tried {', '.join(map(str, places))}")


def check_installation() -> None:
    """Raises RuntimeError if dex-retargeting cannot be imported, with what to do."""
    if sys.version_info >= (3, 13) and find_spec("dex_retargeting") is None:
        raise RuntimeError(
            f"a robot hand needs dex-retargeting, which exists for Python 3.12 and older only; this is "
            f"{sys.version_info.major}.{sys.version_info.minor}. A gripper (mapping: gripper) does without it"
        )
    missing = [name for name in ("dex_retargeting", "pinocchio", "nlopt", "torch", "six") if find_spec(name) is None]
    if missing:
        file = "retarget.txt" if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else "retarget-numpy1.txt"
        raise RuntimeError(
            f"a robot hand needs dex-retargeting; {', '.join(missing)} cannot be imported. Install it with: "
            f"python3 -m pip install -r requirements/{file} (in the environment of the node; docs/retarget.md)"
        )


def rotation_from_rpy(roll: float, pitch: float, yaw: float) -> np.ndarray:
    """Rotation (3, 3) by roll, pitch and yaw about fixed axes, as in a URDF's `rpy`, radians."""
    (sr, sp, sy), (cr, cp, cy) = np.sin([roll, pitch, yaw]), np.cos([roll, pitch, yaw])
    about_x = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    about_y = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def _dex_files(path: Path) -> list[Path]:
    spec = find_spec("dex_retargeting")
    return [Path(spec.origin).parent / "configs" / path] if spec else []


def _read(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{file} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("retargeting"), dict):
        raise ValueError(f"{file} must have the key `retargeting`, as dex-retargeting's own files do")
    return content["retargeting"]


def _check_names(file: Path, content: dict[str, Any], robot: Robot) -> None:
    """Each link and joint that the file names must be in the robot."""
    for key in (*LINKS, "wrist_link_name"):
        names = content.get(key) or []
        for name in [names] if isinstance(names, str) else names:
            if name not in robot.links:
                raise ValueError(
                    f"{file}: {key} names the link {name!r}, which the robot does not have below {robot.base}; its "
                    f"links: {', '.join(robot.links)}"
                )
    for name in content.get("target_joint_names") or []:
        if name not in robot.motors:
            raise ValueError(
                f"{file}: target_joint_names has {name!r}, which is no joint with a motor of its own; the robot's: "
                f"{', '.join(robot.motors)}"
            )


def _build(file: Path, content: dict[str, Any], robot: Robot) -> Any:
    """dex-retargeting's solver."""
    from dex_retargeting.retargeting_config import RetargetingConfig

    with _temporary_files() as folder, contextlib.redirect_stdout(io.StringIO()):
        urdf = folder / "hand.urdf"
        urdf.write_text(robot.urdf)
        try:
            return RetargetingConfig.from_dict(dict(content), {"urdf_path": str(urdf)}).build()
        except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
            raise ValueError(f"{file} is not a mapping that dex-retargeting accepts: {error}") from error


@contextlib.contextmanager
def _temporary_files() -> Iterator[Path]:
    """A folder for temporary files; dex-retargeting leaves some, which are deleted with it."""
    before = tempfile.tempdir
    with tempfile.TemporaryDirectory(prefix="retarget-") as folder:
        tempfile.tempdir = folder
        try:
            yield Path(folder)
        finally:
            tempfile.tempdir = before
