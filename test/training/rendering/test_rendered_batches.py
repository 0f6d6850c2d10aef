"""Rendered crops: scenes, rendering, and batches that are the same at every call."""

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

import warp as wp

from fingerpose_ros.perception.kinematics import hand_direction
from fingerpose_ros.perception.pose.crop import BACKGROUND
from training.rendering import hard_negatives, image_borders, objects, poses, rendered_batches, scene_sampling
from training.rendering.hands import HandBank
from training.rendering.hard_negatives import HardNegatives
from training.rendering.primitives import Primitives, random_direction, stacked
from training.rendering.rendered_batches import RenderedBatches
from training.rendering.renderer import BOX, CYLINDER, NOTHING, SPHERE, Renderer
from training.rendering.sensors import SENSORS
from training.rendering.testset import VIEWS, view_of


@pytest.fixture(scope="module")
def bank() -> HandBank:
    return HandBank()


@pytest.fixture(scope="module")
def renderer(bank) -> Renderer:
    return Renderer(bank)


def depth_of(kind: int, centre, half, size: int = 65, focal: float = 80.0) -> np.ndarray:
    renderer = Renderer(HandBank())
    depth = renderer.empty(1, size)
    placement = np.eye(4)
    placement[:3, :3] *= half
    placement[:3, 3] = centre
    renderer.draw_primitives(depth, wp.array([focal], dtype=float), np.array([[kind]]), placement[None, None])
    return depth.numpy()[0]


@pytest.mark.parametrize("kind", [SPHERE, BOX, CYLINDER])
def test_primitives_have_the_depth_of_their_geometry(kind):
    depth = depth_of(kind, (0, 0, 1.0), (0.1, 0.1, 0.2))
    assert depth[32, 32] == pytest.approx(0.8, abs=1e-5)
    assert depth[0, 0] > 1e5
    width = (depth[32] < 1e5).sum()
    front = {SPHERE: 0.1 / np.sqrt(1 - 0.2**2), BOX: 0.1 / 0.8, CYLINDER: 0.1 / np.sqrt(1 - 0.2**2)}[kind]
    assert width == pytest.approx(2 * 80 * front, abs=2)


@pytest.mark.parametrize("extent", (1.0, 1.5))
@pytest.mark.parametrize("aligned", (0, 1))
def test_a_hand_is_rendered_at_its_joints(extent, aligned):
    kind = {"left_fraction": 0, "negative_fraction": 0, "aligned_fraction": aligned, "extent": extent}
    batch = RenderedBatches(128, 32, seed=5, difficulty=0.0, **kind)[0]
    assert 0.4 < batch["visible"].mean() < 0.9
    for image, uvd, visible in zip(batch["image"][:, 0], batch["uvd"], batch["visible"], strict=True):
        pixel = ((uvd[visible, :2] / extent + 1) / 2 * 128).astype(int)
        surface = image[pixel[:, 1], pixel[:, 0]]
        gap = (uvd[visible, 2] - surface)[surface < 1] * 140
        assert len(gap) < 4 or 0 < np.median(gap) < 20  # a joint lies under its skin


def test_an_extent_beyond_the_cube_allows_no_negatives():
    with pytest.raises(ValueError, match="extent 1.5 needs negative_fraction 0"):
        RenderedBatches(64, 8, seed=5, extent=1.5)


def test_aligned_hands_point_up():
    fractions = {}
    for aligned in (0, 1):
        uvd = RenderedBatches(64, 64, seed=6, negative_fraction=0, aligned_fraction=aligned)[0]["uvd"]
        u, v, _ = hand_direction(uvd).T
        askew = np.degrees(np.abs(np.arctan2(u, -v)))
        fractions[aligned] = (askew < 45).mean(), (askew < 10).mean()
    assert fractions[0][0] < 0.45 and fractions[1][0] > 0.85
    assert fractions[1][1] < 0.8  # with the error of a predicted direction


def test_off_centre_crops_are_centred_up_the_forearm():
    centred, off_centre = (
        RenderedBatches(64, 64, seed=6, left_fraction=0, negative_fraction=0, off_centre_arm_fraction=fraction)[0][
            "uvd"
        ]
        for fraction in (0, 1)
    )
    shift, pointing = 140 * (off_centre - centred).mean(1), hand_direction(centred)
    far = np.linalg.norm(shift, axis=1)
    assert 18 < far.min() < 30 and 70 < far.max() < 95
    ahead = (shift * pointing).sum(1) / far / np.linalg.norm(pointing, axis=1)
    assert np.median(ahead) > 0.7  # so the hand lies ahead, as straight as the wrist is


def test_a_batch_depends_on_seed_and_index_alone():
    batches = RenderedBatches(64, 8, seed=7)
    first, again, other = batches[3], RenderedBatches(64, 8, seed=7)[3], batches[4]
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["image"], other["image"])
    assert not np.array_equal(first["image"], RenderedBatches(64, 8, seed=8)[3]["image"])


