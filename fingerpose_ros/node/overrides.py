"""Parameter values from files, the command line and services, before they are checked."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from rclpy.node import Node
from rclpy.parameter import Parameter

_ARRAYS = {kind for kind in Parameter.Type if kind.name.endswith("_ARRAY")}


def as_declared(parameters: Iterable[Parameter], defaults: Mapping[str, Any]) -> list[Parameter]:
    """The same parameters, with the types of their defaults where YAML has another one: 2 is an integer there, and an
    empty list has no type, or in `ros2 param set` that of booleans. An empty list of texts becomes [""]: rclpy cannot
    declare it either.

    Args:
        defaults: values by name. Other parameters are left as they are.
    """
    return [
        _as_declared(parameter, defaults[parameter.name]) if parameter.name in defaults else parameter
        for parameter in parameters
    ]


def _as_declared(parameter: Parameter, default: Any) -> Parameter:
    declared, given = Parameter.Type.from_parameter_value(default), parameter.type_
    if (declared, given) == (Parameter.Type.DOUBLE, Parameter.Type.INTEGER):
        return Parameter(parameter.name, declared, float(parameter.value))
    if (declared, given) == (Parameter.Type.DOUBLE_ARRAY, Parameter.Type.INTEGER_ARRAY):
        return Parameter(parameter.name, declared, [float(value) for value in parameter.value])
    empty = given == Parameter.Type.NOT_SET or given in _ARRAYS and not len(parameter.value)
    if declared == Parameter.Type.STRING_ARRAY and empty:
        return Parameter(parameter.name, declared, [""])
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
