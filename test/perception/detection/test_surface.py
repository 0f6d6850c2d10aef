"""Points on surfaces, and crops of constant metric size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.detection.surface import SPACING, metric_crops, surface_points

CAMERA = Camera(320, 240, 300.0, 300.0, 159.5, 119.5)


def wall(distance: float) -> np.ndarray:
    return np.full((240, 320), distance, np.float32)


def test_points_lie_on_the_surface_and_are_spread_over_it():
    points = surface_points(wall(0.8), CAMERA, 0.2, 1.5)
    np.testing.assert_allclose(points[:, 2], 0.8, atol=1e-5)
    area = 320 * 240 * (0.8 / 300) ** 2
    assert len(points) == pytest.approx(area / SPACING**2, rel=0.25)
    pixels = CAMERA.project(points)
    assert (pixels >= -0.5).all() and (pixels <= (319.5, 239.5)).all()
    apart = np.linalg.norm(points[:, None] - points, axis=2) + np.eye(len(points))
    assert np.median(apart.min(1)) == pytest.approx(SPACING, rel=0.2)


def test_only_depths_in_range_are_sampled():
    depth = wall(0.8)
    depth[:, :160], depth[:60] = 2.0, 0
    points = surface_points(depth, CAMERA, 0.2, 1.5)
    pixels = CAMERA.project(points)
    assert len(points) and pixels[:, 0].min() > 155 and pixels[:, 1].min() > 55
    assert surface_points(wall(0.0), CAMERA, 0.2, 1.5).shape == (0, 3)


def test_a_crop_has_the_same_metric_size_at_every_distance():
    for distance in (0.4, 1.0):
        depth = wall(1.4)
        reach = int(round(0.1 * 300 / distance))
        depth[120 - reach : 120 + reach, 160 - reach : 160 + reach] = distance
        crop = metric_crops(depth, CAMERA, np.array([[0, 0, distance]]), 0.2, 24)[0]
        assert (np.abs(crop) < 0.01).mean() == pytest.approx(0.25, abs=0.05)
        assert crop[12, 1] == 1  # what is farther away than the crop reaches


def test_values_are_depths_relative_to_the_centre():
    ramp = np.broadcast_to(np.linspace(0.5, 0.9, 320, dtype=np.float32), (240, 320)).copy()
    crop = metric_crops(ramp, CAMERA, np.array([[0, 0, 0.7]]), 0.1, 16)[0]
    assert (np.diff(crop, axis=1) >= 0).all() and abs(crop.mean()) < 0.05
    assert metric_crops(ramp, CAMERA, np.array([[0, 0, 1.5]]), 0.1, 16).min() == -1  # the surface is before the crop


def test_beyond_the_image_a_crop_is_hidden_and_at_invalid_pixels_empty():
    depth = wall(0.7)
    depth[100:140, 100:140] = 0
    centres = CAMERA.back_project(np.array([[0.0, 0.0], [120.0, 120.0]]), np.array([0.7, 0.7]))
    crops = metric_crops(depth, CAMERA, centres, 0.05, 16)
    assert (crops[0, :7] == -1).all() and (crops[0, 9:, 9:] == 0).all()
    assert (crops[1, 7:9, 7:9] == 1).all()


@settings(max_examples=40)
@given(
    npst.arrays(np.float32, (24, 32), elements=st.floats(0, 3, width=32)),
    npst.arrays(np.float64, (5, 3), elements=st.floats(-2, 2)),
)
def test_any_image_and_any_point_give_finite_crops(depth, centres):
    camera = Camera(32, 24, 30.0, 30.0, 15.5, 11.5)
    centres[:, 2] = np.abs(centres[:, 2]) + 0.05
    crops = metric_crops(depth, camera, centres, 0.2, 24)
    assert crops.shape == (5, 24, 24) and np.isfinite(crops).all() and np.abs(crops).max() <= 1
    points = surface_points(depth, camera, 0.2, 1.5)
    assert np.isfinite(points).all()
