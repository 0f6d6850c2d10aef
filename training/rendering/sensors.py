"""Depth cameras and the parameters of their noise; `sensor_simulation` applies it to perfect depth.

There are three measuring principles, each with its own effects. Sources of the models:

- Stereo and structured light: error and step grow with the square of the distance (Khoshelham & Elberink, Sensors
2012).
  The second view has shadows, and the matching window fattens the foreground (Keselman et al., CVPRW 2017).
- Time of flight: noise grows with distance, edges have mixed pixels, depth wiggles (Foix et al., IEEE Sensors J. 2011).
"""

from dataclasses import dataclass

import numpy as np

ACTIVE_STEREO, STRUCTURED_LIGHT, TIME_OF_FLIGHT = "active_stereo", "structured_light", "time_of_flight"
KINDS = (ACTIVE_STEREO, STRUCTURED_LIGHT, TIME_OF_FLIGHT)


@dataclass(frozen=True)
class Sensor:
    """One depth camera.

    Attributes:
        kind: one of `KINDS`.
        focal: focal length at which it measures, pixels.
        near, far: distances in metres at which hands are rendered for it.
        baseline: metres between the two views (stereo, structured light); 0 for time of flight.
        disparity_noise: its standard deviation, pixels (stereo, structured light).
        disparity_step: its quantum, pixels.
        range_noise: metres (time of flight); the standard deviation is 1/4 + d^2 times this at d metres.
        enlarged: image pixels per sensor pixel. Depth aligned to colour has the colour camera's focal length.
    """

    kind: str
    focal: float
    near: float
    far: float
    baseline: float = 0.0
    disparity_noise: float = 0.0
    disparity_step: float = 0.0
    range_noise: float = 0.0
    enlarged: float = 1.0

    @property
    def image_focal(self) -> float:
        """Focal length of its depth image, pixels."""
        return self.focal * self.enlarged


SENSORS = {
    "realsense_d435": Sensor(ACTIVE_STEREO, 385, 0.25, 1.1, 0.050, 0.10, 1 / 32),
    "realsense_d435_colour": Sensor(ACTIVE_STEREO, 385, 0.30, 1.3, 0.050, 0.10, 1 / 32, enlarged=606 / 385),
    "realsense_d405": Sensor(ACTIVE_STEREO, 390, 0.15, 0.6, 0.018, 0.06, 1 / 32),
    "zed": Sensor(ACTIVE_STEREO, 530, 0.35, 1.3, 0.120, 0.22, 1 / 16),
    "kinect_v1": Sensor(STRUCTURED_LIGHT, 585, 0.50, 1.3, 0.075, 0.12, 1 / 8),
    "realsense_sr305": Sensor(STRUCTURED_LIGHT, 475, 0.20, 0.8, 0.026, 0.05, 1 / 32),
    "orbbec_astra": Sensor(STRUCTURED_LIGHT, 575, 0.45, 1.2, 0.075, 0.10, 1 / 8),
    "kinect_v2": Sensor(TIME_OF_FLIGHT, 365, 0.50, 1.4, range_noise=0.0022),
    "azure_kinect_nfov": Sensor(TIME_OF_FLIGHT, 504, 0.30, 1.3, range_noise=0.0016),
    "azure_kinect_wfov": Sensor(TIME_OF_FLIGHT, 252, 0.25, 0.8, range_noise=0.0022),
    "tof_qvga": Sensor(TIME_OF_FLIGHT, 240, 0.20, 0.6, range_noise=0.0040),
}
"""By name. Focal length, baseline and step are the makers' figures; the noise is of the size reported for them."""

CLEAN_FRACTION = 0.85
"""Fraction of a stereo or structured-light camera's images with coherent holes and unbroken edges, as a matching window
makes them, instead of independent pixels."""

MATCHED_FRACTION = 0.5
"""Fraction of a stereo camera's images that are stereo-matched (`stereo_matching`) instead of getting modelled noise,
where their resolution allows it."""


def cameras(name: str) -> tuple[str, ...]:
    """The names of the cameras of a kind, or that of a camera.

    Raises:
        ValueError: there is no such camera or kind.
    """
    found = tuple(camera for camera, sensor in SENSORS.items() if name in (camera, sensor.kind))
    if not found:
        raise ValueError(f"there is no sensor {name!r}; there are {', '.join((*KINDS, *SENSORS))}")
    return found


