"""What a training run is made of, read from YAML."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import yaml

from fingerpose_ros.perception.pose.network.registry import config_named

FREEZABLE = {"stem": ("conv1", "bn1"), "layer1": ("layer1",)}
"""Names usable in `Stage.frozen` -> parts of the backbone."""

PRECISIONS = ("auto", "bf16", "float32")


@dataclass(frozen=True)
class Stage:
    """A stretch of training at one image size.

    Attributes:
        samples: how many images this stage sees.
        size: their side in pixels, a multiple of 32.
        batch: images in a batch.
        difficulty: of rendered hands, 0 to 1.
        learning_rate: factor on the schedule.
        batches_per_step: batches that one step of the optimiser averages, shared out among the processes: the same
            configuration takes the same steps on any number of processes that divides this, but for the normalisation's
            statistics, which are the first process's.
        frozen: parts of the backbone that stand still, out of `FREEZABLE`; their normalisation too.
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
        """Steps of the optimiser in this stage."""
        return -(-self.samples // self.step_samples)


@dataclass(frozen=True)
class TrainingConfig:
    """A training run.

    Attributes:
        network: a name of `fingerpose_ros.perception.pose.network.registry.CONFIGS`.
        stages: one after the other.
        pretrained: backbone weights written by `./run training imagenet`; null starts from random ones.
        seed: of the data and of random weights.
        learning_rate: peak of the schedule; `backbone_learning_rate` is the backbone's factor on it.
        warm_up: samples over which the rate rises to its peak; it then falls as a cosine over all stages' samples.
        weight_decay: on the weights of convolutions and linear layers.
        gradient_norm: gradients longer than this are shortened to it.
        ema_half_life: samples after which a weight counts half in the averaged network.
        precision: "bf16" (autocast), "float32", or "auto" for bf16 where the device is faster in it: a processor
            without instructions for it does it in software, fifteen times as slowly.
        workers: processes that make data.
        validation_samples, validation_difficulty: the fixed set that progress is measured on.
        validate_minutes, checkpoint_minutes: how often, in wall-clock time.
    """

    network: str
    stages: tuple[Stage, ...]
    pretrained: str | None = None
    seed: int = 0
    learning_rate: float = 1e-3
    backbone_learning_rate: float = 0.5
    warm_up: int = 10_000
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
        if not 0 <= self.validation_difficulty <= 1:
            raise ValueError(f"validation_difficulty {self.validation_difficulty} is not from 0 to 1")

    @property
    def total_samples(self) -> int:
        return sum(stage.steps * stage.step_samples for stage in self.stages)


def load_config(path: Path) -> TrainingConfig:
    """Read a run's YAML file.

    Raises:
        ValueError: a key that does not exist or is missing, or a value that cannot be; the message names the file.
    """
    try:
        content = yaml.safe_load(path.read_text())
        stages = tuple(_build(Stage, stage) for stage in content.pop("stages", ()))
        return _build(TrainingConfig, {**content, "stages": stages})
    except (AttributeError, TypeError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {error}") from error


def _build(kind: type, values: dict):
    """A dataclass from a mapping, its numbers made what the fields say (YAML reads `1e-3` as text)."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = values.keys() - fields
    if unknown:
        raise ValueError(f"unknown {', '.join(sorted(unknown))}; there are {', '.join(fields)}")
    return kind(**{name: _number(name, fields[name].type, value) for name, value in values.items()})


def _number(name: str, kind: type, value):
    """`value` as `kind` if that is a number's, else as it is."""
    if kind not in (int, float):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} {value!r} is not a number") from None
    if kind is int and not number.is_integer():
        raise ValueError(f"{name} {value!r} is not a whole number")
    return kind(number)
