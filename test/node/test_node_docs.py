"""The documented parameters and rejection reasons of the node match the code."""

import re
from pathlib import Path

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


def test_the_rviz_configuration_shows_the_nodes_topics():
    text = (ROOT / "config" / "hand.rviz").read_text()
    displays = yaml.safe_load(text)["Visualization Manager"]["Displays"]
    assert {display["Class"].rpartition("/")[2] for display in displays} == {"DepthCloud", "MarkerArray", "TF", "Image"}
    for topic in ("/depth/image_rect_raw", "/hand_markers", "/overlay"):
        assert topic in text
