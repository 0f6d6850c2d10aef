"""What the sensors make of a perfect image is what real ones do."""

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

import warp as wp

from training.synth.measuring import apply_flaws, measure
from training.synth.sensors import SENSORS, draw_flaws


@pytest.mark.parametrize("name", SENSORS)
def test_sensor_noise_is_what_it_says(name):
    """A flat wall at one metre, no other flaw: the scatter is the model's own."""
    sensor = SENSORS[name]
    n, size = 24, 64
    depth = wp.array(np.full((n, size, size), 1.0, np.float32), dtype=float)
    focal = wp.array(np.full(n, sensor.focal, np.float32), dtype=float)
    out = measure(depth, [name] * n, focal, np.ones(n), np.random.default_rng(0), 0.0).numpy()
    noise = (out - 1).reshape(n, -1).std(1)
    if sensor.baseline:
        one = sensor.disparity_noise / (sensor.focal * sensor.baseline)
        step = sensor.disparity_step / (sensor.focal * sensor.baseline)
    else:
        one, step = sensor.range_noise * 1.25, 0.0
    # Strength varies from 0.04 to 0.8 at difficulty 0, smoothness takes away up to half, quantisation adds.
    assert noise.max() < 1.0 * one + step + 0.001
    assert noise.mean() > 0.05 * one
    assert len(np.unique(noise.round(6))) > n // 2


def seen(depth: np.ndarray, baseline: float = 0.0, **flaws: float) -> np.ndarray:
    """What a camera of 500 pixels focal length makes of one image, with no flaws but these: columns of `Flaws.flaw`."""
    perfect = draw_flaws(["realsense_d435"], np.ones(1), np.random.default_rng(0), 0.0)
    perfect.sensor[:], perfect.flaw[:], perfect.cell[:] = (baseline, 0, 0, 0), 0, 8
    for column, value in flaws.items():
        perfect.flaw[:, int(column.removeprefix("flaw"))] = value
    image, focal = wp.array(depth[None].astype(np.float32), dtype=float), wp.array([500.0], dtype=float)
    return apply_flaws(image, focal, perfect, np.ones(1)).numpy()[0]


def test_surfaces_at_a_flat_angle_are_not_seen_but_steps_in_depth_are():
    step = np.where(np.arange(64) < 32, 0.5, 0.54)[None].repeat(64, axis=0)
    assert (seen(step, flaw4=3.0) > 0).all()
    steep = (0.5 + 0.01 * np.arange(64))[None].repeat(64, axis=0)  # a pixel spans a millimetre: 84 degrees
    assert (seen(steep, flaw4=3.0)[:, 1:-1] == 0).all() and (seen(steep) > 0).all()


def finger(height: float) -> np.ndarray:
    """One that lies on a table 0.6 m away."""
    depth = np.full((64, 64), 0.6)
    depth[28:36, 8:56] -= height
    return depth


def test_a_low_relief_melts_into_what_is_around_it_and_a_high_one_does_not():
    low, high = (seen(finger(height), flaw13=1.0, flaw4=3.0)[31, 32] for height in (0.02, 0.1))
    assert 0.583 < low < 0.597 and high == pytest.approx(0.5, abs=1e-3)
    assert seen(finger(0.02), flaw13=1.0)[2, 2] == pytest.approx(0.6, abs=1e-3)


def test_edges_of_less_than_a_pixel_of_disparity_melt_and_others_are_torn():
    shallow = 0.03 / 0.6**2  # a step of 30 mm at 0.6 m
    for height, melts in ((0.02, True), (0.05, False)):
        image = seen(finger(height), flaw14=shallow, flaw11=6.0, flaw12=0.005, flaw0=1.0, flaw3=2.0, flaw4=3.0)
        assert (image > 0).all() == melts
        # With nothing behind it, a finger is as broad as its edges make it, whatever melts.
        alone = np.where(finger(height) < 0.6, finger(height), 1e6)
        assert (seen(alone, flaw14=shallow, flaw2=1.5, flaw3=2.0) > 0).sum() > 1.3 * (alone < 1).sum()
        across = image[20:44, 32]
        assert (np.abs(np.diff(across[across > 0])).max() < 0.6 * height) == melts


@pytest.mark.parametrize("angle", np.radians((0, 30, 90, 135, 200, 300)))
def test_a_shadow_lies_along_the_rows_of_the_sensor(angle):
    depth = np.full((96, 96), 0.8)
    depth[44:52, 44:52] = 0.6
    lost = np.argwhere(seen(depth, baseline=0.05, flaw6=1.0, flaw15=angle) == 0)
    towards = (lost - 47.5).mean(0)[::-1]  # u, v
    assert 40 < len(lost) < 160
    np.testing.assert_allclose(towards / np.linalg.norm(towards), (-np.cos(angle), -np.sin(angle)), atol=0.15)


@pytest.mark.parametrize("angle", np.radians((0, 30, 90, 200)))
def test_pixels_of_a_sensor_held_at_an_angle_are_where_they_were(angle):
    ramp = 0.5 + 0.001 * np.arange(96)[None] + 0.002 * np.arange(96)[:, None]
    straight = draw_flaws(["realsense_d435"], np.full(1, 4.0), np.random.default_rng(0), 0.0, angle)
    straight.sensor[:], straight.flaw[:, :15], straight.cell[:] = 0, 0, 8
    image, focal = wp.array(ramp[None].astype(np.float32), dtype=float), wp.array([500.0], dtype=float)
    out = apply_flaws(image, focal, straight, np.ones(1)).numpy()[0]
    assert np.abs(out - ramp)[4:-4, 4:-4].max() < 0.01  # each four pixels wide, about its middle
    assert abs((out - ramp)[4:-4, 4:-4].mean()) < 0.002
    assert len(np.unique(out)) > 40
