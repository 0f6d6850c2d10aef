"""Evaluation of a detector alone: which palms are proposed, and which candidates are hands by its score."""

import json

import cv2
import numpy as np
import pytest
import torch

pytest.importorskip("warp", reason="its figures use training's renderer, which needs warp-lang")

from fingerpose_ros.perception.detection.detector import Detection
from fingerpose_ros.perception.detection.network import detection_networks
from fingerpose_ros.perception.pose.network.weights import save_tensors
from training.evaluation.detection_sets import read_set
from training.evaluation.detector import evaluate
from training.evaluation.evaluate import main

PALM, OTHER, FAR = (0.0, 0.0, 0.6), (0.2, 0.0, 0.6), (-0.2, 0.1, 0.7)


class GivenDetections:
    """A detector that proposes given points, and takes each for a palm with the logit given."""

    def __init__(self, points, logits):
        self.points, self.logits = np.array(points, np.float32).reshape(-1, 3), logits

    def propose(self, depth, camera, distances):
        return self.points

    def detect(self, depth_m, camera, distances, expected=None):
        found = [Detection(point, np.ones(3), logit) for point, logit in zip(self.points, self.logits, strict=True)]
        return sorted(found, key=lambda detection: -detection.logit)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "set"
    (path / "depth").mkdir(parents=True)
    cv2.imwrite(str(path / "depth" / "0.png"), np.full((240, 320), 700, np.uint16))
    meta = {"width": 320, "height": 240, "fx": 300, "fy": 300, "cx": 160, "cy": 120, "depth_unit_m": 0.001}
    (path / "meta.json").write_text(json.dumps(meta))
    (path / "palms.json").write_text(json.dumps([[PALM, OTHER]]))
    return path


def test_palms_near_a_candidate_are_proposed_and_found_if_the_score_is_high(folder):
    detector = GivenDetections([(0.07, 0, 0.6), OTHER, FAR], [3.0, -2.0, 0.1])
    (matches, strict, swept), proposed = evaluate(read_set(folder), detector, 0.5)
    assert proposed == 1.0
    assert [outcome for _, _, outcome in matches.detections] == ["matched", "false"]
    assert [outcome for _, _, outcome in strict.detections] == ["false", "false"]  # 70 mm off
    assert len(swept.detections) == 2  # max_hands
    assert sorted(score for _, score, _ in matches.detections) == pytest.approx([0.525, 0.953], abs=1e-3)


def test_a_palm_without_a_candidate_is_not_proposed(folder):
    (matches, _, _), proposed = evaluate(read_set(folder), GivenDetections([PALM], [3.0]), 0.5)
    assert proposed == 0.5 and len(matches.detections) == 1
    _, proposed = evaluate(read_set(folder), GivenDetections([], []), 0.5)
    assert proposed == 0.0


def test_weights_are_evaluated_from_the_command_line(folder, tmp_path, capsys):
    save_tensors(tmp_path / "detector.safetensors", detection_networks().state_dict(), {})
    output = tmp_path / "out.json"
    assert (
        main(["detector", str(folder), "--weights", str(tmp_path / "detector.safetensors"), "--json", str(output)]) == 0
    )
    report = json.loads(output.read_text())
    assert report["sets"][str(folder)]["hands"] == 2 and 0 <= report["mean"]["proposed"] <= 1
    assert "of palms proposed by" in capsys.readouterr().out


def test_weights_of_another_network_are_rejected(folder, tmp_path, capsys):
    save_tensors(tmp_path / "other.safetensors", {"stem.weight": torch.zeros(3)}, {})
    assert main(["detector", str(folder), "--weights", str(tmp_path / "other.safetensors")]) == 2
    assert "other.safetensors holds no detector" in capsys.readouterr().err
