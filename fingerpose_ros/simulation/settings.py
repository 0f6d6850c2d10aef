"""A robot for the simulation by configuration alone: the files config/teleop_*.yaml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fingerpose_ros.perception.hand import LEFT, RIGHT
from fingerpose_ros.share import share_folder

from .description import located


@dataclass(frozen=True)
class RobotSettings:
    """A robot, its retargeting, and where its fingers are.

    Attributes:
        urdf: file of the robot's description.
        parameters: file of the retarget node's parameters.
        handedness: of the person's hand that commands: "right" or "left".
        base: link from which on the robot is shown.
        view: azimuth and elevation of the picture, degrees; see `rendering`.
        tips: links at the tips of thumb and index finger.
        index_joints: joints that bend the index finger, base to tip; none for a gripper.
    """

    urdf: Path
    parameters: Path
    handedness: str
    base: str
    view: tuple[float, float]
    tips: tuple[str, str]
    index_joints: tuple[str, ...]


def read_settings(robot: str) -> RobotSettings:
    """The settings of a robot by its name, such as "allegro" for config/teleop_allegro.yaml, or by the path of a file.

    Raises:
        ValueError: the file is malformed; the message names the entry.
        FileNotFoundError: the file, or one that it names, does not exist.
    """
    config = share_folder() / "config"
    path = Path(robot).expanduser() if robot.endswith(".yaml") else config / f"teleop_{robot}.yaml"
    if not path.is_file():
        names = sorted(file.stem.removeprefix("teleop_") for file in config.glob("teleop_*.yaml"))
        raise FileNotFoundError(
            f"there is no robot {robot!r}; give one of {', '.join(names)}, or a path to a .yaml file"
        )
    try:
        content = yaml.safe_load(path.read_text())
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must have entries such as `urdf: hand.urdf`")
    parameters = Path(_text(path, content, "parameters")).expanduser()
    settings = RobotSettings(
        urdf=located(_text(path, content, "urdf")),
        parameters=parameters if parameters.is_absolute() else config / parameters,
        handedness=_handedness(path, content),
        base=_text(path, content, "base"),
        view=_view(path, content),
        tips=_texts(path, content, "tips", 2),
        index_joints=_texts(path, content, "index_joints"),
    )
    for file in (settings.urdf, settings.parameters):
        if not file.is_file():
            raise FileNotFoundError(f"{path} names {file}, which does not exist")
    if "/**:" not in settings.parameters.read_text():
        raise ValueError(f"{settings.parameters} must have its parameters under /**, as config/retarget.yaml has")
    return settings


def _text(path: Path, content: dict[str, Any], key: str) -> str:
    value = content.get(key)
    if not isinstance(value, str):
        raise ValueError(f"{path} has {key}: {value!r}; it must be a text")
    return value


def _texts(path: Path, content: dict[str, Any], key: str, count: int | None = None) -> tuple:
    value = content.get(key)
    if (
        not isinstance(value, list)
        or not all(isinstance(item, str) for item in value)
        or count not in (None, len(value))
    ):
        raise ValueError(f"{path} has {key}: {value!r}; it must be a list of {count or ''} texts")
    return tuple(value)


def _handedness(path: Path, content: dict[str, Any]) -> str:
    value = content.get("handedness")
    if value not in (RIGHT, LEFT):
        raise ValueError(f"{path} has handedness: {value!r}; it must be {RIGHT} or {LEFT}")
    return value


def _view(path: Path, content: dict[str, Any]) -> tuple[float, float]:
    value = content.get("view")
    try:
        azimuth, elevation = map(float, value)
    except (TypeError, ValueError):
        raise ValueError(f"{path} has view: {value!r}; it must be a list of 2 numbers, degrees") from None
    return azimuth, elevation
