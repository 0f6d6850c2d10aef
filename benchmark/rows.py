"""The rows of the benchmark's table. Each is measured in a process of its own, see `latency`."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scenes import appearing_frames, folder_frames, resampled, sample_frames
from usage import Usage

from fingerpose_ros.perception import backends
from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.detection.detector import Detector
from fingerpose_ros.perception.detection.model_file import DEFAULT_NAME as DETECTOR
from fingerpose_ros.perception.estimator import HandPoseEstimator
from fingerpose_ros.perception.kinematics import hand_centre
from fingerpose_ros.perception.pose.crop import Crop
from fingerpose_ros.perception.pose.model_file import DEFAULT_NAME as MODEL
from fingerpose_ros.perception.pose.prediction import Backend
from fingerpose_ros.perception.settings import EstimatorSettings

WARM_UP = 2.0
"""Seconds before each measurement: tracking starts, caches fill."""

APPEARANCES, ALONE, ANSWERED_WITHIN = 20, 1.5, 3.0
"""Of the row `second`: how often a second hand appears; seconds that the first is alone before each time, and until the
second counts as missed."""

STARTS = 5
"""Starts of the node for the row `first`."""


@dataclass(frozen=True)
class Setup:
    """What is measured, in what way.

    Attributes:
        backend, device, precision: as the node's parameters.
        threads: of the networks; 0 is the node's default.
        models: folder of pose network and detector; None takes those of the package.
        frames: folder of depth images; None takes those of the sample.
        seconds: of each measurement.
    """

    backend: str
    device: str
    precision: str
    threads: int
    models: Path | None
    frames: Path | None
    seconds: float

    @property
    def parameters(self) -> dict[str, object]:
        """The node's parameters."""
        models = {"model": str(self.models / MODEL), "detector": str(self.models / DETECTOR)} if self.models else {}
        engine = {name: getattr(self, name) for name in ("backend", "device", "precision", "threads")}
        return engine | models

    def networks(self) -> tuple[Backend, Detector]:
        chosen = self.parameters
        threads = self.threads or None
        backend = backends.create_backend(
            self.backend, self.device, chosen.get("model", ""), self.precision, threads=threads
        )
        detector = backends.create_detector(
            self.backend, self.device, chosen.get("detector", ""), threads, backend.precision
        )
        return backend, detector

    def images(self, hands: int = 1, size: tuple[int, int] | None = None) -> tuple[list[np.ndarray], Camera]:
        """Depth images with so many hands, uint16 millimetres, and their camera; resampled to a size if given."""
        frames, camera = folder_frames(self.frames) if self.frames else sample_frames(hands)
        return resampled(frames, camera, *size) if size else (frames, camera)


def engine(precision: str, threads: int) -> str:
    """What the tables call a network's precision and number of threads."""
    return f"{precision}, {threads or 'default'} threads"


def network(setup: Setup) -> dict:
    """The pose network alone, on the crop of one hand, without a pause."""
    backend, detector = setup.networks()
    frames, camera = setup.images()
    depth = frames[0] * np.float32(0.001)
    hands = HandPoseEstimator(backend, detector, EstimatorSettings()).estimate(depth, camera, 0.0)
    centre = hand_centre(hands[0].positions) if hands else np.array([0.0, 0.0, 0.6])
    crop = Crop(centre, EstimatorSettings().cube_half_size).image(depth, camera, backend.input_size)
    return in_process(backend, lambda: backend.infer(crop[None, None]), setup.seconds)


def detector(setup: Setup) -> dict:
    """Detection in whole images alone, without a pause."""
    backend, hand_detector = setup.networks()
    frames, camera = setup.images()
    distances = EstimatorSettings().min_distance, EstimatorSettings().max_distance
    depths = itertools.cycle([frame * np.float32(0.001) for frame in frames])
    return in_process(backend, lambda: hand_detector.detect(next(depths), camera, distances), setup.seconds)


