"""Benchmark of latency and throughput: the network alone, the estimator, and the node over DDS; output as JSON.

    python benchmark/latency.py                       # 30, 60, 90 Hz and maximum rate, one hand.
    python benchmark/latency.py --hands 2 --precision f32
    python benchmark/latency.py --minutes 30          # endurance: growth of memory, threads and latency.
    python benchmark/latency.py --device cuda         # PyTorch on a GPU, batches of one crop and of many.

The images are those of the sample recording that show one hand, or both, completely, played forward and backward.
`--frames FOLDER` (depth/*.png, meta.json) replaces them; with `--only network estimator` this needs no ROS. The first
calls warm up and are not counted.
"""

import argparse
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the node does

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[1])]

from usage import Usage, conditions  # noqa: E402

from fingerpose_ros.files import write_text  # noqa: E402
from fingerpose_ros.perception import backends  # noqa: E402
from fingerpose_ros.perception.camera import Camera  # noqa: E402
from fingerpose_ros.perception.detection.detector import Detector  # noqa: E402
from fingerpose_ros.perception.estimator import HandPoseEstimator  # noqa: E402
from fingerpose_ros.perception.kinematics import hand_centre  # noqa: E402
from fingerpose_ros.perception.pose.crop import Crop  # noqa: E402
from fingerpose_ros.perception.pose.prediction import Backend  # noqa: E402
from fingerpose_ros.perception.settings import EstimatorSettings  # noqa: E402
from fingerpose_ros.recording.frame_folder import FrameFolder  # noqa: E402

RATES = (30.0, 60.0, 90.0)
BATCHES = (1, 2, 4, 8, 16, 32)
LAYERS = ("network", "estimator", "node")
WARM_UP = 3.0
"""Seconds of streaming before the measurement: tracking starts, caches fill."""

MAX_FRAMES = 100
WINDOW = 10.0
"""Seconds between two samples of the node's resource usage in the endurance test."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=LAYERS, default=LAYERS, help="what to measure")
    parser.add_argument("--seconds", type=float, default=40.0, help="duration of each measurement")
    parser.add_argument("--minutes", type=float, help="run only the endurance test at 30 Hz, for this time")
    parser.add_argument("--hands", type=int, choices=(1, 2), default=1, help="number of hands in the sample's images")
    parser.add_argument("--frames", type=Path, help="folder of depth images instead of the sample")
    parser.add_argument("--model", default="")
    parser.add_argument("--backend", choices=backends.BACKENDS, default="auto")
    parser.add_argument("--device", choices=backends.DEVICES, default="auto")
    parser.add_argument("--precision", choices=backends.PRECISIONS, default="auto")
    parser.add_argument("--json", type=Path, help="file to write the report to, besides printing it")
    arguments = parser.parse_args()

    frames, camera = folder_frames(arguments.frames) if arguments.frames else sample_frames(arguments.hands)
    engine = {name: getattr(arguments, name) for name in ("backend", "device", "model", "precision")}
    report = {
        "conditions": conditions(),
        "images": {"size": f"{camera.width}x{camera.height}", "different": len(frames), "hands": arguments.hands},
    }
    if arguments.minutes:
        report["endurance"] = endurance(frames, camera, engine, arguments.minutes)
    else:
        if "network" in arguments.only or "estimator" in arguments.only:
            backend = backends.create_backend(**engine)
            detector = backends.create_detector(arguments.backend, arguments.device, precision=backend.precision)
            report["engine"] = backend.description
        if "network" in arguments.only:
            report["network"] = network(backend, detector, frames, camera, arguments.seconds)
        if "estimator" in arguments.only:
            report["estimator"] = estimator(backend, detector, frames, camera, arguments.seconds)
        if "node" in arguments.only:
            report["node"] = node(frames, camera, engine, arguments.seconds)
        if {"node", "estimator"} <= set(arguments.only):
            paced, alone = (report[layer]["30 Hz"] for layer in ("node", "estimator"))
            report["node_adds_p50_ms"] = round(paced["arrival_to_pose_ms"]["p50"] - alone["ms"]["p50"], 2)
    text = json.dumps(report, indent=1)
    print(text)
    if arguments.json:
        write_text(arguments.json, text + "\n")
    return 0


def sample_frames(hands: int) -> tuple[list[np.ndarray], Camera]:
    """The sample's images with this number of hands completely in view, forward and backward, uint16 millimetres."""
    from fingerpose_ros.commands.demo import SAMPLE
    from fingerpose_ros.recording.bag_reader import DepthBag
    from fingerpose_ros.recording.bag_writer import TRUTH_TOPIC
    from fingerpose_ros.recording.recordings import depth_frames, recorded_hands
    from fingerpose_ros.share import share_folder

    path = share_folder() / SAMPLE
    truth = recorded_hands(path, TRUTH_TOPIC)
    frames = []
    with DepthBag(path) as bag:
        for frame in depth_frames(bag):
            true_hands = truth.get(frame.stamp, [])
            if len(true_hands) == hands and all(hand.valid.all() for hand in true_hands):
                frames.append(np.round(frame.depth * 1000).astype(np.uint16))
                camera = frame.camera
            elif frames:  # only one contiguous sequence
                break
    return forward_and_backward(frames[:MAX_FRAMES]), camera


