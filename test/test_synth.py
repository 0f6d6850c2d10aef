"""Synthetic hands: anatomy, rendering, sensors, and that a stream is the same whenever it is asked."""

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

import warp as wp

from fingerpose_ros.perception.crop import BACKGROUND
from fingerpose_ros.perception.kinematics import joint_angles
from fingerpose_ros.perception.skeleton import PARENTS
from training.synth import poses, scenes, stream
from training.synth.hands import BANK, FINGERS, THUMB, Angles, HandBank
from training.synth.lures import Lures
from training.synth.render import BOX, CYLINDER, SPHERE, Renderer
from training.synth.sensors import SENSORS, apply_flaws, draw_flaws, measure
from training.synth.stream import SynthBatches
from training.synth.testset import VIEWS, view_of


@pytest.fixture(scope="module")
def bank() -> HandBank:
    return HandBank()


@pytest.fixture(scope="module")
def renderer(bank) -> Renderer:
    return Renderer(bank)


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
    difference = np.abs(bone_lengths(joints) - bone_lengths(reference))
    fingers = np.ones(20, bool)
    fingers[[0, 4, 8, 12, 16]] = False  # from the wrist: the palm cups, and a base joint lies before its axis
    assert difference[:, fingers].max() < 1e-6
    assert difference.max() < 0.011


def test_a_zero_pose_is_a_straight_hand_to_the_estimator_too(bank):
    shapes = np.arange(0, 256, 16)
    transforms, joints = bank.pose(shapes, straight(len(shapes)))
    along = (transforms @ bank.rest[shapes])[..., :3, 1]
    for first, *others in FINGERS:
        for bone in others:
            assert np.degrees(np.linalg.norm(np.cross(along[:, first], along[:, bone]), axis=1)).max() < 0.1
    flexion, _ = joint_angles(joints, "right")
    assert np.abs(np.degrees(flexion[:, 1:, 1:])).max() < 15  # tips are points on the skin, not on the bone's axis
    assert np.abs(np.degrees(np.median(flexion[:, 1:, 0], axis=0))).max() < 20  # knuckles lie on an arch


def test_knuckles_are_where_peoples_are(bank):
    _, joints = bank.pose(np.arange(192), straight(192))
    scale = 0.187 / bank.length[:192, None]
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
def test_bending_a_hinge_bends_that_hinge(bank, finger, hinge):
    shapes = np.arange(0, 192, 24)
    before, after = straight(len(shapes)), straight(len(shapes))
    before.flexion[:] = np.radians(15)  # so that every hinge's axis shows
    after.flexion[:] = before.flexion
    after.flexion[:, finger, hinge] += np.radians(30)
    change = np.degrees([
        joint_angles(bank.pose(shapes, angles)[1], "right")[0][:, finger + 1] for angles in (before, after)
    ])  # fmt: skip
    change = change[1] - change[0]
    assert change[:, hinge] == pytest.approx(30, abs=6)
    others = np.delete(change, hinge, axis=1)
    assert np.abs(others).max() < 6


def test_pinches_close_and_fingers_stay_out_of_one_another(bank):
    rng = np.random.default_rng(3)
    shapes = rng.integers(0, 192, 200)
    _, joints = bank.pose(shapes, poses.sample(rng, bank, shapes, np.zeros(200, bool)))
    scale = bank.length[shapes] / 0.187
    depth = poses.penetration(joints, scale) / scale
    assert np.median(depth) < 0.003
    assert np.percentile(depth, 90) < 0.012
    named = poses.named(list(poses.PINCHES))
    _, joints = bank.pose(np.full(len(poses.PINCHES), 5), named)
    tips = joints[np.arange(len(joints)), [8 + 4 * finger for finger in poses.PINCHES.values()]]
    assert np.linalg.norm(tips - joints[:, 4], axis=1).max() < 0.03