@dataclass(frozen=True)
class SensorNoise:
    """Noise parameters of n images: arrays (n,), and `patch` (n, 3, 4). "Sensor pixels" are the sensor's own.

    Attributes:
        scale: image pixels per sensor pixel.
        baseline: metres between the two views; 0 for time of flight.
        noise: standard deviation of 1/depth (stereo, structured light), in 1/metres; 0 for time of flight.
        step: quantum of 1/depth, in 1/metres; 0 for none.
        range_noise: time of flight's, see `Sensor`.
        lost, mixed, fattened: probability of a hole at an edge, of a mixed pixel, of a fattened edge.
        edge: width of an edge, sensor pixels.
        grazing: slope from which a surface gives no depth; 0 for none.
        dropout: probability of an invalid pixel.
        shadow: side of the second view, -1 or 1; 0 for no shadows.
        wiggle, wiggle_phase: amplitude, metres, and phase, radians, of an error that oscillates with the distance.
        jitter: lateral displacement of a pixel, sensor pixels.
        smooth: fraction of the noise that is spatially smooth.
        bump_along, bump_across: frequency of the smooth noise along the sensor's rows and across, 1/sensor pixels.
        window: size of the matching window, sensor pixels; 0 for none.
        window_step: step in 1/depth that the window smooths over, 1/metres.
        melted: fraction by which a low relief is pulled to the depth around it.
        relief: step in 1/depth up to which a relief is low, 1/metres.
        melts_below: step in 1/depth below which an edge is smoothed as well, 1/metres.
        angle: direction of the sensor's rows in the image, radians from u towards v.
        matched: 1 for stereo matching, which replaces all other effects; else 0.
        clean: 1 for unbroken edges and coherent holes; else 0.
        cell: width over which a low relief is averaged, image pixels.
        patch: ellipses of invalid pixels: centre and half axes, as fractions of the image.
    """

    scale: np.ndarray
    baseline: np.ndarray
    noise: np.ndarray
    step: np.ndarray
    range_noise: np.ndarray
    lost: np.ndarray
    mixed: np.ndarray
    fattened: np.ndarray
    edge: np.ndarray
    grazing: np.ndarray
    dropout: np.ndarray
    shadow: np.ndarray
    wiggle: np.ndarray
    wiggle_phase: np.ndarray
    jitter: np.ndarray
    smooth: np.ndarray
    bump_along: np.ndarray
    bump_across: np.ndarray
    window: np.ndarray
    window_step: np.ndarray
    melted: np.ndarray
    relief: np.ndarray
    melts_below: np.ndarray
    angle: np.ndarray
    matched: np.ndarray
    clean: np.ndarray
    cell: np.ndarray
    patch: np.ndarray

    def repeated(self, count: int) -> "SensorNoise":
        """The parameters of one image, repeated for the `count` images of a recording."""
        return SensorNoise(**{name: np.repeat(value, count, axis=0) for name, value in vars(self).items()})


