"""Rendering on the CPU starts without a word about CUDA."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

ROOT = Path(__file__).parents[3]


def test_the_start_prints_nothing_and_later_errors_are_printed():
    code = "import sys, training.rendering.renderer; sys.stderr.write('an error')"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "an error")
