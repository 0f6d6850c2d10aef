"""Hands -> messages: poses, tree of frames, joint states, markers; unknown values are left out or NaN."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from fingerpose_ros.msg import FingerPose, HandPose
from messages import header
from stand_in import make_hand
from visualization_msgs.msg import Marker

from fingerpose_ros.perception.skeleton import FINGER_JOINTS, FINGERS, JOINTS
from fingerpose_ros.ros import quaternion
from fingerpose_ros.ros.hand_labels import HandLabels
from fingerpose_ros.ros.hand_messages import hand_pose, hand_pose_array, joint_state
from fingerpose_ros.ros.hand_reading import to_hand
from fingerpose_ros.ros.markers import markers
from fingerpose_ros.ros.transforms import transforms

CENTRE = np.array([0.05, -0.02, 0.6])
HEADER = header(12.25)
VALIDITY = st.lists(st.booleans(), min_size=21, max_size=21)


def joints_of(message: HandPose) -> list:
    return [message.wrist, *(joint for finger in message.fingers for joint in finger.joints)]


def matrix(translation, rotation) -> np.ndarray:
    result = np.eye(4)
    result[:3, :3] = Rotation.from_quat([rotation.x, rotation.y, rotation.z, rotation.w]).as_matrix()
    result[:3, 3] = translation.x, translation.y, translation.z
    return result


@given(st.integers(0, 2**32 - 1))
def test_quaternions_equal_their_matrices(seed):
    rotations = Rotation.random(8, random_state=seed).as_matrix()
    quaternions = quaternion.from_matrices(rotations)
    assert (quaternions[:, 3] >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(quaternions, axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(Rotation.from_quat(quaternions).as_matrix(), rotations, atol=1e-9)


def test_quaternions_of_half_turns_and_of_nan():
    half_turns = np.array([np.diag(d) for d in ((1.0, -1, -1), (-1, 1, -1), (-1, -1, 1), (1, 1, 1))])
    np.testing.assert_allclose(quaternion.from_matrices(half_turns), np.eye(4), atol=1e-12)
    assert np.isnan(quaternion.from_matrices(np.full((1, 3, 3), np.nan))).all()


@pytest.mark.skipif(not importlib.util.find_spec("tf_transformations"), reason="tf_transformations is not installed")
def test_the_same_quaternions_as_tf_transformations():
    import tf_transformations

    for rotation in Rotation.random(50, random_state=3).as_matrix():
        whole = np.eye(4)
        whole[:3, :3] = rotation
        theirs = tf_transformations.quaternion_from_matrix(whole)
        ours = quaternion.from_matrices(rotation[None])[0]
        np.testing.assert_allclose(ours, theirs * np.sign(theirs[3]), atol=1e-9)


@given(VALIDITY)
def test_a_hand_pose_message_contains_the_hand(valid):
    hand = make_hand(CENTRE, "left", track_id=7, valid=valid)
    message = hand_pose(HEADER, hand)
    assert message.header == HEADER
    assert (message.track_id, message.handedness) == (7, HandPose.LEFT)
    assert [finger.finger for finger in message.fingers] == [
        FingerPose.THUMB, FingerPose.INDEX, FingerPose.MIDDLE, FingerPose.RING, FingerPose.LITTLE
    ]  # fmt: skip
    for i, joint in enumerate(joints_of(message)):
        assert joint.valid == valid[i]
        p, q = joint.pose.position, joint.pose.orientation
        np.testing.assert_allclose([p.x, p.y, p.z], hand.positions[i], atol=1e-12)
        if np.isfinite(hand.rotations[i]).all():
            np.testing.assert_allclose(matrix(p, q)[:3, :3], hand.rotations[i], atol=1e-9)
        else:
            assert np.isnan([q.x, q.y, q.z, q.w]).all()
        np.testing.assert_allclose(joint.position_stddev, hand.sigma[i], rtol=1e-6)
    for name, finger in zip(FINGERS, message.fingers, strict=True):
        np.testing.assert_allclose(finger.flexion, hand.fingers[name].flexion, rtol=1e-5)
        np.testing.assert_allclose(finger.abduction, hand.fingers[name].abduction, rtol=1e-5)


def test_a_hand_that_is_read_back_is_the_same():
    for hand in (make_hand(CENTRE), replace(make_hand(CENTRE, "left"), length=0.182, length_settled=True)):
        again = to_hand(hand_pose(HEADER, hand))
        np.testing.assert_allclose(again.positions, hand.positions, atol=1e-12)
        np.testing.assert_allclose(again.length, hand.length, rtol=1e-6)
        assert (again.handedness, again.length_settled) == (hand.handedness, hand.length_settled)


def test_no_hand_is_an_empty_array_with_the_images_header():
    message = hand_pose_array(HEADER, [])
    assert message.header == HEADER and not message.hands


@given(VALIDITY, VALIDITY)
def test_the_frames_are_one_tree_with_the_poses_of_the_joints(first, second):
    hands = [make_hand(CENTRE, valid=first, turn=0.4), make_hand(-CENTRE + (0, 0, 1.2), "left", 2, valid=second)]
    message = transforms(HEADER, "arm/", ["right", "left"], hands)
    placed = {HEADER.frame_id: np.eye(4)}
    for transform in message.transforms:  # a parent comes before its children
        assert transform.header.stamp == HEADER.stamp
        assert transform.child_frame_id not in placed
        local = matrix(transform.transform.translation, transform.transform.rotation)
        assert np.isfinite(local).all()
        placed[transform.child_frame_id] = placed[transform.header.frame_id] @ local
    expected = {
        f"arm/{label}_hand_{JOINTS[i]}": (hand.positions[i], hand.rotations[i])
        for label, hand in zip(["right", "left"], hands, strict=True)
        for i in np.flatnonzero(np.isfinite(hand.rotations).all((1, 2)))
    }
    assert placed.keys() - {HEADER.frame_id} == expected.keys()
    for name, (position, rotation) in expected.items():
        np.testing.assert_allclose(placed[name][:3, 3], position, atol=1e-9)
        np.testing.assert_allclose(placed[name][:3, :3], rotation, atol=1e-9)


def test_the_frames_of_a_finger_are_a_chain():
    parents = {
        t.child_frame_id: t.header.frame_id for t in transforms(HEADER, "", ["right"], [make_hand(CENTRE)]).transforms
    }
    assert len(parents) == 21
    assert parents["right_hand_wrist"] == HEADER.frame_id
    assert parents["right_hand_index_mcp"] == "right_hand_wrist"
    assert parents["right_hand_index_tip"] == "right_hand_index_dip"


def test_the_parent_frame_is_the_nearest_known_ancestor():
    valid = np.ones(21, bool)
    valid[[JOINTS.index("ring_mcp"), JOINTS.index("index_pip")]] = False
    hand = make_hand(CENTRE, valid=valid)
    parents = {t.child_frame_id: t.header.frame_id for t in transforms(HEADER, "", ["right"], [hand]).transforms}
    assert parents["right_hand_ring_pip"] == "right_hand_wrist"
    assert (
        parents["right_hand_index_dip"] == "right_hand_wrist"
    )  # the MCP's bone has an unknown end, so it has no frame
    assert "right_hand_index_mcp" not in parents


def test_joint_states_name_each_angle_and_leave_out_unknown_angles():
    valid = np.ones(21, bool)
    valid[JOINTS.index("index_tip")] = False
    hand = make_hand(CENTRE, bend=0.7, valid=valid)
    message = joint_state(HEADER, ["right"], [hand])
    angles = dict(zip(message.name, message.position, strict=True))
    assert angles["right_index_pip_flexion"] == pytest.approx(0.7, abs=1e-3)
    assert "right_index_dip_flexion" not in angles and np.isfinite(list(angles.values())).all()
    assert len(angles) == 5 * 4 - 1


def test_labels_are_unique_constant_and_reused():
    labels = HandLabels()
    a, b, c = (make_hand(CENTRE, "right", i) for i in (1, 2, 3))
    left = make_hand(CENTRE, "left", 4)
    assert labels.assign([b, a, left], {1, 2, 4}) == ["right_2", "right", "left"]
    assert labels.assign([b], {2}) == ["right_2"]
    assert labels.assign([b, c], {2, 3}) == ["right_2", "right"]
    assert labels.assign([], {3}) == []
    assert labels.assign([c], {3}) == ["right"]


def test_a_tracked_hand_that_is_not_seen_keeps_its_label():
    labels = HandLabels()
    a, b, c = (make_hand(CENTRE, "right", i) for i in (1, 2, 3))
    assert labels.assign([a, b], {1, 2}) == ["right", "right_2"]
    assert labels.assign([c], {1, 2, 3}) == ["right_3"]
    assert labels.assign([b, c], {2, 3}) == ["right_2", "right_3"]
    assert labels.assign([a], {1, 2, 3}) == ["right"]


def test_after_a_reset_a_hand_gets_the_same_label():
    labels = HandLabels()
    assert labels.assign([make_hand(CENTRE, "right", 1)], {1}) == ["right"]
    assert labels.assign([make_hand(CENTRE, "right", 2)], {2}) == ["right"]


def test_the_label_follows_the_handedness():
    labels = HandLabels()
    assert labels.assign([make_hand(CENTRE, "right", 1)], {1}) == ["right"]
    assert labels.assign([make_hand(CENTRE, "left", 1)], {1}) == ["left"]


@given(VALIDITY)
def test_markers_show_the_known_joints_without_nan(valid):
    hand = make_hand(CENTRE, valid=valid)
    for marker in markers(HEADER, ["right"], [hand], []).markers:
        assert (marker.action, marker.ns, marker.header) == (Marker.ADD, "right", HEADER)
        points = [(p.x, p.y, p.z) for p in [*marker.points, marker.pose.position]]
        assert np.isfinite(points).all()
        if marker.type == Marker.SPHERE_LIST:
            np.testing.assert_allclose(points[:-1], hand.positions[hand.valid])
        if marker.points:
            assert len(marker.points) == len(marker.colors)


@pytest.mark.parametrize("unknown", [[], list(range(5, 13))], ids=["all known", "without two fingers"])
def test_the_label_stands_above_the_topmost_known_joint_and_its_words_together(unknown):
    valid = np.ones(21, bool)
    valid[unknown] = False
    hand = make_hand(CENTRE, valid=valid)
    (label,) = (m for m in markers(HEADER, ["right"], [hand], []).markers if m.type == Marker.TEXT_VIEW_FACING)
    top = hand.positions[valid][hand.positions[valid, 1].argmin()]
    position = label.pose.position
    np.testing.assert_allclose([position.x, position.y, position.z], top - [0, 0.035, 0])
    assert label.scale.x == 0.012  # RViz takes the width of a space from it


def test_markers_of_a_lost_hand_are_deleted():
    drawn = markers(HEADER, ["right"], [make_hand(CENTRE)], []).markers
    deleted = markers(HEADER, [], [], ["right"]).markers
    assert {(m.ns, m.id) for m in drawn} == {(m.ns, m.id) for m in deleted}
    assert {m.action for m in deleted} == {Marker.DELETE}


def test_every_joint_is_in_one_finger():
    assert sorted(joint for joints in FINGER_JOINTS.values() for joint in joints) == list(range(1, 21))
