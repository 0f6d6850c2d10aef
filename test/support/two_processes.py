"""Runs a training script in one process and in two with `torchrun`."""

import os
import subprocess
import sys
from pathlib import Path

SUPPORT = Path(__file__).resolve().parent
ROOT = SUPPORT.parents[1]
TORCHRUN = (
    "-m", "torch.distributed.run", "--nproc-per-node", "2",
    "--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", "--local-addr", "127.0.0.1",
)  # fmt: skip
"""Like `--standalone`, which waits for the machine's own name to resolve: in some containers it never does."""

TIMEOUT = 300


def run_both(script: str, folder: Path, *arguments: str) -> tuple[Path, Path]:
    """Run `script` in one and in two processes. Its first argument is the output folder; returns both folders."""
    path, outs = folder / "script.py", (folder / "one", folder / "two")
    path.write_text(script)
    environment = {
        **os.environ,
        "PYTHONPATH": ":".join(map(str, (ROOT, SUPPORT, *ROOT.glob("test/training/*")))),
        "OMP_NUM_THREADS": "1",
    }
    commands = [
        [sys.executable, *launcher, str(path), str(out)] for launcher, out in zip(((), TORCHRUN), outs, strict=True)
    ]
    runs = [subprocess.Popen([*command, *arguments], env=environment) for command in commands]
    try:
        assert [run.wait(TIMEOUT) for run in runs] == [0, 0]
    finally:
        for run in runs:
            run.kill()
    return outs
