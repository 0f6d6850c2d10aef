"""The commands of `fingerpose`, one file each: `add_arguments(parser)` and `run(arguments) -> exit code`."""


class CommandError(Exception):
    """Something that the user can put right; the message says what was wrong, and what to do."""
