"""What to do after a training run."""

import shlex
from pathlib import Path

from fingerpose_ros.perception.pose.model_file import DEFAULT_NAME

from .trainer import AVERAGE


def next_steps(out: Path, task: str) -> str:
    """A message with commands for the run in the folder `out`, whose configuration has this `task`."""
    if task == "pose":
        weights, model = shlex.quote(str(out / AVERAGE)), out / "model"
        commands = [
            f"./run training export --weights {weights} --out {shlex.quote(str(model))}",
            f"./run training evaluate synthetic --model {shlex.quote(str(model / DEFAULT_NAME))}",
        ]
    else:
        from .detection.trainer import WEIGHTS  # imported late: it needs Warp

        weights, model = shlex.quote(str(out / WEIGHTS)), shlex.quote(str(out / "model"))
        commands = [
            f"./run training evaluate detector FOLDER... --weights {weights}",
            f"./run training export_detector --weights {weights} --out {model} --backgrounds DIR...",
        ]
    again = "A run that was stopped early continues with the same command and --resume."
    return "\n".join([f"The trained weights are in {weights}. Next:", *(f"    {line}" for line in commands), again])
