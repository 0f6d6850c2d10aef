"""Posed people have a person's proportions, reach the given wrists, and bend like people."""

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from training.rendering import body_arms, body_shapes
from training.rendering.bodies import BodyBank, Wrist, pose_body, pose_bystander
from training.rendering.body_arms import unit
from training.rendering.body_posing import FREE_ARMS, POSTURES
from training.rendering.body_shapes import CHEST, FOOT, FOREARM, HAND, HEAD, NECK, PARENT, SHOULDER, UPPER_ARM
from training.rendering.decimation import cap, decimate
from training.rendering.meshes import revolve

UP = np.array([0, -1.0, 0])
AT = np.array([0, 0.1, 0.8])
"""A place before the camera, in its optical frame."""


@pytest.fixture(scope="module")
def bank() -> BodyBank:
    return BodyBank()


def wrist(rng: np.random.Generator, right: bool) -> Wrist:
    """A hand held out towards the camera, by a person who faces it."""
    outward = -1 if right else 1
    at = AT + (outward * rng.uniform(0.03, 0.25), *rng.uniform(-0.1, 0.1, 2))
    arm = unit(np.array([outward * rng.uniform(-0.1, 0.7), rng.uniform(-0.4, 0.5), 0.9]))
    thumb = unit(np.array([-outward * rng.uniform(0, 1), -1, 0]) + rng.normal(0, 0.2, 3))
    return Wrist(at, arm, right, float(rng.uniform(0.16, 0.21)), thumb)


def people(bank: BodyBank, count: int = 30, both: bool = False, seed: int = 0):
    rng = np.random.default_rng(seed)
    for i in range(count):
        wrists = [wrist(rng, bool(right)) for right in ((0, 1) if both else (i % 2,))]
        yield pose_body(rng, bank, wrists, UP, camera=np.zeros(3)), wrists


def chest_of(bank: BodyBank, posed) -> np.ndarray:
    """Orientation (3, 3) of the chest, from the joints that are fixed to it."""
    bones = [CHEST, NECK, *SHOULDER]
    rest, now = bank.joints[posed.body][bones], posed.joints[bones]
    u, _, v = np.linalg.svd((now - now.mean(0)).T @ (rest - rest.mean(0)))
    return u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v


def test_the_bank_is_small_and_of_all_kinds(bank):
    assert body_shapes.BANK.stat().st_size < 1.5e6
    assert 1500 <= len(bank.faces) <= 2500
    assert (bank.weights > 0).sum(1).max() <= 4
    assert bank.weights.sum(1) == pytest.approx(1, abs=1e-3)
    assert bank.child.sum() >= 10 and bank.woman.sum() >= 10 and (~bank.child & ~bank.woman).sum() >= 10
    assert np.ptp(bank.height[~bank.child]) > 0.3


def test_the_skin_is_closed(bank):
    edges = {(a, b) for face in bank.faces.tolist() for a, b in zip(face, (*face[1:], face[0]), strict=True)}
    assert len(edges) == 3 * len(bank.faces)  # no edge is used twice in one direction
    assert all((b, a) in edges for a, b in edges)


def test_bodies_end_before_the_wrists_and_have_heads_and_feet(bank):
    for body in range(0, len(bank.height), 7):
        points, joints = bank.vertices[body], bank.joints[body]
        assert np.linalg.norm(points[:, None] - joints[HAND], axis=2).min() > 0.03
        assert np.abs(points[:, 0]).max() > np.abs(joints[FOREARM, 0]).max() + 0.02
        assert points[:, 2].min() < joints[FOOT, 2].min() - 0.02
        assert points[:, 2].max() > joints[HEAD, 2] + 0.1


@pytest.mark.parametrize("both", [False, True])
def test_bones_keep_their_lengths(bank, both):
    children = [bone for bone, parent in enumerate(PARENT) if parent >= 0]
    parents = [PARENT[bone] for bone in children]
    for posed, _ in people(bank, both=both):
        rest = bank.joints[posed.body] * posed.size
        expected = np.linalg.norm(rest[children] - rest[parents], axis=1)
        length = np.linalg.norm(posed.joints[children] - posed.joints[parents], axis=1)
        assert length == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("both", [False, True])
def test_wrists_and_forearms_are_reached(bank, both):
    for posed, wrists in people(bank, both=both):
        for k, given in enumerate(wrists):
            side = int(given.right)
            assert np.linalg.norm(posed.wrists[side] - given.position) < 0.01
            assert posed.miss[k] < 0.01 and posed.deviation[k] < 10
            assert posed.wrists[side] == pytest.approx(posed.joints[HAND[side]])
            assert posed.elbows[side] == pytest.approx(posed.joints[FOREARM[side]])


