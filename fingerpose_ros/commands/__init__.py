"""The commands of `fingerpose`, one file each: `add_arguments(parser)` and `run(arguments) -> exit code`.

Here: options and output. Not here: what a command runs (`replay`, `recording`, `perception`).
"""


class CommandError(Exception):
    """A user error. The message says what is wrong and how to correct it."""
