"""Evaluation of the estimator on whole images without a hand: false positives."""

import json

import numpy as np
import pytest
from rendered_scene import placed, record

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from fingerpose_ros.perception.detection.confidence import Confidence
from fingerpose_ros.perception.detection.detector import Detection
from fingerpose_ros.perception.kinematics import hand_centre
from fingerpose_ros.perception.pose.prediction import Prediction
from fingerpose_ros.recording.frame_folder import FrameFolder
from training.evaluation import hand_free
from training.evaluation.evaluate import main
from training.evaluation.models import Models
from training.rendering.hand_free_images import KINDS, HandFreeImages

JOINTS = np.stack([placed(at=(0.02, 0, 0.6)), placed(at=(-0.15, 0.05, 0.7), turn=(0, 0, 1.0))])


class ConstantBackend:
    """Predicts the same for every crop: a hand in its middle, present with probability `present`."""

    input_size, description, concurrent = 32, "stand-in", False

    def __init__(self, present: float):
        self.present = present

    def infer(self, images):
        n = len(images)
        hand = placed(at=(0, 0, 0)) / 0.14
        uvd = np.broadcast_to(hand - hand_centre(hand), (n, 21, 3))
        return Prediction(uvd, np.full((n, 21, 3), 0.05), np.full(n, 0.9), np.full(n, self.present))


class KnownHands:
    """Detects the recording's hands where there is a surface, else a hand at the nearest surface in range."""

    confidence = Confidence(0.0, 1.0, 0.0, 0.0)

    def detect(self, depth_m, camera, distances, expected=None):
        found = []
        for centre in (hand_centre(joints) for joints in JOINTS):
            column, row = np.round(camera.project(centre)).astype(int)
            inside = 0 <= row < camera.height and 0 <= column < camera.width
            if inside and abs(depth_m[row, column] - centre[2]) < 0.05:
                found.append(centre)
        depth = np.where((depth_m >= distances[0]) & (depth_m <= distances[1]), depth_m, np.inf)
        row, column = np.unravel_index(np.argmin(depth), depth.shape)
        if not found and np.isfinite(depth[row, column]):
            found = [camera.back_project(np.array([column, row]), depth[row, column])]
        return [Detection(centre, np.array([0.0, -0.01, 0]), 5.0) for centre in found]


def use(monkeypatch, present):
    models = Models(ConstantBackend(present), KnownHands())
    monkeypatch.setattr(hand_free, "make_models", lambda arguments: models)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A folder of two frames with true joints: a hand in the middle of the image, and one beside it."""
    return record(tmp_path_factory.mktemp("recording"), JOINTS)


def test_a_hand_free_image_depends_on_seed_and_index_only_and_shows_its_kind():
    images = HandFreeImages(3)
    for k, expected in enumerate(KINDS):
        kind, camera, depth = images[k]
        assert kind == expected and depth.shape == (camera.height, camera.width) and depth.dtype == np.float32
        assert np.isfinite(depth).all() and (depth >= 0).all() and (depth > 0).mean() > 0.01
    again = HandFreeImages(3)[len(KINDS) - 1]
    assert again[1] == camera and (again[2] == depth).all()
    assert not np.array_equal(HandFreeImages(4)[len(KINDS) - 1][2], depth)


@pytest.mark.parametrize(("present", "fraction"), [(0.8, 1.0), (0.3, 0.0)])
def test_false_positives_are_counted_by_kind_and_confidence(monkeypatch, tmp_path, recording, present, fraction):
    use(monkeypatch, present)
    output = tmp_path / "hand_free.json"
    assert main(["hand_free", "--count", "5", "--real", str(recording), "--json", str(output)]) == 0
    report = json.loads(output.read_text())
    body = report["synthetic"]["body"]
    assert body["frames"] == 1 and body["false_positives"] == fraction
    assert (
        body["false_positives_at_confidence"]["0.8"] == fraction and body["false_positives_at_confidence"]["0.9"] == 0
    )
    assert report["synthetic"]["all"]["frames"] == 5 and set(report["synthetic"]) == {*KINDS, "all"}
    real = report["real"][str(recording)]
    assert real["frames"] == 2 and real["hands_removed"] == 2 * fraction
    assert real["track_kept"] == (0 if fraction else None)  # nothing is left at its position


def test_removing_a_hand_leaves_nothing_of_it_and_keeps_the_rest(recording):
    folder = FrameFolder.open(recording)
    depth, joints = folder.depth(1), folder.joints[1]
    cut = hand_free.without_hand(depth, folder.camera, joints)
    v, u = np.nonzero(cut)
    points = folder.camera.back_project(np.stack([u, v], axis=-1), cut[v, u])
    assert np.linalg.norm(points - hand_centre(joints), axis=-1).min() > hand_free.CUT
    u, v = np.round(folder.camera.project(joints)).astype(int).T
    assert (depth[v, u] > 0).all() and (cut[v, u] == 0).all()
    far = (slice(None), slice(500, None))
    assert (cut[far] == depth[far]).all() and (cut[far] > 0).all()


def test_a_recording_without_joints_is_rejected(monkeypatch, tmp_path, recording, capsys):
    use(monkeypatch, 0.8)
    (tmp_path / "depth").mkdir()
    for name in ("meta.json", "depth/000.png"):
        (tmp_path / name).write_bytes((recording / name).read_bytes())
    assert main(["hand_free", "--count", "1", "--real", str(tmp_path)]) == 2
    assert "joints.npz" in capsys.readouterr().err
