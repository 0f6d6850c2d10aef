"""A node's command line: `--help`, and the rejection of arguments that are not for ROS."""

import argparse
import textwrap
from dataclasses import dataclass

from .settings import Parameters

_ROS_ARGUMENTS = """\
arguments after --ros-args:
{topics}  -r __ns:=/NAMESPACE             namespace of the node and its topics
  -p NAME:=VALUE                  a parameter
  --params-file FILE              a file with parameters, such as a changed copy of {file}
  --log-level LEVEL               debug, info, warn, error or fatal

example:
  {example}
"""

_WIDTH = 100


@dataclass(frozen=True)
class Usage:
    """What `--help` says of a node.

    Attributes:
        description: what it does, and where its topics are described.
        topics: name of each topic that is usually remapped -> its meaning.
        file: the package's file of its parameters.
        example: a command.
    """

    parameters: Parameters
    description: str
    topics: dict[str, str]
    file: str
    example: str

    def parse(self, arguments: list[str]) -> None:
        """Check the arguments that are not for ROS: there are none but `--help`.

        Raises:
            SystemExit: after the help is printed (code 0), or an unknown argument is rejected (code 2).
        """
        topics = "".join(f"  {f'-r {name}:=TOPIC':<31} {meaning}\n" for name, meaning in self.topics.items())
        ros = _ROS_ARGUMENTS.format(topics=topics, file=self.file, example=self.example)
        program = self.parameters.program
        parser = argparse.ArgumentParser(
            prog=program, usage=f"{program} [-h] [--ros-args ...]", description=self.description,
            epilog=f"{ros}\nparameters:\n{self._parameters()}", formatter_class=argparse.RawDescriptionHelpFormatter,
        )  # fmt: skip
        parser.parse_args(arguments)

    def _parameters(self) -> str:
        """One entry for each parameter: name, default, description."""
        return "\n".join(
            textwrap.fill(
                f"{setting.name} ({_text(setting.default)}): {setting.description}",
                _WIDTH, initial_indent="  ", subsequent_indent="      ",
            )
            for setting in self.parameters.settings
        )  # fmt: skip


def _text(value: bool | int | float | str | list[str] | list[float]) -> str:
    """The value as ROS reads it on a command line."""
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value) or "''"