def test_sensors_are_chosen_by_camera_or_by_kind():
    batch = RenderedBatches(64, 48, seed=7, sensors=("time_of_flight", "zed"))[0]
    seen = {list(SENSORS)[i] for i in batch["sensor"]}
    assert seen == {"zed", *(name for name, sensor in SENSORS.items() if sensor.kind == "time_of_flight")}
    with pytest.raises(ValueError, match="no sensor 'sonar'; there are active_stereo, .*, zed"):
        RenderedBatches(64, 8, seed=7, sensors=("sonar",))


def test_the_labels_of_a_batch_are_consistent():
    batches = RenderedBatches(64, 64, seed=11)
    parts = [batches[k] for k in range(4)]
    batch = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    assert batch["image"].dtype == np.float32 and np.abs(batch["image"]).max() <= 1
    stereo = [sensor.kind == "active_stereo" for sensor in SENSORS.values()]
    assert 0.42 < np.mean(np.array(stereo)[batch["sensor"]]) < 0.65  # of cameras 4 in 11, twice as often
    assert np.isfinite(batch["uvd"]).all()
    present = batch["present"]
    assert 0.65 < present.mean() < 0.85
    assert not (batch["right"] & ~present).any()
    assert 0.07 < (present & ~batch["right"]).mean() < 0.25
    centre = batch["uvd"][present].mean(1)
    assert np.percentile(np.linalg.norm(centre, axis=1) * 140, 99) < 100
    assert 0.3 < batch["visible"][present].mean() < 0.9
    assert (batch["segment"][present] == 1).any(axis=(1, 2)).mean() > 0.95
    assert np.linalg.norm(batch["view"], axis=1) == pytest.approx(1)
    assert set(view_of(batch["view"])) == set(range(len(VIEWS)))


def test_joints_beyond_the_border_of_the_cameras_image_are_not_visible(monkeypatch):
    whole, cut = (
        (
            monkeypatch.setattr(rendered_batches, "BORDER_FRACTION", fraction),
            RenderedBatches(64, 32, seed=3, negative_fraction=0)[0],
        )[1]
        for fraction in (0.0, 1.0)
    )
    assert np.array_equal(whole["uvd"], cut["uvd"])
    pixel = ((cut["uvd"][..., :2] + 1) * 32).astype(int).clip(0, 63)
    row, lost = np.arange(32)[:, None], (whole["image"] != cut["image"])[:, 0]
    assert (cut["image"][:, 0][lost] == 1).all() and 0.02 < lost.mean() < 0.5
    assert not cut["visible"][lost[row, pixel[..., 1], pixel[..., 0]]].any()
    assert (lost.any(axis=(1, 2)) | (whole["visible"] == cut["visible"]).all(axis=1)).all()


def test_a_border_cuts_an_arm_before_its_end():
    rng = np.random.default_rng(0)
    angle, length = rng.uniform(0, 2 * np.pi, 200), rng.uniform(0.1, 2, 200)
    ends = (length * [np.cos(angle), np.sin(angle)]).T
    inside = image_borders.cut_at_arm(rng, ends, image_borders.pixels(64, 1.0))
    along = np.linspace(0, 1, 200)[:, None] * ends[:, None]  # from the crop's middle to the arm's end
    pixel = np.floor((along + 1) * 32).astype(int)
    shown = np.all((pixel >= 0) & (pixel < 64), axis=2)
    u, v = np.clip(pixel, 0, 63).transpose(2, 0, 1)
    kept = inside[np.arange(200)[:, None], v, u]
    reaches = shown.all(axis=1) & (length > 0.2)
    assert reaches.sum() > 50
    assert kept[reaches, -1].mean() < 0.05  # but where the end and the border share a pixel
    assert 0.5 < kept[:, 0].mean() < 0.95  # the middle mostly stays in view


def test_holes_have_the_requested_place_and_size():
    hole = image_borders.discs(image_borders.pixels(64, 1.0), np.array([[0.5, -0.5], [0, 0]]), np.array([0.25, 0]))
    assert hole[0].mean() == pytest.approx(np.pi * 0.25**2 / 4, rel=0.05)
    assert hole[0, 16, 48] and not hole[0, 48, 16]
    assert not hole[1].any()


def test_an_occluded_hand_is_not_present(monkeypatch):
    seen = RenderedBatches(64, 16, seed=5, negative_fraction=0)[0]
    render = rendered_batches.RenderedBatches._render_second_hands

    def wall(self, rng, renderer, depth, *others):
        render(self, rng, renderer, depth, *others)
        depth.assign(np.full(depth.shape, 0.05, np.float32))

    monkeypatch.setattr(rendered_batches.RenderedBatches, "_render_second_hands", wall)
    hidden = RenderedBatches(64, 16, seed=5, negative_fraction=0)[0]
    assert seen["present"].all()
    assert not hidden["present"].any()
    assert not hidden["right"].any()


def test_resting_hands_touch_the_table_and_their_arms_rise_from_it(bank):
    rng = np.random.default_rng(2)
    shapes = rng.integers(0, 192, 60)
    transforms, joints = bank.pose(shapes, poses.sample(rng, bank, shapes, resting=np.ones(60, bool)))
    steep = []
    for shape, bones, hand in zip(shapes, transforms, joints, strict=True):
        arm = -bones[1, :3, :3] @ bank.rest[shape, 1, :3, 1]
        up = scene_sampling.up_at_rest(rng, hand, arm)
        steep.append(np.degrees(np.arcsin(arm @ up)))
    assert np.percentile(steep, 5) > 0 and 5 < np.median(steep) < 45


