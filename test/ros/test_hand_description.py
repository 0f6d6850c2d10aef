"""The URDF of a person's hand: with the published joint states, its links are at the person's joints."""

from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("fingerpose_ros.simulation.robot", reason="MuJoCo is not installed (requirements/test.txt)")

from anatomical_hand import pose_of, shape_of
from messages import header

from fingerpose_ros import cli
from fingerpose_ros.perception import anatomy
from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.kinematics import known_parts
from fingerpose_ros.perception.skeleton import FINGER_JOINTS, JOINTS
from fingerpose_ros.perception.tracking.articulation import HandShape
from fingerpose_ros.retarget.robot import read_robot
from fingerpose_ros.ros import hand_description
from fingerpose_ros.ros.hand_description import hand_urdf
from fingerpose_ros.ros.hand_messages import joint_state
from fingerpose_ros.ros.transforms import frame_name, transforms
from fingerpose_ros.simulation.robot import SimulatedRobot

LENGTH = 0.187
MEAN = HandShape(LENGTH * anatomy.AXES, LENGTH * anatomy.BONES)
POSES = 40


def hand_of(positions: np.ndarray, handedness: str) -> Hand:
    """A hand with these joints of a right hand; of a left hand, their mirror image."""
    mirrored = positions * (1 if handedness == "right" else -1, 1, 1)
    parts = known_parts(mirrored, np.ones(21, bool), handedness)
    return Hand(1, handedness, 1.0, 1.0, sigma=np.zeros((21, 3)), joint_confidence=np.ones(21), **parts)


def errors(handedness: str, shape: HandShape | None = None) -> np.ndarray:
    """Distances (POSES, 21), metres, of the URDF's links from the joints of hands in random poses.

    Each hand is another person's, unless a shape is given.
    """
    random, result = np.random.default_rng(3), []
    links, model = [frame_name("model_", handedness, joint) for joint in range(21)], None
    for _ in range(POSES):
        person = shape or shape_of(random, random.uniform(0.15, 0.21))
        hand = hand_of(pose_of(random).joints(person), handedness)
        state = joint_state(header(), [handedness], [hand])
        model = model if model and shape else SimulatedRobot(hand_urdf(handedness, person.length))
        assert set(state.name) == set(model.joints)
        model.place(dict(zip(state.name, state.position, strict=True)))
        expected = (hand.positions - hand.positions[0]) @ hand.rotations[0]  # in the wrist's frame
        result.append(np.linalg.norm(model.links(links) - expected, axis=1))
    return np.array(result)


@pytest.mark.parametrize("handedness", ["right", "left"])
def test_its_links_are_at_the_joints_of_the_hand(handedness):
    average = errors(handedness, MEAN).mean(axis=0) * 1e3
    for finger, joints in FINGER_JOINTS.items():
        base, _, outer, tip = average[list(joints)]
        assert base < 5 and outer < 7 and tip < 9, (finger, average[list(joints)])


def test_people_whose_fingers_have_other_proportions_are_shown_nearly_as_well():
    average = errors("right").mean(axis=0) * 1e3
    assert average.max() < 12 and average.mean() < 7


def test_the_rotations_of_the_hinges_fit_best(monkeypatch):
    """Any other rotation by 10 degrees makes the errors larger."""
    best = (errors("right", MEAN) ** 2).mean()
    origins = np.array(hand_description.HINGE_ORIGINS, float)
    for index in (*((digit, 0) for digit in range(5)), (0, 1), (0, 2)):
        for step in (-10, 10):
            changed = origins.copy()
            changed[index] += step
            monkeypatch.setattr(hand_description, "HINGE_ORIGINS", changed)
            assert (errors("right", MEAN) ** 2).mean() > best, (index, step)


@pytest.mark.parametrize("handedness", ["right", "left"])
def test_no_link_has_the_name_of_a_frame_on_tf_and_all_joints_are_those_of_the_joint_states(handedness):
    robot = read_robot(hand_urdf(handedness))
    hand = hand_of(pose_of(np.random.default_rng(0)).joints(MEAN), handedness)
    frames = {stamped.child_frame_id for stamped in transforms(header(), "", [handedness], [hand]).transforms}
    assert robot.base == f"model_{handedness}_hand_wrist" and len(frames) == len(JOINTS)
    assert not frames & set(robot.links)
    assert {f"model_{frame}" for frame in frames} <= set(robot.links)
    assert set(robot.joints) == set(joint_state(header(), [handedness], [hand]).name)


def test_it_is_drawn_as_long_as_the_hand(capsys):
    assert cli.main(["urdf", "left", "--length", "0.2", "--prefix", "p/"]) == 0
    robot = ElementTree.fromstring(capsys.readouterr().out)
    bones = [shape.get("length") for shape in robot.iterfind(".//link[@name='p/left_hand_middle_pip']//cylinder")]
    assert [float(length) for length in bones] == pytest.approx([0.15 * 0.2])


@pytest.mark.parametrize("length", ["0.02", "nan", "18.7"])
def test_a_length_that_no_hand_has_is_rejected(length, capsys):
    assert cli.main(["urdf", "right", "--length", length]) == 2
    assert length in capsys.readouterr().err
    with pytest.raises(ValueError, match="right or left"):
        hand_urdf("both")
