"""Depth cameras, and what is wrong with what they measure; `measuring` makes it so.

Three ways to measure depth, each with its own flaws, and the cameras they are found in. Sources of the models:
stereo and structured light: error and step grow with the square of the distance (Khoshelham & Elberink, Sensors 2012),
shadows where the second view is hidden, foreground fattened by the matching window (Keselman et al., CVPRW 2017);
time of flight: noise grows with distance, mixed pixels at edges, wiggling (Foix et al., IEEE Sensors J. 2011).
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
        enlarged: how many pixels of its image one of these spans: depth aligned to colour is brought to that camera's
            pixels.
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

CLEAN_SHARE = 0.85
"""Of the images of a stereo or structured-light camera, those in which what is lost hangs together, and edges are
unbroken, as the matching window makes them: not torn pixel by pixel."""

MATCHED_SHARE = 0.5
"""Of a stereo camera's images, those that are not given flaws but matched (see `matching`), where they can be."""


def cameras(name: str) -> tuple[str, ...]:
    """The names of the cameras of a kind, or that of a camera.

    Raises:
        ValueError: neither the one nor the other.
    """
    found = tuple(camera for camera, sensor in SENSORS.items() if name in (camera, sensor.kind))
    if not found:
        raise ValueError(f"there is no sensor {name!r}; there are {', '.join((*KINDS, *SENSORS))}")
    return found


@dataclass(frozen=True)
class SensorNoise:
    """What is wrong with each of n images: arrays (n,), and `patch` (n, 3, 4). "Sensor pixels" are the sensor's own.

    Attributes:
        scale: how many image pixels one pixel of the sensor spans.
        baseline: metres between the two views; 0 for time of flight.
        noise: standard deviation of 1/depth (stereo, structured light), in 1/metres; 0 for time of flight.
        step: quantum of 1/depth, in 1/metres; 0 for none.
        range_noise: time of flight's, see `Sensor`.
        lost, mixed, fattened: the chance of a hole at an edge, of a mixed pixel, of a fattened edge.
        edge: how far an edge reaches, sensor pixels.
        grazing: slope from which a surface is not seen; 0 for none.
        dropout: the chance of a pixel without a reading.
        shadow: the side of the second view, -1 or 1; 0 where nothing is hidden from it.
        wiggle, wiggle_phase: error that goes up and down with the distance, metres, and where it starts, radians.
        jitter: how far off a pixel is looked at, sensor pixels.
        smooth: the share of the noise that has bumps.
        bump_along, bump_across: bumps to a sensor pixel, along its rows and across.
        window: what a matcher looks at, sensor pixels; 0 for none.
        window_step: step in 1/depth that it smooths over, 1/metres.
        melted: how much of a low relief sinks into what is around it.
        relief: step in 1/depth up to which it is low, 1/metres.
        melts_below: step in 1/depth, 1/metres, below which an edge melts, too.
        angle: direction of the sensor's rows in the image, radians from u towards v.
        matched: 1 where two images of the camera are drawn and matched, and none of the others counts; else 0.
        clean: 1 where edges are unbroken and what is lost hangs together; else 0.
        cell: image pixels across which a low relief melts.
        patch: ellipses without a reading: centre and half axes, as shares of the image.
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
        """Those of one image, for `count` images: a recording, in which only the noise differs from image to image."""
        return SensorNoise(**{name: np.repeat(value, count, axis=0) for name, value in vars(self).items()})


def sample_sensor_noise(
    names: list[str], scale: np.ndarray, rng: np.random.Generator, difficulty: float | np.ndarray,
    angle: float | np.ndarray = 0.0,
) -> SensorNoise:  # fmt: skip
    """SensorNoise of n images by the sensors `names`.

    `scale` (n,) is how many of the images' pixels one pixel of the sensor spans. `difficulty` (n,) or one for all, from
    0 (noise and step only, and those halved) to 1, makes the other flaws likelier. `angle` (n,) or one for all is where
    the sensor's rows lie in the images, in radians from u towards v.
    """
    n = len(names)
    difficulty = np.broadcast_to(difficulty, n)
    sensors = [SENSORS[name] for name in names]
    kinds = np.array([sensor.kind for sensor in sensors])
    tof, stereo = kinds == TIME_OF_FLIGHT, kinds == ACTIVE_STEREO
    over = np.array([s.focal * s.baseline if s.baseline else np.inf for s in sensors])

    def uniform(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, n)

    def happens(chance: float | np.ndarray) -> np.ndarray:
        return uniform(0, 1) < chance

    # Cameras filter what they measure: at times hardly any of the noise is left.
    strength = np.exp(uniform(*np.log([0.08, 1.6]))) * (0.5 + 0.5 * difficulty)
    lost, mixed, fattened = (difficulty[:, None] * rng.uniform(0, 1, (n, 3)) ** 2.5).T
    # A matcher fattens what is in front by about half its window, mostly all along the edge. The first Kinect's is 9
    # pixels wide (Konolige and Mihelich, Technical description of Kinect calibration, 2012).
    all_along = ~tof & happens(0.5 * difficulty)
    fattened = np.where(all_along, uniform(0.5, 1), fattened * np.select([tof, stereo], [0.0, 0.9], 0.3))
    edge = np.where(tof, uniform(0.7, 1.6), uniform(1, 5))
    grazing = np.where(happens(difficulty), uniform(2.5, 8), 0)
    dropout = difficulty * np.where(happens(np.where(stereo, 0.1, 0.3)), uniform(0, 0.08), 0)
    shadow = np.where(tof | (uniform(0, 1) > difficulty), 0, rng.choice([-1, 1], n))
    wiggle = np.where(tof, uniform(0, 0.003), 0) * difficulty
    wiggle_phase = uniform(0, 6.3)
    jitter = uniform(0, 0.6) * difficulty
    # Windows that are matched, and filters, leave bumps: some of them as wide as a finger, which no mean takes away.
    smooth = 1 - np.select([tof, stereo], [1.0, 0.5], 0.8) * uniform(0, 1) ** np.where(stereo, 2, 1)
    window = np.where(stereo, uniform(0, 14) * difficulty, 0)
    # Disparity is what is matched: a pixel of it is a centimetre nearby, and several at arm's length.
    window_step = uniform(0.3, 2.0) / over
    relief = uniform(0.7, 2.5) / over
    melted = np.where(stereo & happens(0.5 * difficulty), uniform(0.2, 1), 0)
    # What differs by about a pixel of disparity is all one to a matcher: from afar, a hand and what it lies on.
    melts_below = np.where(stereo & happens(0.7 * difficulty), uniform(0.4, 1.8), 0) / over
    clean = ~tof & happens(CLEAN_SHARE)
    matched = stereo & happens(MATCHED_SHARE * difficulty)
    bump = np.exp(uniform(*np.log([1.5, 8]))) * np.where(stereo, 2, 1)
    bump_along, bump_across = (np.exp(rng.uniform(-0.5, 0.5, (n, 2))) / bump[:, None]).T
    # Dropout and jitter would tear clean ones pixel by pixel: they have none of the one, and of the other what wavers.
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
