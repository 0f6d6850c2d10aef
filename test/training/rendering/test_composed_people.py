"""People in composed images are where the hands and the recorded surfaces allow."""

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from recorded_scene import table, write_recording

from training.rendering.backgrounds import Backgrounds
from training.rendering.bodies import BodyBank, Wrist
from training.rendering.composed_people import (
    FARTHEST_HEAD,
    NEAREST_PERSON,
    at_other_wrist,
    sample_body,
    sample_bystander,
    sample_up,
)

UP = np.array([0.0, -1.0, 0.0])


@pytest.fixture(scope="module")
def background(tmp_path_factory):
    folder = write_recording(tmp_path_factory.mktemp("recordings") / "room", [table()], sensor_model="kinect_v1")
    return Backgrounds([folder]).images[0]


@pytest.fixture(scope="module")
def bank():
    return BodyBank()


def _visible(camera, points):
    points = points[points[:, 2] > 0.01]
    pixels = camera.project(points)
    return points[((pixels > 0) & (pixels < (camera.width, camera.height))).all(1)]


def test_bystanders_are_before_the_recorded_surface_and_do_not_fill_the_image(background, bank):
    rng, people = np.random.default_rng(0), []
    for _ in range(40):
        posed = sample_bystander(rng, bank, background, UP)
        if posed is None:
            continue
        people.append(posed)
        column, row = np.round(background.camera.project(posed.head)).astype(int)
        surface = background.raw[row, column] * background.unit
        assert posed.head[2] < (surface or FARTHEST_HEAD + 0.1)
        assert _visible(background.camera, posed.mesh.vertices)[:, 2].min() > NEAREST_PERSON
    assert 8 < len(people) < 24


def test_a_body_is_at_the_wrist_and_its_other_hand_at_the_other(background, bank):
    rng, count = np.random.default_rng(1), 0
    for k in range(40):
        right = k % 2 == 0
        wrist = Wrist(np.array([0.05, 0.05, 0.6]), np.array([0.2 if right else -0.2, 0.5, 0.84]), right, 0.19)
        wrist = wrist._replace(arm=wrist.arm / np.linalg.norm(wrist.arm))
        posed = sample_body(rng, bank, background.camera, wrist, UP)
        if posed is None:
            continue
        count += 1
        np.testing.assert_allclose(posed.wrists[int(right)], wrist.position, atol=0.02)
        arm = np.array([-0.9, 0.3, 0.1]) / np.linalg.norm([-0.9, 0.3, 0.1])
        other = at_other_wrist(posed, wrist, arm)
        side = 1 - int(right)
        np.testing.assert_allclose(other[:3, 3], posed.wrists[side])
        np.testing.assert_allclose(other[:3, :3] @ arm, posed.arms[side], atol=1e-6)
        assert other[:3, 2] @ posed.thumbs[side] > 0.7
        assert np.linalg.det(other[:3, :3]) == pytest.approx(1 if side else -1)
    assert count > 12


def test_cameras_look_level_or_down(background):
    ups = np.stack([sample_up(np.random.default_rng(k)) for k in range(300)])
    np.testing.assert_allclose(np.linalg.norm(ups, axis=1), 1)
    assert (ups[:, 1] < 0.3).all() and 0.1 < (ups[:, 2] < -0.5).mean() < 0.6