def solid(kind: int, centre, half, size: int = 65, focal: float = 80.0) -> np.ndarray:
    renderer = Renderer(HandBank())
    depth = renderer.empty(1, size)
    placement = np.eye(4)
    placement[:3, :3] *= half
    placement[:3, 3] = centre
    renderer.draw_solids(depth, wp.array([focal], dtype=float), np.array([[kind]]), placement[None, None])
    return depth.numpy()[0]


@pytest.mark.parametrize("kind", [SPHERE, BOX, CYLINDER])
def test_solids_are_hit_where_geometry_says(kind):
    depth = solid(kind, (0, 0, 1.0), (0.1, 0.1, 0.2))
    assert depth[32, 32] == pytest.approx(0.8, abs=1e-5)
    assert depth[0, 0] > 1e5
    width = (depth[32] < 1e5).sum()
    front = {SPHERE: 0.1 / np.sqrt(1 - 0.2**2), BOX: 0.1 / 0.8, CYLINDER: 0.1 / np.sqrt(1 - 0.2**2)}[kind]
    assert width == pytest.approx(2 * 80 * front, abs=2)


def test_a_hand_is_drawn_where_its_joints_are(bank, renderer):
    batch = SynthBatches(128, 32, seed=5, difficulty=0.0, left_share=0, empty_share=0)[0]
    for image, uvd, visible in zip(batch["image"][:, 0], batch["uvd"], batch["visible"], strict=True):
        pixel = ((uvd[visible, :2] + 1) / 2 * 128).astype(int)
        surface = image[pixel[:, 1], pixel[:, 0]]
        gap = (uvd[visible, 2] - surface)[surface < 1] * 140
        assert len(gap) < 4 or 0 < np.median(gap) < 20  # a joint lies under its skin


def test_a_batch_depends_on_seed_and_index_alone():
    stream = SynthBatches(64, 8, seed=7)
    first, again, other = stream[3], SynthBatches(64, 8, seed=7)[3], stream[4]
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["image"], other["image"])
    assert not np.array_equal(first["image"], SynthBatches(64, 8, seed=8)[3]["image"])


def test_what_a_batch_says_holds():
    stream = SynthBatches(64, 64, seed=11)
    batches = [stream[k] for k in range(4)]
    batch = {name: np.concatenate([b[name] for b in batches]) for name in batches[0]}
    assert batch["image"].dtype == np.float32 and np.abs(batch["image"]).max() <= 1
    assert np.isfinite(batch["uvd"]).all()
    present = batch["present"]
    assert 0.7 < present.mean() < 0.9
    assert not (batch["right"] & ~present).any()
    assert 0.1 < (present & ~batch["right"]).mean() < 0.3
    centre = batch["uvd"][present].mean(1)
    assert np.percentile(np.linalg.norm(centre, axis=1) * 140, 99) < 100
    assert 0.3 < batch["visible"][present].mean() < 0.9
    assert (batch["segment"][present] == 1).any(axis=(1, 2)).mean() > 0.95
    assert np.linalg.norm(batch["view"], axis=1) == pytest.approx(1)
    assert set(view_of(batch["view"])) == set(range(len(VIEWS)))


def test_joints_beyond_the_border_of_the_cameras_image_are_not_visible(monkeypatch):
    whole, cut = (
        (monkeypatch.setattr(stream, "BORDER_SHARE", share), SynthBatches(64, 32, seed=3, empty_share=0)[0])[1]
        for share in (0.0, 1.0)
    )
    assert np.array_equal(whole["uvd"], cut["uvd"])
    pixel = ((cut["uvd"][..., :2] + 1) * 32).astype(int).clip(0, 63)
    row, lost = np.arange(32)[:, None], (whole["image"] != cut["image"])[:, 0]
    assert (cut["image"][:, 0][lost] == 1).all() and 0.02 < lost.mean() < 0.5
    assert not cut["visible"][lost[row, pixel[..., 1], pixel[..., 0]]].any()
    assert (lost.any(axis=(1, 2)) | (whole["visible"] == cut["visible"]).all(axis=1)).all()