def estimator(setup: Setup, hands: int) -> dict:
    """Depth image to hands in one process, at 30 Hz as from a camera."""
    backend, hand_detector = setup.networks()
    frames, camera = setup.images(hands)
    depths = itertools.cycle([frame * np.float32(0.001) for frame in frames])
    hand_estimator = HandPoseEstimator(backend, hand_detector, EstimatorSettings())
    count = itertools.count()
    found: list[int] = []

    def estimate() -> None:
        found.append(len(hand_estimator.estimate(next(depths), camera, next(count) / 30)))

    return in_process(backend, estimate, setup.seconds, 30.0) | {"hands": round(float(np.mean(found)), 3)}


def in_process(backend: Backend, call: Callable[[], object], seconds: float, rate: float | None = None) -> dict:
    """The row of a call in this process, at `rate` Hz or without a pause."""
    timed(call, WARM_UP, rate)
    before = Usage.of(os.getpid())
    began = time.monotonic()
    times = timed(call, seconds, rate)
    elapsed, after = time.monotonic() - began, Usage.of(os.getpid())
    return {"engine": backend.description, "answered": len(times), "dropped": 0, "ms": percentiles(times)} | usage(
        before, after, elapsed
    )


def timed(call: Callable[[], object], seconds: float, rate: float | None) -> list[float]:
    """Seconds that each call took."""
    times: list[float] = []
    begin = time.monotonic()
    while (now := time.monotonic()) - begin < seconds:
        if rate and (early := begin + len(times) / rate - now) > 0:
            time.sleep(early)
        start = time.monotonic()
        call()
        times.append(time.monotonic() - start)
    return times


def node(
    setup: Setup, rate: float, hands: int = 1, size: tuple[int, int] | None = None,
    compressed: bool = False, busy: bool = False,
) -> dict:  # fmt: skip
    """The node in its own process, and a camera on the same cores that sends it images over DDS.

    The latency is that from an image's arrival at the node to its `HandPoseArray`.
    """
    from node_stream import NodeStream

    frames, camera = setup.images(hands, size)
    with NodeStream(frames, camera, setup.parameters, compressed) as stream:
        stream.first_pose()
        stream.stream(WARM_UP, rate)
        with busy_cores() if busy else nullcontext():
            window = stream.stream(setup.seconds, rate)
        images = [image for image in stream.finish() if image["stamp"] in window.sent]
    return {
        "engine": stream.description,
        "answered": len(window.answers),
        "dropped": len(window.sent) - len(window.answers),
        "ms": percentiles([image["latency"] for image in images]),
        "hands": round(window.hands / max(len(window.answers), 1), 3),
        "answers_per_second": round(len(window.answers) / window.seconds, 1),
        "sent_to_answer_ms": percentiles(window.answers),
        "profile_ms": profile(images, window.sent),
    } | usage(window.before, window.after, window.seconds)


def second(setup: Setup) -> dict:
    """From the first image of a second hand at the camera to the first answer with both hands, beside busy cores."""
    from node_stream import NodeStream

    without, both, camera = appearing_frames()
    times: list[float] = []
    with NodeStream(without, camera, setup.parameters) as stream:
        one, two = stream.messages(without), stream.messages(both)
        stream.first_pose()
        with busy_cores():
            before, began = Usage.of(stream.process.pid), time.monotonic()
            for _ in range(APPEARANCES):
                stream.show(one)
                stream.stream(ALONE, 30.0)
                stream.show(two)
                window = stream.stream(ANSWERED_WITHIN, 30.0, until_hands=2)
                times += [window.seconds] if window.most == 2 else []
            after, elapsed = Usage.of(stream.process.pid), time.monotonic() - began
        stream.finish()
    missed = APPEARANCES - len(times)
    return {
        "engine": stream.description, "answered": len(times), "dropped": missed,
        "ms": percentiles(times + missed * [ANSWERED_WITHIN]),
    } | usage(before, after, elapsed)  # fmt: skip


def first(setup: Setup) -> dict:
    """From the node's start to the first answer with a hand; its images come at 30 Hz all the time."""
    from node_stream import NodeStream

    times = []
    for _ in range(STARTS):
        with NodeStream(*setup.images(), setup.parameters) as stream:
            before, began = Usage.of(stream.process.pid), time.monotonic()
            times.append(stream.first_pose())
            after, elapsed = Usage.of(stream.process.pid), time.monotonic() - began
            stream.finish()
    return {"engine": stream.description, "answered": len(times), "dropped": 0, "ms": percentiles(times)} | usage(
        before, after, elapsed
    )


