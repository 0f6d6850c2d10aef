"""Hands are composed into recorded images by depth, and everything else stays as it was recorded."""

import logging

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

import warp as wp
import yaml
from recorded_scene import table, write_recording

from fingerpose_ros.perception.pose.crop import BACKGROUND, Crop
from training.rendering import backgrounds, placing
from training.rendering.backgrounds import THRESHOLDS, Backgrounds, fill_grid
from training.rendering.composed_batches import ComposedBatches
from training.rendering.composing import compose
from training.rendering.sensors import SENSORS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_recording(tmp_path_factory.mktemp("recordings") / "room", [table()] * 2, sensor_model="kinect_v1")


@pytest.fixture(scope="module")
def background(folder):
    return Backgrounds([folder]).images[0]


@pytest.fixture(scope="module")
def batch(folder):
    return ComposedBatches(64, 48, seed=3, backgrounds=(folder,))[0]


def test_a_view_shows_the_recorded_surface_along_the_crops_axis(background):
    crop = Crop(background.point(150, 100), 0.14)
    depth, inside = background.view(crop, 64)
    assert inside.all() and depth[32, 32] == pytest.approx(crop.distance, abs=0.01)
    expected = crop.image(background.raw * np.float32(background.unit), background.camera, 64)
    near = expected < BACKGROUND
    np.testing.assert_allclose((depth[near] - crop.distance) / 0.14, expected[near], atol=1e-5)
    _, inside = background.view(Crop(background.camera.back_project(np.zeros(2), np.array(0.7)), 0.14), 64)
    assert 0.1 < inside.mean() < 0.5


def composed(perfect: np.ndarray, background, crop: Crop, difficulty: float):
    focal = wp.array([96 / 2 * crop.distance / 0.14], dtype=float)
    rng = np.random.default_rng(0)
    return compose(rng, wp.array(perfect, dtype=float), focal, [(background, crop)], difficulty)


def test_recorded_pixels_away_from_the_hand_stay_as_they_are(background):
    crop = Crop(background.point(150, 100), 0.14)
    recorded, _ = background.view(crop, 96)
    perfect = np.full((1, 96, 96), 1e6, np.float32)
    perfect[0, 40:56, 40:56] = crop.distance - 0.08
    focal = np.array([96 / 2 * crop.distance / 0.14], np.float32)
    out, whole = compose(
        np.random.default_rng(0),
        wp.array(perfect, dtype=float),
        wp.array(focal, dtype=float),
        [(background, crop)],
        1.0,
    )
    assert np.abs(out[0, 44:52, 44:52] - crop.distance + 0.08).max() < 0.02
    far = np.ones((96, 96), bool)
    far[20:76, 20:76] = False
    assert np.array_equal(out[0][far], recorded[far])
    assert np.array_equal(whole[0] < recorded, perfect[0] < recorded)


def test_a_recorded_surface_before_the_hand_hides_it(background):
    crop = Crop(background.point(90, 260), 0.14)  # on the block
    perfect = np.full((1, 96, 96), crop.distance + 0.06, np.float32)
    focal = np.array([96 / 2 * crop.distance / 0.14], np.float32)
    out, _ = compose(
        np.random.default_rng(0),
        wp.array(perfect, dtype=float),
        wp.array(focal, dtype=float),
        [(background, crop)],
        0.0,
    )
    assert np.abs(out[0, 44:52, 44:52] - crop.distance).max() < 0.01


def test_resting_hands_stand_on_the_surface_and_floating_ones_are_before_it(background):
    rng, up, foot = np.random.default_rng(0), np.array([0.6, 0, 0.8]), np.array([0.01, 0.02, -0.03])
    depth = background.raw * background.unit
    for _ in range(20):
        rests = placing.place_resting(rng, background, foot, up, 0.3, 1.2)
        point = rests.apply(foot)
        column, row = np.round(background.camera.project(point)).astype(int)
        assert abs(point[2] - depth[row, column]) < 0.01
        assert np.linalg.det(rests.rotation) == pytest.approx(1)
        assert (rests.rotation @ up) @ point < 0  # the surface's normal points to the camera
        floats = placing.place_floating(rng, background, foot, 0.3, 1.2).apply(foot)
        column, row = np.round(background.camera.project(floats)).astype(int)
        assert 0.3 <= floats[2] <= depth[row, column] - 0.02