def test_left_hands_are_mirrored_right_hands():
    lefts, rights = (
        RenderedBatches(64, 8, seed=2, left_fraction=fraction, negative_fraction=0)[0] for fraction in (1, 0)
    )
    assert not lefts["right"].any() and rights["right"].all()
    assert np.array_equal(lefts["image"][..., ::-1], rights["image"])
    assert np.array_equal(lefts["uvd"] * (-1, 1, 1), rights["uvd"])


def test_views_face_the_hand_from_their_direction():
    rng = np.random.default_rng(0)
    for _ in range(50):
        direction = random_direction(rng)
        view = scene_sampling.look_from(direction, rng)
        assert np.linalg.det(view) == pytest.approx(1)
        assert view @ direction == pytest.approx([0, 0, -1], abs=1e-9)


def test_held_objects_leave_the_bones_free(bank):
    rng = np.random.default_rng(4)
    shapes = rng.integers(0, 192, 40)
    _, joints = bank.pose(shapes, poses.sample(rng, bank, shapes, np.ones(40, bool)))
    for hand in joints:
        held = Primitives()
        objects.add_held(rng, held, hand, 1.0)
        ((kind, placement),) = held.primitives
        local = (np.linalg.inv(placement) @ np.c_[hand, np.ones(21)].T)[:3]
        inside = {
            SPHERE: np.linalg.norm(local, axis=0) < 1, BOX: (np.abs(local) < 1).all(0),
            CYLINDER: (np.hypot(local[0], local[2]) < 1) & (np.abs(local[1]) < 1),
        }[kind]  # fmt: skip
        assert inside.sum() <= 2


def test_scenes_with_different_numbers_of_primitives_are_padded():
    crowded, empty = Primitives(), Primitives()
    for k in range(40):
        crowded.add(SPHERE, (0.02 * k, 0, 1), np.full(3, 0.01))
    kinds, placements = stacked([empty, crowded])
    assert (kinds != NOTHING).sum(1).tolist() == [0, 40]
    np.testing.assert_allclose(placements[1, :, 0, 3], 0.02 * np.arange(40))
    assert stacked([empty])[0].shape == (1, 1)  # kernels take no array without elements


@pytest.mark.skipif(not wp.is_cuda_available(), reason="Warp finds no CUDA device")
def test_gpu_and_cpu_render_the_same():
    cpu, gpu = (RenderedBatches(96, 32, seed=3, device=device)[0] for device in ("cpu", "cuda:0"))
    for name in cpu:
        same = np.isclose(cpu[name], gpu[name], atol=2e-2)
        assert same.mean() > 0.99, name


def test_standing_objects_end_in_the_grip_and_leave_the_bones_free(bank):
    rng = np.random.default_rng(5)
    shapes = rng.integers(0, 192, 40)
    _, joints = bank.pose(shapes, poses.sample(rng, bank, shapes, np.ones(40, bool)))
    below = []
    for hand in joints:
        standing, up = Primitives(), scene_sampling.up_when_picking(rng, hand, np.array([0, -1.0, 0]))
        foot = objects.add_standing(rng, standing, hand, 1.0, up)
        ((_, placement),) = standing.primitives
        local = (np.linalg.inv(placement) @ np.c_[hand, np.ones(21)].T)[:3]
        assert (np.abs(local) < 1).all(0).sum() <= 1
        half = np.linalg.norm(placement[:3, :3], axis=0)
        np.testing.assert_allclose(placement[:3, 1] / half[1], up, atol=1e-9)  # upright
        assert foot == pytest.approx(placement[:3, 3] @ up - half[1], abs=1e-9)
        below.append((hand[4::4] @ up).min() - foot)
    assert np.median(below) > 0.02  # metres from the lowest fingertip to the table


def test_hard_negatives_are_crops_of_candidates_and_the_same_at_every_call():
    first, again = (HardNegatives(64).render(np.random.default_rng(3), np.arange(5) % 2 == 0) for _ in range(2))
    assert np.array_equal(first, again) and first.shape[1:] == (64, 64) and 0 < len(first) <= 5
    assert np.abs(first).max() <= 1 and all((crop < BACKGROUND).mean() > 0.02 for crop in first)
    assert len(HardNegatives(64).render(np.random.default_rng(3), np.zeros(0, bool))) == 0


def test_hard_negatives_are_rotated_as_the_estimator_rotates_candidates(monkeypatch):
    monkeypatch.setattr(hard_negatives, "FOREARM_FRACTION", 1.0)
    crops = HardNegatives(64).render(np.random.default_rng(3), np.ones(40, bool)) < BACKGROUND
    lower, upper = (half.mean((1, 2)) for half in (crops[:, 32:], crops[:, :32]))
    assert (lower > upper).mean() > 0.75  # the forearm comes from below
