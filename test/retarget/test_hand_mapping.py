"""The mapping by dex-retargeting on hands and robots whose right answer is known."""

import numpy as np
import pytest
import yaml

pytest.importorskip("dex_retargeting", reason="dex-retargeting is not installed (Python 3.13 and later have none)")

from articulated_hand import ArticulatedHand
from retargetings import ALLEGRO, THREE_FINGERS, library
from robots import MAPPING, MOTORS, allegro_urdf, hand_urdf

from fingerpose_ros.interop import operator
from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.kinematics import known_parts
from fingerpose_ros.retarget.goals import goals_of
from fingerpose_ros.retarget.hand_mapping import HandMapping, find_mapping, rotation_from_rpy
from fingerpose_ros.retarget.objective import Objective
from fingerpose_ros.retarget.robot import read_robot

SETTLED = 0.02
"""Radians by which two ways to the same pose may differ."""

SEEN = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("mapping") / "three_fingers.yaml"
    path.write_text(MAPPING)
    return path


@pytest.fixture(scope="module")
def mapping(file):
    return HandMapping(file, read_robot(hand_urdf(), "hand"), np.eye(3))


def hand_of(articulated, rotation=SEEN) -> Hand:
    positions = articulated.positions() @ rotation.T + (0, 0, 0.6)
    return Hand(
        track_id=1, handedness=articulated.handedness, handedness_score=0.9, confidence=0.9,
        sigma=np.full((21, 3), 0.004), joint_confidence=np.ones(21),
        **known_parts(positions, np.ones(21, bool), articulated.handedness),
    )  # fmt: skip


def bent(handedness="right", **fingers):
    """A hand with straight fingers, but those given bent by this share."""
    hand = ArticulatedHand(handedness)
    hand.flexion = {name: np.radians([80, 100, 60]) * fingers.get(name, 0.05) for name in hand.flexion}
    hand.flexion["thumb"] = np.radians([20, 20, 20])
    return hand_of(hand)


def settled(mapping, hand) -> dict[str, float]:
    mapping.reset()
    for _ in range(20):
        positions = mapping.retarget(hand)
    return dict(zip(mapping.joints, positions, strict=True))


def test_it_moves_the_motors_of_the_hand_only(mapping):
    assert mapping.joints == MOTORS
    assert mapping.needed == (0, 4, 8, 12, 16)


@pytest.mark.parametrize(("finger", "robots"), [("index", "fore"), ("middle", "long"), ("ring", "far")])
def test_a_bent_finger_bends_the_robots(mapping, finger, robots):
    straight, bending = settled(mapping, bent()), settled(mapping, bent(**{finger: 0.8}))
    assert bending[f"{robots}_inner"] - straight[f"{robots}_inner"] > 0.5
    others = {name for name in ("fore", "long", "far") if name != robots}
    assert all(abs(bending[f"{name}_inner"] - straight[f"{name}_inner"]) < 0.1 for name in others)


def test_the_place_of_the_hand_before_the_camera_does_not_matter(mapping):
    hand = ArticulatedHand()
    turned = rotation_from_rpy(0.4, -0.7, 2.0)
    there, here = (list(settled(mapping, hand_of(hand, rotation)).values()) for rotation in (turned, SEEN))
    np.testing.assert_allclose(there, here, atol=SETTLED)


@pytest.mark.parametrize("handedness", ["right", "left"])
def test_the_operators_frame_is_that_of_dex_retargeting(handedness):
    """As its example computes it: palm from wrist, index and middle MCP, then its constant for each hand."""
    from dex_retargeting.constants import OPERATOR2MANO, HandType

    hand = bent(handedness, index=0.3)
    points = hand.positions - hand.positions[0]
    x = points[0] - points[9]
    normal = np.linalg.svd(points[[0, 5, 9]] - points[[0, 5, 9]].mean(0))[2][2]
    x = x - (x @ normal) * normal
    x /= np.linalg.norm(x)
    z = np.cross(x, normal)
    if z @ (points[5] - points[9]) < 0:
        normal, z = -normal, -z
    theirs = points @ np.stack([x, normal, z], axis=1) @ OPERATOR2MANO[HandType[handedness]]
    # Their palm's plane holds the index MCP, ours the little one's, too: a few degrees.
    assert np.linalg.norm(operator(hand) - theirs, axis=1).max() < 0.02


@pytest.mark.parametrize("handedness", ["right", "left"])
def test_the_operators_frame_has_x_out_of_the_palm_and_z_to_the_fingers(handedness):
    points = operator(bent(handedness, index=0.8))
    np.testing.assert_allclose(points[9, :2], 0, atol=1e-6)
    assert points[9, 2] > 0.08
    assert points[8, 0] - points[5, 0] > 0.03  # a bent finger's tip is on the palm's side
    towards_thumb = 1 if handedness == "right" else -1
    assert towards_thumb * (points[5, 1] - points[17, 1]) > 0.04


