"""Synthetic hands have the proportions and the joints of people's hands."""

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")


from fingerpose_ros.perception.anatomy import LABEL_GAP
from fingerpose_ros.perception.kinematics import joint_angles
from fingerpose_ros.perception.skeleton import PARENTS
from training.rendering import hands, poses
from training.rendering.hands import ADULT_LENGTH, BANK, FINGERS, THUMB, Angles, HandBank


@pytest.fixture(scope="module")
def bank() -> HandBank:
    return HandBank()


def straight(n: int) -> Angles:
    return Angles(
        flexion=np.zeros((n, 4, 3)), spread=np.zeros((n, 4)), metacarpal=np.zeros((n, 4)),
        thumb=np.radians(np.tile([35.0, 30.0], (n, 1))), thumb_twist=np.zeros(n), thumb_flexion=np.zeros((n, 2)),
        wrist=np.zeros((n, 3)),
    )  # fmt: skip


def bone_lengths(joints: np.ndarray) -> np.ndarray:
    return np.linalg.norm(joints[:, 1:] - joints[:, list(PARENTS[1:])], axis=2)


def test_bones_keep_their_length_in_every_pose(bank):
    rng = np.random.default_rng(1)
    shapes = rng.integers(0, len(bank.child), 64)
    _, joints = bank.pose(shapes, poses.sample(rng, bank, shapes, rng.uniform(size=64) < 0.5))
    _, reference = bank.pose(shapes, straight(64))
    difference = np.abs(bone_lengths(joints) - bone_lengths(reference)) / bank.length[shapes, None]
    fingers = np.ones(20, bool)
    fingers[[0, 4, 8, 12, 16]] = False  # from the wrist: the palm cups, and a base joint lies before its axis
    assert difference[:, fingers].max() < 1e-6
    assert difference.max() < 1.25 * LABEL_GAP


def test_a_zero_pose_has_zero_flexion_in_the_estimator(bank):
    shapes = np.arange(0, 256, 16)
    transforms, joints = bank.pose(shapes, straight(len(shapes)))
    along = (transforms @ bank.rest[shapes])[..., :3, 1]
    for first, *others in FINGERS:
        for bone in others:
            assert np.degrees(np.linalg.norm(np.cross(along[:, first], along[:, bone]), axis=1)).max() < 0.1
    flexion, _ = joint_angles(joints, "right")
    assert np.abs(np.degrees(flexion[:, 1:, 1:])).max() < 15  # tips are points on the skin, not on the bone's axis
    assert np.abs(np.degrees(np.median(flexion[:, 1:, 0], axis=0))).max() < 20  # MCPs lie on an arch


def test_mcps_are_where_peoples_are(bank):
    _, joints = bank.pose(np.arange(192), straight(192))
    scale = ADULT_LENGTH / bank.length[:192, None]
    proximal = np.linalg.norm(joints[:, 6::4] - joints[:, 5::4], axis=2) * scale * 1000
    assert np.median(proximal, axis=0) == pytest.approx(
        [36.3, 40, 36.1, 29], abs=0.5
    )  # the base of the bone to the PIP
    apart = np.linalg.norm(np.diff(joints[:, 5::4], axis=1), axis=2) * scale * 1000
    assert np.median(apart) == pytest.approx(20, abs=2)
    backs = joints[:, 6::4, 0] - joints[:, 5::4, 0]  # towards the back of the hand: an MCP lies deeper than its PIP
    assert (np.median(backs * scale, axis=0) > 0.002).all()
    _, fists = bank.pose(np.arange(192), poses.named(["fist"] * 192))
    apart = np.linalg.norm(np.diff(fists[:, 6::4], axis=1), axis=2) * scale * 1000
    assert np.median(apart, axis=0).min() > 12  # bent fingers lie beside one another


@pytest.mark.parametrize("finger", range(4))
@pytest.mark.parametrize("hinge", range(3))
def test_flexing_a_hinge_changes_its_angle_alone(bank, finger, hinge):
    shapes = np.arange(0, 192, 24)
    before, after = straight(len(shapes)), straight(len(shapes))
    before.flexion[:] = np.radians(15)  # so that every hinge axis is defined
    after.flexion[:] = before.flexion
    after.flexion[:, finger, hinge] += np.radians(30)
    change = np.degrees([
        joint_angles(bank.pose(shapes, angles)[1], "right")[0][:, finger + 1] for angles in (before, after)
    ])  # fmt: skip
    change = change[1] - change[0]
    assert change[:, hinge] == pytest.approx(30, abs=6)
    others = np.delete(change, hinge, axis=1)
    assert np.abs(others).max() < 6


def test_hands_are_closed_as_often_as_they_are_open(bank):
    rng = np.random.default_rng(4)
    shapes = rng.integers(0, 192, 1500)
    bent = np.degrees(poses.sample(rng, bank, shapes).flexion[:, :, 1].mean(1))  # PIPs
    assert (bent < 30).mean() == pytest.approx(0.2, abs=0.05)
    assert (bent > 70).mean() == pytest.approx(0.35, abs=0.06)
    assert (bent > 90).mean() > 0.08


