"""Parameter values from files, the command line and services, before they are checked."""

import difflib
from collections.abc import Collection, Iterable

from rclpy.node import Node
from rclpy.parameter import Parameter


def with_doubles(parameters: Iterable[Parameter], doubles: Collection[str]) -> list[Parameter]:
    """The same parameters, but integers converted where a double is meant: in YAML, 2 is an integer.

    Args:
        doubles: the names of the parameters that are doubles, or lists of doubles.
    """
    return [_with_double(parameter) if parameter.name in doubles else parameter for parameter in parameters]


def _with_double(parameter: Parameter) -> Parameter:
    if parameter.type_ == Parameter.Type.INTEGER:
        return Parameter(parameter.name, value=float(parameter.value))
    if parameter.type_ == Parameter.Type.INTEGER_ARRAY:
        return Parameter(parameter.name, value=[float(value) for value in parameter.value])
    return parameter


def warn_of_unknown(node: Node, given: Iterable[str], known: Collection[str], program: str) -> None:
    """Warn of given parameters that the node has not declared, and so ignores.

    Args:
        given, known: names of parameters.
        program: the node's command, whose `--help` lists the known parameters.
    """
    for name in given:
        if node.has_parameter(name):
            continue
        nearest = difflib.get_close_matches(name, known, 1)
        hint = f"do you mean {nearest[0]}?" if nearest else f"{program} --help lists the known ones"
        node.get_logger().warning(f"the parameter {name} is unknown and ignored; {hint}")
