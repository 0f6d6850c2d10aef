"""Stereo matching behaves like a stereo camera: right depth, soft edges, closed narrow gaps, shadows."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from training.rendering import stereo_matching
from training.rendering.stereo_matching import Light, is_fine_enough, match

FOCAL, BASELINE = 385.0, 0.05
ANGLES = (0.0, 0.5, np.pi / 2, 2.5)


@pytest.fixture(autouse=True)
def good_light(monkeypatch):
    """Bright dots, little noise, no smoothing, shadows not filled."""
    light = replace(Light.sample(np.random.default_rng(0)), dots=2.0, grain=0.1, noise=0.005, block=5)
    light = replace(light, small=8, large=32, unique=5, checked=1, smoothed=0.0)
    monkeypatch.setattr(Light, "sample", classmethod(lambda cls, rng: light))


def matched(depth: np.ndarray, scale: float = 1.0, angle: float = 0.0) -> np.ndarray:
    return match(depth.astype(np.float32), FOCAL * scale, scale, BASELINE, angle, np.random.default_rng(1))


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("scale", (0.6, 1.0, 2.0))
def test_surfaces_have_the_right_depth(scale, angle):
    y, x = np.mgrid[:96, :96] / 96 - 0.5
    slanted = 0.7 + 0.1 * x - 0.06 * y
    out = matched(slanted, scale, angle)
    inner = (slice(12, -12),) * 2
    assert (out[inner] > 0).mean() > 0.97
    off = (out - slanted)[inner][out[inner] > 0]
    pixel = 0.7**2 / (FOCAL * BASELINE)  # metres to a pixel of disparity
    assert abs(np.median(off)) < 0.1 * pixel and np.median(np.abs(off)) < 0.25 * pixel


def test_a_gap_between_fingers_closes_and_a_wide_one_does_not():
    def gap(pixels: int) -> float:
        """The fraction of a gap that has the depth behind it."""
        depth = np.full((96, 96), 0.8)
        depth[20:76, 24 - pixels : 40] = 0.72
        depth[20:76, 32 - pixels : 32] = 0.8
        out = matched(depth)[30:66, 32 - pixels : 32]
        return float((out > 0.77).mean())

    assert gap(2) < 0.3 < 0.6 < gap(18)


@pytest.mark.parametrize("angle", ANGLES)
def test_the_shadow_lies_where_the_second_view_is_occluded(angle):
    y, x = np.mgrid[:96, :96] - 47.5
    near = np.hypot(x, y) < 20
    out = matched(np.where(near, 0.5, 0.8), angle=angle)
    lost = (out == 0) & (np.hypot(x, y) < 40)
    assert lost.sum() > 50
    along = x[lost] * np.cos(angle) + y[lost] * np.sin(angle)
    assert along.mean() < -12


def test_the_same_seed_gives_the_same_image():
    depth = 0.6 + 0.1 * (np.hypot(*(np.mgrid[:64, :64] - 32)) > 15)
    assert np.array_equal(matched(depth), matched(depth))


def test_surfaces_out_of_range_do_not_change_the_others():
    depth = np.full((96, 96), 0.7)
    depth[:3], depth[76:] = 0.01, 1e6
    out = matched(depth)
    assert np.isfinite(out).all() and (out >= 0).all()
    assert np.median(np.abs(out[35:61] - 0.7)) < 0.01
    assert (out[82:] == 0).mean() > 0.9


def test_images_are_matched_only_at_a_fine_resolution():
    assert is_fine_enough(96, np.array([0.5]), np.zeros(1)).all()
    assert is_fine_enough(stereo_matching.MOST, np.array([1.0]), np.zeros(1)).all()
    assert not is_fine_enough(640, np.array([1.0]), np.zeros(1)).any()
    quarters, askew = np.arange(4) * np.pi / 2, np.pi / 4  # rows along the diagonal are longer
    scale = np.full(4, 1.1 * stereo_matching.COARSEST * 96 / stereo_matching.MOST)
    assert is_fine_enough(96, scale, quarters).all() and not is_fine_enough(96, scale, quarters + askew).any()