def test_closing_fingers_curl_before_they_fold(bank):
    """PIPs of up to 120 degrees are normal, and MCPs may be anywhere on their way while PIPs are there already."""
    rng = np.random.default_rng(6)
    shapes = rng.integers(0, 192, 2000)
    mcp, pip, _ = np.degrees(poses.sample(rng, bank, shapes).flexion.mean(1)).T
    assert (pip > 105).mean() > 0.03 and (pip > 112).mean() > 0.008
    for low, high in ((-10, 20), (20, 45), (45, 70), (70, 100)):
        assert ((pip > 100) & (mcp > low) & (mcp < high)).mean() > 0.004


def test_pinches_close_and_fingers_do_not_penetrate(bank):
    rng = np.random.default_rng(3)
    shapes = rng.integers(0, 192, 200)
    _, joints = bank.pose(shapes, poses.sample(rng, bank, shapes, np.zeros(200, bool)))
    scale = bank.length[shapes] / ADULT_LENGTH
    depth = poses.penetration(joints, scale) / scale
    assert np.median(depth) < 0.003
    assert np.percentile(depth, 90) < 0.012
    named = poses.named(list(poses.PINCHES))
    _, joints = bank.pose(np.full(len(poses.PINCHES), 5), named)
    tips = joints[np.arange(len(joints)), [8 + 4 * finger for finger in poses.PINCHES.values()]]
    assert np.linalg.norm(tips - joints[:, 4], axis=1).max() < 0.03


def test_fingers_are_as_broad_as_peoples(bank):
    """The index at its PIP, on a hand of 187 mm: 20 mm, women's and men's mean (Pheasant, Bodyspace)."""
    start, end = bank.rest[:, 8, :3, 3], bank.rest[:, 9, :3, 3]
    along = (end - start) / np.linalg.norm(end - start, axis=1, keepdims=True)
    breadths = []
    for shape in np.flatnonzero(~bank.child):
        offset = bank.vertices[shape] - start[shape]
        height = offset @ along[shape]
        ring = offset[(np.abs(height) < 0.005) & (np.linalg.norm(offset, axis=1) < 0.018)]
        ring -= np.outer(ring @ along[shape], along[shape])
        widths = np.ptp((ring - ring.mean(0)) @ np.linalg.svd(ring - ring.mean(0))[2].T, axis=0)
        breadths.append(widths.max() * ADULT_LENGTH / bank.length[shape])
    assert 0.0185 < np.mean(breadths) < 0.0215 and 0.001 < np.std(breadths) < 0.004


def test_the_thenar_is_filled_by_a_varying_amount(bank, monkeypatch):
    monkeypatch.setattr(hands, "THENAR", (0.0, 0.0))
    size = (bank.length / ADULT_LENGTH)[:, None]
    hollow = HandBank().vertices
    moved = np.linalg.norm(bank.vertices - hollow, axis=2) / size * 1000
    base, end = (bank.rest[:, bone, :3, 3] for bone in THUMB[:2])
    away = np.linalg.norm(hollow - (base + 0.3 * (end - base))[:, None], axis=2) / size
    assert moved[away > 0.06].max() < 0.5 and 4 < moved.max() < 10
    assert np.percentile(moved.max(1), 10) < 2 and np.percentile(moved.max(1), 90) > 5


def test_fingertips_end_where_peoples_do_and_vary(bank):
    """Index, ring and little 10.7, 10.8 and 36.4 mm before the middle finger (Chatzioglou et al., 2024)."""
    adults = np.flatnonzero(~bank.child)
    _, joints = bank.pose(adults, straight(len(adults)))
    joints *= ADULT_LENGTH / bank.length[adults, None, None]
    before = joints[:, 12, None, 1] - joints[:, [8, 16, 20], 1]
    assert before.mean(0) * 1000 == pytest.approx([10.7, 10.8, 36.4], abs=4)
    outer = np.linalg.norm(np.diff(joints[:, 1:].reshape(-1, 5, 4, 3)[:, 1:, 1:], axis=2), axis=3)
    assert (np.abs(outer.std(0) / outer.mean(0) - 0.045) < 0.015).all()


def test_the_skin_of_longer_fingers_is_stretched_evenly(bank):
    """Along a digit, beyond its MCP, the order of the vertices is preserved."""
    before = np.load(BANK)["vertices"].astype(float)
    for bones in (THUMB, *FINGERS):
        skin = (bank.bone_weight * np.isin(bank.bone_index, bones[1:])).sum(1) > 0.99
        edges = bank.faces[skin[bank.faces].all(1)]
        along = bank.rest[:, bones[1], :3, 1]
        rise = [np.einsum("nei,ni->ne", v[:, edges[:, 0]] - v[:, edges[:, 1]], along) for v in (before, bank.vertices)]
        tall = np.abs(rise[0]) > 0.003
        ratio = rise[1][tall] / rise[0][tall]
        assert 0.4 < ratio.min() and ratio.max() < 2.2
