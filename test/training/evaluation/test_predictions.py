"""Prediction files: published figures are reproduced; invalid files are rejected with the line."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.datasets import DATASETS, DatasetError
from training.evaluation.evaluate import main
from training.evaluation.prediction_files import read_predictions, write_predictions

PUBLISHED = {
    "icvl": {"deepmodel": 11.561, "ren_9x6x6": 7.305, "v2v_posenet": 6.284, "crossinfonet": 6.732},
    "nyu": {"v2v_posenet": 8.419, "crossinfonet": 10.078, "deepprior_pp": 12.238, "pose_ren": 11.811},
}
"""Mean joint errors in mm, as given in the collection of published results."""


def joints(frames: int, count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform((-0.2, -0.2, 0.4), (0.2, 0.2, 0.9), (frames, count, 3))


@pytest.mark.parametrize("dataset", PUBLISHED)
def test_published_predictions_give_the_published_errors(dataset, tmp_path):
    data = os.environ.get("FINGERPOSE_TEST_DATA")
    if not data:
        pytest.skip("FINGERPOSE_TEST_DATA does not name the folder with the published predictions")
    folder = Path(data) / "published" / dataset
    files = [str(folder / f"{method}.txt.gz") for method in PUBLISHED[dataset]]
    output, drawing = tmp_path / "scores.json", tmp_path / "curves.png"
    arguments = ["predictions", "--dataset", dataset, "--truth", str(folder / "groundtruth.txt.gz"), *files]
    assert main([*arguments, "--json", str(output), "--figure", str(drawing)]) == 0
    scores = json.loads(output.read_text())["files"]
    for file, expected in zip(files, PUBLISHED[dataset].values(), strict=True):
        assert scores[file]["mean_joint_error_mm"] == pytest.approx(expected, abs=0.01)
    assert drawing.stat().st_size > 10_000


@pytest.mark.parametrize("name", ["out.txt", "out.txt.gz"])
def test_shifted_predictions_have_the_shift_as_their_error(name, tmp_path):
    dataset = DATASETS["nyu"]
    truth = joints(5, 14)
    write_predictions(tmp_path / "truth.txt", truth, dataset.camera)
    write_predictions(tmp_path / name, truth + np.array((0, 0.003, 0)), dataset.camera)
    uvd = read_predictions(tmp_path / name, 14)
    back = dataset.camera.back_project(uvd[..., :2], uvd[..., 2] / 1000)
    assert np.abs(back - truth - np.array((0, 0.003, 0))).max() < 2e-6
    assert main(["predictions", "--dataset", "nyu", "--truth", str(tmp_path / "truth.txt"), str(tmp_path / name),
                 "--json", str(tmp_path / "scores.json")]) == 0  # fmt: skip
    scores = json.loads((tmp_path / "scores.json").read_text())["files"][str(tmp_path / name)]
    assert scores["mean_joint_error_mm"] == pytest.approx(3, abs=0.01)
    assert set(scores["per_finger_mm"]) == {"thumb", "index", "middle", "ring", "little", "palm"}


def test_only_positions_in_front_of_the_camera_are_written(tmp_path):
    for bad in (np.nan, -0.1, 0.0):
        with pytest.raises(ValueError, match="not finite, or not in front of"):
            write_predictions(tmp_path / "out.txt", np.full((1, 14, 3), bad), DATASETS["nyu"].camera)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no frame"),
        (b"1 2 3\n1 2\n", "line 2: 2 numbers, expected 3"),
        (b"1 2 3\n\n1 nan 3\n", "line 3: nan is not a finite number"),
        (b"1 2 3\n1 x 3\n", "line 2"),
        (b"1 2 \xff\n", "byte 4"),
        (gzip.compress(b"1 2 3\n" * 400)[:-12], "damaged gzip"),
    ],
)
def test_an_invalid_file_is_rejected_with_its_line(content, message, tmp_path):
    path = tmp_path / "method.txt"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=message) as rejection:
        read_predictions(path, 1)
    assert str(path) in str(rejection.value)


def test_the_command_fails_with_an_error_message(tmp_path, capsys):
    write_predictions(tmp_path / "truth.txt", joints(5, 16), DATASETS["icvl"].camera)
    write_predictions(tmp_path / "short.txt", joints(4, 16), DATASETS["icvl"].camera)
    command = ["predictions", "--dataset", "icvl", "--truth", str(tmp_path / "truth.txt")]
    assert main([*command, str(tmp_path / "short.txt")]) == 2
    assert "4 frames" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "nowhere.txt")]) == 2
    assert "nowhere.txt" in capsys.readouterr().err


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.binary(max_size=200).map(b"\x1f\x8b".__add__) | st.binary().map(gzip.compress))
def test_any_bytes_give_finite_numbers_or_an_error_with_the_files_name(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "wild.txt"
    path.write_bytes(content)
    try:
        frames = read_predictions(path, 1)
    except DatasetError as rejection:
        assert "wild.txt" in str(rejection)
    else:
        assert frames.shape[1:] == (1, 3) and np.isfinite(frames).all()
