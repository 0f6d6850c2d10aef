"""People at work: hands over the table, apart, at the wrists of one body, before a camera that sees them."""

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from fingerpose_ros.perception.kinematics import palm_position
from training.rendering import workplaces
from training.rendering.bodies import BodyBank
from training.rendering.hand_sampling import sample_hands
from training.rendering.renderer import shared_renderer
from training.rendering.workplaces import sample_worker, sample_workplace

COUNT = 12


@pytest.fixture(scope="module")
def hands():
    return sample_hands(np.random.default_rng(4), shared_renderer(), 2, 1.0, 0.0)


@pytest.fixture(scope="module")
def samples(hands):
    """Workplaces, each with the hands' places and the body."""
    bank, found = BodyBank(), []
    for seed in range(COUNT):
        rng = np.random.default_rng(seed)
        place = sample_workplace(rng, 250.0)
        found.append((place, *sample_worker(rng, bank, place, hands, [None, None])))
    return found


def test_most_workplaces_get_a_person_with_both_hands_apart_and_in_range(samples, hands):
    people = [(places, body) for _, places, body in samples if body]
    assert len(people) > 0.7 * COUNT
    for places, body in people:
        assert sorted(np.sign(np.linalg.det(each[:3, :3])) for each in places) == [-1, 1]
        palms = [palm_position(hands.joints[i] @ m[:3, :3].T + m[:3, 3]) for i, m in enumerate(places)]
        assert np.linalg.norm(palms[0] - palms[1]) > workplaces.APART
        assert all(workplaces.NEAREST < palm[2] < workplaces.FARTHEST for palm in palms)
        for place in places:
            wrist = body.wrists[int(np.linalg.det(place[:3, :3]) > 0)]
            assert np.linalg.norm(wrist - place[:3, 3]) < 0.03  # the body's arm ends in the hand


def test_hands_over_the_table_are_not_in_it(samples, hands):
    lying = 0
    for workplace, places, _ in samples:
        for i, place in enumerate(places):
            to_workplace = np.linalg.inv(workplace.to_camera) @ place
            joints = hands.joints[i] @ to_workplace[:3, :3].T + to_workplace[:3, 3]
            if to_workplace[1, 3] > -0.05:
                assert joints[:, 2].min() > 0
                lying += joints[:, 2].min() < 0.02
    assert lying > 2


def test_the_table_is_where_the_camera_sees_it(samples):
    """At points of the table the camera measures the table, or a thing on it."""
    x, y = np.meshgrid(np.linspace(-0.2, 0.2, 9), np.linspace(0.1, 0.4, 7))
    table = np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3)
    behind = []
    for workplace, *_ in samples:
        background, camera = workplace.background, workplace.background.camera
        points = table @ workplace.to_camera[:3, :3].T + workplace.to_camera[:3, 3]
        points = points[points[:, 2] > 0.1]
        columns, rows = np.round(camera.project(points)).astype(int).T
        inside = (columns >= 0) & (columns < camera.width) & (rows >= 0) & (rows < camera.height)
        depth = background.raw[rows[inside], columns[inside]] * background.unit
        behind += list((depth - points[inside, 2])[depth > 0])
    assert len(behind) > 100
    assert np.mean(np.array(behind) > 0.03) < 0.02 and np.mean(np.abs(behind) < 0.03) > 0.5


def test_the_same_generator_gives_the_same_workplace(samples):
    again = sample_workplace(np.random.default_rng(3), 250.0)
    np.testing.assert_array_equal(again.to_camera, samples[3][0].to_camera)
    np.testing.assert_array_equal(again.background.raw, samples[3][0].background.raw)
