"""Ablation of the paper's claim: the contribution of the six subtasks, residual feature sharing and the fusion layer.

    ./run training ablation --out runs/ablation --jobs 2

Trains the registry's four ablation networks with several seeds. A seed sets the initial weights and the rendered hands.
All four see the same images in the same order for the same number of steps. They are tested on the same other images.
The images are rendered once and stored in `--out`. Finished runs are not repeated. Prints the tables of
`docs/ablation.md`.
"""

import argparse
import dataclasses
import hashlib
import inspect
import json
import multiprocessing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from scipy import stats
from torch.utils.flop_counter import FlopCounterMode

from fingerpose_ros.files import whole_file, write_text
from fingerpose_ros.perception.pose.network import FingerPoseNet
from fingerpose_ros.perception.pose.network.fingerposenet import NetworkConfig
from fingerpose_ros.perception.pose.network.registry import config_named
from training.export.model_card import rows
from training.learning.checkpoint import CHECKPOINT
from training.learning.config import TrainingConfig, load_config
from training.learning.data import loader, synthetic
from training.learning.trainer import Trainer
from training.learning.validation import joint_errors_mm
from training.rendering.hands import BANK

CONFIG = Path(__file__).parents[1] / "configs" / "ablation.yaml"
VARIANTS = {
    "ablation_a": "(A) shared map, one head for 21 joints",
    "ablation_b": "(B) six subtasks",
    "ablation_c": "(C) with residual sharing",
    "ablation_d": "(D) with the fusion layer",
}
PAIRS = (*pairwise(VARIANTS), ("ablation_a", "ablation_d"))

TEST_SEED, TEST_BATCHES = 20_250_611, 64
"""Seed of the test images, which no run uses, and their number of batches."""

RESAMPLES = 10_000


@dataclass(frozen=True)
class StoredBatches:
    """The batches that `render` stored in a folder."""

    folder: Path

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        with np.load(self.folder / f"{index}.npz") as batch:
            return dict(batch)


def render(folder: Path, count: int, options: dict) -> None:
    """Store the first `count` batches of the synthetic dataset with these `options` in `folder`, if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    dataset = synthetic(**options)
    for index in range(count):
        path = folder / f"{index}.npz"
        if not path.exists():
            batch = dataset[index]
            with whole_file(path) as part:
                np.savez(part, **{name: batch[name] for name in ("image", "uvd", "present", "right")})


def train(out: Path, config: TrainingConfig) -> None:
    """Train one network with one seed on its stored images; save its errors on the test images in `out`, mm."""
    result = out / f"{config.network}_{config.seed}.npy"
    if result.exists():
        return
    torch.set_num_threads(1)
    images, test = StoredBatches(out / f"images_{config.seed}"), StoredBatches(out / "images_test")
    folder = out / result.stem
    trainer = Trainer(config, folder, torch.device("cpu"), lambda **_: images, lambda **_: test)
    folder.mkdir(exist_ok=True)
    if (folder / CHECKPOINT).exists():
        trainer.resume()
    trainer.run()
    with torch.no_grad():
        errors = [
            joint_errors_mm(trainer.average.network(batch["image"]).uvd, batch)
            for batch in loader(test, range(TEST_BATCHES), workers=0)
        ]
    with whole_file(result) as part:
        np.save(part, torch.cat(errors).numpy())


def prepare_folder(out: Path, config: TrainingConfig) -> None:
    """Create `out` and record the configuration of its runs there.

    Raises:
        ValueError: `out` holds runs of another configuration or other code; their results must not be mixed.
    """
    networks = {name: dataclasses.asdict(config_named(name)) for name in VARIANTS}
    current = {"training": dataclasses.asdict(config), "networks": networks, "code": fingerprint()}
    current, record = json.dumps(current, indent=1), out / "config.json"
    if record.exists() and record.read_text() != current:
        raise ValueError(f"{out} holds runs of another configuration, or other code (config.json); use another --out")
    out.mkdir(parents=True, exist_ok=True)
    write_text(record, current)


def fingerprint() -> str:
    """SHA-256 of the code that the results depend on, and of the rendered hands."""
    training, perception = Path(__file__).parents[1], Path(inspect.getfile(FingerPoseNet)).parents[2]
    sources = [*training.glob("learning/*.py"), *training.glob("rendering/*.py"), BANK]
    sources += perception.rglob("*.py")
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(sources))).hexdigest()


def interval(differences: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of the mean of paired differences (seeds, images); resamples both seeds and images."""
    rng = np.random.default_rng(0)
    seeds, images = differences.shape
    means = [
        differences[rng.integers(0, seeds, seeds)][:, rng.integers(0, images, images)].mean() for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def interval_over_seeds(means: np.ndarray) -> tuple[float, float]:
    """95 % t-interval of the mean of a few seeds' `means` (seeds,), assuming a normal distribution."""
    half_width = stats.t.ppf(0.975, len(means) - 1) * stats.sem(means)
    return float(means.mean() - half_width), float(means.mean() + half_width)


def multiply_adds(config: NetworkConfig, size: int) -> int:
    """Multiply-adds of one forward pass on one crop of `size` pixels (convolutions and matrix products)."""
    network = FingerPoseNet(config).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 1, size, size))
    return counter.get_total_flops() // 2


