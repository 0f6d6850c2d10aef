"""The documented parameters and rejection reasons of the node match the code."""

import re
from pathlib import Path

import pytest
import yaml

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from fingerpose_ros.node.parameters import SETTINGS
from fingerpose_ros.replay.player import main as play_bag
from fingerpose_ros.ros.rejection import REASONS

ROOT = Path(__file__).parents[2]


def table_rows(text: str) -> list[str]:
    """The rows of the first table after this text in docs/node.md."""
    after = (ROOT / "docs" / "node.md").read_text().split(text, 1)[1]
    table = after[after.index("| --- |") :].split("\n\n")[0]
    return table.splitlines()[1:]


def allowed(setting) -> str:
    if setting.choices:
        return ", ".join(f"`{choice}`" for choice in setting.choices)
    if setting.low is not None:
        return f"{setting.low:g} to {setting.high:g}"
    return "`true`, `false`" if isinstance(setting.default, bool) else "text"


def in_yaml(value) -> str:
    return yaml.safe_dump(value).removesuffix("\n...\n").strip()


def test_the_table_of_parameters_matches_the_code():
    expected = [
        f"| `{setting.name}` | `{in_yaml(setting.default)}` | {allowed(setting)} | {setting.description} |"
        for setting in SETTINGS
    ]
    assert table_rows("## Parameters") == expected


def test_the_documented_options_of_play_bag_exist(capsys):
    with pytest.raises(SystemExit):
        play_bag(["play_bag", "--help"])
    known = capsys.readouterr().out
    section = (ROOT / "docs" / "node.md").read_text().split("## Bags")[1].split("\n## ")[0]
    options = re.findall(r"--[a-z-]+", section)
    assert options and all(option in known for option in options)


def test_the_table_of_rejection_reasons_matches_the_code():
    expected = [f"| `{reason}` | {text[0].upper()}{text[1:]}. |" for reason, text in REASONS.items()]
    assert table_rows("The reasons:") == expected


def test_the_parameter_file_holds_every_parameter_with_its_default_and_an_explanation():
    text = (ROOT / "config" / "hand.yaml").read_text()
    assert yaml.safe_load(text)["/**"]["ros__parameters"] == {setting.name: setting.default for setting in SETTINGS}
    lines = text.splitlines()
    for setting in SETTINGS:
        at = next(i for i, line in enumerate(lines) if line.strip().startswith(f"{setting.name}:"))
        above = lines[at - 1].strip()
        assert above.startswith("#") or above.startswith("min_distance"), f"{setting.name} is not explained"


def test_the_rviz_configuration_shows_the_nodes_topics():
    text = (ROOT / "config" / "hand.rviz").read_text()
    displays = yaml.safe_load(text)["Visualization Manager"]["Displays"]
    assert {display["Class"].rpartition("/")[2] for display in displays} == {"DepthCloud", "MarkerArray", "TF", "Image"}
    for topic in ("/depth/image_rect_raw", "/hand_markers", "/overlay"):
        assert topic in text
