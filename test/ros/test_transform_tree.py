"""The tree of frames: chains through common ancestors, interpolation, and what it cannot answer."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from messages import header

from fingerpose_ros.ros import transform_tree
from fingerpose_ros.ros.transform_tree import TransformTree, TransformUnavailable

SECOND = 1_000_000_000


def stamped(parent, child, translation=(0.0, 0, 0), rotation=None, stamp=1.0) -> TransformStamped:
    x, y, z = map(float, translation)
    qx, qy, qz, qw = (rotation or Rotation.identity()).as_quat().tolist()
    return TransformStamped(
        header=header(stamp, parent), child_frame_id=child,
        transform=Transform(translation=Vector3(x=x, y=y, z=z), rotation=Quaternion(x=qx, y=qy, z=qz, w=qw)),
    )  # fmt: skip


def lookup(tree, target, source, stamp=1.0, tolerance=0.1):
    return tree.lookup(target, source, round(stamp * SECOND), round(tolerance * SECOND))


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_any_two_frames_of_a_random_tree(seed, count):
    """Against each frame's known pose in the root."""
    random = np.random.default_rng(seed)
    tree, poses = TransformTree(), [np.eye(4)]
    for child in range(1, count + 1):
        parent = int(random.integers(child))
        rotation, translation = Rotation.random(random_state=random), random.normal(size=3)
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = rotation.as_matrix(), translation
        poses.append(poses[parent] @ local)
        tree.add(stamped(f"f{parent}", f"f{child}", translation, rotation), static=bool(random.integers(2)))
    target, source = random.integers(count + 1, size=2)
    rotation, translation = lookup(tree, f"f{target}", f"f{source}")
    expected = np.linalg.inv(poses[target]) @ poses[source]
    np.testing.assert_allclose(rotation, expected[:3, :3], atol=1e-9)
    np.testing.assert_allclose(translation, expected[:3, 3], atol=1e-9)


@given(st.floats(0, 1), st.floats(0, 30), st.integers(0, 2**32 - 1), st.booleans())
def test_interpolation_between_two_transforms(share, degrees, seed, flipped):
    random = np.random.default_rng(seed)
    first = Rotation.random(random_state=random)
    axis = random.normal(size=3)
    second = first * Rotation.from_rotvec(np.radians(degrees) * axis / np.linalg.norm(axis))
    tree = TransformTree()
    message = stamped("a", "b", (2, 0, -1), second, 2.0)
    if flipped:  # the other quaternion of the same rotation
        q = message.transform.rotation
        message.transform.rotation = Quaternion(x=-q.x, y=-q.y, z=-q.z, w=-q.w)
    tree.add(message)
    tree.add(stamped("a", "b", (1, 0, 1), first, 1.0))  # late, so out of order
    rotation, translation = lookup(tree, "a", "b", 1 + share)
    np.testing.assert_allclose(translation, (1 + share, 0, 1 - 2 * share), atol=1e-6)
    exact = Slerp([0, 1], Rotation.concatenate([first, second]))(share)
    assert (exact.inv() * Rotation.from_matrix(rotation)).magnitude() < np.radians(0.1)


def test_a_static_transform_holds_at_all_times():
    tree = TransformTree()
    tree.add(stamped("a", "b", (1, 2, 3), stamp=50.0), static=True)
    for stamp in (0.0, 50.0, 1e6):
        np.testing.assert_array_equal(lookup(tree, "a", "b", stamp)[1], (1, 2, 3))


def test_the_time_is_one_for_the_whole_chain():
    """If one transform of a chain is older, all are taken at its time."""
    tree = TransformTree()
    for stamp in (1.0, 2.0):
        tree.add(stamped("a", "b", (stamp, 0, 0), stamp=stamp))
    for stamp in (1.0, 1.9):
        tree.add(stamped("b", "c", (0, stamp, 0), stamp=stamp))
    np.testing.assert_allclose(lookup(tree, "a", "c", 2.0, 0.2)[1], (1.9, 1.9, 0))
    with pytest.raises(TransformUnavailable, match=r"newest transform of c is 0\.100 s older .* 0\.05 s are allowed"):
        lookup(tree, "a", "c", 2.0, 0.05)


def test_what_cannot_be_answered_is_named():
    tree = TransformTree()
    for parent, child in (("map", "base"), ("base", "tool"), ("other", "camera")):
        tree.add(stamped(parent, child, stamp=5.0))
    with pytest.raises(TransformUnavailable, match="frame 'tol' has arrived"):
        lookup(tree, "base", "tol", 5)
    with pytest.raises(TransformUnavailable, match="not connected: tool is below map, camera below other"):
        lookup(tree, "camera", "tool", 5)
    with pytest.raises(TransformUnavailable, match=r"start 1\.000 s after the stamp 4\.000 s"):
        lookup(tree, "map", "base", 4)
    tree.add(stamped("tool", "map", stamp=5.0))
    with pytest.raises(TransformUnavailable, match="a loop"):
        lookup(tree, "map", "camera", 5)


def test_a_frame_in_itself():
    tree = TransformTree()
    tree.add(stamped("a", "b", stamp=1.0))
    rotation, translation = lookup(tree, "/b", "b", 99)  # needs no transform, so none is too old
    np.testing.assert_array_equal(rotation, np.eye(3))
    np.testing.assert_array_equal(translation, np.zeros(3))


def test_a_new_parent_and_a_clock_that_restarts_begin_a_new_history():
    tree = TransformTree()
    tree.add(stamped("a", "b", (1, 0, 0), stamp=100.0))
    tree.add(stamped("a", "b", (2, 0, 0), stamp=3.0))
    np.testing.assert_array_equal(lookup(tree, "a", "b", 3.05)[1], (2, 0, 0))
    tree.add(stamped("c", "b", (3, 0, 0), stamp=3.1))
    np.testing.assert_array_equal(lookup(tree, "c", "b", 3.1)[1], (3, 0, 0))
    with pytest.raises(TransformUnavailable):
        lookup(tree, "a", "b", 3.05)


@pytest.mark.parametrize(
    "message",
    [
        stamped("a", "a"), stamped("", "b"), stamped("a", "/"), stamped("a", "b", (np.nan, 0, 0)),
        stamped("a", "b", (0, np.inf, 0)),
        TransformStamped(
            header=header(1.0, "a"), child_frame_id="b", transform=Transform(rotation=Quaternion(w=0.0))
        ),
    ],
)  # fmt: skip
def test_invalid_transforms_are_rejected(message):
    tree = TransformTree()
    with pytest.raises(ValueError, match="transform from"):
        tree.add(message)
    with pytest.raises(TransformUnavailable):
        lookup(tree, "a", "b")


def test_the_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(transform_tree, "MAX_FRAMES", 3)
    monkeypatch.setattr(transform_tree, "MAX_ENTRIES", 10)
    tree = TransformTree()
    for i in range(100):
        tree.add(stamped("a", "b", (i, 0, 0), stamp=1 + 0.01 * i))
    np.testing.assert_allclose(lookup(tree, "a", "b", 1.9)[1], (90, 0, 0))
    with pytest.raises(TransformUnavailable):
        lookup(tree, "a", "b", 1.89)
    tree.add(stamped("a", "c")), tree.add(stamped("a", "d"))
    with pytest.raises(ValueError, match="frame e is ignored"):
        tree.add(stamped("a", "e"))
    tree.add(stamped("a", "b", stamp=100.0))  # known frames go on
    with pytest.raises(TransformUnavailable):
        lookup(tree, "a", "b", 1.95)  # forgotten: older than ten seconds
