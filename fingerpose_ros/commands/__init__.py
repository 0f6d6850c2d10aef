"""The commands of `fingerpose`, one file each: `add_arguments(parser)` and `run(arguments) -> exit code`.

Here: options, and what is printed. Not here: the work that a command asks for (`replay`, `recording`, `perception`).
"""


class CommandError(Exception):
    """Something that the user can put right; the message says what was wrong, and what to do."""