def folder_frames(path: Path) -> tuple[list[np.ndarray], Camera]:
    folder = FrameFolder.open(path)
    count = min(len(folder.images), MAX_FRAMES)
    frames = [np.round(folder.depth(i) * 1000).astype(np.uint16) for i in range(count)]
    return forward_and_backward(frames), folder.camera


def forward_and_backward(frames: list[np.ndarray]) -> list[np.ndarray]:
    """A sequence that can be repeated without a jump."""
    return frames + frames[-2:0:-1]


def network(backend: Backend, detector: Detector, frames: Sequence[np.ndarray], camera: Camera, seconds: float) -> dict:
    """The networks alone: the pose network on a hand's crop, for each batch size; detection in whole images."""
    depth = frames[0] * np.float32(0.001)
    hands = HandPoseEstimator(backend, detector, EstimatorSettings()).estimate(depth, camera, 0.0)
    centre = hand_centre(hands[0].positions) if hands else np.array([0.0, 0.0, 0.6])
    crop = Crop(centre, EstimatorSettings().cube_half_size).image(depth, camera, backend.input_size)
    report = {}
    for batch in BATCHES:
        images = np.repeat(crop[None, None], batch, axis=0)
        times = timed(lambda images=images: backend.infer(images), seconds / 2)
        report[f"batch {batch}"] = {
            "ms": percentiles(times),
            "crops_per_second": round(batch / float(np.mean(times)), 1),
        }
    distances = EstimatorSettings().min_distance, EstimatorSettings().max_distance
    depths = itertools.cycle(frame * np.float32(0.001) for frame in frames[:30])
    times = timed(lambda: detector.detect(next(depths), camera, distances), seconds / 2)
    report["detection"] = {"ms": percentiles(times)}
    return report


def estimator(
    backend: Backend, detector: Detector, frames: Sequence[np.ndarray], camera: Camera, seconds: float
) -> dict:
    """Depth image to hands in this process: at 30 Hz, as from a camera, and at the maximum rate."""
    depths = [depth * np.float32(0.001) for depth in frames]
    report = {}
    for name, rate in (("30 Hz", 30.0), ("flat out", None)):
        hands = HandPoseEstimator(backend, detector, EstimatorSettings())
        count, with_a_hand = 0, 0

        def estimate(hands: HandPoseEstimator = hands) -> None:
            nonlocal count, with_a_hand
            with_a_hand += bool(hands.estimate(depths[count % len(depths)], camera, count / 30))
            count += 1

        times = timed(estimate, seconds, rate)
        report[name] = {
            "ms": percentiles(times),
            "images_per_second": round(len(times) / seconds if rate else 1 / float(np.mean(times)), 1),
            "with_a_hand": round(with_a_hand / count, 3),
        }
    return report


