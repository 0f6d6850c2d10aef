"""The files config/teleop_*.yaml, and what is wrong with others."""

import pytest
import yaml

pytest.importorskip("ament_index_python", reason="ROS 2 is not installed")

from fingerpose_ros.share import share_folder
from fingerpose_ros.simulation.settings import read_settings

CONFIG = share_folder() / "config"
PACKAGE = "package://example-robot-data/"


@pytest.fixture
def file(tmp_path):
    """Writes a robot's file like the Allegro's, with changed entries."""

    def write(**changes):
        content = yaml.safe_load((CONFIG / "teleop_allegro.yaml").read_text())
        (tmp_path / "hand.urdf").touch()
        content = {
            key: value for key, value in ({**content, "urdf": f"{tmp_path}/hand.urdf"} | changes).items() if value
        }
        (tmp_path / "robot.yaml").write_text(yaml.safe_dump(content))
        return str(tmp_path / "robot.yaml")

    return write


@pytest.mark.parametrize("name", ["allegro", "panda"])
def test_the_robots_of_the_package_can_be_read(name, tmp_path, monkeypatch):
    """Without their package: an empty file stands for the URDF."""
    urdf = yaml.safe_load((CONFIG / f"teleop_{name}.yaml").read_text())["urdf"].removeprefix(PACKAGE)
    path = tmp_path / "cmeel.prefix" / "share" / "example-robot-data" / urdf
    path.parent.mkdir(parents=True)
    path.touch()
    monkeypatch.syspath_prepend(tmp_path)
    robot = read_settings(name)
    assert robot.urdf == path and robot.parameters.is_file() and robot.handedness == "right"
    assert bool(robot.index_joints) == (name == "allegro")


def test_a_path_is_read(file):
    robot = read_settings(file(handedness="left", view=[10, 20.5]))
    assert robot.handedness == "left" and robot.view == (10, 20.5)
    assert robot.tips == ("link_15.0_tip", "link_3.0_tip")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"urdf": None}, "urdf: None"),
        ({"handedness": "both"}, "handedness: 'both'.*right or left"),
        ({"tips": ["one"]}, "tips: .*2 texts"),
        ({"index_joints": [1]}, "index_joints: .*texts"),
        ({"view": [1]}, "view: .*2 numbers"),
        ({"view": ["up", "down"]}, "view: .*2 numbers"),
    ],
)
def test_a_wrong_entry_is_named(file, changes, message):
    with pytest.raises(ValueError, match=message):
        read_settings(file(**changes))


def test_missing_files_are_named(file):
    with pytest.raises(FileNotFoundError, match="gone"):
        read_settings(file(parameters="gone.yaml"))
    with pytest.raises(FileNotFoundError, match="no robot 'shadow'; give one of allegro, panda"):
        read_settings("shadow")


def test_what_is_no_yaml_is_rejected(tmp_path):
    for text in ("- a", "a: [", "\xff"):
        (tmp_path / "robot.yaml").write_bytes(text.encode("latin-1"))
        with pytest.raises(ValueError, match="robot.yaml"):
            read_settings(str(tmp_path / "robot.yaml"))
