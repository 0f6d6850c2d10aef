"""Simulated sensors have the noise and the effects of real ones."""

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

import warp as wp

from training.rendering.sensor_simulation import simulate_sensors
from training.rendering.sensors import SENSORS, SensorNoise, sample_sensor_noise


def only(sensor: str, count: int, scale: float = 1.0, **effects: float | np.ndarray) -> SensorNoise:
    """Noise parameters of images with these effects only."""
    sampled = sample_sensor_noise([sensor] * count, np.full(count, scale), np.random.default_rng(0), 0.0)
    outside = np.broadcast_to((-9.0, -9.0, 0.1, 0.1), (count, 3, 4))
    kept = {"scale": sampled.scale, "cell": np.full(count, 8.0), "patch": outside, "edge": np.ones(count)}
    kept |= {name: np.broadcast_to(value, count) for name, value in effects.items()}
    return SensorNoise(**{name: kept.get(name, np.zeros(count)) for name in vars(sampled)})


@pytest.mark.parametrize("name", SENSORS)
def test_sensor_noise_has_the_documented_strength(name):
    """A flat wall at 0.8 m without other effects. The strength of the noise differs from image to image."""
    sensor, distance = SENSORS[name], 0.8
    n, size = 24, 64
    depth = wp.array(np.full((n, size, size), distance, np.float32), dtype=float)
    focal = wp.array(np.full(n, sensor.focal, np.float32), dtype=float)
    rng = np.random.default_rng(0)
    sampled = sample_sensor_noise([name] * n, np.ones(n), rng, 0.0)
    if sensor.baseline:  # the error of one pixel of disparity
        one, quantity = sensor.disparity_noise * distance**2 / (sensor.focal * sensor.baseline), "noise"
        strength = sampled.noise * (sensor.focal * sensor.baseline) / sensor.disparity_noise
    else:
        one, quantity = sensor.range_noise * (0.25 + distance**2), "range_noise"
        strength = sampled.range_noise / sensor.range_noise
    assert 0.04 <= strength.min() < 0.2 < 0.4 < strength.max() <= 0.8
    noise = (
        getattr(sampled, quantity) * 0.003 / one / strength
    )  # 3 mm in each image, well above the rounding to millimetres
    half = np.where(np.arange(n) % 2, 0.5, 0.0)  # half of the noise is smooth in every second image
    kind = {"baseline": sampled.baseline, quantity: noise, "smooth": half, "bump_along": 0.22, "bump_across": 0.22}
    parameters = only(name, n, **kind)
    scatter = simulate_sensors(depth, focal, parameters, rng.integers(0, 2**31 - 64, n)).numpy().reshape(n, -1).std(1)
    np.testing.assert_allclose(scatter[::2], np.hypot(0.003, 0.001 / 12**0.5), rtol=0.05)
    assert (scatter[1::2] < 0.0027).all()


def test_smooth_noise_has_bumps_of_the_requested_size_in_sensor_pixels():
    """Half as wide as high, and of constant size in sensor pixels at every image scale."""

    def half_width(image: np.ndarray) -> int:
        """Pixels along a row at which the autocorrelation falls to one half."""
        noise = image - image.mean()
        alike = np.array([(noise[:, k:] * noise[:, : noise.shape[1] - k]).mean() for k in range(30)])
        return int(np.argmax(alike < 0.5 * alike[0]))

    for scale in (1.0, 2.0, 0.5):
        bumps = {"smooth": 1, "bump_along": 1 / 6, "bump_across": 1 / 12}
        parameters = only("realsense_d435", 1, scale, baseline=0.05, noise=0.01, **bumps)
        wall = wp.array(np.full((1, 192, 192), 0.8, np.float32), dtype=float)
        out = simulate_sensors(wall, wp.array([385.0], dtype=float), parameters, np.arange(1)).numpy()[0]
        assert half_width(out) == pytest.approx(4.5 * scale, abs=1, rel=0.15)
        assert half_width(out.T) == pytest.approx(9 * scale, abs=1, rel=0.15)


def test_a_stereo_cameras_depth_step_is_its_disparity_step():
    sensor = SENSORS["kinect_v1"]
    n, size, distance = 4, 64, 1.2
    ramp = np.broadcast_to(np.linspace(distance, distance + 0.05, size, dtype=np.float32), (n, size, size))
    sampled = sample_sensor_noise(["kinect_v1"] * n, np.ones(n), np.random.default_rng(0), 0.0)
    parameters = only("kinect_v1", n, baseline=sampled.baseline, step=sampled.step)
    focal = wp.array(np.full(n, sensor.focal, np.float32), dtype=float)
    out = simulate_sensors(wp.array(np.ascontiguousarray(ramp), dtype=float), focal, parameters, np.arange(n)).numpy()
    steps = np.diff(np.unique(out))
    expected = sensor.disparity_step * (distance + 0.025) ** 2 / (sensor.focal * sensor.baseline)
    assert np.median(steps) == pytest.approx(expected, abs=0.0006)


def simulated(depth: np.ndarray, **effects: float) -> np.ndarray:
    """One image of a camera with a focal length of 500 pixels, with these effects only."""
    image, focal = wp.array(depth[None].astype(np.float32), dtype=float), wp.array([500.0], dtype=float)
    return simulate_sensors(image, focal, only("realsense_d435", 1, **effects), np.ones(1)).numpy()[0]