def test_a_negative_is_the_same_crop_without_the_hand(batch):
    negatives = np.flatnonzero(batch["pair"] != np.arange(48))
    assert len(negatives) == 12 and not batch["present"][negatives].any()
    first = batch["pair"][negatives]
    same = np.array([batch["distance"][i] == batch["distance"][k] for i, k in zip(negatives, first, strict=True)])
    assert same.sum() >= 6  # the others are beside the hand
    for i, k in zip(negatives[same], first[same], strict=True):
        one, other = batch["image"][i, 0], batch["image"][k, 0]
        if batch["right"][k]:  # left hands are mirrored, and negatives independently
            equal = max(np.mean(one == other), np.mean(one[:, ::-1] == other))
            assert 0.3 < equal < 1


def test_the_labels_of_a_composed_batch_are_consistent(batch, folder):
    present = batch["present"]
    assert present[:36].mean() > 0.8 and batch["image"].dtype == np.float32 and np.abs(batch["image"]).max() <= 1
    assert np.isfinite(batch["uvd"]).all() and not (batch["right"] & ~present).any()
    assert ((batch["visible_fraction"] > 0) <= (batch["pair"] == np.arange(48))).all()
    assert {list(SENSORS)[i] for i in batch["sensor"]} == {"kinect_v1"}
    again = ComposedBatches(64, 48, seed=3, backgrounds=(folder,))[0]
    assert all(np.array_equal(batch[name], again[name]) for name in batch)
    shown = []
    for image, uvd, visible in zip(batch["image"][:, 0], batch["uvd"], batch["visible"], strict=True):
        u, v = ((uvd[visible, :2] + 1) * 32).astype(int).clip(0, 63).T
        shown += (image[v, u] < BACKGROUND).tolist()
    assert np.mean(shown) > 0.6


def test_the_split_is_fixed_and_unknown_folders_train(tmp_path, caplog):
    known = yaml.safe_load(backgrounds.SPLIT.read_text())
    assert {entry["part"] for entry in known.values()} == set(backgrounds.PARTS)
    assert all(entry["sensor"] in SENSORS for entry in known.values())
    held_back = next(name for name, entry in known.items() if entry["part"] == THRESHOLDS)
    write_recording(tmp_path / held_back, [table()])
    with pytest.raises(FileNotFoundError, match="no recording of the part 'training'"):
        Backgrounds([tmp_path])
    write_recording(tmp_path / "my_room", [table()])
    with caplog.at_level(logging.WARNING):
        assert {image.source for image in Backgrounds([tmp_path]).images} == {"my_room"}
    assert "my_room" in caplog.text and "sensor_model" in caplog.text
    assert {image.source for image in Backgrounds([tmp_path], THRESHOLDS).images} == {held_back}


def test_recordings_are_read_in_natural_order(tmp_path):
    for name in ("take10", "take2"):
        write_recording(tmp_path / name, [table()])
    assert [image.source for image in Backgrounds([tmp_path]).images] == ["take2", "take10"]


def test_mistakes_in_a_recording_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no recording"):
        Backgrounds([tmp_path])
    write_recording(tmp_path / "a", [table()], sensor_model="sonar")
    with pytest.raises(ValueError, match="sensor_model 'sonar' is not one of"):
        Backgrounds([tmp_path])
    write_recording(tmp_path / "b", [table().astype(np.uint8)], sensor_model="zed")
    with pytest.raises(ValueError, match=r"000\.png is no 16-bit depth image"):
        Backgrounds([tmp_path / "b"])


def test_gaps_of_aligned_depth_are_filled_and_holes_stay():
    image = table()
    assert fill_grid(image) is image
    grid = image.copy()
    grid[::4], grid[:, ::4] = 0, 0
    grid[100:140, 100:140] = 0
    filled = fill_grid(grid)
    assert (filled[104:136, 104:136] == 0).all() and (filled > 0).mean() > 0.9
    rest = (grid == 0) & (filled > 0)
    assert np.abs(filled[rest].astype(int) - image[rest]).mean() < 10
