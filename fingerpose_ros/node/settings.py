"""Parameters of a node: a table of settings -> declared and checked ROS parameters.

All are read when the node is configured.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node
from rclpy.parameter import Parameter

from .overrides import as_declared, warn_of_unknown


@dataclass(frozen=True)
class Setting:
    """One parameter.

    Attributes:
        choices: the allowed values of a string; any if empty.
        low, high: the range of a number, inclusive.
    """

    name: str
    default: bool | int | float | str | list[str] | list[float]
    description: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    def descriptor(self) -> ParameterDescriptor:
        descriptor = ParameterDescriptor(description=self.description, additional_constraints=", ".join(self.choices))
        if isinstance(self.default, float):
            descriptor.floating_point_range = [FloatingPointRange(from_value=self.low, to_value=self.high)]
        elif self.low is not None:
            descriptor.integer_range = [IntegerRange(from_value=self.low, to_value=self.high, step=1)]
        return descriptor


class Parameters:
    """All parameters of a node.

    Args:
        program: the node's command.
        settings: the table.
        problem: values by name -> what is wrong with them together, "" if they are valid. rclpy checks types and
            ranges, and `choices` are checked here.
    """

    def __init__(self, program: str, settings: Sequence[Setting], problem: Callable[[Mapping[str, Any]], str]):
        self.program, self.settings, self._problem_of_all = program, settings, problem

    def declare(self, node: Node) -> None:
        """Declare all parameters on the node. Integers are taken for doubles, empty lists for lists of the right type.
        Unknown names give a warning.

        Raises:
            rclpy.exceptions.InvalidParameterValueException: a number is out of range.
            rclpy.exceptions.InvalidParameterTypeException: a value has the wrong type.
        """
        defaults = {setting.name: setting.default for setting in self.settings}
        given = node._parameter_overrides  # rclpy has no public access to the given values
        given.update({parameter.name: parameter for parameter in as_declared(given.values(), defaults)})
        for name in defaults.keys() & given.keys():
            if given[name].type_ == Parameter.Type.NOT_SET:  # rclpy would notice only when the parameter is read
                expected = Parameter.Type.from_parameter_value(defaults[name])
                raise InvalidParameterTypeException(given[name], expected.name)
        node.add_pre_set_parameters_callback(lambda changes: as_declared(changes, defaults))
        node.declare_parameters(
            "", [(setting.name, setting.default, setting.descriptor()) for setting in self.settings]
        )
        warn_of_unknown(node, given, defaults, self.program)

    def values(self, node: Node) -> dict[str, Any]:
        """The node's settings by name.

        Raises:
            ValueError: a value is not allowed, or two contradict each other.
        """
        current = self._current(node)
        if problem := self._problem(current):
            raise ValueError(problem)
        return current

    def check_changes(self, node: Node, changes: Iterable[Parameter], state: str) -> SetParametersResult:
        """Set-parameters callback: whether these changes are allowed in this state, and if not, the reason."""
        ours = {setting.name for setting in self.settings}
        changed = {parameter.name: parameter.value for parameter in changes if parameter.name in ours}
        if state == "finalized" and changed:
            return SetParametersResult(successful=False, reason="the node is finalized; start a new one")
        if state != "unconfigured" and changed:
            return SetParametersResult(
                successful=False,
                reason=f"{', '.join(changed)}: read only when the node is configured. Deactivate and clean up first "
                f"(ros2 lifecycle set {node.get_fully_qualified_name()} deactivate, then cleanup), then set and "
                "configure again.",
            )
        problem = self._problem({**self._current(node), **changed}) if changed else ""
        return SetParametersResult(successful=not problem, reason=problem)

    def _current(self, node: Node) -> dict[str, Any]:
        return {setting.name: node.get_parameter(setting.name).value for setting in self.settings}

    def _problem(self, current: Mapping[str, Any]) -> str:
        for setting in self.settings:
            if setting.choices and current[setting.name] not in setting.choices:
                return f"{setting.name} is {current[setting.name]!r}, not one of {', '.join(setting.choices)}"
        return self._problem_of_all(current)
