"""The detector on rendered scenes, with stand-ins for its networks; its confidence; and its model file."""

import json
import subprocess
import sys
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rendered_scene import CAMERA, render

from fingerpose_ros.commands.demo import SAMPLE
from fingerpose_ros.perception import backends
from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.detection import model_file
from fingerpose_ros.perception.detection.confidence import DETECTOR_ALONE, Confidence, logit, sigmoid
from fingerpose_ros.perception.detection.detector import APART, CANDIDATES, HandDetector, best_apart, best_candidates
from fingerpose_ros.perception.detection.prediction import (
    CONTEXT_HALF,
    CONTEXT_SIZE,
    DETAIL_HALF,
    DETAIL_SIZE,
    PROPOSAL_HALF,
    PROPOSAL_SIZE,
    Classification,
)
from fingerpose_ros.perception.detection.surface import decimated, metric_crops, surface_points
from fingerpose_ros.recording.bag_reader import DepthBag
from fingerpose_ros.recording.recordings import depth_frames
from fingerpose_ros.share import share_folder

DISTANCES = (0.2, 1.5)
BALL = np.array([0.05, -0.02, 0.6])
SCENE = [(BALL, 0.05)]
WALL = (((0.0, 0.0, 1.0), 1.0),)


class Nearness:
    """Networks for which the nearest surface is a hand: the logit is the depth at a crop's middle, against its mean."""

    def propose(self, crops):
        assert crops.dtype == np.float32 and crops.shape[1:] == (PROPOSAL_SIZE, PROPOSAL_SIZE)
        middle = crops[:, 8:16, 8:16].mean((1, 2))
        return crops.mean((1, 2)) - middle, np.zeros((len(crops), 3), np.float32)

    def classify(self, context, detail):
        assert context.shape[1:] == (CONTEXT_SIZE, CONTEXT_SIZE) and detail.shape[1:] == (DETAIL_SIZE, DETAIL_SIZE)
        logits = context.mean((1, 2)) - detail[:, 24:40, 24:40].mean((1, 2))
        return Classification(logits, np.zeros((len(context), 3)), np.tile([0.0, -2, 0], (len(context), 1)))


@pytest.fixture
def detector():
    return HandDetector(Nearness(), DETECTOR_ALONE)


def test_the_likeliest_detection_comes_first_in_metres(detector):
    detections = detector.detect(render(CAMERA, SCENE, WALL), CAMERA, DISTANCES)
    assert np.linalg.norm(detections[0].palm - BALL) < 0.06
    assert [d.logit for d in detections] == sorted((d.logit for d in detections), reverse=True)
    assert all(np.linalg.norm(d.direction) == pytest.approx(1) for d in detections)


def test_detections_lie_apart_and_are_few(detector):
    scene = [(np.array([0.2 * x, 0.2 * y, 0.6]), 0.05) for x in range(-2, 3) for y in range(-1, 2)]
    detections = detector.detect(render(CAMERA, scene, WALL), CAMERA, DISTANCES)
    palms = np.array([d.palm for d in detections])
    apart = np.linalg.norm(palms[:, None] - palms, axis=2)[np.triu_indices(len(palms), 1)]
    assert 1 < len(palms) <= CANDIDATES and apart.min() >= APART


def test_the_expected_palms_of_tracks_are_classified_too(detector):
    scene = [(np.array([0.15 * x, 0.15 * y, 0.5]), 0.05) for x in range(-2, 3) for y in range(-1, 2)]
    depth, corner = render(CAMERA, [*scene, (np.array([0.3, 0.3, 0.9]), 0.05)], WALL), np.array([[0.3, 0.3, 0.85]])
    near = [
        min((np.linalg.norm(d.palm - corner) for d in detector.detect(depth, CAMERA, DISTANCES, expected)), default=9)
        for expected in (None, corner)
    ]
    assert near[0] > APART and near[1] < 1e-6


@pytest.mark.parametrize("distances", [(0.2, 0.5), (0.9, 1.5)])
def test_nothing_is_detected_out_of_range(detector, distances):
    detections = detector.detect(render(CAMERA, SCENE, ()), CAMERA, distances)
    assert detections == []


