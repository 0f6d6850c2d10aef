"""Ctrl-C stops a command at once, without a traceback, and leaves no half-written file."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from recorded_scene import table, write_recording

from fingerpose_ros.program import INTERRUPTED

ROOT = Path(__file__).parents[1]
COMMANDS = {
    "estimate": (
        "fingerpose_ros.cli",
        "estimate",
        "--camera",
        "FOLDER/meta.json",
        "FOLDER/depth/000.png",
        "--fps",
        "1",
    ),
    "bag": ("fingerpose_ros.cli", "bag", "FOLDER", "OUT"),
    "replay": ("fingerpose_ros.cli", "replay", "FOLDER", "--out", "OUT"),
    "evaluate": ("training", "evaluate", "frames", "FOLDER", "--json", "OUT"),
    "preview": ("training", "preview", "--out", "OUT"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_recording(tmp_path_factory.mktemp("frames") / "frames", [table()] * 200)


@pytest.mark.parametrize("imported", ["_multiarray_umath", "cv2"])
@pytest.mark.parametrize("command", COMMANDS)
def test_while_it_imports(folder, tmp_path, command, imported):
    out = tmp_path / "out"
    arguments = [part.replace("FOLDER", str(folder)).replace("OUT", str(out)) for part in COMMANDS[command]]
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while imported not in Path(f"/proc/{process.pid}/maps").read_text():
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, error = process.communicate(timeout=30)
    assert "Traceback" not in error and "stopped" in error
    assert process.returncode == INTERRUPTED and not list(tmp_path.iterdir())