def sample_sensor_noise(
    names: list[str], scale: np.ndarray, rng: np.random.Generator, difficulty: float | np.ndarray,
    angle: float | np.ndarray = 0.0,
) -> SensorNoise:  # fmt: skip
    """Sample the noise parameters of n images.

    Args:
        names: (n,) sensors.
        scale: (n,) image pixels per sensor pixel.
        difficulty: (n,) or one for all, from 0 (noise and step only, halved) to 1 (all effects at their probability).
        angle: (n,) or one for all, direction of the sensor's rows in the images, radians from u towards v.
    """
    n = len(names)
    difficulty = np.broadcast_to(difficulty, n)
    sensors = [SENSORS[name] for name in names]
    kinds = np.array([sensor.kind for sensor in sensors])
    tof, stereo = kinds == TIME_OF_FLIGHT, kinds == ACTIVE_STEREO
    over = np.array([s.focal * s.baseline if s.baseline else np.inf for s in sensors])

    def uniform(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, n)

    def chosen(chance: float | np.ndarray) -> np.ndarray:
        return uniform(0, 1) < chance

    # Cameras filter their depth: sometimes hardly any noise is left.
    strength = np.exp(uniform(*np.log([0.08, 1.6]))) * (0.5 + 0.5 * difficulty)
    lost, mixed, fattened = (difficulty[:, None] * rng.uniform(0, 1, (n, 3)) ** 2.5).T
    # A matcher fattens the foreground by about half its window, mostly along the whole edge. The first Kinect's is 9
    # pixels wide (Konolige and Mihelich, Technical description of Kinect calibration, 2012).
    all_along = ~tof & chosen(0.5 * difficulty)
    fattened = np.where(all_along, uniform(0.5, 1), fattened * np.select([tof, stereo], [0.0, 0.9], 0.3))
    edge = np.where(tof, uniform(0.7, 1.6), uniform(1, 5))
    grazing = np.where(chosen(difficulty), uniform(2.5, 8), 0)
    dropout = difficulty * np.where(chosen(np.where(stereo, 0.1, 0.3)), uniform(0, 0.08), 0)
    shadow = np.where(tof | (uniform(0, 1) > difficulty), 0, rng.choice([-1, 1], n))
    wiggle = np.where(tof, uniform(0, 0.003), 0) * difficulty
    wiggle_phase = uniform(0, 6.3)
    jitter = uniform(0, 0.6) * difficulty
    # Matching windows and filters leave smooth bumps, some as wide as a finger, which no averaging removes.
    smooth = 1 - np.select([tof, stereo], [1.0, 0.5], 0.8) * uniform(0, 1) ** np.where(stereo, 2, 1)
    window = np.where(stereo, uniform(0, 14) * difficulty, 0)
    # A pixel of disparity is a centimetre of depth nearby, and several at arm's length.
    window_step = uniform(0.3, 2.0) / over
    relief = uniform(0.7, 2.5) / over
    melted = np.where(stereo & chosen(0.5 * difficulty), uniform(0.2, 1), 0)
    # A matcher does not separate surfaces that differ by a pixel of disparity: from afar, a hand and its table.
    melts_below = np.where(stereo & chosen(0.7 * difficulty), uniform(0.4, 1.8), 0) / over
    clean = ~tof & chosen(CLEAN_FRACTION)
    matched = stereo & chosen(MATCHED_FRACTION * difficulty)
    bump = np.exp(uniform(*np.log([1.5, 8]))) * np.where(stereo, 2, 1)
    bump_along, bump_across = (np.exp(rng.uniform(-0.5, 0.5, (n, 2))) / bump[:, None]).T
    # Clean images have no dropout, and only spatially smooth jitter: both would break edges pixel by pixel.
    dropout = np.where(clean, 0, dropout)
    jitter[clean] = 1.5 * rng.uniform(0, 1, clean.sum()) ** 2 * difficulty[clean]
    cell = np.maximum(scale * np.exp(uniform(*np.log([6, 70]))), 2)
    patch = np.stack([*rng.uniform(0, 1, (2, n, 3)), *rng.uniform(0.02, 0.12, (2, n, 3))], axis=2)
    patch[rng.uniform(0, 1, (n, 3)) > 0.25 * difficulty[:, None], :2] = -9
    return SensorNoise(
        scale=scale,
        baseline=np.array([s.baseline for s in sensors]),
        noise=np.array([s.disparity_noise for s in sensors]) * strength / over,
        step=np.array([s.disparity_step for s in sensors]) / over,
        range_noise=np.array([s.range_noise for s in sensors]) * strength,
        lost=lost * np.where(tof, 0.5, 0.6),
        mixed=mixed * np.where(tof, 0.9, 0.15),
        fattened=fattened,
        edge=edge,
        grazing=grazing,
        dropout=dropout,
        shadow=shadow,
        wiggle=wiggle,
        wiggle_phase=wiggle_phase,
        jitter=jitter,
        smooth=smooth,
        bump_along=bump_along,
        bump_across=bump_across,
        window=window,
        window_step=window_step,
        melted=melted,
        relief=relief,
        melts_below=melts_below,
        angle=np.broadcast_to(angle, n),
        matched=matched,
        clean=clean,
        cell=cell,
        patch=patch,
    )
