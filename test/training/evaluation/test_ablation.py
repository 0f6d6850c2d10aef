"""The ablation trains every variant once, on the same images, and compares them image by image."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_hands import FakeHands

from fingerpose_ros.perception.pose.network import registry
from training.evaluation import ablation
from training.learning.config import Stage, TrainingConfig
from training.learning.losses import Objective

CONFIG = TrainingConfig(
    network="ablation_a", stages=(Stage(samples=32, size=64, batch=8, difficulty=0.0),), seed=5, warm_up=8, workers=0,
    validation_samples=16, ema_half_life=20, precision="float32",
)  # fmt: skip
OPTIONS = {"size": 64, "batch": 8, "difficulty": 0.0}


@pytest.fixture
def out(tmp_path, monkeypatch):
    monkeypatch.setattr(ablation, "synthetic", FakeHands)
    monkeypatch.setattr(ablation, "TEST_BATCHES", 8)
    ablation.render(tmp_path / "images_5", 4, OPTIONS | {"seed": 5000})
    ablation.render(tmp_path / "images_test", 8, OPTIONS | {"seed": 7})
    return tmp_path


def test_stored_batches_are_the_datasets_and_are_not_rendered_again(out, monkeypatch):
    dataset, images = FakeHands(64, 8, 5000, 0.0), ablation.StoredBatches(out / "images_5")
    for index in range(4):
        batch = images[index]
        assert all(np.array_equal(batch[name], dataset[index][name]) for name in ("image", "uvd", "present", "right"))
    monkeypatch.setattr(FakeHands, "__getitem__", lambda *_: pytest.fail("rendered again"))
    ablation.render(out / "images_5", 4, OPTIONS | {"seed": 5000})


def test_a_finished_run_stores_an_error_for_each_hand_and_is_not_repeated(out):
    ablation.train(out, CONFIG)
    errors = np.load(out / "ablation_a_5.npy")
    hands = [ablation.StoredBatches(out / "images_test")[index] for index in range(8)]
    assert errors.shape == (sum((batch["present"] & batch["right"]).sum() for batch in hands),)
    assert (errors > 0).all()
    np.save(out / "ablation_a_5.npy", np.zeros(3))
    ablation.train(out, CONFIG)
    assert np.load(out / "ablation_a_5.npy").tolist() == [0, 0, 0]


def test_variants_with_the_same_seed_see_the_same_images(out, monkeypatch):
    seen = {}

    def train(self, batch):
        seen.setdefault(self.network.config, []).append(batch["image"].clone())
        return objective(self, batch)

    objective = Objective.forward
    monkeypatch.setattr(Objective, "forward", train)
    for name in ("ablation_a", "ablation_d"):
        ablation.train(out, dataclasses.replace(CONFIG, network=name))
    one, other = seen.values()
    assert len(one) == 4
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_folder_belongs_to_one_configuration(tmp_path):
    out = tmp_path / "runs"
    ablation.prepare_folder(out, CONFIG)
    ablation.prepare_folder(out, CONFIG)
    with pytest.raises(ValueError, match="another configuration"):
        ablation.prepare_folder(out, dataclasses.replace(CONFIG, learning_rate=0.1))


def test_variants_are_not_compared_over_several_stages(tmp_path, monkeypatch, capsys):
    command = ["--out", str(tmp_path / "runs"), "--config", "training/configs/full.yaml"]
    monkeypatch.chdir(Path(__file__).parents[3])
    with pytest.raises(SystemExit):
        ablation.main(command)
    assert "has 3 stages" in capsys.readouterr().err and not (tmp_path / "runs").exists()
    with pytest.raises(SystemExit):
        ablation.main([*command[:-1], "training/configs/quick.yaml"])
    assert "must set workers to 0" in capsys.readouterr().err


def test_a_folder_belongs_to_one_network_and_one_code(tmp_path, monkeypatch):
    ablation.prepare_folder(tmp_path, CONFIG)
    with monkeypatch.context() as changed:
        changed.setitem(registry.CONFIGS, "ablation_d", registry.CONFIGS["ablation_c"])
        with pytest.raises(ValueError, match="another configuration, or other code"):
            ablation.prepare_folder(tmp_path, CONFIG)
    ablation.prepare_folder(tmp_path, CONFIG)
    monkeypatch.setattr(ablation, "fingerprint", lambda: "other losses")
    with pytest.raises(ValueError, match="another configuration, or other code"):
        ablation.prepare_folder(tmp_path, CONFIG)


def test_an_interval_contains_the_mean_and_widens_if_seeds_disagree():
    rng = np.random.default_rng(0)
    noise = rng.normal(-1, 0.5, (3, 500))
    low, high = ablation.interval(noise)
    assert low < noise.mean() < high < 0
    spread = ablation.interval(noise + np.array([[-2], [0], [2]]))
    assert spread[1] - spread[0] > 5 * (high - low)


def test_tables_show_the_change_by_each_step():
    errors = {name: np.full((2, 50), error) for name, error in zip(ablation.VARIANTS, (20, 19, 17, 18), strict=True)}
    text = ablation.tables(errors, [1, 2], 64)
    assert "| B to C | -2.00 | -2.00 to -2.00 | -2.00 to -2.00 | -2.00, -2.00 |" in text
    assert "| C to D | +1.00 |" in text
    assert "| A to D | -2.00 |" in text


def test_the_interval_over_three_seeds_is_students_t():
    """Student's t of two degrees of freedom at 97.5 % is 4.303."""
    assert ablation.interval_over_seeds(np.array([-2.0, -1.0, 0.0])) == pytest.approx(
        (-1 - 4.303 / 3**0.5, -1 + 4.303 / 3**0.5), abs=1e-3
    )