def tables(errors: dict[str, np.ndarray], seeds: list[int], size: int) -> str:
    """Two Markdown tables: the variants' `errors`, (seeds, images) each in mm, and the change by each step."""
    cost = {name: multiply_adds(config_named(name), size) / 1e6 for name in VARIANTS}
    head = ["network", "multiply-adds", *(f"seed {seed}" for seed in seeds), "mean, mm"]
    body = [
        [VARIANTS[name], f"{cost[name]:.1f} M", *(f"{e:.2f}" for e in per_image.mean(1)), f"{per_image.mean():.2f}"]
        for name, per_image in errors.items()
    ]
    steps = []
    for before, after in PAIRS:
        difference = errors[after] - errors[before]
        intervals = interval(difference), interval_over_seeds(difference.mean(1))
        letters = " to ".join(VARIANTS[name][1] for name in (before, after))
        each = ", ".join(f"{d:+.2f}" for d in difference.mean(1))
        bounds = (f"{low:+.2f} to {high:+.2f}" for low, high in intervals)
        steps.append([letters, f"{difference.mean():+.2f}", *bounds, each])
    changes = rows(
        ["step", "error changes by, mm", "bootstrap interval", "t-interval over seeds", "seed by seed"], steps
    )
    return f"{rows(head, body)}\n\n{changes}"


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="./run training ablation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for images, logs and results")
    parser.add_argument("--config", type=Path, default=CONFIG, help="of each run, except network and seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=1, help="number of parallel runs, one thread each")
    arguments = parser.parse_args(argv)
    try:
        config = load_config(arguments.config)
        if len(config.stages) != 1:
            raise ValueError(f"{arguments.config} has {len(config.stages)} stages; the ablation needs exactly one")
        if config.workers or config.pretrained or config.stages[0].batches_per_step > 1:
            raise ValueError(f"{arguments.config} must set workers to 0, and neither pretrained nor batches_per_step")
        prepare_folder(arguments.out, config)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    (stage,) = config.stages
    # Each image is predicted once, without a second crop that is aligned with the hand.
    options = {"size": stage.size, "batch": stage.batch, "difficulty": stage.difficulty, "aligned_fraction": 0}
    images = [("test", TEST_SEED, TEST_BATCHES), *((seed, 1000 * seed, stage.steps) for seed in arguments.seeds)]
    runs = [dataclasses.replace(config, network=name, seed=seed) for seed in arguments.seeds for name in VARIANTS]
    with multiprocessing.get_context("spawn").Pool(arguments.jobs, maxtasksperchild=1) as pool:
        datasets = [(arguments.out / f"images_{name}", count, options | {"seed": seed}) for name, seed, count in images]
        pool.starmap(render, datasets, chunksize=1)
        pool.starmap(train, [(arguments.out, run) for run in runs], chunksize=1)
    errors = {
        name: np.stack([np.load(arguments.out / f"{name}_{seed}.npy") for seed in arguments.seeds]) for name in VARIANTS
    }
    print(tables(errors, arguments.seeds, stage.size))