def timed(call: Callable[[], object], seconds: float, rate: float | None = None) -> np.ndarray:
    """Seconds that each call took, at `rate` Hz or without a pause, after some calls to warm up."""
    for _ in range(10):
        call()
    times, begin = [], time.perf_counter()
    while (now := time.perf_counter()) - begin < seconds:
        if rate and (early := begin + len(times) / rate - now) > 0:
            time.sleep(early)
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return np.array(times)


def node(frames: Sequence[np.ndarray], camera: Camera, engine: dict[str, str], seconds: float) -> dict:
    """Images over DDS to a node in its own process, and its answers back."""
    from node_stream import NodeStream

    report: dict = {}
    for rate in (*RATES, None):
        with NodeStream(frames, camera, engine_parameters(engine)) as stream:
            stream.stream(WARM_UP, rate or RATES[0])
            window = stream.stream(seconds, rate)
            health = stream.health()
        report.setdefault("engine", health["backend"])
        report[f"{rate:.0f} Hz" if rate else "flat out"] = {
            "sent": window.sent,
            "missed": window.sent - len(window.latencies),
            "answers_per_second": round(len(window.latencies) / window.seconds, 1),
            "hands_per_answer": round(window.hands / max(len(window.latencies), 1), 3),
            "sent_to_answered_ms": percentiles(window.latencies),
            "arrival_to_pose_ms": {  # measured by the node, over its last 1000 images
                "p50": float(health["latency p50 (ms)"]),
                "p99": float(health["latency p99 (ms)"]),
            },
            "jitter_ms": round(float(np.std(np.diff(window.arrivals))) * 1e3, 2),
            "cpu_cores": round((window.after.cpu - window.before.cpu) / window.seconds, 2),
            "peak_memory_mb": round(window.after.peak_memory, 1),
        }
    return report


def endurance(frames: Sequence[np.ndarray], camera: Camera, engine: dict[str, str], minutes: float) -> dict:
    """A long run at 30 Hz: the node's memory, threads, descriptors and latency in each window."""
    from node_stream import NodeStream

    windows: list[dict] = []
    sent = missed = 0
    with NodeStream(frames, camera, engine_parameters(engine)) as stream:
        stream.stream(WARM_UP, RATES[0])
        while len(windows) * WINDOW < minutes * 60:
            window = stream.stream(WINDOW, RATES[0])
            usage: Usage = window.after
            sent += window.sent
            missed += window.sent - len(window.latencies)
            windows.append(
                {
                    "second": round((len(windows) + 1) * WINDOW),
                    "memory_mb": round(usage.memory, 2),
                    "threads": usage.threads,
                    "descriptors": usage.descriptors,
                    "latency_ms": percentiles(window.latencies),
                }
            )
            print(json.dumps(windows[-1]), file=sys.stderr, flush=True)
    part = max(len(windows) // 10, 1)
    first, last = windows[part : 2 * part] or windows[:part], windows[-part:]  # the first tenth is warm-up
    memory = [np.mean([window["memory_mb"] for window in tenth]) for tenth in (first, last)]
    return {
        "sent": sent,
        "missed": missed,
        "memory_growth": round(float(memory[1] / memory[0] - 1), 5),
        "threads": [first[0]["threads"], last[-1]["threads"]],
        "descriptors": [first[0]["descriptors"], last[-1]["descriptors"]],
        "latency_p50_ms": [round(float(np.mean([x["latency_ms"]["p50"] for x in xs])), 2) for xs in (first, last)],
        "windows": windows,
    }


def engine_parameters(engine: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in engine.items() if value}


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """In milliseconds."""
    values = np.percentile(seconds if len(seconds) else [np.nan], (50, 95, 99)) * 1e3
    return dict(zip(("p50", "p95", "p99"), np.round(values, 2).tolist(), strict=True))


if __name__ == "__main__":
    sys.exit(main())
