"""Crops: the image of the cube, conversion to its coordinates and back, and propagation of uncertainty."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.pose.crop import BACKGROUND, Crop, look_at

CAMERA = Camera(640, 480, 610.0, 605.0, 322.4, 238.1)
LENS = Camera(640, 480, 610.0, 605.0, 322.4, 238.1, "plumb_bob", (-0.28, 0.09, 0.001, -0.0005, 0.0))
across = st.floats(-0.4, 0.4)
centres = st.builds(lambda x, y, z: np.array([x * z, y * z, z]), across, across, st.floats(0.2, 3))
crops = st.builds(Crop, centres, st.floats(0.05, 0.19), st.booleans(), st.floats(-4, 4))
unit = st.floats(-1, 1)
triples = st.tuples(unit, unit, unit).map(np.array)


@settings(max_examples=200, deadline=None)
@given(crops, triples)
def test_uvd_to_points_and_back_is_the_identity(crop, uvd):
    assert np.allclose(crop.to_uvd(crop.to_points(uvd)), uvd, atol=1e-9)


@settings(max_examples=200, deadline=None)
@given(crops)
def test_the_centre_is_the_origin_and_the_unit_is_half_the_cube(crop):
    assert np.allclose(crop.to_points(np.zeros(3)), crop.centre)
    assert np.allclose(crop.to_uvd(crop.centre), 0, atol=1e-12)
    for axis in np.eye(3):
        assert np.linalg.norm(crop.to_points(axis) - crop.centre) == pytest.approx(crop.half_size)


@given(centres)
def test_look_at_is_a_rotation_of_the_centre_to_z(centre):
    rotation = look_at(centre)
    assert np.allclose(rotation @ rotation.T, np.eye(3)) and np.linalg.det(rotation) == pytest.approx(1)
    assert np.allclose(rotation @ centre, (0, 0, np.linalg.norm(centre)))


@settings(max_examples=50, deadline=None)
@given(centres, triples)
def test_a_mirrored_crop_is_the_mirror_image(centre, uvd):
    """A point's coordinates in a mirrored crop are those of its reflection in an unmirrored crop."""
    mirror = np.array([-1.0, 1, 1])
    plain, mirrored = Crop(centre * mirror, 0.1), Crop(centre, 0.1, mirrored=True)
    point = plain.to_points(uvd)
    assert np.allclose(mirrored.to_uvd(point * mirror), uvd, atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(crops, st.floats(-3, 3), triples)
def test_a_positive_roll_rotates_the_image_clockwise(crop, roll, uvd):
    """u is to the right and v down, so a positive rotation from u towards v is clockwise."""
    cosine, sine = np.cos(roll), np.sin(roll)
    turned = uvd @ np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])
    assert np.allclose(replace(crop, roll=crop.roll + roll).to_uvd(crop.to_points(uvd)), turned, atol=1e-9)


@settings(max_examples=50, deadline=None)
@given(crops, st.floats(-3, 3), st.floats(-1, 1))
def test_in_an_upright_crop_the_direction_points_up(crop, angle, depth):
    """At the cube's centre, where perspective does not change it."""
    middle = crop.to_points(np.zeros(3))
    towards = crop.to_points(np.array([np.cos(angle), np.sin(angle), depth]) * 1e-4) - middle
    u, v, _ = crop.upright(towards).to_uvd(middle + towards)
    assert v < 0 and abs(u) < 1e-3 * abs(v)
    assert np.allclose(crop.upright(towards).centre, crop.centre)


@settings(max_examples=50, deadline=None)
@given(crops, triples, st.tuples(*[st.floats(0.01, 0.3)] * 3).map(np.array))
def test_covariance_is_that_of_samples(crop, uvd, sigma):
    small = sigma * 0.01  # to first order
    covariance = crop.to_covariance(uvd, small)
    samples = crop.to_points(uvd + np.random.default_rng(5).normal(0, small, (20_000, 3)))
    assert np.allclose(np.cov(samples.T), covariance, atol=0.04 * np.trace(covariance))
    assert np.allclose(covariance, covariance.T) and (np.linalg.eigvalsh(covariance) > 0).all()


@pytest.mark.parametrize(
    "centre", [(0, 0, 0.05), (0, 0, -1), (0, 0, 0), (0, float("nan"), 1), (float("inf"), 0, 1), (0, 1)]
)
def test_a_cube_that_is_not_in_front_of_the_camera_is_rejected(centre):
    with pytest.raises(ValueError, match="0.14 m"):
        Crop(np.array(centre, float), 0.14)


def wall(camera, distance):
    return np.full((camera.height, camera.width), distance, np.float32)