def test_an_arm_leaves_the_image_before_it_ends():
    rng = np.random.default_rng(0)
    angle, length = rng.uniform(0, 2 * np.pi, 200), rng.uniform(0.1, 2, 200)
    ends = (length * [np.cos(angle), np.sin(angle)]).T
    inside = stream._where_it_leaves(rng, ends, 64)
    along = np.linspace(0, 1, 200)[:, None] * ends[:, None]  # from the crop's middle to the arm's end
    pixel = np.floor((along + 1) * 32).astype(int)
    shown = np.all((pixel >= 0) & (pixel < 64), axis=2)
    u, v = np.clip(pixel, 0, 63).transpose(2, 0, 1)
    kept = inside[np.arange(200)[:, None], v, u]
    reaches = shown.all(axis=1) & (length > 0.2)
    assert reaches.sum() > 50
    assert kept[reaches, -1].mean() < 0.05  # but where the end and the border share a pixel
    assert 0.5 < kept[:, 0].mean() < 0.95  # the middle mostly stays in view


def test_holes_are_where_and_as_large_as_asked():
    hole = stream._discs(64, np.array([[0.5, -0.5], [0, 0]]), np.array([0.25, 0]))
    assert hole[0].mean() == pytest.approx(np.pi * 0.25**2 / 4, rel=0.05)
    assert hole[0, 16, 48] and not hole[0, 48, 16]
    assert not hole[1].any()


def test_a_hand_behind_something_is_not_there(monkeypatch):
    seen = SynthBatches(64, 16, seed=5, empty_share=0)[0]
    draw = stream.SynthBatches._draw_others

    def wall(self, rng, renderer, depth, *others):
        draw(self, rng, renderer, depth, *others)
        depth.assign(np.full(depth.shape, 0.05, np.float32))

    monkeypatch.setattr(stream.SynthBatches, "_draw_others", wall)
    hidden = SynthBatches(64, 16, seed=5, empty_share=0)[0]
    assert seen["present"].all()
    assert not hidden["present"].any()
    assert not hidden["right"].any()


def test_hands_that_lie_on_a_table_touch_it_and_their_arms_rise_from_it(bank):
    rng = np.random.default_rng(2)
    shapes = rng.integers(0, 192, 60)
    transforms, joints = bank.pose(shapes, poses.sample(rng, bank, shapes, resting=np.ones(60, bool)))
    steep = []
    for shape, bones, hand in zip(shapes, transforms, joints, strict=True):
        arm = -bones[1, :3, :3] @ bank.rest[shape, 1, :3, 1]
        up = scenes._up_at_rest(rng, hand, arm)
        steep.append(np.degrees(np.arcsin(arm @ up)))
    assert np.percentile(steep, 5) > 0 and 5 < np.median(steep) < 45


def test_left_hands_are_mirrored_right_ones():
    lefts, rights = (SynthBatches(64, 8, seed=2, left_share=share, empty_share=0)[0] for share in (1, 0))
    assert not lefts["right"].any() and rights["right"].all()
    assert np.array_equal(lefts["image"][..., ::-1], rights["image"])
    assert np.array_equal(lefts["uvd"] * (-1, 1, 1), rights["uvd"])


@pytest.mark.parametrize("name", SENSORS)
def test_sensor_noise_is_what_it_says(name):
    """A flat wall at one metre, no other flaw: the scatter is the model's own."""
    sensor = SENSORS[name]
    n, size = 24, 64
    depth = wp.array(np.full((n, size, size), 1.0, np.float32), dtype=float)
    focal = wp.array(np.full(n, sensor.focal, np.float32), dtype=float)
    out = measure(depth, [name] * n, focal, np.ones(n), np.random.default_rng(0), 0.0).numpy()
    noise = (out - 1).reshape(n, -1).std(1)
    if sensor.baseline:
        one = sensor.disparity_noise / (sensor.focal * sensor.baseline)
        step = sensor.disparity_step / (sensor.focal * sensor.baseline)
    else:
        one, step = sensor.range_noise * 1.25, 0.0
    # Strength varies from 0.04 to 0.8 at difficulty 0, smoothness takes away up to half, quantisation adds.
    assert noise.max() < 1.0 * one + step + 0.001
    assert noise.mean() > 0.05 * one
    assert len(np.unique(noise.round(6))) > n // 2