@pytest.mark.parametrize("value", (0.0, np.nan, np.inf, -1.0))
def test_an_image_without_valid_pixels_has_no_detection(detector, value):
    depth = np.full((CAMERA.height, CAMERA.width), value, np.float32)
    assert detector.detect(depth, CAMERA, DISTANCES) == []


def test_all_kinds_of_invalid_pixels_are_alike(detector):
    depth, found = render(CAMERA, SCENE, WALL), []
    for value in (0.0, np.nan, np.inf, -1.0):
        depth[:40] = value
        found.append([detection.palm for detection in detector.detect(depth, CAMERA, DISTANCES)])
    assert all(np.array_equal(palms, found[0]) for palms in found)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.integers(1, 70), st.integers(0, 2**32 - 1), st.booleans())
def test_wild_depth_never_raises_and_detections_are_finite(width, height, seed, lens):
    random = np.random.default_rng(seed)
    values = np.array([0, np.nan, np.inf, -np.inf, -1, 1e-30, 1e30, 0.4, 0.41, 0.6, 1.0], np.float32)
    model = ("plumb_bob", (-0.2, 0.05, 0.0, 0.0, 0.0)) if lens else ("none", ())
    camera = Camera(width, height, 80.0, 80.0, width / 2, height / 2, *model)
    depth = random.choice(values, (height, width))
    for detection in HandDetector(Nearness(), DETECTOR_ALONE).detect(depth, camera, DISTANCES):
        assert np.isfinite(detection.palm).all() and DISTANCES[0] <= detection.palm[2] <= DISTANCES[1]
        assert np.isfinite(detection.logit) and np.linalg.norm(detection.direction) == pytest.approx(1)


def test_an_output_that_is_not_finite_is_an_error(monkeypatch, detector):
    nowhere = np.full(1000, np.nan), np.zeros((1000, 3))
    monkeypatch.setattr(Nearness, "propose", lambda _, crops: [values[: len(crops)] for values in nowhere])
    with pytest.raises(RuntimeError, match="detector's output is not finite"):
        detector.detect(render(CAMERA, SCENE, WALL), CAMERA, DISTANCES)


def test_of_points_that_are_close_the_best_is_kept():
    points = np.array([[0, 0, 1.0], [0.05, 0, 1], [0.2, 0, 1], [0.5, 0, 1]])
    assert best_apart(points, np.array([1, 3, 2, -np.inf]), 3).tolist() == [1, 2]
    assert best_apart(points, np.array([1, 3, 2, 4]), 2).tolist() == [3, 1]
    assert best_apart(points[:0], np.zeros(0), 2).tolist() == []


def test_points_that_agree_outvote_a_likelier_one_and_their_mean_is_the_candidate():
    agreeing = np.array([0.1, 0.0, 0.7]) + 0.003 * np.eye(3)
    palms = np.concatenate([[[-0.3, 0.0, 0.7]], agreeing])
    candidates = best_candidates(palms, np.array([1.0, 0.5, 0.5, 0.5]), 2)
    assert np.allclose(candidates, [agreeing.mean(0), palms[0]], atol=1e-3)
    assert best_candidates(palms[:0], np.zeros(0), 2).shape == (0, 3)


@given(st.floats(-1e9, 1e9), st.floats(0, 1), st.floats(0, 1))
def test_evidence_is_finite_and_more_of_it_is_never_less_sure(detector_logit, present, placed):
    confidence = Confidence(0.3, 0.5, 0.2, -2.0)
    evidence = confidence.evidence(detector_logit, present, placed)
    assert np.isfinite(evidence) and 0 <= sigmoid(evidence) <= 1
    assert confidence.evidence(detector_logit + 1, present, placed) >= evidence
    assert confidence.evidence(detector_logit, min(1, present + 0.1), placed) >= evidence
    assert confidence.evidence(detector_logit, present, min(1, placed + 0.1)) >= evidence


def test_a_probability_and_its_logit_are_inverse():
    for probability in (0.01, 0.5, 0.99):
        assert sigmoid(logit(probability)) == pytest.approx(probability)