def test_the_skin_follows_the_elbow(bank):
    for posed, wrists in people(bank):
        side = int(wrists[0].right)
        middle = posed.elbows[side] + 0.5 * (posed.wrists[side] - posed.elbows[side])
        distance = np.linalg.norm(posed.mesh.vertices - middle, axis=1)
        assert 0.015 < distance.min() < 0.075


def test_arms_that_are_too_short_are_stretched(bank):
    rng = np.random.default_rng(3)
    wrists = [Wrist(AT + (x, 0, 0), np.array([0, 0, 1.0]), x < 0, 0.187) for x in (-1.2, 1.2)]
    posed = pose_body(rng, bank, wrists, UP)
    assert (posed.miss > 0.1).all() and posed.cost > 15
    for side, given in ((1, wrists[0]), (0, wrists[1])):
        shoulder = posed.joints[UPPER_ARM[side]]
        towards = unit(given.position - shoulder)
        assert unit(posed.elbows[side] - shoulder) @ towards > np.cos(np.radians(3))
        assert unit(posed.wrists[side] - shoulder) @ towards > np.cos(np.radians(0.1))


@pytest.mark.parametrize("both", [False, True])
def test_elbows_bend_forward_within_their_limits(bank, both):
    for posed, _ in people(bank, both=both):
        chest = chest_of(bank, posed)
        for side, mirror in ((0, 1), (1, -1)):
            upper, forearm = (
                unit(chest.T @ (b - a))[None] * (mirror, 1, 1)
                for a, b in (
                    (posed.joints[UPPER_ARM[side]], posed.elbows[side]), (posed.elbows[side], posed.wrists[side]),
                )
            )  # fmt: skip
            angles = body_arms.angles_of(upper, forearm)
            assert angles.flexion[0] <= body_arms.MAX_FLEXION + 0.01
            if angles.flexion[0] > np.radians(15):
                assert np.degrees(body_arms.ROTATION[0]) - 15 < np.degrees(angles.rotation[0])
                assert np.degrees(angles.rotation[0]) < np.degrees(body_arms.ROTATION[1]) + 15


def test_angles_and_directions_are_inverse():
    rng = np.random.default_rng(0)
    angles = body_arms.Angles(*(rng.uniform(*span, 200) for span in ((0.1, 2.4), (-1, 2), (-1, 1.7), (0.1, 2.4))))
    for value, expected in zip(body_arms.angles_of(*body_arms.directions(angles)), angles, strict=True):
        assert value == pytest.approx(expected, abs=1e-6)


def test_a_hanging_arm_bends_forward_and_rotates_inwards():
    zero, right_angle = np.zeros(1), np.full(1, np.pi / 2)
    upper, forearm = body_arms.directions(body_arms.Angles(zero, zero, zero, right_angle))
    assert upper[0] == pytest.approx([0, 0, -1]) and forearm[0] == pytest.approx([0, -1, 0], abs=1e-9)
    _, forearm = body_arms.directions(body_arms.Angles(zero, zero, right_angle, right_angle))
    assert forearm[0] == pytest.approx([-1, 0, 0], abs=1e-9)


@pytest.mark.parametrize("both", [False, True])
def test_people_are_upright_and_lean_forward(bank, both):
    lean = []
    for posed, _ in people(bank, both=both):
        chest = chest_of(bank, posed)
        assert chest[:, 2] @ UP > np.cos(np.radians(25))
        assert (posed.head - posed.joints[0]) @ UP > 0.3 * posed.size
        assert (posed.joints[0] - posed.joints[FOOT]) @ UP == pytest.approx(0.6 * posed.size, abs=0.45)
        lean.append(-chest[:, 1] @ UP < 0)
    assert np.mean(lean) > 0.6


def test_handedness_is_right(bank):
    for posed, wrists in people(bank):
        chest = chest_of(bank, posed)
        shoulders = posed.joints[UPPER_ARM]
        assert unit(shoulders[1] - shoulders[0]) @ np.cross(-chest[:, 1], chest[:, 2]) > 0.9
        side = int(wrists[0].right)
        assert posed.free_arms[side] == "" and posed.free_arms[1 - side] in FREE_ARMS
        assert posed.posture in POSTURES


def test_a_rough_facing_is_kept(bank):
    rng = np.random.default_rng(5)
    for _ in range(20):
        posed = pose_body(rng, bank, [wrist(rng, True)], UP, facing=np.array([0.3, 0, -1]))
        assert -chest_of(bank, posed)[:, 1] @ unit(np.array([0.3, 0, -1])) > np.cos(np.radians(50))


