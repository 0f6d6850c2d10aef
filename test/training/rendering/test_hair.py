"""Hair, beards and eyes that the sensor does not see."""

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from fingerpose_ros.perception.camera import Camera
from training.rendering import hair
from training.rendering.backgrounds import Background
from training.rendering.bodies import BodyBank, pose_bystander
from training.rendering.composed_things import draw_thing

CAMERA = Camera(320, 240, 300.0, 300.0, 159.5, 119.5)
HEAD = np.array([0.0, 0.0, 0.8])


@pytest.fixture(scope="module")
def bank() -> BodyBank:
    return BodyBank()


def facing(bank: BodyBank, seed: int):
    """An adult whose head is in the middle of the image, and who looks at the camera."""
    rng = np.random.default_rng(seed)
    return pose_bystander(rng, bank, HEAD, (0, -1, 0), -HEAD, np.zeros(3), child_fraction=0.0)


def test_of_half_of_the_people_a_part_of_the_head_is_not_seen(bank):
    person, found = facing(bank, 0), []
    for seed in range(200):
        found.append(hair.sample_unseen(np.random.default_rng(seed), bank, person))
    unseen = [mesh for mesh in found if mesh]
    assert 70 < len(unseen) < 130
    for mesh in unseen:
        from_head = np.linalg.norm(mesh.vertices[np.unique(mesh.faces)] - person.head, axis=1)
        assert from_head.max() < 0.4  # long hair and brims included
    face = person.head + 0.095 * person.gaze
    for mesh in unseen:
        assert np.linalg.norm(mesh.vertices[np.unique(mesh.faces)] - face, axis=1).min() > 0.004  # the nose is seen


def test_most_of_what_is_unseen_is_invalid_and_the_rest_as_it_was(bank, monkeypatch):
    monkeypatch.setattr(hair, "UNSEEN_FRACTION", 1.0)
    monkeypatch.setattr(hair, "HAIR_FRACTION", 1.0)
    background = Background.rendered("wall", np.full((240, 320), 3.0, np.float32), CAMERA, "realsense_sr305")
    lost = []
    for seed in range(4):
        person = facing(bank, seed)
        unseen = hair.sample_unseen(np.random.default_rng(seed), bank, person)
        whole, partial = (np.full((240, 320), 3.0, np.float32) for _ in range(2))
        draw_thing(np.random.default_rng(1), background, whole, person.mesh, 0.0)
        draw_thing(np.random.default_rng(1), background, partial, person.mesh, 0.0, unseen)
        changed = partial != whole
        assert (partial[changed] == 0).all()
        row, column = np.nonzero(changed)
        lost.append(len(row))
        assert np.hypot(row - 119.5, column - 159.5).max() < 300 * 0.4 / 0.6
        assert (whole[110:130, 150:170] < 1).mean() > 0.9  # there is a head
    assert np.mean(lost) > 500
