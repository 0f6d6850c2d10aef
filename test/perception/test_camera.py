"""The camera model, compared with OpenCV's, and its inverse."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fingerpose_ros.perception.camera import DISTORTION_MODELS, Camera

LENSES = {
    "no lens": ("none", ()),
    "depth camera's": ("plumb_bob", (-0.055, 0.067, 0.0003, 0.0002, -0.02)),
    "barrel": ("plumb_bob", (-0.28, 0.09, 0.001, -0.0005, 0.0)),
    "folds back outside the image": ("plumb_bob", (-0.3, 0.0, 0.0, 0.0)),
    "time of flight": ("rational_polynomial", (0.5, -2.7, 0.001, -0.0002, 1.5, 0.38, -2.5, 1.4)),
    "thin prism": ("rational_polynomial", (0.1, -0.2, 0.001, -0.0002, 0.1, 0.0, 0.0, 0.0, 1e-3, 0.0, -1e-3, 0.0)),
    "fisheye": ("equidistant", (0.1, -0.02, 0.01, 0.002)),
}
lenses = pytest.mark.parametrize("lens", LENSES.values(), ids=LENSES)


def vga(lens=("none", ()), **changes):
    return Camera(
        **{"width": 640, "height": 480, "fx": 610.0, "fy": 605.0, "cx": 322.4, "cy": 238.1, **changes},
        distortion_model=lens[0],
        distortion=lens[1],
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 0}, "0x480"),
        ({"height": -3}, "640x-3"),
        ({"fx": 0.0}, "fx is 0.0"),
        ({"fy": -1.0}, "fy is -1.0"),
        ({"fx": float("nan")}, "fx is nan"),
        ({"cx": float("inf")}, "inf"),
        ({"lens": ("plumb_bob", (0.1, 0.2))}, "2 distortion coefficients"),
        ({"lens": ("none", (0.1,))}, "1 distortion coefficients"),
        ({"lens": ("equidistant", (0.1, float("nan"), 0.0, 0.0))}, "not all finite"),
        ({"lens": ("plumb_bob", (-300.0, 0.0, 0.0, 0.0))}, "no inverse"),
        ({"lens": ("kannala", ())}, "'kannala' is not one of none, plumb_bob"),
    ],
)
def test_an_invalid_camera_is_rejected_with_the_value(changes, message):
    with pytest.raises(ValueError, match=message):
        vga(**changes)


@lenses
def test_projection_is_that_of_opencv(lens):
    camera = vga(lens)
    random = np.random.default_rng(1)
    points = camera.back_project(random.uniform(0, 1, (200, 2)) * (639, 479), random.uniform(0.2, 2, 200))
    zero = np.zeros(3)
    if lens[0] == "equidistant":
        theirs = cv2.fisheye.projectPoints(points[:, None], zero, zero, camera.matrix, np.array(lens[1]))[0][:, 0]
    else:
        theirs = cv2.projectPoints(points, zero, zero, camera.matrix, np.array(lens[1]))[0][:, 0]
    assert np.allclose(camera.project(points), theirs, atol=1e-4)


@lenses
@settings(max_examples=40, deadline=None)
@given(pixel=st.tuples(st.floats(0, 639), st.floats(0, 479)), depth=st.floats(0.05, 20))
def test_back_projected_pixels_project_to_themselves(lens, pixel, depth):
    camera = vga(lens)
    point = camera.back_project(pixel, depth)
    assert point.shape == (3,) and point[2] == depth
    assert np.allclose(camera.project(point), pixel, atol=0.2 if lens[1] else 1e-6)


@lenses
def test_points_outside_the_field_of_view_do_not_project_into_the_image(lens):
    """A lens polynomial may fold back outside the image."""
    camera = vga(lens)
    around = np.linspace(0, 2 * np.pi, 60)
    edge = max(np.linalg.norm(camera.back_project((u, v), 1.0)[:2]) for u in (0, 639) for v in (0, 479))
    for radius in np.linspace(edge * 1.02, 6, 60):
        points = np.stack([radius * np.cos(around), radius * np.sin(around), np.ones(60)], axis=-1)
        pixels = camera.project(points)
        inside = (pixels > 0).all(axis=-1) & (pixels < (639, 479)).all(axis=-1)
        assert np.isfinite(pixels).all() and not inside.any()


@lenses
def test_look_up_is_the_projection_of_the_virtual_cameras_rays(lens):
    camera = vga(lens)
    rotation = cv2.Rodrigues(np.array([0.2, -0.35, 0.1]))[0]
    for to_view in (rotation, np.diag([-1.0, 1, 1]) @ rotation):
        u, v = camera.look_up(to_view, focal=60.0, size=96)  # wide enough to include where a lens folds back
        axis = (np.arange(96) - 47.5) / 60.0
        x, y = np.meshgrid(axis, axis)
        pixels = camera.project(np.stack([x, y, np.ones_like(x)], axis=-1) @ to_view)
        inside = (pixels > 0).all(axis=-1) & (pixels < (639, 479)).all(axis=-1)
        assert inside.any() and not inside.all()
        assert np.allclose(np.stack([u, v], axis=-1)[inside], pixels[inside], atol=1e-3)
        shown = (u >= 0) & (u <= 639) & (v >= 0) & (v <= 479)
        assert not (shown & ~inside & (np.abs(pixels - (320, 240)) > (322, 242)).any(axis=-1)).any()


def test_a_view_behind_the_camera_has_no_pixels():
    u, v = vga().look_up(np.diag([-1.0, 1, -1]), focal=100.0, size=32)
    assert (u == -1).all() and (v == -1).all()


def test_pixels_outside_a_fisheyes_image_circle_are_nan():
    camera = Camera(1000, 1000, 200.0, 200.0, 500.0, 500.0, "equidistant", (0.0, 0.0, 0.0, 0.0))
    corner, middle = camera.back_project([(0, 0), (500, 500)], np.array([1.0, 1.0]))
    assert np.isnan(corner).all() and np.allclose(middle, (0, 0, 1))


def test_pixels_where_a_lens_model_folds_over_are_nan():
    camera = vga(("plumb_bob", (0.1, -0.3, 0.0, 0.0, 0.0)), fx=380.0, fy=380.0)
    u, v = np.meshgrid(np.arange(0, 640, 8), np.arange(0, 480, 8))
    pixels = np.stack([u, v], axis=-1).astype(float)
    points = camera.back_project(pixels, np.ones(u.shape))
    known = np.isfinite(points).all(axis=-1)
    assert 0.05 < 1 - known.mean() < 0.4 and np.abs(points[known]).max() < 3
    np.testing.assert_allclose(
        camera._distort(points[known][:, :2]) * 380 + (camera.cx, camera.cy), pixels[known], atol=1
    )


@pytest.mark.parametrize("step", (1, 2, 3, 4, 7))
def test_a_scaled_camera_fits_every_nth_pixel(step):
    camera = vga(LENSES["barrel"])
    small = camera.scaled(step)
    image = np.zeros((480, 640))
    assert image[::step, ::step].shape == (small.height, small.width)
    pixel = np.array([11.0, 5.0])
    assert np.allclose(small.back_project(pixel, 0.7), camera.back_project(pixel * step, 0.7), atol=1e-6)


def test_every_distortion_model_is_tested_here():
    assert {model for model, _ in LENSES.values()} == set(DISTORTION_MODELS)
