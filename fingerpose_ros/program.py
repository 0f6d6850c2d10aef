"""Start and end of a command-line program. It needs nothing but Python."""

import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""Exit code after Ctrl-C, as of a shell."""


def print_any_name() -> None:
    """Let standard output print names that are not UTF-8, as the standard error output does."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextmanager
def importing(program: str) -> Iterator[None]:
    """While the body imports the modules of `program`, Ctrl-C ends the process at once. An import can take seconds.

    A KeyboardInterrupt would not do: libraries written in C turn it into errors of their own.
    """

    def stop(*_) -> None:
        os.write(2, f"{program}: stopped before it began; nothing was written\n".encode())
        os._exit(INTERRUPTED)

    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # whoever started it chose otherwise
        yield
        return
    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def interrupted(program: str) -> int:
    """Say what Ctrl-C has left. Returns the exit code."""
    print(f"\n{program}: stopped; each file that it wrote is complete, unfinished ones were removed", file=sys.stderr)
    return INTERRUPTED