def test_operator_rpy_tells_how_the_hand_is_turned_on_its_base_link(file, mapping):
    rpy = (0.3, -0.5, 1.0)
    robot = read_robot(hand_urdf("{} {} {}".format(*rpy)), "arm")
    hand = bent(index=0.5)
    told, untold = (settled(HandMapping(file, robot, turn), hand) for turn in (rotation_from_rpy(*rpy), np.eye(3)))
    np.testing.assert_allclose(list(told.values()), list(settled(mapping, hand).values()), atol=SETTLED)
    assert abs(untold["fore_inner"] - told["fore_inner"]) > 0.2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target_task_link_names": ["thumb_tip", "index_tip", "long_tip", "far_tip"]}, "the link 'index_tip', which"),
        ({"target_joint_names": ["fore_inner", "far_outer"]}, "target_joint_names has 'far_outer', which is no joint"),
        ({"type": "magic"}, "not a mapping that dex-retargeting accepts: Retargeting type"),
        ({"scalling_factor": 1.0}, "scalling_factor"),
        ({"target_link_human_indices": [[0, 0, 0, 0], [4, 8, 12, 21]]}, "must be from 0 to 20"),
        ({"target_link_human_indices": [[0, 0, 0], [4, 8, 12]]}, "dim mismatch"),
    ],
)
def test_a_mapping_that_does_not_fit_is_named(tmp_path, changes, message):
    content = yaml.safe_load(MAPPING)
    content["retargeting"].update(changes)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match="mine.yaml") as error:
        HandMapping(path, read_robot(hand_urdf(), "hand"), np.eye(3))
    assert message in str(error.value)


def test_dexpilot_needs_indices_for_each_two_tips_and_each_tip(tmp_path):
    content = ALLEGRO | {"target_link_human_indices": [[8, 12, 9, 9, 9], [4, 4, 4, 8, 12]]}
    with pytest.raises(ValueError, match="target_link_human_indices has 5 columns; these links need 10"):
        mapping_of(tmp_path, content, allegro_urdf(), "palm_link")


@pytest.mark.parametrize("content", ["{", "- 1", "other: {}", "retargeting: 3"])
def test_a_file_that_is_no_mapping_is_named(tmp_path, content):
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(ValueError, match="mine.yaml"):
        HandMapping(path, read_robot(hand_urdf(), "hand"), np.eye(3))


def mapping_of(tmp_path, content, urdf, base) -> HandMapping:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"retargeting": content}))
    return HandMapping(path, read_robot(urdf, base), np.eye(3))


@pytest.mark.parametrize("method", ["position", "dexpilot"])
def test_the_other_methods_bend_fingers_too(tmp_path, method):
    mapping = mapping_of(tmp_path, THREE_FINGERS[method], hand_urdf(), "hand")
    assert settled(mapping, bent(index=0.8))["fore_inner"] - settled(mapping, bent())["fore_inner"] > 0.4


def moving(count=20):
    """A hand whose fingers close and open, and meet the thumb."""
    for time in np.linspace(0, 2 * np.pi, count):
        hand = ArticulatedHand("right")
        for number, name in enumerate(hand.flexion):
            hand.flexion[name] = np.radians([80, 100, 60]) * (0.4 - 0.4 * np.cos(time * (1 + number % 2)))
        hand.flexion["thumb"] = np.radians([30, 30, 30]) * (0.5 - 0.5 * np.cos(2 * time))
        yield hand_of(hand)


ROBOTS = [(method, hand_urdf(), "hand") for method in THREE_FINGERS.values()] + [(ALLEGRO, allegro_urdf(), "palm_link")]


@pytest.mark.parametrize(("content", "urdf", "base"), ROBOTS, ids=[*THREE_FINGERS, "allegro"])
def test_each_pose_of_a_moving_hand_is_met_as_well_as_by_the_library(tmp_path, content, urdf, base):
    """By what the library minimises. Its own optimiser has no limit of time here."""
    mapping, theirs = mapping_of(tmp_path, content, urdf, base), library(read_robot(urdf, base).urdf, content)
    optimizer, fixed = theirs.optimizer, np.zeros(len(theirs.optimizer.fixed_joint_names))
    objective, goals = Objective(optimizer, fixed), goals_of(optimizer)
    indices = np.array(optimizer.target_link_human_indices)
    for hand in moving():
        points = operator(hand)[indices]
        values = points[1] - points[0] if indices.ndim == 2 else points
        goal = goals.goal(values)
        for _ in range(3):  # both hold the joints near where they were
            theirs.retarget(values, fixed)
            ours = mapping.retarget(hand)
        costs = [objective.linearise(joints, goal, joints).cost for joints in (ours, np.float64(theirs.last_qpos))]
        assert costs[0] <= costs[1] + 1e-4


def test_the_same_hands_give_the_same_joints_every_time(mapping):
    def run():
        mapping.reset()
        return [mapping.retarget(hand) for hand in moving()]

    np.testing.assert_array_equal(run(), run())


def test_dexpilots_fingers_do_not_keep_what_an_earlier_motion_has_left(tmp_path):
    """A tip's place leaves one joint of each finger free. It must not depend on the hands before."""
    mapping = mapping_of(tmp_path, ALLEGRO, allegro_urdf(), "palm_link")
    half_bent = bent(index=0.4, middle=0.4, ring=0.4)
    ends = []
    for before in (bent(), bent(index=1, middle=1, ring=1)):
        mapping.reset()
        for hand in [before] * 30 + [half_bent] * 60:
            joints = mapping.retarget(hand)
        ends.append(joints)
    np.testing.assert_allclose(ends[0], ends[1], atol=0.05)


def test_mappings_are_found_by_name(file):
    assert find_mapping(str(file)) == file
    assert find_mapping("allegro_hand_right.yaml").parent.name == "config"
    assert find_mapping("teleop/leap_hand_right.yml").parent.parent.name == "configs"
    with pytest.raises(ValueError, match="mapping 'mine.yaml' is not a file; tried .*config/mine.yaml, "):
        find_mapping("mine.yaml")


def test_nothing_is_left_in_the_temporary_folder(file, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    HandMapping(file, read_robot(hand_urdf(), "hand"), np.eye(3))
    assert not list(tmp_path.iterdir())