@contextmanager
def busy_cores() -> Iterator[None]:
    """Processes that compute without a pause, one for each core."""
    command = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(command) for _ in os.sched_getaffinity(0)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def profile(images: Sequence[dict[str, float]], sent: dict[int, float]) -> dict[str, float]:
    """Median milliseconds of each part of the node, one after the other, for the images that were answered."""
    rows: list[dict[str, float]] = []
    for image in images:
        part = dict.fromkeys(PARTS, 0.0) | {name: image.get(name, 0.0) for name in image}
        waited = part["pose network after detection"]  # it begins when detection does
        networks = part["detection networks"] + part["pose network"] + waited
        rows.append(
            {
                "send, DDS, deserialise": part["at"] - sent[part["stamp"]],
                "check, match, hand over": part["hand over"],
                "depth in metres": part["metres"],
                "detection: points, crops": part["detection"] - part["detection networks"],
                "detection: networks": part["detection networks"],
                "poses: crops": part["poses"] - part["pose network"],
                "pose network, after detection": part["pose network"] + waited,
                "smoothing, frames, angles": part["smoothing"],
                "tracking": part["estimate"] - part["detection"] - part["poses"] - part["smoothing"] - waited,
                "HandPoseArray": part["message"],
                "publish it": part["message and publishing"] - part["message"],
                "TF, joint states, markers": part["views"],
                "search for new hands": part["search"],
                "all but networks and DDS": part["latency"] - networks + part["views"],
            }
        )
    return {name: round(float(np.median([row[name] for row in rows])) * 1e3, 3) for name in rows[0]} if rows else {}


PARTS = (
    "hand over", "metres", "detection", "detection networks", "poses", "pose network", "pose network after detection",
    "smoothing", "estimate", "message", "message and publishing", "views", "search", "latency",
)  # fmt: skip
"""The parts of `timed_node`. One that was not called for an image took no time."""


def usage(before: Usage, after: Usage, seconds: float) -> dict[str, float]:
    """Cores used by the process and by everything else than it and the camera, and the largest memory."""
    cores, others = (after.cpu - before.cpu) / seconds, (after.others - before.others) / seconds
    return {"cores": round(cores, 2), "others": round(others, 2), "memory_mb": round(after.peak_memory)}


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """In milliseconds."""
    values = np.percentile(seconds if len(seconds) else [np.nan], (50, 95, 99)) * 1e3
    return dict(zip(("p50", "p95", "p99"), np.round(values, 2).tolist(), strict=True))


ROWS: dict[str, tuple[str, Callable[[Setup], dict]]] = {
    "network": ("network", network),
    "detector": ("detector", detector),
    "estimator": ("estimator, 30 Hz", lambda setup: estimator(setup, 1)),
    "estimator2": ("estimator, 30 Hz, two hands", lambda setup: estimator(setup, 2)),
    "node30": ("node, 30 Hz", lambda setup: node(setup, 30.0)),
    "node60": ("node, 60 Hz", lambda setup: node(setup, 60.0)),
    "node90": ("node, 90 Hz", lambda setup: node(setup, 90.0)),
    "hands2": ("node, 30 Hz, two hands", lambda setup: node(setup, 30.0, hands=2)),
    "wide": ("node, 30 Hz, 848x480", lambda setup: node(setup, 30.0, size=(848, 480))),
    "large": ("node, 30 Hz, 1280x720", lambda setup: node(setup, 30.0, size=(1280, 720))),
    "compressed": ("node, 30 Hz, compressedDepth", lambda setup: node(setup, 30.0, compressed=True)),
    "busy": ("node, 30 Hz, both cores busy", lambda setup: node(setup, 30.0, busy=True)),
    "second": ("second hand appears, both cores busy", second),
    "first": ("first pose after start", first),
}
"""Name -> what the table calls it, and its measurement."""
