"""Loose objects and robot arms: of the right size, where they may be, and in both images of a pair."""

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from recorded_scene import table, write_recording

from training.rendering import clutter
from training.rendering.backgrounds import Backgrounds
from training.rendering.clutter import FARTHEST, LEAST_ROBOT, NEAREST, sample_clutter
from training.rendering.composed_images import ComposedImages
from training.rendering.composed_things import draw_thing
from training.rendering.meshes import Mesh
from training.rendering.primitives import Primitives
from training.rendering.robots import sample_robot


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    return write_recording(tmp_path_factory.mktemp("recordings") / "room", [table()], sensor_model="kinect_v1")


@pytest.fixture(scope="module")
def background(room):
    return Backgrounds([room]).images[0]


@pytest.fixture(scope="module")
def samples(background):
    return [sample_clutter(np.random.default_rng(seed), background) for seed in range(60)]


def test_things_are_within_range_and_often_none(samples):
    meshes = [thing for sample in samples for thing in sample if isinstance(thing, Mesh)]
    middles = np.array([mesh.bounds.mean(0) for mesh in meshes])
    sizes = np.array([np.ptp(mesh.bounds, axis=0).max() for mesh in meshes])
    assert 0.15 < np.mean([not sample for sample in samples]) < 0.6
    assert (middles[:, 2] > NEAREST - 0.3).all() and (middles[:, 2] < FARTHEST + 0.3).all()
    assert 0.01 < sizes.min() and sizes.max() < 0.7


def test_robots_lead_from_their_tool_to_an_arm():
    for seed in range(30):
        robot = sample_robot(np.random.default_rng(seed))
        reach = np.linalg.norm(robot.corners, axis=1)
        assert len(robot.primitives) >= 5  # a tool's body, two links and their joints
        assert reach.min() < 0.12 and 0.2 < reach.max() < 2.5
        assert robot.corners[:, 1].min() < -0.1  # behind the tool


def test_robots_stay_away_from_the_lens(samples):
    robots = [thing for sample in samples for thing in sample if isinstance(thing, Primitives)]
    assert 2 < len(robots) < 25
    assert min(robot.corners[:, 2].min() for robot in robots) > LEAST_ROBOT


def test_a_moved_robot_keeps_its_shape():
    robot = sample_robot(np.random.default_rng(1))
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    moved = robot.transformed(turn, np.array([0.1, 0.2, 0.5]))
    np.testing.assert_allclose(moved.corners, robot.corners @ turn.T + [0.1, 0.2, 0.5], atol=1e-12)


def test_drawn_things_lie_where_they_are(background):
    """Where something was drawn, the depth is nearer than the table and within the thing's range."""
    rng = np.random.default_rng(2)
    robot = Primitives()
    robot.add(2, (0.0, 0.0, 0.4), (0.05, 0.05, 0.02))  # a box
    recorded = background.raw * np.float32(background.unit)
    depth = recorded.copy()
    draw_thing(rng, background, depth, robot, 0.0)
    nearer = (depth > 0) & (depth < recorded - 0.02)
    assert nearer.sum() > 1000
    assert np.abs(np.median(depth[nearer]) - 0.38) < 0.005


def test_nothing_in_view_changes_nothing(background):
    robot = Primitives()
    robot.add(2, (0.0, 0.0, -1.0), (0.05, 0.05, 0.02))
    depth = background.raw * np.float32(background.unit)
    before = depth.copy()
    draw_thing(np.random.default_rng(0), background, depth, robot, 1.0)
    assert np.array_equal(depth, before)


def test_clutter_is_in_both_images_of_a_pair(room, monkeypatch):
    """Without clutter the image without hands is the recorded one; with it, it is not, and both images have it."""
    dataset = ComposedImages(11, (room,))
    monkeypatch.setattr(clutter, "OBJECTS", {8: 1.0})
    images = [image for image in map(dataset.__getitem__, range(20)) if image.source == "room"]
    recorded = table() * np.float32(0.001)
    assert len(images) > 3
    for image in images:
        added = (image.without > 0) & (np.abs(image.without - recorded) > 0.03) & (recorded > 0)
        assert added.any()
        behind_hands = image.depth != image.without
        kept = added & ~behind_hands
        assert np.array_equal(image.depth[kept], image.without[kept])
