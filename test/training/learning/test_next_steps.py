"""Training ends with commands that can be copied."""

import shlex
from pathlib import Path

import pytest

from training.__main__ import TOOLS
from training.learning.next_steps import next_steps


@pytest.mark.parametrize(
    ("task", "weights", "tool"),
    [("pose", "average.safetensors", "export"), ("detection", "detector.safetensors", "evaluate")],
)
def test_the_next_command_names_the_weights_of_the_run(task, weights, tool):
    out = Path("runs/my run")
    command = shlex.split(next_steps(out, task).splitlines()[1])
    assert command[:3] == ["./run", "training", tool] and tool in TOOLS
    assert command[command.index("--weights") + 1] == str(out / weights)
