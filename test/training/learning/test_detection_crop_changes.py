"""The classifier's crops out of stored ones: what is changed, and that labels still tell where the palm is."""

import dataclasses

import numpy as np
import pytest

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.detection.surface import metric_crops
from training.learning.detection import crop_changes
from training.learning.detection.crop_changes import (
    CLASSIFIER_CROPS,
    NO_CHANGE,
    STORED_CROPS,
    changed,
    cut,
    sample_change,
)

CAMERA = Camera(640, 480, 300.0, 300.0, 319.5, 239.5)
CENTRE = np.array([0.02, -0.03, 0.7], np.float32)
PALM = np.array([0.05, 0.04, 0.66])


@pytest.fixture(autouse=True)
def uncovered(monkeypatch):
    monkeypatch.setattr(crop_changes, "COVERED_FRACTION", 0.0)


def scene(palm: np.ndarray = PALM) -> np.ndarray:
    """A wall at 0.75 m with a nearer disc, 60 mm wide, around the palm."""
    u, v = np.meshgrid(np.arange(CAMERA.width), np.arange(CAMERA.height))
    points = CAMERA.back_project(np.stack([u, v], axis=-1), np.full(u.shape, palm[2]))
    return np.where(np.linalg.norm(points - palm, axis=-1) < 0.03, palm[2], 0.75).astype(np.float32)


def stored(depth: np.ndarray, centre: np.ndarray = CENTRE) -> dict[str, np.ndarray]:
    return {name: metric_crops(depth, CAMERA, centre, half, size)[0] for name, (size, half) in STORED_CROPS.items()}


@pytest.mark.parametrize("name", CLASSIFIER_CROPS)
def test_without_a_change_the_crop_is_that_of_the_detector(name):
    size, half = CLASSIFIER_CROPS[name]
    expected = metric_crops(scene(), CAMERA, CENTRE, half, size)[0]
    made = cut(np.random.default_rng(0), stored(scene())[name], name, NO_CHANGE)
    assert made.dtype == np.float32 and (np.abs(made - expected) > 0.01).mean() < 0.02  # the disc's edge moves a pixel


@pytest.mark.parametrize("name", CLASSIFIER_CROPS)
@pytest.mark.parametrize("seed", range(8))
def test_the_changed_offset_leads_to_the_palm_in_the_changed_crop(name, seed):
    rng = np.random.default_rng(seed)
    change = dataclasses.replace(sample_change(rng), merged=0.0, noise=0.0, holes=0.0)
    crop = cut(rng, stored(scene())[name], name, change)
    size, half = CLASSIFIER_CROPS[name]
    offset = change.offset(PALM - CENTRE)
    disc = np.argwhere(crop < crop[:4].max() - 0.02 / half)
    column, row = (offset[:2] / half + 1) * size / 2 - 0.5
    # The scene has perspective, so the nearer disc seems to be a few millimetres farther from the centre.
    assert np.linalg.norm(disc.mean(0) - (row, column)) * 2 * half / size < 0.012
    assert np.median(crop[tuple(disc.T)]) * half == pytest.approx(offset[2], abs=1e-4)


def test_merging_covers_narrow_gaps_and_keeps_wide_ones():
    size, half = STORED_CROPS["detail"]
    fingers = np.full((size, size), 0.5, np.float32)
    fingers[:, 20:22], fingers[:, 24:26], fingers[:, 50:60] = 0, 0, 0  # 7 mm between the first two, 90 to the last
    change = dataclasses.replace(NO_CHANGE, merged=0.012)
    crop = cut(np.random.default_rng(0), fingers, "detail", change)
    near = crop[32] < 0.1
    assert near[13:17].all() and not near[25:38].any()


def test_limited_values_stay_limited():
    source = np.sign(np.linspace(-1, 1, 80 * 80)).reshape(80, 80)
    change = dataclasses.replace(NO_CHANGE, shift=np.array([0, 0, 0.02]), scale=1.1, noise=0.005)
    assert set(np.unique(cut(np.random.default_rng(0), source, "detail", change))) == {-1.0, 1.0}


def test_a_batch_has_the_classifiers_crops_and_no_labels_for_what_is_no_hand():
    crops = {name: np.repeat(crop[None], 200, axis=0) for name, crop in stored(scene()).items()}
    label = (np.arange(200) % 2).astype(np.float32)
    vector = np.where(label[:, None] > 0, np.array([0.6, -0.8, 0.0]), 0.0)
    given = {name: crop.copy() for name, crop in crops.items()}
    batch = changed(np.random.default_rng(0), crops | {"label": label, "offset": 0.05 * vector, "direction": vector})
    for name, (size, _) in CLASSIFIER_CROPS.items():
        assert batch[name].shape == (200, size, size) and np.abs(batch[name]).max() <= 1
    assert not batch["offset"][::2].any() and not batch["direction"][::2].any()
    mirrored = batch["direction"][1::2, 0] < 0
    assert 0.35 < mirrored.mean() < 0.65
    np.testing.assert_allclose(np.linalg.norm(batch["direction"][1::2], axis=1), 1, atol=1e-6)
    for name, crop in given.items():
        np.testing.assert_array_equal(crops[name], crop)