def seen(depth: np.ndarray, **flaws: float) -> np.ndarray:
    """What a camera of 500 pixels focal length makes of one image, with no flaws but these: columns of `Flaws.flaw`."""
    perfect = draw_flaws(["realsense_d435"], np.ones(1), np.random.default_rng(0), 0.0)
    perfect.sensor[:], perfect.flaw[:], perfect.cell[:] = 0, 0, 8
    for column, value in flaws.items():
        perfect.flaw[:, int(column.removeprefix("flaw"))] = value
    image, focal = wp.array(depth[None].astype(np.float32), dtype=float), wp.array([500.0], dtype=float)
    return apply_flaws(image, focal, perfect, np.ones(1)).numpy()[0]


def test_surfaces_at_a_flat_angle_are_not_seen_but_steps_in_depth_are():
    step = np.where(np.arange(64) < 32, 0.5, 0.54)[None].repeat(64, axis=0)
    assert (seen(step, flaw4=3.0) > 0).all()
    steep = (0.5 + 0.01 * np.arange(64))[None].repeat(64, axis=0)  # a pixel spans a millimetre: 84 degrees
    assert (seen(steep, flaw4=3.0)[:, 1:-1] == 0).all() and (seen(steep) > 0).all()


def finger(height: float) -> np.ndarray:
    """One that lies on a table 0.6 m away."""
    depth = np.full((64, 64), 0.6)
    depth[28:36, 8:56] -= height
    return depth


def test_a_low_relief_melts_into_what_is_around_it_and_a_high_one_does_not():
    low, high = (seen(finger(height), flaw13=1.0, flaw4=3.0)[31, 32] for height in (0.02, 0.1))
    assert 0.583 < low < 0.597 and high == pytest.approx(0.5, abs=1e-3)
    assert seen(finger(0.02), flaw13=1.0)[2, 2] == pytest.approx(0.6, abs=1e-3)


def test_edges_of_less_than_a_pixel_of_disparity_melt_and_others_are_torn():
    shallow = 0.03 / 0.6**2  # a step of 30 mm at 0.6 m
    for height, melts in ((0.02, True), (0.05, False)):
        image = seen(finger(height), flaw14=shallow, flaw11=6.0, flaw12=0.005, flaw0=1.0, flaw3=2.0, flaw4=3.0)
        assert (image > 0).all() == melts
        # With nothing behind it, a finger is as broad as its edges make it, whatever melts.
        alone = np.where(finger(height) < 0.6, finger(height), 1e6)
        assert (seen(alone, flaw14=shallow, flaw2=1.5, flaw3=2.0) > 0).sum() > 1.3 * (alone < 1).sum()
        across = image[20:44, 32]
        assert (np.abs(np.diff(across[across > 0])).max() < 0.6 * height) == melts


def test_fingers_are_as_broad_as_peoples(bank):
    """The index at its middle joint, on a hand of 187 mm: 20 mm, women's and men's mean (Pheasant, Bodyspace)."""
    start, end = bank.rest[:, 8, :3, 3], bank.rest[:, 9, :3, 3]
    along = (end - start) / np.linalg.norm(end - start, axis=1, keepdims=True)
    breadths = []
    for shape in np.flatnonzero(~bank.child):
        offset = bank.vertices[shape] - start[shape]
        height = offset @ along[shape]
        ring = offset[(np.abs(height) < 0.005) & (np.linalg.norm(offset, axis=1) < 0.018)]
        ring -= np.outer(ring @ along[shape], along[shape])
        widths = np.ptp((ring - ring.mean(0)) @ np.linalg.svd(ring - ring.mean(0))[2].T, axis=0)
        breadths.append(widths.max() * 0.187 / bank.length[shape])
    assert 0.0185 < np.mean(breadths) < 0.0215 and 0.001 < np.std(breadths) < 0.004


