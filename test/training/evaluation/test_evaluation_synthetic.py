"""How the synthetic test set is looked at: as the estimator looks, again once it is known where the hand points."""

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
    """A small set like the test set."""
    kind = {"left_share": 0, "empty_share": 0, "aligned_share": 0, "extent": testset.EDGE / testset.SIZE}
    batch = RenderedBatches(testset.EDGE, 44, seed=8, **kind)[0]
    return batch | {"view": testset.view_of(batch["view"])}


def under_the_skin(images: np.ndarray, uvd: np.ndarray, visible: np.ndarray) -> float:
    """Of the joints seen in images (n, 1, 96, 96), the share that lies where what is seen there may be its skin."""
    gaps = []
    for image, joints, seen in zip(images[:, 0], uvd, visible, strict=True):
        inside = seen & (np.abs(joints[:, :2]) < 1).all(axis=1)
        u, v = ((joints[inside, :2] + 1) / 2 * 96).astype(int).T
        gaps.append(((joints[inside, 2] - image[v, u]) * 140)[image[v, u] < BACKGROUND])
    gaps = np.concatenate(gaps)
    assert len(gaps) > 300
    return float(((gaps > -3) & (gaps < 30)).mean())


def test_an_image_is_turned_with_its_joints(hands):
    """As many joints lie under the skin that is seen there as before: not all, as sensors have flaws."""
    roll = np.random.default_rng(0).uniform(-np.pi, np.pi, 44)
    straight = under_the_skin(synthetic.resample(hands["image"], 96, np.zeros(44)), hands["uvd"], hands["visible"])
    images = synthetic.resample(hands["image"], 96, roll)
    right, wrong = (
        under_the_skin(images, synthetic.turned(hands["uvd"], way), hands["visible"]) for way in (roll, -roll)
    )
    assert images.shape == (44, 1, 96, 96) and straight > 0.7
    assert right == pytest.approx(straight, abs=0.03) and wrong < straight - 0.15


def test_unturned_images_are_the_cube(hands):
    margin = (testset.EDGE - testset.SIZE) // 2
    whole = synthetic.resample(hands["image"], testset.SIZE, np.zeros(44))
    assert np.array_equal(whole, hands["image"][..., margin:-margin, margin:-margin])


class Knowing:
    """A backend that knows the answers, of one set of images and then of the same hands pointing up."""

    input_size, description = 64, "knows all"

    def __init__(self, hands):
        roll = upright_roll(hand_direction(synthetic.to_mm(hands["uvd"], hands["distance"])))
        self.images = [synthetic.resample(hands["image"], 64, r) for r in (np.zeros(44), roll)]
        self.uvd, self.left = [hands["uvd"], synthetic.turned(hands["uvd"], roll)], list(range(2))

    def infer(self, images: np.ndarray) -> Prediction:
        look = self.left[0]
        expected, self.images[look] = np.split(self.images[look], [len(images)])
        assert np.array_equal(images, expected)
        uvd, self.uvd[look] = np.split(self.uvd[look], [len(images)])
        if not len(self.uvd[look]):
            self.left.pop(0)
        n = len(images)
        return Prediction(uvd, np.full((n, 21, 3), 0.1), np.ones(n), np.ones(n))


def test_the_second_look_is_scored(hands, monkeypatch, tmp_path, capsys):
    backend = Knowing(hands)
    u, v, _ = hand_direction(synthetic.to_mm(backend.uvd[1], hands["distance"])).T
    assert (v < 0).all() and np.abs(u / v).max() < 1e-6
    monkeypatch.setattr(synthetic, "make_backend", lambda arguments: backend)
    monkeypatch.setattr(synthetic, "about", lambda arguments, backend: {"model": backend.description})
    monkeypatch.setattr(testset, "load", lambda cache: hands)
    synthetic.run(Namespace(cache=None, json=tmp_path / "errors.json", figures=tmp_path / "sheets"))
    assert cv2.imread(str(tmp_path / "sheets" / "synthetic_worst.png")).shape == (11 * 192, 8 * 192, 3)
    report = json.loads((tmp_path / "errors.json").read_text())
    assert report["mean_joint_error_mm"] < 1e-3 and report["first_look_mm"] < 1e-3
    assert report["frames"] == 44 and report["coverage_68_visible"] == [1, 1, 1]
    assert "mean joint error" in capsys.readouterr().out
