"""Running the node in a process of its own, as on a robot."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

NODE = (sys.executable, "-m", "fingerpose_ros.node")

_STOP_TIMEOUT = 10.0
"""Seconds from SIGINT to SIGKILL."""

_LOG_LINES = 15
"""Lines of the node's log in an error message."""


class NodeFailed(RuntimeError):
    """The node ended, or cannot be configured; the message contains the end of its log."""


class NodeProcess:
    """Starts the node; a context manager that stops it.

    Args:
        parameters: the node's parameters, by name; the others have their defaults.
        log: file for the node's output.
        command: starts the node; another command can start one with another estimator.
    """

    def __init__(self, parameters: Mapping[str, object], log: Path, command: Sequence[str] = NODE):
        arguments = [part for name, value in parameters.items() for part in ("-p", f"{name}:={_yaml(value)}")]
        self.log = log
        with log.open("w") as output:
            self._process = subprocess.Popen(
                [*command, "--ros-args", *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, preexec_fn=_end_with_parent,
            )  # fmt: skip
        self.pid = self._process.pid

    def __enter__(self) -> "NodeProcess":
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def check(self) -> None:
        """Raises NodeFailed if the node has ended."""
        code = self._process.poll()
        if code is not None:
            raise NodeFailed(f"the node ended with code {code}:\n{self.log_tail()}")

    def cpu_seconds(self) -> float:
        """CPU time since its start; see `cpu_seconds`."""
        return cpu_seconds(self.pid)

    def stop(self) -> None:
        """Stop the node as Ctrl-C would, and kill it if it does not stop."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def log_tail(self) -> str:
        """The end of the node's output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:])


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and its threads since its start, seconds. FileNotFoundError: it has ended."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def _end_with_parent() -> None:
    """In the new process: let Linux end it with its parent, however that ends. Else the node would run forever.

    With SIGTERM, because the KeyboardInterrupt of a SIGINT can be lost while Python starts.
    """
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _yaml(value: object) -> str:
    """The value as ROS parses it on a command line."""
    return str(value).lower() if isinstance(value, bool) else str(value)
