"""Evaluation on the datasets, and the challenges' archives: perfect predictions have no error, others do."""

import argparse
import json
import re

import numpy as np
import pytest
from opened_datasets import open_split, write_all

from fingerpose_ros.perception.pose.network import save_network
from fingerpose_ros.perception.pose.network.fingerposenet import FingerPoseNet
from fingerpose_ros.perception.pose.network.registry import config_named
from fingerpose_ros.perception.pose.prediction import Prediction
from training.datasets import DATASETS, DatasetError, open_dataset
from training.datasets.ho3d import TO_OPTICAL
from training.evaluation import dataset as evaluation
from training.evaluation import submissions
from training.evaluation.evaluate import main
from training.evaluation.prediction_files import read_predictions

FRAMES = 6
SHIFT_M = np.array([0, 0.006, 0])


@pytest.fixture(scope="module")
def roots(tmp_path_factory):
    """Written datasets, with test joints also for those that are published without them."""
    written = write_all(tmp_path_factory, FRAMES)
    ho3d, hands2019 = (written[name] for name in ("ho3d", "hands2019"))
    (ho3d.root / "evaluation_xyz.json").write_text(json.dumps((ho3d.joints[FRAMES // 2 :] * TO_OPTICAL).tolist()))
    rows = ("\t".join(map(str, hand.ravel() * 1000)) for hand in hands2019.joints[FRAMES // 2 :])
    text = "".join(f"image_D{i:08d}.png\t{row}\n" for i, row in enumerate(rows, 1))
    (hands2019.root / "test_joint_annotation.txt").write_text(text)
    return {name: dataset.root for name, dataset in written.items()}


class PerfectBackend:
    """Predicts the true joints, shifted by `shift` metres in the camera's frame; frames must come in order."""

    input_size, description = 64, "the truth"

    def __init__(self, dataset, shift=0.0):
        self.dataset, self.shift, self.next = dataset, shift, 0

    def infer(self, images):
        assert images.dtype == np.float32 and images.shape[1:] == (1, 64, 64)
        uvd = []
        for _ in images:
            sample = self.dataset[self.next]
            self.next += 1
            hand, known = self.dataset.joints.to_hand(sample.joints_m, sample.valid)
            hand = np.where(known[:, None], hand, 0.5) + self.shift
            crop = evaluation.Crop(evaluation._centre(sample), sample.cube_m / 2, mirrored=not sample.right)
            uvd.append(crop.to_uvd(hand))
        uvd = np.array(uvd)
        return Prediction(uvd, np.ones_like(uvd), np.ones(len(uvd)), np.ones(len(uvd)))


def arguments(name, **given):
    defaults = dict.fromkeys(
        ("centres", "splits", "json", "figure", "predictions", "submission", "weights", "model", "size")
    )
    defaults |= {"root": "here", "backend": "auto", "device": "auto", "precision": "f32"}
    return argparse.Namespace(dataset=name, **{**defaults, **given})


@pytest.mark.parametrize("name", DATASETS)
def test_the_truth_has_no_error_and_a_shift_its_length(roots, name, tmp_path, capsys):
    dataset, out = open_split(name, roots[name], "test"), tmp_path / "scores.json"
    evaluation.evaluate(dataset, PerfectBackend(dataset), arguments(name, json=out))
    assert json.loads(out.read_text())["results"][name]["mean_joint_error_mm"] < 1e-6
    evaluation.evaluate(dataset, PerfectBackend(dataset, SHIFT_M), arguments(name, json=out))
    report = json.loads(out.read_text())
    assert report["results"][name]["mean_joint_error_mm"] == pytest.approx(6, abs=1e-6)
    assert report["results"][name]["frames"] == len(dataset)
    assert ("not comparable" in capsys.readouterr().out) == (name in ("icvl", "nyu", "msra"))
    if name == "ho3d":
        for aligned in ("root-aligned", "scale-translation-aligned", "Procrustes-aligned"):
            assert report["results"][aligned]["mean_joint_error_mm"] < 1e-4
    if name == "hands2019":
        assert "--splits" in report["notes"][0]


def test_means_by_split_use_the_users_file(roots, tmp_path):
    dataset = open_dataset("hands2019", roots["hands2019"], "test")
    splits, out = tmp_path / "splits.txt", tmp_path / "scores.json"
    names = dataset.names
    splits.write_text(f"{names[0]} shape\n" + "".join(f"{name} viewpoint\n" for name in names[1:]))
    evaluation.evaluate(dataset, PerfectBackend(dataset, SHIFT_M), arguments("hands2019", json=out, splits=splits))
    rows = json.loads(out.read_text())["results"]
    assert {row: rows[row]["frames"] for row in rows} == {"hands2019": 3, "shape": 1, "viewpoint": 2}
    splits.write_text(f"{names[0]} shape\n")
    with pytest.raises(DatasetError, match=f"no split for {names[1]}"):
        evaluation.read_splits(splits, names)
    splits.write_text(f"{names[0]} shapes\n")
    with pytest.raises(DatasetError, match="line 1"):
        evaluation.read_splits(splits, names)


def test_predictions_are_written_in_the_common_format(roots, tmp_path):
    dataset, path = open_dataset("nyu", roots["nyu"], "test"), tmp_path / "ours.txt"
    evaluation.evaluate(dataset, PerfectBackend(dataset), arguments("nyu", predictions=path))
    uvd = read_predictions(path, 14)
    joints = dataset.camera.back_project(uvd[..., :2], uvd[..., 2] / 1000)
    assert np.abs(joints[0] - dataset[0].joints_m[list(dataset.joints.evaluated)]).max() < 2e-6
    for name, option in (("ho3d", "predictions"), ("hands2019", "predictions"), ("nyu", "submission")):
        other = open_split(name, roots[name], "test")
        with pytest.raises(ValueError, match=f"{name} has no"):
            evaluation.check(other, arguments(name, **{option: path}))
    with pytest.raises(ValueError, match="--splits is for hands2019, not nyu"):
        evaluation.check(dataset, arguments("nyu", splits=path))
    with pytest.raises(FileNotFoundError, match=r"--json .*/none/out\.json: there is no folder"):
        evaluation.check(dataset, arguments("nyu", json=tmp_path / "none" / "out.json"))
    with pytest.raises(ValueError, match="--size goes with --weights"):
        evaluation.check(dataset, arguments("nyu", size=96))
    with pytest.raises(ValueError, match="go with --model"):
        evaluation.check(dataset, arguments("nyu", weights=path, device="cuda"))
    with pytest.raises(ValueError, match="requires 20137 frames, and .* has 3"):
        evaluation.check(open_split("ho3d", roots["ho3d"], "test"), arguments("ho3d", submission=path))


@pytest.mark.parametrize("name", ["hands2019", "ho3d"])
def test_an_archive_contains_the_estimates_in_the_challenges_order(roots, name, tmp_path, monkeypatch):
    monkeypatch.setattr(submissions, "TEST_FRAMES", FRAMES // 2)
    monkeypatch.setattr(submissions, "EVALUATION_FRAMES", FRAMES // 2)
    dataset, path = open_split(name, roots[name], "test"), tmp_path / "submission.zip"
    evaluation.evaluate(dataset, PerfectBackend(dataset), arguments(name, submission=path))
    names = tuple(dataset[i].name for i in range(len(dataset)))
    given = submissions.read_hands2019(path, names) if name == "hands2019" else submissions.read_ho3d(path)
    assert np.abs(given - [dataset[i].joints_m for i in range(len(dataset))]).max() < 1e-6
    again = tmp_path / "again.zip"
    evaluation.evaluate(dataset, PerfectBackend(dataset), arguments(name, submission=again))
    assert again.read_bytes() == path.read_bytes()


GOOD = np.full((4, 21, 3), 0.4)
BAD = [
    (GOOD[:3], r"estimates are \(3, 21, 3\)"),
    (GOOD[:, :20], r"estimates are \(4, 20, 3\)"),
    (np.where(np.arange(4)[:, None, None] == 2, np.nan, GOOD), "frame 2 is not finite"),
    (np.where(np.arange(4)[:, None, None] == 1, -GOOD, GOOD), "frame 1 has a joint that is not in front of the camera"),
]


@pytest.mark.parametrize(("joints", "message"), BAD)
def test_invalid_estimates_are_not_written(joints, message, tmp_path, monkeypatch):
    monkeypatch.setattr(submissions, "TEST_FRAMES", 4)
    monkeypatch.setattr(submissions, "EVALUATION_FRAMES", 4)
    path = tmp_path / "submission.zip"
    with pytest.raises(ValueError, match=message):
        submissions.write_ho3d(path, joints)
    with pytest.raises(ValueError, match=message):
        submissions.write_hands2019(path, tuple("abcd"), joints)
    assert not path.exists()


def test_names_must_be_unique_and_match_the_frames(tmp_path, monkeypatch):
    monkeypatch.setattr(submissions, "TEST_FRAMES", 4)
    for names in (tuple("abc"), tuple("abca")):
        with pytest.raises(ValueError, match="3 different names for 4 frames"):
            submissions.write_hands2019(tmp_path / "result.zip", names, GOOD)


def test_a_damaged_archive_is_rejected_with_its_line(tmp_path, monkeypatch):
    monkeypatch.setattr(submissions, "TEST_FRAMES", 4)
    monkeypatch.setattr(submissions, "EVALUATION_FRAMES", 4)
    names, path = tuple("abcd"), tmp_path / "archive.zip"
    submissions.write_hands2019(path, names, GOOD)
    with pytest.raises(DatasetError, match="line 1: 'a'"):
        submissions.read_hands2019(path, tuple("bacd"))
    with pytest.raises(DatasetError, match="4 frames instead of 3"):
        submissions.read_hands2019(path, names[:3])
    with pytest.raises(DatasetError, match=re.escape(str(path))):
        submissions.read_ho3d(path)
    submissions.write_ho3d(path, GOOD)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DatasetError, match="not an archive"):
        submissions.read_ho3d(path)


def test_the_challenges_require_all_of_their_frames(tmp_path):
    with pytest.raises(ValueError, match="124999"):
        submissions.write_hands2019(tmp_path / "result.zip", tuple("abcd"), GOOD)
    with pytest.raises(ValueError, match="20137"):
        submissions.write_ho3d(tmp_path / "pred.zip", GOOD)


def test_weights_saved_by_training_are_evaluated_by_one_command(roots, tmp_path, capsys):
    weights, out = tmp_path / "average.safetensors", tmp_path / "scores.json"
    save_network(weights, FingerPoseNet(config_named("small")))
    command = ["dataset", "--dataset", "icvl", "--root", str(roots["icvl"]), "--weights", str(weights), "--size", "64"]
    assert main([*command, "--json", str(out)]) == 0
    assert 10 < json.loads(out.read_text())["results"]["icvl"]["mean_joint_error_mm"] < 300  # untrained
    assert main([*command, "--held-out", "P1"]) == 2
    assert "icvl takes no held_out" in capsys.readouterr().err
    assert main([*command, "--model", str(weights)]) == 2
