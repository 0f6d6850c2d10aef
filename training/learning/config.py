"""The configuration of a training run, read from YAML."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import yaml

from fingerpose_ros.perception.pose.network.registry import config_named

FREEZABLE = {"stem": ("conv1", "bn1"), "layer1": ("layer1",)}
"""Names for `Stage.frozen` -> modules of the backbone."""

PRECISIONS = ("auto", "bf16", "float32")


@dataclass(frozen=True)
class Stage:
    """A part of training at one image size.

    Attributes:
        samples: number of images in this stage.
        size: side of the images in pixels, a multiple of 32.
        batch: images in a batch.
        difficulty: of rendered hands, 0 to 1.
        learning_rate: factor on the schedule.
        batches_per_step: batches averaged in one optimiser step, split among the processes. The steps are the same for
            any number of processes that divides it. Only the statistics of batch normalisation differ: they come from
            the first process.
        frozen: parts of the backbone that are not trained, from `FREEZABLE`. Their batch normalisation is frozen too.
    """

    samples: int
    size: int
    batch: int
    difficulty: float
    learning_rate: float = 1.0
    batches_per_step: int = 1
    frozen: tuple[str, ...] = ()

    def __post_init__(self):
        frozen = (self.frozen,) if isinstance(self.frozen, str) else tuple(self.frozen)
        object.__setattr__(self, "frozen", frozen)
        if self.size % 32 or self.size < 64:
            raise ValueError(f"stage size {self.size} is not a multiple of 32 from 64 up")
        for name in ("samples", "batch", "batches_per_step"):
            if getattr(self, name) < 1:
                raise ValueError(f"stage {name} {getattr(self, name)} is not positive")
        if not 0 <= self.difficulty <= 1:
            raise ValueError(f"stage difficulty {self.difficulty} is not from 0 to 1")
        unknown = set(self.frozen) - set(FREEZABLE)
        if unknown:
            raise ValueError(f"cannot freeze {sorted(unknown)}; only {', '.join(FREEZABLE)}")

    @property
    def step_samples(self) -> int:
        return self.batch * self.batches_per_step

    @property
    def steps(self) -> int:
        """Optimiser steps in this stage."""
        return -(-self.samples // self.step_samples)


@dataclass(frozen=True)
class TrainingConfig:
    """A training run.

    Attributes:
        network: a name from `fingerpose_ros.perception.pose.network.registry.CONFIGS`.
        stages: run one after the other.
        pretrained: backbone weights written by `./run training imagenet`; null for random initialisation.
        seed: of the data and of the random initialisation.
        learning_rate: peak of the schedule; `backbone_learning_rate` is the backbone's factor on it.
        warm_up: samples over which the rate rises linearly to its peak.
        cool_down: samples at the end over which the rate falls as a cosine; 0 for all samples.
        weight_decay: on the weights of convolutions and linear layers.
        gradient_norm: gradients are clipped to this norm.
        ema_half_life: half-life of the averaged network (exponential moving average), in samples.
        precision: "bf16" (autocast), "float32", or "auto" for bf16 where the device is faster in it. A processor
            without bf16 instructions emulates it, fifteen times as slowly.
        workers: processes that load or render data.
        validation_samples, validation_difficulty: of the fixed validation set.
        validate_minutes, checkpoint_minutes: intervals in wall-clock time.
    """

    network: str
    stages: tuple[Stage, ...]
    pretrained: str | None = None
    seed: int = 0
    learning_rate: float = 1e-3
    backbone_learning_rate: float = 0.5
    warm_up: int = 10_000
    cool_down: int = 0
    weight_decay: float = 0.02
    gradient_norm: float = 1.0
    ema_half_life: int = 10_000
    precision: str = "auto"
    workers: int = 1
    validation_samples: int = 512
    validation_difficulty: float = 1.0
    validate_minutes: float = 10.0
    checkpoint_minutes: float = 10.0

    def __post_init__(self):
        config_named(self.network)
        if not self.stages:
            raise ValueError("a training run without stages")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision {self.precision!r} is not one of {', '.join(PRECISIONS)}")
        for name, least in (("workers", 0), ("ema_half_life", 1), ("validation_samples", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} {getattr(self, name)} is less than {least}")
        if not 0 <= self.cool_down <= self.total_samples:
            raise ValueError(
                f"cool_down {self.cool_down} is not from 0 to the {self.total_samples} images of all stages"
            )
        if not 0 <= self.validation_difficulty <= 1:
            raise ValueError(f"validation_difficulty {self.validation_difficulty} is not from 0 to 1")

    @property
    def total_samples(self) -> int:
        return sum(stage.steps * stage.step_samples for stage in self.stages)


TASKS = ("pose", "detection")


def task_of(path: Path) -> str:
    """One of `TASKS`: what a configuration trains, the pose network unless it says otherwise.

    Raises:
        ValueError: another task; or the file is no mapping in YAML.
    """
    try:
        task = yaml.safe_load(path.read_text()).get("task", "pose")
    except (AttributeError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {error}") from error
    if task not in TASKS:
        raise ValueError(f"{path}: task {task!r} is not one of {', '.join(TASKS)}")
    return task


def load_config(path: Path) -> TrainingConfig:
    """Read the YAML file of a run.

    Raises:
        ValueError: an unknown or missing key, or an invalid value; the message names the file.
    """
    try:
        content = yaml.safe_load(path.read_text())
        stages = tuple(_build(Stage, stage) for stage in content.pop("stages", ()))
        return _build(TrainingConfig, {**content, "stages": stages})
    except (AttributeError, TypeError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {error}") from error


def _build(kind: type, values: dict):
    """A dataclass from a mapping, with numbers converted to the fields' types (YAML reads `1e-3` as text)."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = values.keys() - fields
    if unknown:
        raise ValueError(f"unknown {', '.join(sorted(unknown))}; there are {', '.join(fields)}")
    return kind(**{name: _number(name, fields[name].type, value) for name, value in values.items()})


def _number(name: str, kind: type, value):
    """`value` converted to `kind` if that is a number type, else unchanged."""
    if kind not in (int, float):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} {value!r} is not a number") from None
    if kind is int and not number.is_integer():
        raise ValueError(f"{name} {value!r} is not a whole number")
    return kind(number)
