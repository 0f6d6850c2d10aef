"""Training on fixtures of the datasets: errors fall on all five, two processes equal one, invalid options fail."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from opened_datasets import open_split, write_all
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from two_processes import run_both

from fingerpose_ros.perception.pose.network import load_network, save_network
from fingerpose_ros.perception.pose.network.fingerposenet import FingerPoseNet
from fingerpose_ros.perception.pose.network.registry import config_named
from training.datasets import DATASETS
from training.datasets.sample import Subset, hold_out
from training.learning.config import Stage, TrainingConfig, load_config
from training.learning.data import from_dataset
from training.learning.trainer import AVERAGE, Trainer
from training.learning.validation import joint_errors_mm

ROOT = Path(__file__).resolve().parents[3]
CONFIG = TrainingConfig(
    network="small", stages=(Stage(samples=160, size=64, batch=4, difficulty=0.0),), warm_up=32, workers=0,
    validation_samples=4, ema_half_life=40, precision="float32", learning_rate=2e-3,
)  # fmt: skip


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    return {name: dataset.root for name, dataset in write_all(tmp_path_factory, 8).items()}


def few(root: Path, name: str) -> Subset:
    """Four frames, for a network to overfit."""
    return Subset(open_split(name, root, "train"), range(4))


def scalars(folder: Path, name: str) -> list[float]:
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    return [event.value for event in events.Scalars(name)]


@pytest.mark.parametrize("name", DATASETS)
def test_a_short_training_lowers_the_error(roots, name, tmp_path):
    torch.set_num_threads(1)
    make = from_dataset(few(roots[name], name), augment=False)
    Trainer(CONFIG, tmp_path, torch.device("cpu"), make).run()
    errors = scalars(tmp_path, "error_mm/joints")  # means over 20 steps each
    assert errors[-1] < 0.4 * errors[0] and errors[-1] < 12


def test_joints_without_labels_do_not_affect_the_loss(roots, tmp_path):
    torch.set_num_threads(1)
    make = from_dataset(few(roots["icvl"], "icvl"), augment=False)
    batch = {key: torch.from_numpy(value) for key, value in make(size=64, batch=4, seed=0, difficulty=0)[0].items()}
    objective = Trainer(CONFIG, tmp_path, torch.device("cpu"), make).objective.eval()
    valid = batch["valid"]
    assert 0 < valid.sum() < valid.numel()
    masked = {**batch, "uvd": torch.where(valid[..., None], batch["uvd"], torch.nan)}
    with torch.no_grad():
        assert objective(batch)[0] == objective(masked)[0]
        assert objective({**batch, "valid": torch.zeros_like(valid)})[0].isfinite()


def test_only_samples_with_valid_classes_train_presence_and_handedness(roots, tmp_path):
    torch.set_num_threads(1)
    make = from_dataset(few(roots["icvl"], "icvl"), augment=False)
    batch = {key: torch.from_numpy(value) for key, value in make(size=64, batch=4, seed=0, difficulty=0)[0].items()}
    objective = Trainer(CONFIG, tmp_path, torch.device("cpu"), make).objective.eval()
    with torch.no_grad():
        classes_valid = torch.tensor([True, False, False, False])
        invalid, valid = (objective(one)[1] for one in (batch, {**batch, "classes_valid": classes_valid}))
    for term in ("loss/present", "loss/right"):
        assert invalid[term] == 0 and valid[term] > 0


def test_rendered_hands_are_their_fraction_of_a_batch(roots):
    batch = from_dataset(few(roots["nyu"], "nyu"), True, 0.5)(size=64, batch=8, seed=0, difficulty=0.5)[0]
    assert batch["image"].shape == (8, 1, 64, 64)
    assert (batch["valid"][:4].sum(1) == len(DATASETS["nyu"].joints.equivalent)).all() and batch["valid"][4:].all()
    assert batch["classes_valid"].tolist() == [False] * 4 + [True] * 4


def test_datasets_without_equivalent_joints_cannot_be_mixed_with_rendered_hands(roots):
    with pytest.raises(ValueError, match="cannot be mixed in"):
        from_dataset(few(roots["icvl"], "icvl"), True, 0.5)
    nyu = few(roots["nyu"], "nyu")
    both = [from_dataset(nyu, False, equivalent_only=only)(64, 4, 0, 0.5)[0] for only in (False, True)]
    assert both[0]["valid"].sum() > both[1]["valid"].sum() == 4 * len(DATASETS["nyu"].joints.equivalent)


def test_errors_in_millimetres_use_the_datasets_cube(roots):
    batch = from_dataset(few(roots["msra"], "msra"), False)(size=64, batch=4, seed=0, difficulty=0)[0]
    (cube,) = {few(roots["msra"], "msra")[0].cube_m}
    batch = {name: torch.from_numpy(value) for name, value in batch.items()}
    predicted = batch["uvd"] + torch.tensor([0.1, 0, 0])
    assert joint_errors_mm(predicted, batch).tolist() == pytest.approx([0.1 * 500 * cube] * 4, rel=1e-4)


def test_held_out_frames_are_the_last_and_not_trained_on(roots):
    dataset = open_split("msra", roots["msra"], "train")
    training, validation = hold_out(dataset)
    names = [{part[i].name for i in range(len(part))} for part in (training, validation)]
    assert not names[0] & names[1] and len(names[0] | names[1]) == len(dataset) == 136
    assert validation[0].name == dataset[134].name
    with pytest.raises(ValueError, match="one frame"):
        hold_out(Subset(dataset, range(1)))


TWO_PROCESSES = """
import dataclasses, sys
from pathlib import Path
import torch
from test_datasets_training import CONFIG, few
from training.learning.data import from_dataset
from training.learning.train import choose_device
from training.learning.trainer import Trainer