@pytest.mark.parametrize("camera", (CAMERA, LENS), ids=("no lens", "lens"))
@pytest.mark.parametrize("mirrored", (False, True))
@pytest.mark.parametrize("roll", (0, 2.2))
def test_image_values_are_the_d_of_the_surface_they_show(camera, mirrored, roll):
    """Every pixel of the image of a wall, converted to a point, lies on the wall."""
    crop = Crop(np.array([0.1, -0.08, 0.6]), 0.14, mirrored, roll)
    image = crop.image(wall(camera, 0.6), camera, 64)
    assert image.shape == (64, 64) and image.dtype == np.float32
    axis = (2 * np.arange(64) + 1) / 64 - 1
    u, v = np.meshgrid(axis, axis)
    points = crop.to_points(np.stack([u, v, image], axis=-1))
    assert (image < BACKGROUND).mean() > 0.9
    assert np.allclose(points[image < BACKGROUND][:, 2], 0.6, atol=1e-5)


@pytest.mark.parametrize("camera", (CAMERA, LENS), ids=("no lens", "lens"))
@pytest.mark.parametrize("mirrored", (False, True))
@pytest.mark.parametrize("roll", (0, 2.2))
def test_a_spot_appears_at_its_points_coordinates(camera, mirrored, roll):
    crop = Crop(np.array([-0.1, 0.05, 0.5]), 0.14, mirrored, roll)
    depth = wall(camera, 0.0)
    depth[250:256, 180:186] = 0.5
    spot = camera.back_project((182.5, 252.5), 0.5)
    image = crop.image(depth, camera, 256)
    rows, columns = np.nonzero(image < BACKGROUND)
    seen = np.array([columns.mean(), rows.mean(), 0]) * 2 / 256 + (1 / 256 - 1, 1 / 256 - 1, 0)
    assert np.allclose(seen[:2], crop.to_uvd(spot)[:2], atol=0.02)


@pytest.mark.parametrize("invalid", (0.0, np.nan, np.inf, -np.inf, -1.0))
def test_invalid_pixels_are_background(invalid):
    image = Crop(np.array([0, 0, 0.6]), 0.14).image(wall(CAMERA, invalid), CAMERA, 32)
    assert (image == BACKGROUND).all()


@pytest.mark.parametrize("distance", (0.3, 0.45, 0.75, 2.0))
def test_surfaces_before_and_behind_the_cube_are_background(distance):
    image = Crop(np.array([0, 0, 0.6]), 0.14).image(wall(CAMERA, distance), CAMERA, 32)
    assert (image == BACKGROUND).all()


def test_pixels_outside_the_camera_image_are_background():
    crop = Crop(CAMERA.back_project((639, 240), 0.6), 0.14)
    image = crop.image(wall(CAMERA, 0.6), CAMERA, 64)
    assert (image[:, 36:] == BACKGROUND).all() and (image[20:44, :28] < BACKGROUND).all()


def test_a_hand_looks_the_same_anywhere_in_the_image():
    """A sphere at the same distance gives the same crop in the centre and in the corner of the image."""
    crops_of_sphere = []
    for direction in (np.array([0.0, 0, 1]), np.array([0.35, -0.25, 1])):
        centre = 0.6 * direction / np.linalg.norm(direction)
        u, v = np.meshgrid(np.arange(640), np.arange(480))
        rays = CAMERA.back_project(np.stack([u, v], axis=-1), np.ones((480, 640)))
        a, b = (rays**2).sum(axis=-1), rays @ centre
        inner = b**2 - a * (centre @ centre - 0.08**2)
        depth = np.where(inner > 0, (b - np.sqrt(np.maximum(inner, 0))) / a, 0).astype(np.float32)
        crops_of_sphere.append(Crop(centre, 0.14).image(depth, CAMERA, 64))
    both = (crops_of_sphere[0] < BACKGROUND) & (crops_of_sphere[1] < BACKGROUND)
    assert ((crops_of_sphere[0] < BACKGROUND) == (crops_of_sphere[1] < BACKGROUND)).mean() > 0.97
    assert np.abs(crops_of_sphere[0] - crops_of_sphere[1])[both].mean() < 0.02


@settings(max_examples=50, deadline=None)
@given(crops, st.integers(0, 2**32 - 1))
def test_arbitrary_depth_gives_finite_input(crop, seed):
    random = np.random.default_rng(seed)
    values = np.array([0, np.nan, np.inf, -np.inf, -1, 1e-30, 1e30, 0.5, 1.0], np.float32)
    depth = random.choice(values, (48, 64)) * random.uniform(0, 3, (48, 64)).astype(np.float32)
    image = crop.image(depth, Camera(64, 48, 60.0, 60.0, 32.0, 24.0), 16)
    assert np.isfinite(image).all() and (np.abs(image) <= 1).all()
