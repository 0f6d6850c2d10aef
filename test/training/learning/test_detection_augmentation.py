"""Changed samples: the labels still tell where the palm is in the changed crop."""

import numpy as np
import pytest

from fingerpose_ros.perception.detection.prediction import PROPOSAL_HALF
from training.learning.detection import augmentation
from training.learning.detection.augmentation import augmented

COUNT, HALF = 400, PROPOSAL_HALF


@pytest.fixture
def batch():
    """A ramp along the columns around the centre, with invalid pixels in the upper row."""
    crop = np.tile(np.linspace(-0.5, 0.5, 16, dtype=np.float32), (16, 1))
    crop[0] = 1
    return {
        "crop": np.repeat(crop[None], COUNT, axis=0),
        "label": np.ones(COUNT, np.float32),
        "offset": np.tile(np.array([0.03, 0.02, 0.01], np.float32), (COUNT, 1)),
        "direction": np.tile(np.array([0.6, -0.8, 0], np.float32), (COUNT, 1)),
    }


def test_half_of_the_samples_are_mirrored_with_their_labels(batch, monkeypatch):
    monkeypatch.setattr(augmentation, "COVERED_FRACTION", 0.0)
    monkeypatch.setattr(augmentation, "DEPTH_SHIFT", 0.0)
    changed = augmented(np.random.default_rng(0), batch)
    mirrored = changed["offset"][:, 0] < 0
    assert 0.4 < mirrored.mean() < 0.6
    np.testing.assert_array_equal(changed["direction"][mirrored, 0] < 0, True)
    np.testing.assert_allclose(changed["crop"][mirrored], batch["crop"][mirrored, :, ::-1])
    np.testing.assert_allclose(changed["crop"][~mirrored], batch["crop"][~mirrored])
    np.testing.assert_allclose(changed["offset"][:, 1:], batch["offset"][:, 1:])


def test_a_shifted_centre_moves_the_surface_and_the_palm_alike(batch, monkeypatch):
    monkeypatch.setattr(augmentation, "COVERED_FRACTION", 0.0)
    changed = augmented(np.random.default_rng(1), batch)
    mirrored = changed["offset"][:, 0] < 0
    before = np.where(mirrored[:, None, None], batch["crop"][:, :, ::-1], batch["crop"])
    moved = (changed["crop"] - before)[:, 1:].mean((1, 2)) * HALF
    np.testing.assert_allclose(moved, changed["offset"][:, 2] - 0.01, atol=1e-5)
    assert moved.std() == pytest.approx(augmentation.DEPTH_SHIFT, rel=0.2)
    assert (changed["crop"][:, 0] == 1).all()  # invalid pixels have no depth that could move


def test_some_samples_are_partly_covered_and_the_batch_given_stays(batch):
    given = {name: values.copy() for name, values in batch.items()}
    changed = augmented(np.random.default_rng(2), batch)
    covered = (np.abs(changed["crop"][:, 1:]) == 1).any((1, 2))
    assert 0.15 < covered.mean() < 0.35
    share = (np.abs(changed["crop"][covered, 1:]) == 1).mean((1, 2))
    assert share.max() < 0.25
    for name, values in given.items():
        np.testing.assert_array_equal(batch[name], values)


def test_samples_without_a_hand_keep_empty_labels(batch):
    batch["label"][:] = 0
    batch["offset"][:] = 0
    batch["direction"][:] = 0
    changed = augmented(np.random.default_rng(3), batch)
    assert not changed["offset"].any() and not changed["direction"].any()
