"""Tracked real poses: the asset, its retargeting, and sampling from it."""

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from fingerpose_ros.perception.anatomy import FLEXION_LIMITS
from training.rendering import hand_sampling, poses, real_poses, retarget_poses
from training.rendering.hands import ADULT_LENGTH, MCPS, Angles, HandBank
from training.rendering.real_poses import ASSET, RealPoses
from training.rendering.renderer import Renderer


@pytest.fixture(scope="module")
def bank() -> HandBank:
    return HandBank()


@pytest.fixture(scope="module")
def stored() -> RealPoses:
    return RealPoses()


def depths(bank: HandBank, shapes: np.ndarray, angles: Angles) -> np.ndarray:
    _, joints = bank.pose(shapes, angles)
    scale = bank.length[shapes] / ADULT_LENGTH
    return poses.penetration(joints, scale) / scale


def test_the_asset_is_small_and_names_its_sources(stored):
    assert ASSET.stat().st_size < 400_000
    assert "Apache-2.0" in stored.about and "IntelRealSense/hand_tracking_samples" in stored.about
    assert 2000 <= len(stored) <= 4000
    assert stored.recording.max() < len(stored.recordings)


def test_stored_angles_and_joints_are_within_limits(bank, stored):
    flexion = np.degrees(stored.angles.flexion)
    for angle, (low, high) in enumerate(FLEXION_LIMITS):
        assert low - 0.1 <= flexion[..., angle].min() and flexion[..., angle].max() <= high + 0.1
    thumb = np.concatenate(
        [stored.angles.thumb, stored.angles.thumb_twist[:, None], stored.angles.thumb_flexion], axis=1
    )
    low, high = retarget_poses.THUMB_LIMITS
    assert (np.degrees(thumb) >= np.array(low) - 0.1).all() and (np.degrees(thumb) <= np.array(high) + 0.1).all()
    _, joints = bank.pose(np.full(len(stored), 5), stored.angles)
    assert np.isfinite(joints).all() and np.abs(joints).max() < 0.25


def test_stored_poses_range_from_open_hands_to_fists(stored):
    pips = np.degrees(stored.angles.flexion[:, :, 1].mean(1))
    assert (pips < 20).mean() > 0.15 and (pips > 80).mean() > 0.15


def test_packing_angles_loses_nothing(stored):
    again = real_poses.unpack(real_poses.pack(stored.angles))
    for name, values in vars(stored.angles).items():
        np.testing.assert_array_equal(getattr(again, name), values)


def test_wrist_angles_reproduce_the_forearm(bank, stored):
    shapes = np.full(50, 5)
    angles = stored.angles[np.arange(50)]
    transforms, _ = bank.pose(shapes, angles)
    forearm = -transforms[:, 1, :3, 1]
    np.testing.assert_allclose(retarget_poses.wrist_angles(forearm), angles.wrist, atol=1e-3)


def test_selected_poses_are_apart_and_near_all_others():
    rows = np.random.default_rng(0).uniform(0, 10, (500, 2))
    chosen = rows[retarget_poses.select(rows, 1.5, 400)]
    distances = np.linalg.norm(chosen[:, None] - chosen, axis=2)
    assert (distances + 9 * np.eye(len(chosen))).min() > 1.5
    assert np.linalg.norm(rows[:, None] - chosen, axis=2).min(1).max() <= 1.5
    assert len(retarget_poses.select(rows, 0.0, 7)) == 7


def test_pose_files_of_another_layout_are_rejected(tmp_path):
    (tmp_path / "bad.pose").write_text("1 2 3\n")
    with pytest.raises(ValueError, match=r"bad\.pose"):
        retarget_poses.read([tmp_path])
    (tmp_path / "bad.pose").unlink()
    with pytest.raises(ValueError, match=r"no \.pose file"):
        retarget_poses.read([tmp_path])


def test_pose_files_are_read_in_natural_order(tmp_path):
    for number in (10, 2):
        (tmp_path / f"take{number}.pose").write_text(" ".join([f"0 0 {number} 0 0 0 1"] * 17) + "\n")
    recordings = retarget_poses.read([tmp_path]).recordings
    assert [Path(name).name for name in recordings] == ["take2.pose", "take10.pose"]


