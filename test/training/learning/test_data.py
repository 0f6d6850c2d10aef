"""Training batches: composed hands among rendered ones; and the learning rate over a long run."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

import torch
from recorded_scene import table, write_recording

from fingerpose_ros.perception.detection.network import detection_networks
from fingerpose_ros.perception.pose.model_file import checksum
from fingerpose_ros.perception.pose.network.weights import save_tensors
from training.learning import train
from training.learning.config import Stage, TrainingConfig
from training.learning.data import composed, loader, mined, synthetic
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


def test_mined_crops_train_presence_only_and_show_both_kinds(room, tmp_path):
    detector = tmp_path / "detector.safetensors"
    save_tensors(detector, detection_networks().state_dict(), {})
    batches = mined(synthetic, [room], 0.75, detector)(size=64, batch=32, seed=1, difficulty=1.0)
    batch, again = batches[2], batches[2]
    assert all(np.array_equal(batch[name], again[name]) for name in batch)
    assert batch["valid"][:8].all() and not batch["valid"][8:].any() and batch["classes_valid"].all()
    present, right = batch["present"][8:], batch["right"][8:]
    assert 0 < present.mean() < 0.6 and not (right & ~present).any()
    assert batch["image"].shape == (32, 1, 64, 64) and np.abs(batch["image"]).max() <= 1
    assert not np.array_equal(batch["image"], batches[3]["image"])


def test_a_run_with_a_detector_remembers_it(room, tmp_path):
    detector = tmp_path / "detector.safetensors"
    save_tensors(detector, detection_networks().state_dict(), {})
    command = ["--config", "c.yaml", "--out", "runs", "--detector", str(detector)]
    options = train.make_parser().parse_args([*command, "--backgrounds", str(room)])
    description = train._data(options, CONFIG.stages)[2]
    assert description["mined_share"] == 0.15 and description["detector"] == checksum(detector)
    with pytest.raises(ValueError, match="--detector needs --backgrounds"):
        train._data(train.make_parser().parse_args(command), CONFIG.stages)


def test_the_rate_is_steady_until_it_cools_down():
    config = dataclasses.replace(CONFIG, cool_down=2000)
    rates = np.array([learning_rate(samples, config) for samples in range(0, 10_001, 100)])
    assert (rates[8:80] == config.learning_rate).all()
    assert (np.diff(rates[81:]) < 0).all() and rates[-1] == pytest.approx(0.01 * config.learning_rate)
    with pytest.raises(ValueError, match="cool_down 20000 is not from 0 to"):
        dataclasses.replace(CONFIG, cool_down=20_000)
