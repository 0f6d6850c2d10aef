"""The synthetic test set has the documented parts, and a change of the generator is detected."""

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from training.rendering import testset

FIRST = {"uvd": 0.00114, "image": 0.70671, "visible": 0.60789, "roughness": 0.02200}
"""The fingerprint of the first 64 rendered hands of this version."""


def test_the_generator_renders_this_version_of_the_set():
    """If it does not, it is another version: see `testset.FINGERPRINT`."""
    means = testset.fingerprint(testset.source()[0])
    assert means == pytest.approx(FIRST, abs=2e-4), f"of version {testset.VERSION}"


@pytest.fixture(scope="module")
def small():
    """A set built with fewer hands and coarser images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(testset, "EDGE", 46)
        patch.setattr(testset, "SIZE", 32)
        return testset.build(180)


def test_sensors_and_views_are_in_equal_parts(small):
    assert {values.shape[0] for values in small.values()} == {180}
    cells = small["sensor"] * len(testset.VIEWS) + small["view"]
    counts = np.bincount(cells, minlength=len(testset.CAMERAS) * len(testset.VIEWS))
    assert counts.tolist() == [5] * 4 + [4] * 40


def test_the_strata_have_the_documented_sizes(small):
    strata = {name: which.mean() for name, which in testset.strata(small).items()}
    assert strata["touching or near"] >= 0.4 and strata["touching"] > 0.1 and strata["child"] >= 0.2
    assert (small["held"] | small["other_hand"]).mean() >= 0.3
    assert small["right"].all() and small["present"].all()
    arm = (small["segment"] == 2).any(axis=(1, 2))
    assert arm.mean() > 0.95  # other forearms are occluded by the hand, or outside the image
    off = np.linalg.norm(small["uvd"].mean(axis=1), axis=1)
    assert 0.05 < np.median(off) < 0.3 and off.max() < 0.8  # of half a cube: the error of a detector


def test_a_set_that_is_not_of_this_version_is_rejected(small, tmp_path):
    cache = tmp_path / "set.npz"
    np.savez(cache, **small)
    with pytest.raises(ValueError, match=rf"set\.npz is not version {testset.VERSION} of the test set"):
        testset.load(cache)


def test_a_set_is_built_once(small, monkeypatch, tmp_path):
    monkeypatch.setattr(testset, "FINGERPRINT", testset.fingerprint(small))
    built = []
    monkeypatch.setattr(testset, "build", lambda: built.append(1) or small)
    for _ in range(2):
        whole = testset.load(tmp_path / "new" / "set.npz")
        assert set(whole) == set(small) and np.array_equal(whole["image"], small["image"])
    assert built == [1] and [path.name for path in (tmp_path / "new").iterdir()] == ["set.npz"]
