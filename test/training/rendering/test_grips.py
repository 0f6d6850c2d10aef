"""Hands hold objects: digits end on the surface, nothing lies deep in it, and every grip is possible."""

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from training.rendering import grip_sheet, grips
from training.rendering.grips import CONTACT, PENETRATION, PROBABILITIES, sample_grips
from training.rendering.hand_sampling import sample_hands
from training.rendering.hands import ADULT_LENGTH, HandBank
from training.rendering.holding import IN_FRONT, give_objects, object_in_front
from training.rendering.holds import ENCLOSING, PINCH, TWO_HANDS
from training.rendering.object_pool import pool
from training.rendering.renderer import Renderer

COUNT = 240


@pytest.fixture(scope="module")
def bank():
    return HandBank()


@pytest.fixture(scope="module")
def gripped(bank):
    rng = np.random.default_rng(5)
    shapes, length = rng.integers(0, 192, COUNT), rng.normal(ADULT_LENGTH, 0.012, COUNT)
    return shapes, length, sample_grips(rng, bank, shapes, length)


def depths(bank, shapes, length, result) -> np.ndarray:
    """Depths (n, 57) of the flesh in the objects, metres."""
    joints = bank.pose(shapes, result.angles)[1] * (length / bank.length[shapes])[:, None, None]
    return grips._depths(joints, result.to_wrist, objects_of(result), length / ADULT_LENGTH)


def objects_of(result) -> np.ndarray:
    """Indices (n,) in the pool."""
    index = {id(thing): i for i, thing in enumerate(pool().objects)}
    return np.array([index[id(thing)] for thing in result.objects])


def test_distances_to_objects_are_signed():
    ball = next(i for i, thing in enumerate(pool().objects) if thing.name == "ball")
    radius = pool().objects[ball].dimensions["diameter"] / 2
    points = np.array([[[0, 0, 0], [radius + 0.01, 0, 0], [0, 1, 0]]])
    inside, near, far = pool().distances(np.array([ball]), points)[0]
    assert inside == pytest.approx(-radius, rel=0.05) and near == pytest.approx(0.01, abs=0.002) and far > 0.05
    mug = next(i for i, thing in enumerate(pool().objects) if thing.name == "mug")
    assert pool().distances(np.array([mug]), np.zeros((1, 1, 3)))[0, 0] > 0.02  # its inside is empty


def test_most_grips_succeed_and_valid_ones_do_not_penetrate(bank, gripped):
    shapes, length, result = gripped
    skin = grips._palm_skin(bank, shapes, bank.pose(shapes, result.angles)[0])
    skin *= (length / bank.length[shapes])[:, None, None]
    palm = -pool().distances(objects_of(result), grips._in_objects(skin, result.to_wrist)).min(1)
    deepest = np.maximum(depths(bank, shapes, length, result).max(1), palm)
    assert result.valid.mean() > 0.6
    assert (deepest[result.valid] <= PENETRATION + 1e-6).all() and (deepest[result.valid] > -PENETRATION).all()
    for grip in PROBABILITIES:
        assert result.valid[np.array(result.grips) == grip].mean() > 0.3, grip


def test_digits_close_until_they_touch(bank, gripped):
    shapes, length, result = gripped
    digits = depths(bank, shapes, length, result)[:, :45].reshape(-1, 5, 9).max(2)
    touching = np.abs(digits - CONTACT) < 0.003
    enclosing = result.valid & (np.array(result.grips) == ENCLOSING)
    assert touching[enclosing][:, 1:].mean() > 0.7
    pinching = result.valid & (np.array(result.grips) == PINCH)
    assert touching[pinching].sum(1).mean() > 1.2


def test_the_same_random_state_gives_the_same_grips(bank):
    shapes, length = np.arange(8), np.full(8, ADULT_LENGTH)
    one, other = (sample_grips(np.random.default_rng(3), bank, shapes, length) for _ in range(2))
    assert np.array_equal(one.to_wrist, other.to_wrist) and np.array_equal(one.angles.flexion, other.angles.flexion)


def test_a_second_hand_mirrors_the_first_on_the_other_side(bank, gripped):
    shapes, length, result = gripped
    joints = bank.pose(shapes, result.angles)[1] * (length / bank.length[shapes])[:, None, None]
    for i in np.flatnonzero(result.valid & (np.array(result.grips) == TWO_HANDS)):
        reflection = result.other_hand[i]
        assert np.linalg.det(reflection[:3, :3]) == pytest.approx(-1)
        np.testing.assert_allclose(reflection @ reflection, np.eye(4), atol=1e-9)
        mirrored = joints[i] @ reflection[:3, :3].T + reflection[:3, 3]
        assert np.linalg.norm(mirrored[9] - joints[i, 9]) > 0.02, result.objects[i].name


def test_objects_are_given_to_a_fraction_of_the_hands_and_the_others_stay(bank):
    renderer, rng = Renderer(bank), np.random.default_rng(1)
    before = sample_hands(rng, renderer, 32, 1.0, 0.0)
    hands, held = give_objects(rng, renderer, before, 0.5)
    holding = np.array([one is not None for one in held])
    assert 0.2 < holding.mean() < 0.7 and hands.grasping[holding].all() and not hands.resting[holding].any()
    assert np.array_equal(hands.joints[~holding], before.joints[~holding])
    moved = np.abs(hands.joints - before.joints).max((1, 2))
    assert (moved[holding] > 0.001).all()
    vertices = hands.skinned.numpy() * hands.scale[:, None, None]
    meshes = [id(thing.mesh) for thing in pool().objects]
    for i in np.flatnonzero(holding):  # skin, joints and objects are in one frame
        local = (vertices[i] - held[i].to_wrist[:3, 3]) @ held[i].to_wrist[:3, :3]
        distance = pool().distances(np.array([meshes.index(id(held[i].mesh))]), local[None])[0]
        assert -0.006 < distance.min() < 0.004, (held[i].kind, held[i].grip)
    assert all(one is None for one in give_objects(rng, renderer, before, 0.0)[1])


def test_an_object_in_front_lies_between_hand_and_camera():
    rng, centre, camera = np.random.default_rng(0), np.array([0, 0.1, 0.0]), np.array([-0.6, 0.1, 0.2])
    towards = (camera - centre) / np.linalg.norm(camera - centre)
    for _ in range(20):
        one = object_in_front(rng, centre, camera, (0.03, 0.12))
        assert one.grip == IN_FRONT and 0.03 <= (one.to_wrist[:3, 3] - centre) @ towards < 0.2


def test_the_sheet_shows_every_kind(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(grip_sheet, "KINDS", {"mug": None, "pen": None})
    grip_sheet.main(["--out", str(tmp_path / "new" / "grips.png")])
    assert (tmp_path / "new" / "grips.png").stat().st_size > 10_000
    assert "of 2 kinds" in capsys.readouterr().out