def test_sampling_is_reproducible(bank, stored):
    shapes = np.arange(20)
    first, second, other = (stored.sample(np.random.default_rng(seed), bank, shapes) for seed in (3, 3, 4))
    np.testing.assert_array_equal(real_poses.pack(first), real_poses.pack(second))
    assert (real_poses.pack(first) != real_poses.pack(other)).any(axis=1).all()


def test_sampled_real_poses_penetrate_no_more_than_others(bank, stored):
    shapes = np.random.default_rng(5).integers(0, 192, 600)
    real = depths(bank, shapes, stored.sample(np.random.default_rng(5), bank, shapes))
    others = depths(bank, shapes, poses.sample(np.random.default_rng(5), bank, shapes))
    assert np.percentile(real, 90) < np.percentile(others, 90) + 0.001
    assert np.percentile(real, 99) < 0.012


def test_real_poses_replace_only_free_hands(bank):
    renderer = Renderer(bank)
    library, mixed = (
        hand_sampling.sample_hands(np.random.default_rng(2), renderer, 60, 1.0, 0.25, real_fraction)
        for real_fraction in (0.0, 1.0)
    )
    free = ~library.grasping & ~library.resting
    moved = np.abs(library.joints - mixed.joints).max((1, 2)) > 1e-6
    np.testing.assert_array_equal(moved, free)
    for name in ("grasping", "resting", "length", "negative", "difficulty"):
        np.testing.assert_array_equal(getattr(library, name), getattr(mixed, name))


@pytest.fixture(scope="module")
def tracked() -> retarget_poses.Source:
    data = os.environ.get("FINGERPOSE_TEST_DATA")
    bank = data and next(
        (path for path in (Path(data, "pose_bank/poses.npz"), Path(data, "data/pose_bank/poses.npz")) if path.exists()),
        None,
    )
    if not bank:
        pytest.skip("FINGERPOSE_TEST_DATA does not name a folder with pose_bank/poses.npz")
    return retarget_poses.read([bank])


def test_tracked_bones_have_the_lengths_of_the_expected_hand(tracked):
    _, deviation = retarget_poses.decode(tracked.bones)
    assert deviation.max() < 0.001


def test_left_and_right_hands_decode_alike(tracked):
    bones = tracked.bones[::100]
    mirrored = bones * np.array([-1, 1, 1, 1, -1, -1, 1])
    right, left = (retarget_poses.decode(each)[0] for each in (bones, mirrored))
    np.testing.assert_allclose(left.joints, right.joints, atol=1e-6)
    np.testing.assert_allclose(left.inward, right.inward, atol=1e-6)


def test_stored_fingertips_lie_where_they_were_tracked(bank, stored, tracked):
    """Within 10 mm of the tips scaled to this hand, for stored poses of the first recording."""
    assert "animbank.pose" in stored.recordings[0] and "animbank.pose" in tracked.recordings[0]
    chosen = np.flatnonzero(stored.recording == 0)[::40]
    frames = {frame: row for row, frame in enumerate(tracked.frame) if tracked.recording[row] == 0}
    hands, _ = retarget_poses.decode(tracked.bones[[frames[frame] for frame in stored.frame[chosen]]])
    fit = retarget_poses.Fit(bank, hands)
    error = np.linalg.norm(fit.ends(stored.angles[chosen]) - fit.targets, axis=3)[:, :, 2]
    assert error.max() < 0.010 and error.mean() < 0.001
    # Independent of the fit's targets: each fingertip seen from its MCP, where bone lengths differ by up to a tenth.
    transforms, joints = bank.pose(np.full(len(chosen), fit.shape), stored.angles[chosen])
    mcps = (transforms @ bank.rest[fit.shape])[..., :3, 3][:, MCPS]
    theirs = (hands.joints[:, 1:, 3] - hands.joints[:, 1:, 0]) @ fit.to_wrist.T * fit.scale[:, None, None]
    apart = np.linalg.norm(joints[:, 8::4] - mcps - theirs, axis=2) * ADULT_LENGTH / bank.length[fit.shape]
    assert apart.mean() < 0.006 and apart.max() < 0.015
