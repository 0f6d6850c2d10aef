"""Start of a command-line program. It needs nothing but Python."""

import io
import sys


def print_any_name() -> None:
    """Let standard output print names that are not UTF-8, as the standard error output does."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
