"""The parameters of `hand_pose_node`: their meaning, defaults and allowed values.

`config/hand.yaml` and `docs/node.md` list them too; a test compares both with this table.
"""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from fingerpose_ros.perception import backends
from fingerpose_ros.perception.settings import EstimatorSettings
from fingerpose_ros.ros.camera_info import AUTO, DISTORTION

from .ignored_frames import parse_ignored_frames
from .settings import Parameters, Setting


def _of_estimator(name: str, description: str, **limits) -> Setting:
    """A setting of the estimator, with the default of `EstimatorSettings`."""
    return Setting(name, getattr(EstimatorSettings(), name), description, **limits)


SETTINGS = (
    Setting("autostart", True, "Configure and activate the node when it starts."),
    Setting(
        "image_transport", "raw",
        "Transport of the depth images: raw, or compressedDepth (on the image topic plus /compressedDepth).",
        choices=("raw", "compressedDepth"),
    ),
    Setting(
        "reliability", "best_effort",
        "QoS of the subscriptions to image and camera info. Use reliable for a bag replay.",
        choices=("best_effort", "reliable"),
    ),
    Setting(
        "distortion", AUTO,
        "Lens distortion in the depth image. auto: none if camera info's `p` differs from `k` (the camera is then `p`),"
        " else `d`. ignore: none, the image is rectified. apply: `d`, it is not rectified (the camera is `k`).",
        choices=DISTORTION,
    ),
    Setting("frame_prefix", "", "Prefix of every joint's TF frame name, used as it is."),
    Setting("overlay", True, "Draw the hands on the depth image while `overlay` has subscribers."),
    Setting(
        "backend", "auto", "Inference engine. auto: OpenVINO on a CPU, PyTorch on a GPU; the choice is logged.",
        choices=backends.BACKENDS,
    ),
    Setting(
        "device", "auto", "Device that runs the network. cuda without a CUDA device is an error.",
        choices=backends.DEVICES,
    ),
    Setting("model", "", "Path of the pose network's weights; empty: those of the package."),
    Setting("detector", "", "Path of the detector's weights; empty: those of the package."),
    Setting(
        "precision", "auto",
        "Number format of the network. auto: bf16, int8 or f32, by the processor's instructions; the choice is logged.",
        choices=backends.PRECISIONS,
    ),
    Setting(
        "threads", 0, "CPU threads of the networks. 0: two with OpenVINO, else the engine's default.", low=0, high=64
    ),
    _of_estimator("min_distance", "Minimum distance of hands from the camera, metres.", low=0.05, high=5.0),
    _of_estimator("max_distance", "Maximum distance of hands from the camera, metres.", low=0.1, high=5.0),
    Setting(
        "ignored_frames", [""],
        "TF frames, each with a radius in metres, such as `[\"tool0: 0.15\"]`: within it of the frame's origin, no "
        "palm is a hand's. `[\"\"]`: none.",
    ),
    _of_estimator(
        "cube_half_size", "Half the edge length, in metres, of the cube that is cropped around a hand.",
        low=0.08, high=0.25,
    ),
    _of_estimator(
        "handedness", "Hands to track. right or left: every hand is classified as that one.",
        choices=("both", "right", "left"),
    ),
    _of_estimator("max_hands", "Maximum number of tracked hands.", low=1, high=4),
    _of_estimator("hand_model", "Learn the lengths of a hand's bones, and keep them and the anatomical limits."),
    _of_estimator("smoothing", "Smooth the joints over time (One-Euro filter)."),
    _of_estimator(
        "smoothing_min_cutoff", "Cut-off frequency of the filter at rest, Hz. Lower: less jitter, more lag.",
        low=0.05, high=30.0,
    ),
    _of_estimator(
        "smoothing_beta", "Increase of the cut-off with speed, Hz per m/s. Higher: less lag in motion.",
        low=0.0, high=1000.0,
    ),
    _of_estimator(
        "max_sigma", "Maximum standard deviation of a valid joint, metres.", low=0.001, high=1.0
    ),
    _of_estimator(
        "min_detection_confidence",
        "Minimum confidence of a new hand: the probability that a palm lies within 80 mm.",
        low=0.01, high=0.99,
    ),
    _of_estimator(
        "min_tracking_confidence", "Minimum confidence of a tracked hand; below it, the hand is absent.",
        low=0.01, high=0.99,
    ),
)  # fmt: skip

_FRAME_PREFIX = re.compile(r"([A-Za-z0-9_][A-Za-z0-9_/]*)?")


def estimator_settings(current: Mapping[str, Any]) -> EstimatorSettings:
    """The estimator's part of the node's settings.

    Raises:
        ValueError: as `EstimatorSettings` does.
    """
    return EstimatorSettings(**{field.name: current[field.name] for field in fields(EstimatorSettings)})


def _problem(current: Mapping[str, Any]) -> str:
    """What is wrong with these values together, "" if they are valid."""
    try:
        estimator_settings(current)
        parse_ignored_frames(current["ignored_frames"])
    except ValueError as error:
        return str(error)
    if not _FRAME_PREFIX.fullmatch(current["frame_prefix"]):
        return f"frame_prefix {current['frame_prefix']!r} must be letters, digits, _ and /, without a leading /"
    return ""


PARAMETERS = Parameters("hand_pose_node", SETTINGS, _problem)
