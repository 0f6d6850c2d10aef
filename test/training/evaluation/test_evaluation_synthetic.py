"""Evaluation on the synthetic test set: as in the estimator, a second crop is rotated so that the hand points up."""

import json
from argparse import Namespace

import cv2
import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from fingerpose_ros.perception.kinematics import hand_direction
from fingerpose_ros.perception.pose.crop import BACKGROUND, upright_roll
from fingerpose_ros.perception.pose.prediction import Prediction
from training.evaluation import synthetic
from training.rendering import testset
from training.rendering.rendered_batches import RenderedBatches


@pytest.fixture(scope="module")
def hands() -> dict[str, np.ndarray]:
    """A small dataset like the test set."""
    kind = {"left_fraction": 0, "negative_fraction": 0, "aligned_fraction": 0, "extent": testset.EDGE / testset.SIZE}
    batch = RenderedBatches(testset.EDGE, 44, seed=8, **kind)[0]
    return batch | {"view": testset.view_of(batch["view"])}


def fraction_below_skin(images: np.ndarray, uvd: np.ndarray, visible: np.ndarray) -> float:
    """Fraction of the visible joints in images (n, 1, 96, 96) that lie plausibly below the surface at their pixel."""
    gaps = []
    for image, joints, shown in zip(images[:, 0], uvd, visible, strict=True):
        inside = shown & (np.abs(joints[:, :2]) < 1).all(axis=1)
        u, v = ((joints[inside, :2] + 1) / 2 * 96).astype(int).T
        gaps.append(((joints[inside, 2] - image[v, u]) * 140)[image[v, u] < BACKGROUND])
    gaps = np.concatenate(gaps)
    assert len(gaps) > 300
    return float(((gaps > -3) & (gaps < 30)).mean())


def test_an_image_is_rotated_with_its_joints(hands):
    """As many joints lie below the visible skin as before the rotation; not all, because of sensor noise."""
    roll = np.random.default_rng(0).uniform(-np.pi, np.pi, 44)
    straight = fraction_below_skin(synthetic.resample(hands["image"], 96, np.zeros(44)), hands["uvd"], hands["visible"])
    images = synthetic.resample(hands["image"], 96, roll)
    right, wrong = (
        fraction_below_skin(images, synthetic.rotated(hands["uvd"], way), hands["visible"]) for way in (roll, -roll)
    )
    assert images.shape == (44, 1, 96, 96) and straight > 0.7
    assert right == pytest.approx(straight, abs=0.03) and wrong < straight - 0.15


def test_images_that_are_not_rotated_show_the_cube(hands):
    margin = (testset.EDGE - testset.SIZE) // 2
    whole = synthetic.resample(hands["image"], testset.SIZE, np.zeros(44))
    assert np.array_equal(whole, hands["image"][..., margin:-margin, margin:-margin])


class PerfectBackend:
    """Predicts the truth, first for the given images and then for the same hands pointing up."""

    input_size, description = 64, "perfect"

    def __init__(self, hands):
        roll = upright_roll(hand_direction(synthetic.to_mm(hands["uvd"], hands["distance"])))
        self.images = [synthetic.resample(hands["image"], 64, r) for r in (np.zeros(44), roll)]
        self.uvd, self.remaining = [hands["uvd"], synthetic.rotated(hands["uvd"], roll)], list(range(2))

    def infer(self, images: np.ndarray) -> Prediction:
        crop = self.remaining[0]
        expected, self.images[crop] = np.split(self.images[crop], [len(images)])
        assert np.array_equal(images, expected)
        uvd, self.uvd[crop] = np.split(self.uvd[crop], [len(images)])
        if not len(self.uvd[crop]):
            self.remaining.pop(0)
        n = len(images)
        return Prediction(uvd, np.full((n, 21, 3), 0.1), np.ones(n), np.ones(n))


def test_the_second_crop_is_scored(hands, monkeypatch, tmp_path, capsys):
    backend = PerfectBackend(hands)
    u, v, _ = hand_direction(synthetic.to_mm(backend.uvd[1], hands["distance"])).T
    assert (v < 0).all() and np.abs(u / v).max() < 1e-6
    monkeypatch.setattr(synthetic, "make_backend", lambda arguments: backend)
    monkeypatch.setattr(synthetic, "about", lambda arguments, backend: {"model": backend.description})
    monkeypatch.setattr(testset, "load", lambda cache: hands)
    synthetic.run(Namespace(backgrounds=None, cache=None, json=tmp_path / "errors.json", figures=tmp_path / "sheets"))
    assert cv2.imread(str(tmp_path / "sheets" / "synthetic_worst.png")).shape == (11 * 192, 8 * 192, 3)
    report = json.loads((tmp_path / "errors.json").read_text())
    assert report["mean_joint_error_mm"] < 1e-3 and report["first_crop_mm"] < 1e-3
    assert report["frames"] == 44 and report["coverage_68_visible"] == [1, 1, 1]
    assert "mean joint error" in capsys.readouterr().out
