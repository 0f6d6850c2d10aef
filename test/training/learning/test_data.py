"""Training batches: composed hands among rendered ones; and the learning rate over a long run."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

import torch
from recorded_scene import table, write_recording

from training.learning import train
from training.learning.config import Stage, TrainingConfig
from training.learning.data import composed, loader, synthetic
from training.learning.optimiser import learning_rate

CONFIG = TrainingConfig(network="small", stages=(Stage(samples=10_000, size=64, batch=8, difficulty=1.0),), warm_up=800)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return write_recording(tmp_path_factory.mktemp("recordings") / "room", [table()], sensor_model="kinect_v1")


def test_a_fraction_of_each_batch_is_composed_and_the_rest_is_rendered(room):
    batches = composed(synthetic, [room], 0.25)(size=64, batch=16, seed=1, difficulty=1.0)
    batch = next(iter(loader(batches, [3], workers=0)))
    assert batch["image"].shape == (16, 1, 64, 64) and batch["image"].dtype == torch.float32
    rendered = synthetic(size=64, batch=12, seed=1, difficulty=1.0)[3]
    assert np.array_equal(batch["image"][:12], rendered["image"])
    assert batch["valid"].all() and batch["classes_valid"].all()
    with pytest.raises(ValueError, match="leaves none"):
        composed(synthetic, [room], 0.01)(size=64, batch=16, seed=1, difficulty=1.0)


def test_a_run_remembers_its_backgrounds_and_checks_them(room):
    def data(*arguments):
        command = [*arguments, "--config", "c.yaml", "--out", "runs"]
        return train._data(train.make_parser().parse_args(command), CONFIG.stages)

    make, _, description = data("--backgrounds", str(room))
    assert description == {"backgrounds": ["room"], "composed_share": 0.5}
    assert len(make(size=64, batch=8, seed=1, difficulty=1.0)[0]["image"]) == 8
    assert data()[2] == {}
    with pytest.raises(ValueError, match="composed-share is 1.5"):
        data("--backgrounds", str(room), "--composed-share", "1.5")
    with pytest.raises(FileNotFoundError, match="holds no recording"):
        data("--backgrounds", str(room / "depth"))
    with pytest.raises(ValueError, match="--backgrounds is for rendered hands"):
        data("--backgrounds", str(room), "--dataset", "nyu")


def test_the_rate_is_steady_until_it_cools_down():
    config = dataclasses.replace(CONFIG, cool_down=2000)
    rates = np.array([learning_rate(samples, config) for samples in range(0, 10_001, 100)])
    assert (rates[8:80] == config.learning_rate).all()
    assert (np.diff(rates[81:]) < 0).all() and rates[-1] == pytest.approx(0.01 * config.learning_rate)
    with pytest.raises(ValueError, match="cool_down 20000 is not from 0 to"):
        dataclasses.replace(CONFIG, cool_down=20_000)
