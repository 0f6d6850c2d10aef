"""The trainer learns, stops and resumes."""

import copy
import dataclasses
import json
import logging
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_hands import FakeHands
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from two_processes import run_both

from fingerpose_ros.perception.pose.network import FingerPoseNet, load_network
from fingerpose_ros.perception.pose.network.fingerposenet import NetworkConfig
from fingerpose_ros.perception.pose.network.weights import load_tensors
from training.learning import precision, train, trainer
from training.learning.checkpoint import CHECKPOINT
from training.learning.config import Stage, TrainingConfig, load_config
from training.learning.data import synthetic
from training.learning.matmul import MatmulConv2d, use_matmul
from training.learning.optimiser import learning_rate
from training.learning.trainer import AVERAGE, Trainer

ROOT = Path(__file__).resolve().parents[3]
CPU = torch.device("cpu")
STAGE = Stage(samples=48, size=64, batch=8, difficulty=1.0)
TINY = TrainingConfig(
    network="small", stages=(STAGE,), warm_up=16, workers=0, validation_samples=8, ema_half_life=20, precision="float32"
)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_tensors(folder / CHECKPOINT)[0]


def scalars(folder: Path, name: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def test_training_lowers_the_error_and_logs_it(tmp_path):
    stages = (dataclasses.replace(STAGE, samples=640),)
    config = dataclasses.replace(TINY, stages=stages, learning_rate=2e-3, precision="auto", validation_samples=64)
    Trainer(config, tmp_path, CPU, FakeHands).run()
    errors = [value for _, value in scalars(tmp_path, "error_mm/joints")]
    assert errors[-1] < 0.6 * errors[0]
    batch = FakeHands(64, 32, 12345, 1.0)[0]
    network = load_network(tmp_path / "average.safetensors")
    with torch.no_grad():
        uvd = network(torch.from_numpy(batch["image"])).uvd.numpy()
    hands = batch["present"] & batch["right"]
    constant = np.linalg.norm(batch["uvd"] - batch["uvd"].mean(0), axis=-1)[hands].mean()
    assert np.linalg.norm(uvd - batch["uvd"], axis=-1)[hands].mean() < 0.6 * constant


def test_rendered_hands_can_be_learnt(tmp_path):
    """Overfits a few of them: joints, presence and handedness."""
    pytest.importorskip("warp", reason="rendering needs warp-lang")

    class FirstBatch:
        def __init__(self, **options):
            self.first = synthetic(**options)[0]

        def __getitem__(self, index):
            return self.first

    stages = (dataclasses.replace(STAGE, samples=800, batch=16),)
    config = dataclasses.replace(TINY, stages=stages, learning_rate=2e-3, precision="auto")
    Trainer(config, tmp_path, CPU, FirstBatch).run()
    for name in ("error_mm/joints", "loss/present", "loss/right"):
        values = [value for _, value in scalars(tmp_path, name)]
        assert values[-1] < 0.5 * values[0], name


@pytest.mark.parametrize("requested", ("auto", "bf16", "float32"))
@pytest.mark.parametrize("capability", ({"avx2": True}, {"avx2": True, "avx512_bf16": True}, {"bf16": True}))
@pytest.mark.parametrize("slow", (False, True))
def test_bf16_is_chosen_where_the_processor_is_faster_in_it(tmp_path, monkeypatch, caplog, requested, capability, slow):
    """Emulated bf16 is many times slower than float32."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capability)
    monkeypatch.setattr(precision, "is_slow_in_bf16", lambda: slow)
    with caplog.at_level(logging.INFO):
        created = Trainer(dataclasses.replace(TINY, precision=requested), tmp_path, CPU, FakeHands)
    faster = any("bf16" in name for name in capability) and not slow
    chosen = requested == "bf16" or (requested == "auto" and faster)
    with created.autocast:
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if chosen else torch.float32)
    assert f"precision {requested} on cpu: {'bf16' if chosen else 'float32'}" in caplog.text


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path):
    stages = (STAGE, dataclasses.replace(STAGE, samples=24, size=96, frozen=("stem", "layer1")))
    config = dataclasses.replace(TINY, stages=stages)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    Trainer(config, whole, CPU, FakeHands).run()

    class StopsAt(Trainer):
        at = 0

        def _must_stop(self):
            return self.progress.samples >= self.at

    for at in (24, 56, 10_000):
        trainer = StopsAt(config, parts, CPU, FakeHands)
        trainer.at = at
        if at != 24:
            trainer.resume()
        trainer.run()
        assert trainer.progress.samples == min(at, 72)
    expected, actual = weights(whole), weights(parts)
    assert expected.keys() == actual.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, actual[name]), name


def test_a_fine_tuned_run_includes_the_images_of_the_first_run(tmp_path):
    first = Trainer(TINY, tmp_path / "first", CPU, FakeHands)
    first.run()
    second = Trainer(TINY, tmp_path / "second", CPU, FakeHands)
    second.start_from(tmp_path / "first" / AVERAGE)
    for one, other in zip(second.network.parameters(), first.average.network.parameters(), strict=True):
        assert torch.equal(one, other)
    second.run(minutes=0)
    resumed = Trainer(TINY, tmp_path / "second", CPU, FakeHands)
    resumed.resume()
    resumed.run()
    meta = load_tensors(tmp_path / "second" / AVERAGE)[1]
    assert meta["samples"] == "96" and json.loads(meta["history"]) == json.loads(json.dumps([dataclasses.asdict(TINY)]))


def test_the_average_of_fine_tuned_weights_keeps_them_for_its_half_life(tmp_path):
    first = Trainer(TINY, tmp_path / "first", CPU, FakeHands)
    first.run()
    second = Trainer(dataclasses.replace(TINY, ema_half_life=10**9), tmp_path / "second", CPU, FakeHands)
    second.start_from(tmp_path / "first" / AVERAGE)
    second.run()
    before, after = first.average.network.state_dict(), second.average.network.state_dict()
    moved = second.network.state_dict()
    for name in (name for name, value in before.items() if value.ndim > 1):
        away = (after[name] - before[name]).abs().max()
        assert away < 1e-3 * (moved[name] - before[name]).abs().max(), name


def test_a_run_resumed_with_another_configuration_stores_both(tmp_path):
    Trainer(TINY, tmp_path, CPU, FakeHands).run()
    longer = dataclasses.replace(TINY, stages=(dataclasses.replace(STAGE, samples=2 * STAGE.samples),))
    for _ in range(2):
        trainer = Trainer(longer, tmp_path, CPU, FakeHands)
        trainer.resume()
        trainer.run()
    metadata = load_tensors(tmp_path / AVERAGE)[1]
    assert json.loads(metadata["history"]) == json.loads(json.dumps([dataclasses.asdict(TINY)]))
    assert json.loads(metadata["training"]) == json.loads(json.dumps(dataclasses.asdict(longer)))


def test_a_time_limit_stops_and_saves_a_checkpoint(tmp_path):
    config = dataclasses.replace(TINY, stages=(dataclasses.replace(STAGE, samples=10_000_000),))
    trainer = Trainer(config, tmp_path, CPU, FakeHands)
    trainer.run(minutes=0.02)
    assert 0 < trainer.progress.samples < 10_000_000
    again = Trainer(config, tmp_path, CPU, FakeHands)
    again.resume()
    assert again.progress == trainer.progress


def test_frozen_parts_and_their_statistics_do_not_change(tmp_path):
    config = dataclasses.replace(TINY, stages=(dataclasses.replace(STAGE, frozen=("stem", "layer1")),))
    trainer = Trainer(config, tmp_path, CPU, FakeHands)
    before = {k: v.clone() for k, v in trainer.network.trunk.backbone.state_dict().items()}
    trainer.run()
    for name, tensor in trainer.network.trunk.backbone.state_dict().items():
        frozen = name.startswith(("conv1.", "bn1.", "layer1."))
        assert torch.equal(tensor, before[name]) == frozen or name.endswith("num_batches_tracked"), name


def test_convolutions_as_matrix_products_give_the_same_results():
    config = NetworkConfig(backbone="resnet50", width=64, base_channels=32, task_channels=8)
    # In double precision: normalisation over the few cells of a small image amplifies rounding errors.
    plain = FingerPoseNet(config).trunk.double().to(memory_format=torch.channels_last)
    products = copy.deepcopy(plain)
    use_matmul(products)
    assert sum(isinstance(module, MatmulConv2d) for module in products.modules()) > 20
    assert list(plain.state_dict()) == list(products.state_dict())
    image = torch.rand(2, 1, 64, 64, dtype=torch.float64)
    outputs = [trunk(image) for trunk in (plain, products)]
    for of_plain, of_products in zip(*outputs, strict=True):
        assert torch.allclose(of_plain, of_products, rtol=1e-6, atol=1e-9)
    for output in outputs:
        sum(value.square().sum() for value in output).backward()
    for one, other in zip(plain.parameters(), products.parameters(), strict=True):
        assert (one.grad - other.grad).norm() <= 1e-6 * one.grad.norm()


def test_divergence_is_an_error_and_keeps_the_checkpoint(tmp_path):
    trainer = Trainer(TINY, tmp_path, CPU, FakeHands)
    trainer.run()
    kept = (tmp_path / CHECKPOINT).read_bytes()
    with torch.no_grad():
        trainer.network.trunk.classify.bias.fill_(math.nan)
    with pytest.raises(RuntimeError, match="diverged"):
        trainer.run()
    assert (tmp_path / CHECKPOINT).read_bytes() == kept


TWO_PROCESSES = """
import dataclasses, sys
from pathlib import Path
import torch
from fake_hands import FakeHands
from test_training import TINY, STAGE
from training.learning.train import choose_device
from training.learning.trainer import Trainer

torch.set_num_threads(1)
device = choose_device("cpu")
stage = dataclasses.replace(STAGE, samples=96, batches_per_step=2)
Trainer(dataclasses.replace(TINY, stages=(stage,)), Path(sys.argv[1]), device, FakeHands).run()
"""


def test_two_processes_train_like_one(tmp_path):
    one, two = run_both(TWO_PROCESSES, tmp_path)
    for name in ("loss/total", "error_mm/joints", "train/gradient_norm"):
        np.testing.assert_allclose(scalars(one, name), scalars(two, name), rtol=1e-3)
    one, two = weights(one), weights(two)
    for name in one:
        if name.startswith("network/") and not name.endswith(("running_mean", "running_var", "num_batches_tracked")):
            torch.testing.assert_close(one[name], two[name], atol=2e-4, rtol=1e-2)


def test_batches_that_cannot_be_split_among_processes_are_rejected(tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "is_distributed", lambda: True)
    monkeypatch.setattr(trainer.distributed, "get_rank", lambda: 0)
    monkeypatch.setattr(trainer.distributed, "get_world_size", lambda: 2)
    shared = dataclasses.replace(STAGE, batches_per_step=2)
    Trainer(dataclasses.replace(TINY, stages=(shared,)), tmp_path, CPU, FakeHands)
    with pytest.raises(ValueError, match="stage 1 has batches_per_step 1, which 2 processes cannot"):
        Trainer(dataclasses.replace(TINY, stages=(shared, STAGE)), tmp_path, CPU, FakeHands)


def test_a_missing_gpu_is_rejected_for_rendering(monkeypatch):
    warp = pytest.importorskip("warp")
    monkeypatch.setattr(warp, "is_cuda_available", lambda: False)
    assert train.choose_renderer("cpu")(64, 2, 0, 0.5).device == "cpu"
    with pytest.raises(ValueError, match="--render-device cuda: Warp finds no CUDA device"):
        train.choose_renderer("cuda")
    monkeypatch.setattr(warp, "is_cuda_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert train.choose_renderer("cuda")(64, 2, 0, 0.5).device == "cuda:3"


def test_the_progress_bar_shows_the_remaining_time(tmp_path, capsys):
    Trainer(TINY, tmp_path, CPU, FakeHands).run(minutes=7.2)
    assert "stops in=7 min" in capsys.readouterr().err


def test_a_run_resumes_only_with_the_same_data(tmp_path):
    Trainer(TINY, tmp_path, CPU, FakeHands, data={"dataset": "msra", "held_out": "P3"}).run(minutes=0)
    with pytest.raises(ValueError, match="trains on .*P3.*, not .*P0"):
        Trainer(TINY, tmp_path, CPU, FakeHands, data={"dataset": "msra", "held_out": "P0"}).resume()
    assert json.loads(load_tensors(tmp_path / AVERAGE)[1]["training"])["held_out"] == "P3"


def test_the_validation_at_a_stop_stays_in_the_log_after_resuming(tmp_path):
    config = dataclasses.replace(TINY, stages=(dataclasses.replace(STAGE, samples=96),))
    first = Trainer(config, tmp_path, CPU, FakeHands)
    first._must_stop = lambda: first.progress.samples >= 48
    first.run()
    again = Trainer(config, tmp_path, CPU, FakeHands)
    again.resume()
    again.run()
    assert [step for step, _ in scalars(tmp_path, "validation/error_mm")] == [48, 96]


@pytest.mark.parametrize("count", [1, 64, 100, 441])
def test_validation_has_the_configured_number_of_images(tmp_path, count):
    trainer = Trainer(dataclasses.replace(TINY, validation_samples=count), tmp_path, CPU, FakeHands)
    batches = trainer._validation_batches({"size": 64, "difficulty": 1.0})
    assert count <= sum(len(batch["image"]) for batch in batches) < count + len(batches)


def test_learning_rate_rises_then_falls_and_depends_only_on_images_seen():
    config = dataclasses.replace(TINY, stages=(dataclasses.replace(STAGE, samples=8000),), warm_up=800)
    rates = [learning_rate(samples, config) for samples in range(0, 8001, 8)]
    peak = int(np.argmax(rates))
    assert 90 < peak < 110 and np.all(np.diff(rates[: peak + 1]) > 0) and np.all(np.diff(rates[peak:]) < 0)
    assert rates[-1] == pytest.approx(0.01 * config.learning_rate)


def test_invalid_command_lines_get_clear_messages(tmp_path):
    def run(*arguments: str) -> str:
        config = str(ROOT / "training" / "configs" / "full.yaml")
        command = [sys.executable, "-m", "training", "train", "--config", config, *arguments]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert result.returncode == 2
        return result.stderr

    assert "has no checkpoint.safetensors" in run("--out", str(tmp_path / "none"), "--resume")
    if not torch.cuda.is_available():
        assert "no CUDA device" in run("--out", str(tmp_path / "new"), "--device", "cuda")


@pytest.mark.parametrize("path", sorted((ROOT / "training" / "configs").glob("[!d]*.yaml")), ids=lambda p: p.stem)
def test_included_configurations_are_valid(path):
    assert load_config(path).total_samples > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("network: small\nstages: [{samples: 8, size: 64, batch: 8, difficulty: 1}]\nlr: 1", "unknown lr"),
        ("network: small\nstages: [{samples: 8, size: 70, batch: 8, difficulty: 1}]", "70 is not a multiple of 32"),
        ("network: small\nstages: [{samples: 8, size: 64, batch: 8, difficulty: 1, frozen: [all]}]", "cannot freeze"),
        ("network: huge\nstages: [{samples: 8, size: 64, batch: 8, difficulty: 1}]", "'huge' is not one of"),
        ("network: small", "without stages"),
        ("stages: [{samples: 8, size: 64, batch: 8, difficulty: 1}]", "network"),
        ("just words", "words.yaml"),
        ("stages: [{", "words.yaml"),
        ("network: small\nwarm_up: soon\nstages: []", "warm_up 'soon' is not a number"),
        (
            "network: small\nstages: [{samples: 8, size: 64, batch: 4.5, difficulty: 1}]",
            "4.5 is not a whole number",
        ),
        (
            "network: small\nstages: [{samples: 8, size: 64, batch: 8, difficulty: 2}]",
            "2.0 is not from 0 to 1",
        ),
        (
            "network: small\nema_half_life: 0\nstages: [{samples: 8, size: 64, batch: 8, difficulty: 1}]",
            "ema_half_life 0",
        ),
    ],
)
def test_invalid_configurations_are_rejected(tmp_path, text, message):
    path = tmp_path / "words.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_config(path)