def test_surfaces_at_a_grazing_angle_are_invalid_but_steps_in_depth_are_not():
    step = np.where(np.arange(64) < 32, 0.5, 0.54)[None].repeat(64, axis=0)
    assert (simulated(step, grazing=3.0) > 0).all()
    steep = (0.5 + 0.01 * np.arange(64))[None].repeat(64, axis=0)  # a pixel spans a millimetre: 84 degrees
    assert (simulated(steep, grazing=3.0)[:, 1:-1] == 0).all() and (simulated(steep) > 0).all()


RELIEF = 0.06 / 0.6**2
"""1 / metres: 60 mm at 0.6 m."""


def finger(height: float) -> np.ndarray:
    """Depth of a finger on a table 0.6 m away."""
    depth = np.full((64, 64), 0.6)
    depth[28:36, 8:56] -= height
    return depth


def test_a_low_relief_is_pulled_to_the_depth_around_it_and_a_high_one_is_not():
    low, high = (simulated(finger(height), melted=1.0, relief=RELIEF, grazing=3.0)[31, 32] for height in (0.02, 0.1))
    assert 0.583 < low < 0.597 and high == pytest.approx(0.5, abs=1e-3)
    assert simulated(finger(0.02), melted=1.0, relief=RELIEF)[2, 2] == pytest.approx(0.6, abs=1e-3)


def test_edges_below_a_pixel_of_disparity_are_smoothed_and_others_have_holes():
    shallow = 0.03 / 0.6**2  # a step of 30 mm at 0.6 m
    for height, melts in ((0.02, True), (0.05, False)):
        image = simulated(
            finger(height), melts_below=shallow, window=6.0, window_step=0.014, lost=1.0, edge=2.0, grazing=3.0
        )
        assert (image > 0).all() == melts
        # Without a background a finger is as broad as its fattened edges.
        alone = np.where(finger(height) < 0.6, finger(height), 1e6)
        assert (simulated(alone, melts_below=shallow, fattened=1.5, edge=2.0) > 0).sum() > 1.3 * (alone < 1).sum()
        across = image[20:44, 32]
        assert (np.abs(np.diff(across[across > 0])).max() < 0.6 * height) == melts


@pytest.mark.parametrize("effect", ({"lost": 0.5}, {"fattened": 0.5}), ids=("lost", "fattened"))
def test_effects_at_a_clean_edge_are_coherent(effect):
    edge = np.where(np.arange(96) < 48, 0.5, 0.8)[None].repeat(96, axis=0)
    torn, clean = (
        np.abs(simulated(edge, edge=2.0, clean=whether, **effect) - edge)[:, 48:50] > 0.01 for whether in (0.0, 1.0)
    )
    assert 0.2 < torn.mean() < 0.8 and 0.2 < clean.mean() < 0.8
    torn_from_row_to_row, clean_from_row_to_row = ((image[1:] != image[:-1]).mean() for image in (torn, clean))
    assert torn_from_row_to_row > 0.3 and clean_from_row_to_row < 0.12


def test_holes_of_a_clean_image_at_a_grazing_angle_are_coherent():
    steep = (0.5 + 0.01 * np.arange(96))[None].repeat(96, axis=0)
    torn, clean = (simulated(steep, grazing=4.5, clean=whether)[:, 48:90] == 0 for whether in (0.0, 1.0))
    assert 0.2 < torn.mean() < 0.95 and 0.2 < clean.mean() < 0.95
    assert (torn[1:] != torn[:-1]).mean() > 0.2 and (clean[1:] != clean[:-1]).mean() < 0.1


@pytest.mark.parametrize("angle", np.radians((0, 30, 90, 135, 200, 300)))
def test_a_shadow_lies_along_the_rows_of_the_sensor(angle):
    depth = np.full((96, 96), 0.8)
    depth[44:52, 44:52] = 0.6
    lost = np.argwhere(simulated(depth, baseline=0.05, shadow=1.0, angle=angle) == 0)
    towards = (lost - 47.5).mean(0)[::-1]  # u, v
    assert 40 < len(lost) < 160
    np.testing.assert_allclose(towards / np.linalg.norm(towards), (-np.cos(angle), -np.sin(angle)), atol=0.15)


@pytest.mark.parametrize("scale", (0.3, 1.0, 1.7, 3.0))
@pytest.mark.parametrize("angle", np.radians((0, 30, 90, 180, 200, 300)))
def test_a_rotated_sensor_does_not_displace_pixels(angle, scale):
    across, down = 0.5 + 0.001 * np.arange(96)[None], 0.002 * np.arange(96)[:, None]
    for ramp, slope in ((across + 0 * down, 0.001), (0.5 + 0 * across + down, 0.002)):
        image, focal = wp.array(ramp[None].astype(np.float32), dtype=float), wp.array([500.0], dtype=float)
        parameters = only("realsense_d435", 1, scale, angle=angle, step=1e-6)
        off = (simulate_sensors(image, focal, parameters, np.ones(1)).numpy()[0] - ramp)[6:-6, 6:-6] / slope
        assert np.abs(off).max() < 1 + 1.5 * scale and abs(off.mean()) < 0.1  # pixels
