"""`hand_pose_node` with a clock: writes how long each part of it took for each image.

    python benchmark/timed_node.py TIMES.json --ros-args ...

The node is the real one. The functions in `timed` are called through a clock, which costs about a microsecond each. At
the end, `TIMES.json` gets one object for each image: its parts in seconds; `at`, when it arrived by `time.monotonic()`;
and its stamp in nanoseconds.
"""

import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the node does

sys.path[:0] = [str(Path(__file__).parents[1])]

from fingerpose_ros.files import write_text  # noqa: E402
from fingerpose_ros.node import node  # noqa: E402
from fingerpose_ros.node.loading import load_estimator  # noqa: E402
from fingerpose_ros.node.publishers import Publishers  # noqa: E402
from fingerpose_ros.node.statistics import Statistics  # noqa: E402
from fingerpose_ros.perception.estimator import HandPoseEstimator  # noqa: E402
from fingerpose_ros.perception.pose import crop_predictor  # noqa: E402
from fingerpose_ros.perception.pose.crop_predictor import CropPredictor  # noqa: E402
from fingerpose_ros.ros import hand_messages  # noqa: E402
from fingerpose_ros.ros.depth_image import DepthImage  # noqa: E402

_running = threading.local()
images: list[dict[str, float]] = []


def timed(owner: Any, name: str, part: str) -> None:
    """Let the function `owner.name` add its duration to this `part` of the image that its thread works on."""
    function = getattr(owner, name)

    @wraps(function)
    def with_a_clock(*arguments, **options):
        start = time.monotonic()
        try:
            return function(*arguments, **options)
        finally:
            if hasattr(_running, "parts"):
                _running.parts[part] += time.monotonic() - start

    setattr(owner, name, with_a_clock)


def timed_estimator(settings: Mapping[str, Any]) -> tuple[HandPoseEstimator, str]:
    """The node's estimator, its networks with a clock."""
    estimator, description = load_estimator(settings)
    networks = estimator._detector.networks
    timed(estimator._detector, "detect", "detection")
    timed(networks, "propose", "detection networks")
    timed(networks, "classify", "detection networks")
    timed(estimator._backend, "infer", "pose network")
    return estimator, description


def observe(process: Callable) -> Callable:
    """`HandPoseNode._process`, in the worker's thread: collect the parts of each image."""

    def processed(self, frame) -> None:
        start = time.monotonic()
        stamp = frame.image.header.stamp
        _running.parts = parts = defaultdict(float, {"at": frame.arrived, "hand over": start - frame.arrived})
        parts["stamp"] = stamp.sec * 10**9 + stamp.nanosec
        process(self, frame)
        parts["all"] = time.monotonic() - start
        images.append(parts)

    return processed


def observe_search(finish: Callable) -> Callable:
    """`HandPoseEstimator.finish`, after the answer: its predictions are no part of the answer's."""

    def finished(self) -> None:
        parts, _running.parts = _running.parts, defaultdict(float)
        start = time.monotonic()
        try:
            finish(self)
        finally:
            parts["search"] += time.monotonic() - start
            _running.parts = parts

    return finished


def observe_answer(answer: Callable) -> Callable:
    """`Statistics.answer`: the latency that the node itself reports."""

    def answered(self, latency: float, hands: int, no_depth: bool) -> None:
        _running.parts.update(latency=latency, hands=hands)
        answer(self, latency, hands, no_depth)

    return answered


def main() -> int:
    node.HandPoseNode._process = observe(node.HandPoseNode._process)
    Statistics.answer = observe_answer(Statistics.answer)
    HandPoseEstimator.finish = observe_search(HandPoseEstimator.finish)
    timed(DepthImage, "metres", "metres")
    timed(HandPoseEstimator, "estimate", "estimate")
    timed(HandPoseEstimator, "_hand", "smoothing")
    timed(CropPredictor, "predict", "poses")
    timed(crop_predictor, "wait", "pose network after detection")
    timed(hand_messages, "hand_pose_array", "message")
    timed(Publishers, "publish_poses", "message and publishing")
    timed(Publishers, "publish_views", "views")
    try:
        return node.main([sys.argv[0], *sys.argv[2:]], timed_estimator)
    finally:
        write_text(Path(sys.argv[1]), json.dumps(images))


if __name__ == "__main__":
    sys.exit(main())
