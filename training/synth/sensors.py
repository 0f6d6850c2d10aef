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
        focal: focal length of the depth image, pixels.
        near, far: distances in metres at which hands are rendered for it.
        baseline: metres between the two views (stereo, structured light); 0 for time of flight.
        disparity_noise: its standard deviation, pixels (stereo, structured light).
        disparity_step: its quantum, pixels.
        range_noise: metres (time of flight); the standard deviation is 1/4 + d^2 times this at d metres.
    """

    kind: str
    focal: float
    near: float
    far: float
    baseline: float = 0.0
    disparity_noise: float = 0.0
    disparity_step: float = 0.0
    range_noise: float = 0.0


SENSORS = {
    "realsense_d435": Sensor(ACTIVE_STEREO, 385, 0.25, 1.1, 0.050, 0.10, 1 / 32),
    "realsense_d435_colour": Sensor(ACTIVE_STEREO, 606, 0.30, 1.3, 0.050, 0.13, 1 / 32),
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
"""Of a stereo camera's images, those in which what is lost hangs together, and edges are unbroken, as the matching
window makes them: not torn pixel by pixel."""


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
class Flaws:
    """What is wrong with each of n images: rows of the arrays that `measuring` reads, and explains.

    Attributes:
        scale: (n,) how many image pixels one pixel of the sensor spans.
        sensor: (n, 4) noise and step of the sensor.
        flaw: (n, 19) its other flaws, in this image, and how its rows lie there.
        patch: (n, 3, 4) ellipses without a reading: centre and half axes, as shares of the image.
        cell: (n,) image pixels across which a low relief melts.
    """

    scale: np.ndarray
    sensor: np.ndarray
    flaw: np.ndarray
    patch: np.ndarray
    cell: np.ndarray

    def repeated(self, count: int) -> "Flaws":
        """Those of one image, for `count` images: a recording, in which only the noise differs from image to image."""
        return Flaws(**{name: np.repeat(value, count, axis=0) for name, value in vars(self).items()})


def draw_flaws(
    names: list[str], scale: np.ndarray, rng: np.random.Generator, difficulty: float | np.ndarray,
    angle: float | np.ndarray = 0.0,
) -> Flaws:  # fmt: skip
    """Flaws of n images by the sensors `names`.

    `scale` (n,) is how many of the images' pixels one pixel of the sensor spans. `difficulty` (n,) or one for all, from
    0 (noise and step only, and those halved) to 1, makes the other flaws likelier. `angle` (n,) or one for all is where
    the sensor's rows lie in the images, in radians from u towards v.
    """
    n = len(names)
    difficulty = np.broadcast_to(difficulty, n)
    sensors = [SENSORS[name] for name in names]
    kinds = np.array([KINDS.index(sensor.kind) for sensor in sensors])
    # Cameras filter what they measure: at times hardly any of the noise is left.
    strength = np.exp(rng.uniform(*np.log([0.08, 1.6]), n)) * (0.5 + 0.5 * difficulty)
    sensor = np.zeros((n, 4))
    sensor[:, 0] = [s.baseline for s in sensors]
    over = np.array([s.focal * s.baseline if s.baseline else np.inf for s in sensors])
    sensor[:, 1] = np.array([s.disparity_noise for s in sensors]) * strength / over
    sensor[:, 2] = np.array([s.disparity_step for s in sensors]) / over
    sensor[:, 3] = np.array([s.range_noise for s in sensors]) * strength

    tof, stereo = kinds == 2, kinds == 0
    some = difficulty[:, None] * rng.uniform(0, 1, (n, 3)) ** 2.5
    flaw = np.zeros((n, 19))
    flaw[:, 0] = some[:, 0] * np.where(tof, 0.5, 0.6)
    flaw[:, 1] = some[:, 1] * np.where(tof, 0.9, 0.15)
    # A stereo matcher fattens what is in front by about half its window, mostly all along the edge.
    fat = stereo & (rng.uniform(0, 1, n) < 0.5 * difficulty)
    flaw[:, 2] = np.where(fat, rng.uniform(0.5, 1, n), some[:, 2] * np.select([tof, stereo], [0.0, 0.9], 0.3))
    flaw[:, 3] = np.where(stereo, rng.uniform(1, 5, n), rng.uniform(0.7, 1.6, n))
    flaw[:, 4] = np.where(rng.uniform(0, 1, n) < difficulty, rng.uniform(2.5, 8, n), 0)
    flaw[:, 5] = difficulty * np.where(rng.uniform(0, 1, n) < np.where(stereo, 0.1, 0.3), rng.uniform(0, 0.08, n), 0)
    flaw[:, 6] = np.where(tof | (rng.uniform(0, 1, n) > difficulty), 0, rng.choice([-1, 1], n))
    flaw[:, 7] = np.where(tof, rng.uniform(0, 0.003, n), 0) * difficulty
    flaw[:, 8] = rng.uniform(0, 6.3, n)
    flaw[:, 9] = rng.uniform(0, 0.6, n) * difficulty
    # Windows that are matched, and filters, leave bumps: some of them as wide as a finger, which no mean takes away.
    flaw[:, 10] = 1 - np.select([tof, stereo], [1.0, 0.5], 0.8) * rng.uniform(0, 1, n) ** np.where(stereo, 2, 1)
    flaw[:, 11] = np.where(stereo, rng.uniform(0, 14, n) * difficulty, 0)
    flaw[:, 12] = rng.uniform(0.005, 0.045, n)
    flaw[:, 13] = np.where(stereo & (rng.uniform(0, 1, n) < 0.5 * difficulty), rng.uniform(0.2, 1, n), 0)
    # What differs by about a pixel of disparity is all one to a matcher: from afar, a hand and what it lies on.
    disparity = np.where(stereo & (rng.uniform(0, 1, n) < 0.7 * difficulty), rng.uniform(0.4, 1.8, n), 0)
    flaw[:, 14] = disparity / over
    flaw[:, 15] = angle
    flaw[:, 16] = stereo & (rng.uniform(0, 1, n) < CLEAN_SHARE)
    bump = np.exp(rng.uniform(*np.log([1.5, 8]), n)) * np.where(stereo, 2, 1)
    flaw[:, 17:] = np.exp(rng.uniform(-0.5, 0.5, (n, 2))) / bump[:, None]
    # Dropout and jitter would tear these pixel by pixel: they have none of the one, and of the other what wavers.
    clean = flaw[:, 16] > 0
    flaw[clean, 5] = 0
    flaw[clean, 9] = 1.5 * rng.uniform(0, 1, clean.sum()) ** 2 * difficulty[clean]
    cell = np.maximum(scale * np.exp(rng.uniform(*np.log([6, 70]), n)), 2)
    patch = np.stack([*rng.uniform(0, 1, (2, n, 3)), *rng.uniform(0.02, 0.12, (2, n, 3))], axis=2)
    patch[rng.uniform(0, 1, (n, 3)) > 0.25 * difficulty[:, None], :2] = -9
    return Flaws(scale, sensor, flaw, patch, cell)
