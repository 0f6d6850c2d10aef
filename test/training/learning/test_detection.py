"""Training the detector: labels of samples, the replay buffer, and runs that resume."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

import torch
from recorded_scene import table, write_recording

from fingerpose_ros.perception.detection.network import ClassifierNetwork, ProposalNetwork
from training.learning import train
from training.learning.checkpoint import CHECKPOINT
from training.learning.config import task_of
from training.learning.detection import samples
from training.learning.detection.buffer import ReplayBuffer
from training.learning.detection.crop_changes import STORED_CROPS
from training.learning.detection.inference import Proposer
from training.learning.detection.samples import classifier_samples, proposal_samples
from training.learning.detection.trainer import (
    WEIGHTS,
    DetectionConfig,
    DetectionTrainer,
    ImageSamples,
    load_detection_config,
)
from training.rendering.composed_images import BARE, ComposedImages

TINY = DetectionConfig(
    images=6, steps=1, proposal_batch=16, classifier_batch=4, buffer=100, validation_images=2, workers=0
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("recordings")
    names = ("room", "neg_felix_room")  # the second one chooses thresholds
    return tuple(write_recording(root / name, [table()], sensor_model="kinect_v1") for name in names)


@pytest.fixture(scope="module")
def images(folders):
    dataset = ComposedImages(3, folders, min_focal=250)
    return [dataset[k] for k in range(10)]


def test_points_near_palms_are_positive_and_the_image_without_hands_has_none(images, tmp_path):
    rng, total, proposer = np.random.default_rng(0), 0, Proposer(tmp_path / "none")
    for image in images:
        crops, labels = proposal_samples(
            rng, image, *(proposer.propose(rng, d, image.camera) for d in (image.depth, image.without))
        )
        assert crops.shape == (len(labels.label), 24, 24) and np.abs(crops).max() <= 1
        palms = labels.centres + labels.offset
        for palm, label, centre in zip(palms, labels.label, labels.centres, strict=True):
            if label:
                total += 1
                assert np.linalg.norm(image.palms - palm, axis=1).min() < 1e-5
                assert np.linalg.norm(palm - centre) < samples.POSITIVE
    assert total > 20


def test_the_likeliest_false_proposals_are_always_samples(images, tmp_path):
    rng = np.random.default_rng(0)
    proposer = Proposer(tmp_path / "none")
    for image in images[:4]:
        none = np.zeros((0, 3))
        nothing = dataclasses.replace(image, palms=none, joints=np.zeros((0, 21, 3)), bare=none, bare_without=none)
        proposed = proposer.propose(rng, image.depth, image.camera)
        worst = np.argsort(-proposed.logits)[: samples.PROPOSALS["hardest"]]
        centres = proposal_samples(rng, nothing, proposed, proposed)[1].centres
        for point in proposed.points[worst]:
            assert (np.abs(centres - point).max(1) == 0).sum() >= 2  # in the image with hands, and in that without


def test_classifier_samples_come_in_pairs_with_and_without_the_hand(images):
    rng, positives, negatives = np.random.default_rng(0), 0, 0
    nothing = np.zeros((0, 3), np.float32)
    for image in images:
        crops, labels = classifier_samples(rng, image, nothing, nothing)
        for name, (size, _) in STORED_CROPS.items():
            assert crops[name].shape == (len(labels.label), size, size)
        shown = int((image.visible >= samples.MIN_VISIBLE).sum())
        unclear = int((labels.label == 0).sum())
        assert unclear == shown or len(image.bare_without) and unclear < shown
        positives += int(labels.label.sum())
        negatives += unclear
        lengths = np.linalg.norm(labels.direction[labels.label > 0], axis=1)
        np.testing.assert_allclose(lengths, 1, atol=1e-5)
    assert positives > 2 * negatives * 0.8 and negatives > 2


def test_what_is_near_an_arm_that_ends_without_a_hand_is_no_negative(images):
    rng, nothing = np.random.default_rng(0), np.zeros((0, 3), np.float32)
    wrist = np.array([[0.1, 0.0, 0.7]])
    beside = (wrist + [BARE + 0.01, 0, 0]).astype(np.float32)
    image = dataclasses.replace(images[0], palms=nothing, visible=np.zeros(0), bare=wrist, bare_without=nothing)
    for candidates, counts in ((wrist.astype(np.float32), [0, 1]), (beside, [1, 1])):
        labelled = [
            classifier_samples(rng, image, *each)[1].label.tolist()
            for each in ((candidates, nothing), (nothing, candidates))
        ]
        assert labelled == [[0.0] * count for count in counts]


def test_the_buffer_keeps_the_newest_and_draws_the_requested_mix():
    buffer = ReplayBuffer(10, {"crop": 4})
    for k in range(5):
        crops = np.full((4, 4, 4), k / 10, np.float32)
        label = np.array([1, 0, 0, 0], np.float32)
        buffer.add({"crop": crops, "label": label, "offset": np.zeros((4, 3)), "direction": np.zeros((4, 3))})
    assert buffer.count == 10
    batch = buffer.draw(np.random.default_rng(0), 400, 0.5)
    assert batch["label"].mean() == pytest.approx(0.5, abs=0.1)
    assert set(np.round(batch["crop"][:, 0, 0], 1)) == {np.float32(k) for k in (0.2, 0.3, 0.4)}
    assert np.abs(batch["crop"] * 10 - np.round(batch["crop"] * 10)).max() < 0.05


def test_networks_take_any_number_of_crops():
    logits, offsets = ProposalNetwork().eval()(torch.zeros(3, 1, 24, 24))
    assert logits.shape == (3,) and offsets.shape == (3, 3)
    logits, offsets, directions = ClassifierNetwork().eval()(torch.zeros(2, 1, 64, 64), torch.zeros(2, 1, 64, 64))
    assert logits.shape == (2,) and offsets.shape == directions.shape == (2, 3)


def test_a_run_learns_writes_weights_and_resumes(folders, tmp_path):
    trainer = DetectionTrainer(TINY, tmp_path, folders)
    trainer.start()
    before = {name: value.clone() for name, value in trainer.network["classifier"].state_dict().items()}
    trainer.run(minutes=5)
    assert trainer.progress.samples == 6 and (tmp_path / WEIGHTS).stat().st_size < 3_000_000
    after = trainer.network["classifier"].state_dict()
    assert any(not torch.equal(before[name], value) for name, value in after.items())
    again = DetectionTrainer(TINY, tmp_path, folders)
    again.resume()
    assert again.progress.samples == 6 and (tmp_path / CHECKPOINT).exists()
    for name, value in trainer.network["proposal"].state_dict().items():
        assert torch.equal(value, again.network["proposal"].state_dict()[name])
    for name, value in trainer.average.network["classifier"].state_dict().items():
        assert torch.equal(value, again.average.network["classifier"].state_dict()[name])
    first = next(iter(trainer.optimiser.state_dict()["state"].values()))
    other = next(iter(again.optimiser.state_dict()["state"].values()))
    assert torch.equal(first["exp_avg"], other["exp_avg"])


def test_a_run_fine_tunes_other_weights_even_without_recordings_for_thresholds(folders, tmp_path):
    trainer = DetectionTrainer(TINY, tmp_path / "first", folders)
    trainer.save()
    other = DetectionTrainer(dataclasses.replace(TINY, seed=5), tmp_path / "second", folders[:1])
    other.start_from(tmp_path / "first" / WEIGHTS)
    for network in (other.network, other.average.network):
        for name, value in trainer.average.network.state_dict().items():
            assert torch.equal(value, network.state_dict()[name])
    assert other.validation.part == "training"


def test_mining_uses_the_newest_proposal_network(folders, tmp_path):
    dataset = ImageSamples(ComposedImages(3, folders, min_focal=250), tmp_path / WEIGHTS)
    untrained = dataset[0]["classifier"]["label"]
    DetectionTrainer(TINY, tmp_path, folders).save()
    trained = dataset[0]["classifier"]["label"]
    assert len(untrained) and len(trained)


@pytest.mark.parametrize(
    ("text", "message"),
    [("task: cooking", "task 'cooking' is not one of pose, detection"), ("task: detection\nimage: 3", "image")],
)
def test_wrong_configurations_are_named(folders, tmp_path, text, message, capsys):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(SystemExit):
        train.main(["--config", str(path), "--out", str(tmp_path / "out"), "--backgrounds", *map(str, folders)])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ("detection.yaml", "detection_own.yaml"))
def test_the_included_configurations_are_valid(name):
    path = Path(__file__).parents[3] / "training" / "configs" / name
    assert task_of(path) == "detection" and load_detection_config(path).images > 0


def test_the_detector_needs_backgrounds(tmp_path, capsys):
    path = tmp_path / "detection.yaml"
    path.write_text("task: detection\nimages: 3")
    with pytest.raises(SystemExit):
        train.main(["--config", str(path), "--out", str(tmp_path / "out")])
    assert "the detector needs --backgrounds" in capsys.readouterr().err
