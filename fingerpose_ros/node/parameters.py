"""The node's parameters: what each is for, and which values it may have.

All of them are read when the node is configured. `config/hand.yaml` and `docs/node.md` list them too, and a test holds
those against this table.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from fingerpose_ros.perception import backends
from fingerpose_ros.perception.settings import EstimatorSettings
from fingerpose_ros.ros.camera_info import AUTO, DISTORTION


@dataclass(frozen=True)
class Setting:
    """One parameter.

    Attributes:
        choices: the values that a string may have; any if empty.
        low, high: the range of a number, both included.
    """

    name: str
    default: bool | int | float | str
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


def _of_estimator(name: str, description: str, **limits) -> Setting:
    """A setting that is the estimator's, with its default there."""
    return Setting(name, getattr(EstimatorSettings(), name), description, **limits)


SETTINGS = (
    Setting("autostart", True, "Configure and activate the node by itself when it starts."),
    Setting(
        "image_transport", "raw",
        "How depth images arrive: as they are, or compressed (on the image topic plus /compressedDepth).",
        choices=("raw", "compressedDepth"),
    ),
    Setting(
        "reliability", "best_effort", "QoS of the subscriptions to image and camera info. A bag replay uses reliable.",
        choices=("best_effort", "reliable"),
    ),
    Setting(
        "distortion", AUTO,
        "Of the lens, in the depth image. auto: none where camera info has a `p` other than `k`, and `p` is the camera;"
        " else `d`. ignore: none, the image is rectified. apply: `d`, it is not, and `k` is the camera.",
        choices=DISTORTION,
    ),
    Setting("frame_prefix", "", "Put before the name of every joint's TF frame, as it is."),
    Setting("overlay", True, "Draw the hands on the depth image, if somebody subscribes to `overlay`."),
    Setting(
        "backend", "auto", "What runs the network. auto: OpenVINO on a CPU, PyTorch on a GPU; the log says which.",
        choices=backends.BACKENDS,
    ),
    Setting(
        "device", "auto", "Where it runs. Asking for cuda where there is none is an error.",
        choices=backends.DEVICES,
    ),
    Setting("model", "", "Path of the weights; empty for those that come with the package."),
    Setting(
        "precision", "auto", "Numbers the network computes in. auto: bf16 where that is faster, else f32.",
        choices=backends.PRECISIONS,
    ),
    Setting("threads", 0, "CPU threads that the network may use. 0: as many as the engine likes.", low=0, high=64),
    _of_estimator("min_distance", "Metres from the camera at which hands are first looked for.", low=0.05, high=5.0),
    _of_estimator("max_distance", "Metres from the camera up to which hands are looked for.", low=0.1, high=5.0),
    _of_estimator(
        "cube_half_size", "Half the side, in metres, of the cube around a hand that the network sees.",
        low=0.08, high=0.25,
    ),
    _of_estimator(
        "handedness", "Which hands there are to see. right or left: every hand is taken for that one.",
        choices=("both", "right", "left"),
    ),
    _of_estimator("max_hands", "The most hands that are tracked at once.", low=1, high=4),
    _of_estimator("smoothing", "Smooth the joints over time (One-Euro filter)."),
    _of_estimator(
        "smoothing_min_cutoff", "Cut-off in Hz of the smoothing of a hand at rest: lower is calmer and later.",
        low=0.05, high=30.0,
    ),
    _of_estimator(
        "smoothing_beta", "How much faster motion raises that cut-off, in Hz per m/s: higher follows closer.",
        low=0.0, high=1000.0,
    ),
    _of_estimator(
        "max_sigma", "A joint whose standard deviation exceeds this, in metres, is not valid.", low=0.001, high=1.0
    ),
    _of_estimator(
        "min_detection_confidence",
        "Share of a new hand's joints to be expected within 20 mm of where they are placed, and on what is seen.",
        low=0.01, high=0.99,
    ),
    _of_estimator(
        "min_tracking_confidence", "Probability below which a hand that is followed is no longer seen.",
        low=0.01, high=0.99,
    ),
)  # fmt: skip

_FRAME_PREFIX = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_/]*)?")


def declare(node: Node) -> None:
    """Declare all parameters on the node.

    Raises:
        rclpy.exceptions.InvalidParameterValueException: a number outside its range.
        rclpy.exceptions.InvalidParameterTypeException: a value of another type.
    """
    node.declare_parameters("", [(setting.name, setting.default, setting.descriptor()) for setting in SETTINGS])


def values(node: Node) -> dict[str, Any]:
    """The node's settings by name.

    Raises:
        ValueError: a value that is not allowed, or two that contradict each other.
    """
    current = {setting.name: node.get_parameter(setting.name).value for setting in SETTINGS}
    if problem := _problem(current):
        raise ValueError(problem)
    return current


def estimator_settings(current: Mapping[str, Any]) -> EstimatorSettings:
    """Those of the node's settings that are the estimator's.

    Raises:
        ValueError: as `EstimatorSettings` does.
    """
    return EstimatorSettings(**{field.name: current[field.name] for field in fields(EstimatorSettings)})


def judge(node: Node, changes: Iterable[Parameter], state: str) -> SetParametersResult:
    """Whether the parameters may be changed so in this state, and if not, why; for the set-parameters callback."""
    ours = {setting.name for setting in SETTINGS}
    changed = {parameter.name: parameter.value for parameter in changes if parameter.name in ours}
    if state == "finalized" and changed:
        return SetParametersResult(successful=False, reason="the node is shut down for good; start it anew")
    if state != "unconfigured" and changed:
        return SetParametersResult(
            successful=False,
            reason=f"{', '.join(changed)}: read when the node is configured. Deactivate and clean it up first "
            f"(ros2 lifecycle set {node.get_fully_qualified_name()} deactivate, then cleanup), set, configure again.",
        )
    current = {setting.name: node.get_parameter(setting.name).value for setting in SETTINGS}
    problem = _problem({**current, **changed}) if changed else ""
    return SetParametersResult(successful=not problem, reason=problem)


def _problem(current: Mapping[str, Any]) -> str:
    """What is wrong with these values, "" if nothing is. Ranges and types are rclpy's to check."""
    for setting in SETTINGS:
        if setting.choices and current[setting.name] not in setting.choices:
            return f"{setting.name} is {current[setting.name]!r}, not one of {', '.join(setting.choices)}"
    try:
        estimator_settings(current)
    except ValueError as error:
        return str(error)
    if not _FRAME_PREFIX.fullmatch(current["frame_prefix"]):
        return f"frame_prefix {current['frame_prefix']!r} may hold letters, digits, _ and /, and not begin with /"
    return ""
