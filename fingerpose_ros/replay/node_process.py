"""The node as a process of its own, as it is on a robot."""

import ctypes
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

NODE = (sys.executable, "-m", "fingerpose_ros.node")

_STOPPING = 10.0
"""Seconds that the node has to end by itself."""

_LOG_LINES = 15


class NodeFailed(RuntimeError):
    """The node ended, or cannot be configured; the message holds what it said last."""


class NodeProcess:
    """Starts the node; a context manager that stops it.

    Args:
        parameters: the node's, by name; the others have their defaults.
        log: file for what the node prints.
        command: what starts it, for a node with another estimator.
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
            raise NodeFailed(f"the node ended with code {code}:\n{self.last_words()}")

    def stop(self) -> None:
        """End the node as Ctrl-C would, by force if it does not."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_STOPPING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def last_words(self) -> str:
        """The end of what the node printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:])


def _end_with_parent() -> None:
    """In the new process: whatever ends the parent, a node without one would go on for ever (Linux).

    By SIGTERM: the KeyboardInterrupt of a SIGINT may be lost while Python starts.
    """
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _yaml(value: object) -> str:
    """As ROS reads parameters on a command line."""
    return str(value).lower() if isinstance(value, bool) else str(value)