def test_the_body_is_not_before_its_hands(bank):
    for posed, wrists in people(bank, both=True):
        for given in wrists:
            ray = unit(given.position)
            along = posed.mesh.vertices @ ray
            beside = np.linalg.norm(posed.mesh.vertices - along[:, None] * ray, axis=1)
            assert not ((beside < 0.02) & (along > 0) & (along < np.linalg.norm(given.position) - 0.15)).any()


def test_the_same_random_state_gives_the_same_body(bank):
    first, second = (next(people(bank, seed=8))[0] for _ in range(2))
    assert (first.mesh.vertices == second.mesh.vertices).all() and (first.joints == second.joints).all()


def test_meshes_are_finite_and_of_a_persons_size(bank):
    rng = np.random.default_rng(9)
    for i in range(40):
        wrists = [wrist(rng, True)._replace(arm=unit(rng.normal(0, 1, 3)))]
        posed = pose_body(rng, bank, wrists, UP) if i % 2 else pose_bystander(rng, bank, AT, UP)
        assert np.isfinite(posed.mesh.vertices).all() and np.isfinite(posed.joints).all()
        assert posed.mesh.vertices.dtype == np.float32 and posed.mesh.faces.max() < len(posed.mesh.vertices)
        assert 0.6 < np.ptp(posed.mesh.vertices[:, 1]) < 2.6
        assert np.linalg.norm(posed.mesh.vertices - posed.head, axis=1).min() < 0.2
        for name in ("gaze", "arms", "thumbs"):
            assert np.linalg.norm(getattr(posed, name), axis=-1) == pytest.approx(1)


def test_small_hands_belong_to_children(bank):
    rng = np.random.default_rng(1)
    bodies = [pose_body(rng, bank, [wrist(rng, True)._replace(hand_length=0.13)], UP).body for _ in range(10)]
    assert bank.child[bodies].all()
    bodies = [pose_body(rng, bank, [wrist(rng, True)._replace(hand_length=0.195)], UP).body for _ in range(10)]
    assert not bank.child[bodies].any()


def test_a_bystander_stands_where_requested_with_hands_out_of_sight(bank):
    rng = np.random.default_rng(2)
    for name in FREE_ARMS:
        posed = pose_bystander(rng, bank, AT, UP, facing=-AT, free_arms=(name, name))
        assert np.linalg.norm(posed.head - AT) < 0.15
        assert posed.free_arms == (name, name)
        behind = (posed.wrists - posed.joints[CHEST]) @ unit(AT)
        assert (behind > 0).all() if name == "behind back" else True


def test_clothes_make_a_body_thicker(bank):
    bare, worn = (body_shapes.dressed(np.random.default_rng(4), bank, 0, 1.0, clothed) for clothed in (False, True))
    thickness = ((worn - bare) * bank.normals[0]).sum(1)
    assert thickness.min() > -1e-4 and 0.004 < thickness.max() <= body_shapes.CLOTHING[1] + 1e-4
    face = (bank.weights[:, HEAD] > 0.7) & (bank.scalp == 0)
    assert np.abs(thickness[face]).max() < 1e-4


def test_two_hands_of_one_side_are_no_body(bank):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="a left and a right"):
        pose_body(rng, bank, [wrist(rng, True), wrist(rng, True)], UP)
    with pytest.raises(ValueError, match="needs one wrist"):
        pose_body(rng, bank, [], UP)


def test_decimation_keeps_the_shape_and_caps_close_it(capsys):
    ball = revolve(np.stack([np.sin(np.linspace(0, np.pi, 17)).round(9), np.linspace(-1, 1, 17)], axis=1), 24)
    vertices = ball.vertices.astype(float)
    upper = ball.faces[(vertices[ball.faces][:, :, 1] > -0.01).all(1)]
    coarse = decimate(vertices, upper, 120, np.ones(len(vertices)))
    assert len(coarse) <= 120
    assert f"{len(upper) - 120}/{len(upper) - 120}" in capsys.readouterr().err
    closed = np.concatenate([coarse, cap(coarse, vertices)])
    edges = {(a, b) for face in closed.tolist() for a, b in zip(face, (*face[1:], face[0]), strict=True)}
    assert all((b, a) in edges for a, b in edges)

    def volume(faces: np.ndarray) -> float:
        a, b, c = (vertices[faces[:, k]] for k in range(3))
        return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6

    assert volume(closed) == pytest.approx(volume(np.concatenate([upper, cap(upper, vertices)])), rel=0.05)
