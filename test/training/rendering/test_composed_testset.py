"""Version 18 of the synthetic test set: its strata, and the recordings it is made of."""

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from recorded_scene import table, write_recording

from training.rendering import composed_testset, testset
from training.rendering.composed_batches import OBJECTS

FIRST = {"uvd": -0.00773, "image": 0.74475, "visible": 0.53795, "roughness": 0.01659}
"""The fingerprint of the first 64 hands of this version."""


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A recording with the name of one that chooses thresholds."""
    folder = tmp_path_factory.mktemp("recordings") / "neg_felix_room"
    return write_recording(folder, [table()], sensor_model="kinect_v1")


@pytest.fixture(scope="module")
def small(room):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(composed_testset, "EDGE", 46)
        patch.setattr(composed_testset, "SIZE", 32)
        return composed_testset.build([room], 150)


def test_the_set_holds_visible_right_hands_only(small):
    assert {len(values) for values in small.values()} == {150}
    assert small["present"].all() and small["right"].all()
    assert small["visible_fraction"].min() >= composed_testset.MIN_VISIBLE


def test_the_strata_cover_objects_and_visibility(small):
    strata = composed_testset.strata(small)
    assert strata["all"].all() and 0.1 < strata["held"].mean() < 0.7 and strata["free"].any()
    parts = [which for name, which in strata.items() if name.startswith("visible ")]
    assert (np.sum(parts, axis=0) == 1).all()
    groups = [which for name, which in strata.items() if name.startswith("held: ")]
    assert np.array_equal(np.sum(groups, axis=0), small["held"])
    assert sorted(kind for kinds in composed_testset.GROUPS.values() for kind in kinds) == sorted(OBJECTS)


def test_other_recordings_make_another_set(room, tmp_path, monkeypatch, small):
    monkeypatch.setattr(composed_testset, "build", lambda backgrounds: small)
    with pytest.raises(ValueError, match="no longer renders version 18 .* training.rendering.composed_testset"):
        composed_testset.load(tmp_path / "set.npz", [room])
    with pytest.raises(FileNotFoundError, match="no recording of the part 'thresholds'"):
        composed_testset.source([write_recording(tmp_path / "other", [table()], sensor_model="zed")])[0]


@pytest.mark.skipif("FINGERPOSE_TEST_DATA" not in os.environ, reason="FINGERPOSE_TEST_DATA names no recordings")
def test_the_generator_renders_this_version_of_the_set():
    """If it does not, it is another version: see `composed_testset.FINGERPRINT`."""
    backgrounds = Path(os.environ["FINGERPOSE_TEST_DATA"]) / "backgrounds"
    if not backgrounds.is_dir():
        pytest.skip(f"there are no recordings in {backgrounds}")
    means = testset.fingerprint(composed_testset.source([backgrounds])[0])
    assert means == pytest.approx(FIRST, abs=2e-4), f"of version {composed_testset.VERSION}"
