"""The documented parameters and rejection reasons of the node match the code."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from documented import parameter_rows, parameters_in, table_rows, unexplained

from fingerpose_ros.node.parameters import SETTINGS
from fingerpose_ros.replay.player import main as play_bag
from fingerpose_ros.ros.rejection import REASONS

ROOT = Path(__file__).parents[2]


def test_the_table_of_parameters_matches_the_code():
    assert table_rows("node.md", "## Parameters") == parameter_rows(SETTINGS)


def test_the_documented_options_of_play_bag_exist(capsys):
    with pytest.raises(SystemExit):
        play_bag(["play_bag", "--help"])
    known = capsys.readouterr().out
    section = (ROOT / "docs" / "node.md").read_text().split("## Bags")[1].split("\n## ")[0]
    options = re.findall(r"--[a-z-]+", section)
    assert options and all(option in known for option in options)


def test_the_table_of_rejection_reasons_matches_the_code():
    expected = [f"| `{reason}` | {text[0].upper()}{text[1:]}. |" for reason, text in REASONS.items()]
    assert table_rows("node.md", "The reasons:") == expected


def test_the_parameter_file_holds_every_parameter_with_its_default_and_an_explanation():
    assert parameters_in("hand.yaml") == {setting.name: setting.default for setting in SETTINGS}
    assert not unexplained("hand.yaml", SETTINGS)


def rviz(name: str) -> dict:
    return yaml.safe_load((ROOT / "config" / name).read_text())


def launch_views() -> dict[str, str]:
    """`VIEWS` of the launch file, which cannot be imported without ROS's launch."""
    tree = ast.parse((ROOT / "launch" / "hand.launch.py").read_text())
    values = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "VIEWS"]
    return ast.literal_eval(values[0])


@pytest.mark.parametrize("name", launch_views().values())
def test_the_rviz_configuration_shows_the_nodes_topics(name):
    displays = {
        display["Class"].rpartition("/")[2]: display for display in rviz(name)["Visualization Manager"]["Displays"]
    }
    assert set(displays) == {"DepthCloud", "MarkerArray", "TF", "Image"}
    assert displays["DepthCloud"]["Depth Map Topic"] == "/depth/image_rect_raw"
    assert displays["MarkerArray"]["Topic"]["Value"] == "/hand_markers"
    assert displays["Image"]["Topic"]["Value"] == "/overlay"
    assert displays["DepthCloud"]["Alpha"] < 1  # the joints lie behind the surface
    assert displays["DepthCloud"]["Queue Size"] == 1  # in simulated time, old clouds would stay


@pytest.mark.parametrize("name", launch_views().values())
def test_the_rviz_window_leaves_the_room_to_the_hands(name):
    """RViz takes a property that is missing here as uninitialised, and each panel takes width from the 3D view."""
    assert [panel["Class"] for panel in rviz(name)["Panels"]] == ["rviz_common/Displays"]
    geometry = rviz(name)["Window Geometry"]
    assert geometry["Hide Left Dock"] is False and geometry["Hide Right Dock"] is False


@pytest.mark.parametrize("name, forward, up", [("hand.rviz", "z", "-y"), ("hand_upright.rviz", "x", "z")])
def test_the_view_is_from_behind_the_camera_and_from_above(name, forward, up):
    view = rviz(name)["Visualization Manager"]["Views"]["Current"]
    assert view["Class"] == "rviz_default_plugins/Orbit"
    pitch, yaw = view["Pitch"], view["Yaw"]
    direction = np.array([np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), np.sin(pitch)])  # of an orbit
    eye = np.array([view["Focal Point"][axis] for axis in "XYZ"]) + view["Distance"] * direction

    def along(axis):
        return (-1 if axis[0] == "-" else 1) * eye["xyz".index(axis[-1])]

    assert along(forward) < 0 < along(up)
    np.testing.assert_allclose(np.linalg.norm(eye), 0.35, atol=0.1)  # metres: hands fill the view


def test_both_rviz_configurations_differ_by_frame_and_view_only():
    first, second = (rviz(name) for name in launch_views().values())
    for configuration in (first, second):
        del configuration["Visualization Manager"]["Views"]["Current"]
        del configuration["Visualization Manager"]["Global Options"]["Fixed Frame"]
    assert first == second