@pytest.mark.parametrize("values", [(-0.1, 1, 1, 0), (1, np.nan, 1, 0), (1, 1, -1, 0), (1, 1, 1, np.inf)])
def test_an_invalid_confidence_is_rejected(values):
    with pytest.raises(ValueError, match="three weights of 0 or more and a bias"):
        Confidence(*values)


def test_the_packaged_detector_is_the_same_in_both_engines():
    pytest.importorskip("torch")
    one, other = (backends.create_detector(name, "cpu", threads=1) for name in ("openvino", "torch"))
    assert one.confidence == other.confidence
    depth, camera = decimated(render(CAMERA, SCENE, WALL), CAMERA)
    points = surface_points(depth, camera, *DISTANCES)
    assert len(points) > 100  # more than a batch
    crops = metric_crops(depth, camera, points, PROPOSAL_HALF, PROPOSAL_SIZE)
    for a, b in zip(one.networks.propose(crops), other.networks.propose(crops), strict=True):
        assert np.allclose(a, b, atol=1e-3)
    context = metric_crops(depth, camera, points[:10], CONTEXT_HALF, CONTEXT_SIZE)
    detail = metric_crops(depth, camera, points[:10], DETAIL_HALF, DETAIL_SIZE)
    first, second = (detector.networks.classify(context, detail) for detector in (one, other))
    for name in ("logits", "offsets", "directions"):
        assert np.allclose(getattr(first, name), getattr(second, name), atol=1e-3)


def test_the_packaged_detector_in_int8_is_near_float32():
    in_float32, in_int8 = (backends.create_detector("openvino", "cpu", "", 1, name) for name in ("f32", "int8"))
    assert in_float32.confidence != in_int8.confidence
    with DepthBag(share_folder() / SAMPLE) as bag:
        frames = list(islice(depth_frames(bag), 30, 90, 20))
    for frame in frames:
        one, other = (detector.detect(frame.depth, frame.camera, DISTANCES)[0] for detector in (in_float32, in_int8))
        assert one.logit > 5 and 0 < abs(one.logit - other.logit) < 0.25 * one.logit
        assert 0 < np.linalg.norm(one.palm - other.palm) < 0.015
        assert one.direction @ other.direction > 0.97


def test_a_detector_without_graphs_in_int8_is_rejected(monkeypatch):
    monkeypatch.setattr(model_file, "INT8_SUFFIX", "_missing")
    with pytest.raises(ValueError, match=r"detector\.safetensors cannot run in int8\. Export it again"):
        backends.create_detector("openvino", "cpu", "", 1, "int8")


SIGNAL_AFTER_RELEASE = """
import gc, os, signal
from fingerpose_ros.perception import backends
signal.signal(signal.SIGUSR1, lambda *_: None)
for _ in range(3):
    one, other = (make("openvino", "cpu", threads=1) for make in (backends.create_backend, backends.create_detector))
    del one
    gc.collect()
    del other
    gc.collect()
    for _ in range(10):
        os.kill(os.getpid(), signal.SIGUSR1)
"""


def test_a_signal_after_the_networks_were_released_does_not_end_the_process():
    done = subprocess.run([sys.executable, "-c", SIGNAL_AFTER_RELEASE], check=False, timeout=120)
    assert done.returncode == 0


def test_a_missing_detector_is_rejected_with_its_path(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no model at .*none\.safetensors.*export_detector"):
        backends.create_detector("openvino", "cpu", tmp_path / "none.safetensors")


def test_a_pose_network_is_not_a_detector():
    with pytest.raises(ValueError, match="lacks confidence, detector"):
        backends.create_detector("openvino", "cpu", share_folder() / "models" / "fingerposenet.safetensors")


def test_the_detectors_report_belongs_to_its_file():
    from fingerpose_ros.perception.pose.model_file import checksum

    folder = share_folder() / "models"
    report = json.loads((folder / "detector.json").read_text())
    path = folder / "detector.safetensors"
    assert report["sha256"] == checksum(path) and path.stat().st_size < 3e6