torch.set_num_threads(1)
device = choose_device("cpu")
stage = dataclasses.replace(CONFIG.stages[0], samples=80, batch=2, batches_per_step=2)
config = dataclasses.replace(CONFIG, stages=(stage,))
Trainer(config, Path(sys.argv[1]), device, from_dataset(few(Path(sys.argv[2]), "nyu"), augment=True)).run()
"""


def test_two_processes_train_like_one(roots, tmp_path):
    one, two = run_both(TWO_PROCESSES, tmp_path, str(roots["nyu"]))
    for name in ("loss/total", "error_mm/joints"):
        np.testing.assert_allclose(scalars(one, name), scalars(two, name), rtol=2e-3)


def run_command(*arguments: object) -> subprocess.CompletedProcess:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "training", "train", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--root", "."], "need --dataset"),
        (["--dataset", "nyu"], "--dataset needs --root"),
        (["--dataset", "nyu", "--root", ".", "--synthetic-share", "0.001"], "leaves none of one kind"),
        (["--dataset", "nyu", "--root", "nowhere"], "nowhere/train/joint_data.mat: cannot be read"),
    ],
)
def test_options_that_exclude_each_other_are_rejected(options, message, tmp_path):
    config = ROOT / "training/configs/nyu.yaml"
    result = run_command("--config", config, "--out", tmp_path / "out", *options)
    assert result.returncode == 2 and message in result.stderr


def test_one_command_trains_on_a_dataset_and_starts_from_weights(roots, tmp_path):
    start = tmp_path / "start.safetensors"
    save_network(start, FingerPoseNet(config_named("small")))
    config = tmp_path / "tiny.yaml"
    config.write_text("{network: small, workers: 0, precision: float32, validation_samples: 1,\n"
                      " stages: [{samples: 8, size: 64, batch: 4, difficulty: 0}]}\n")  # fmt: skip
    result = run_command("--config", config, "--out", tmp_path / "out", "--dataset", "nyu", "--root", roots["nyu"],
                         "--weights", start)  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert load_network(tmp_path / "out" / AVERAGE).config == config_named("small")
    other = tmp_path / "other.safetensors"
    save_network(other, FingerPoseNet(config_named("small_literal")))
    rejected = run_command("--config", config, "--out", tmp_path / "again", "--dataset", "nyu", "--root", roots["nyu"],
                          "--weights", other)  # fmt: skip
    assert rejected.returncode == 2 and "holds another network" in rejected.stderr


@pytest.mark.parametrize("name", DATASETS)
def test_each_dataset_has_a_configuration_that_loads(name):
    config = load_config(ROOT / "training" / "configs" / f"{name}.yaml")
    assert config.total_samples > 1_000_000 and dataclasses.asdict(config)["network"] == "full"
