"""The commands of `fingerpose` on file names of any bytes, and on a full disk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from disk import NOT_UTF8, full_disk
from recorded_scene import table, write_recording

from fingerpose_ros import cli
from fingerpose_ros.perception.pose.model_file import DEFAULT_NAME
from fingerpose_ros.share import share_folder

ROOT = Path(__file__).parents[2]

needs_model = pytest.mark.skipif(
    not (share_folder() / "models" / DEFAULT_NAME).exists(), reason="models/ holds no weights"
)


@pytest.fixture
def plain(tmp_path):
    """A folder of two images."""
    return write_recording(tmp_path / "frames", [table()] * 2)


@pytest.fixture
def folder(plain):
    """The same with names that are not UTF-8."""
    path = plain.rename(plain.with_name(NOT_UTF8))
    for image in (path / "depth").iterdir():
        image.rename(image.with_name(f"{NOT_UTF8}{image.name}"))
    return path


def run(*arguments):
    """In a process of its own, which a fault in C++ would end."""
    return subprocess.run(
        [sys.executable, "-m", "fingerpose_ros.cli", *map(os.fsencode, arguments)],
        cwd=ROOT, env={**os.environ, "PYTHONIOENCODING": "utf-8"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


@needs_model
def test_estimate_takes_any_file_name(folder):
    images = [str(path) for path in (folder / "depth").iterdir()]
    result = run("estimate", "--camera", str(folder / "meta.json"), *images, "--json", "-")
    assert result.returncode == 0, result.stderr
    assert [image["image"] for image in json.loads(result.stdout)["images"]] == images


def test_bag_takes_any_file_name(folder, tmp_path):
    pytest.importorskip("rosbags", reason="rosbags is not installed")
    pytest.importorskip("rclpy", reason="ROS 2 is not installed")
    from fingerpose_ros.recording.bag_reader import DepthBag

    out = tmp_path / f"bag{NOT_UTF8}"
    result = run("bag", str(folder), str(out))
    assert result.returncode == 0 and "2 images" in result.stdout, result.stderr
    with DepthBag(out) as bag:
        assert bag.count == 2


@needs_model
def test_estimate_on_a_full_disk_leaves_no_half_file(plain, tmp_path, capsys):
    out = tmp_path / "out.json"
    with full_disk():
        assert (
            cli.main(
                ["estimate", "--camera", str(plain / "meta.json"), str(plain / "depth" / "000.png"), "--json", str(out)]
            )
            == 2
        )
    assert "out.json cannot be written: File too large" in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["frames"]


@pytest.mark.parametrize("limit", [100, 10_000])
def test_bag_on_a_full_disk_leaves_no_recording(plain, tmp_path, capsys, limit):
    pytest.importorskip("rosbags", reason="rosbags is not installed")
    pytest.importorskip("rclpy", reason="ROS 2 is not installed")
    with full_disk(limit):
        assert cli.main(["bag", str(plain), str(tmp_path / "bag")]) == 2
    assert "bag cannot be written: File too large" in capsys.readouterr().err
    assert not (tmp_path / "bag").exists()