def test_fingers_end_where_peoples_do_and_differ(bank):
    """Index, ring and little 10.7, 10.8 and 36.4 mm before the middle finger (Chatzioglou et al., 2024)."""
    adults = np.flatnonzero(~bank.child)
    _, joints = bank.pose(adults, straight(len(adults)))
    joints *= 0.187 / bank.length[adults, None, None]
    before = joints[:, 12, None, 1] - joints[:, [8, 16, 20], 1]
    assert before.mean(0) * 1000 == pytest.approx([10.7, 10.8, 36.4], abs=4)
    outer = np.linalg.norm(np.diff(joints[:, 1:].reshape(-1, 5, 4, 3)[:, 1:, 1:], axis=2), axis=3)
    assert (np.abs(outer.std(0) / outer.mean(0) - 0.045) < 0.015).all()


def test_the_skin_of_longer_fingers_is_drawn_out_evenly(bank):
    """Along a digit, beyond its knuckle, nothing is torn or folded: what was above another thing still is."""
    before = np.load(BANK)["vertices"].astype(float)
    for bones in (THUMB, *FINGERS):
        skin = (bank.bone_weight * np.isin(bank.bone_index, bones[1:])).sum(1) > 0.99
        edges = bank.faces[skin[bank.faces].all(1)]
        along = bank.rest[:, bones[1], :3, 1]
        rise = [np.einsum("nei,ni->ne", v[:, edges[:, 0]] - v[:, edges[:, 1]], along) for v in (before, bank.vertices)]
        tall = np.abs(rise[0]) > 0.003
        ratio = rise[1][tall] / rise[0][tall]
        assert 0.4 < ratio.min() and ratio.max() < 2.2


def test_views_look_at_the_hand_from_where_they_say():
    rng = np.random.default_rng(0)
    for _ in range(50):
        direction = scenes.random_direction(rng)
        view = scenes.look_from(direction, rng)
        assert np.linalg.det(view) == pytest.approx(1)
        assert view @ direction == pytest.approx([0, 0, -1], abs=1e-9)


def test_held_objects_leave_the_bones_free(bank):
    rng = np.random.default_rng(4)
    shapes = rng.integers(0, 192, 40)
    _, joints = bank.pose(shapes, poses.sample(rng, bank, shapes, np.ones(40, bool)))
    for hand in joints:
        scene = scenes.Scene(scenes.FREE, np.eye(3))
        scenes._held_object(rng, scene, hand, 1.0)
        ((kind, placement),) = scene.solids
        local = (np.linalg.inv(placement) @ np.c_[hand, np.ones(21)].T)[:3]
        inside = {
            SPHERE: np.linalg.norm(local, axis=0) < 1, BOX: (np.abs(local) < 1).all(0),
            CYLINDER: (np.hypot(local[0], local[2]) < 1) & (np.abs(local[1]) < 1),
        }[kind]  # fmt: skip
        assert inside.sum() <= 2


def test_lures_are_what_the_finder_takes_for_hands_and_the_same_every_time():
    first, again = (Lures(64).draw(np.random.default_rng(3), 5) for _ in range(2))
    assert np.array_equal(first, again) and first.shape[1:] == (64, 64) and 0 < len(first) <= 5
    assert np.abs(first).max() <= 1 and all((crop < BACKGROUND).mean() > 0.02 for crop in first)
    assert len(Lures(64).draw(np.random.default_rng(3), 0)) == 0
