"""The hand model's anatomy agrees with the hands that are rendered."""

import numpy as np
import pytest

pytest.importorskip("warp", reason="rendering needs warp-lang, which is installed for training only")

from scipy.spatial.transform import Rotation

from fingerpose_ros.perception import anatomy
from fingerpose_ros.perception.kinematics import joint_frames
from fingerpose_ros.perception.tracking.articulation import HandShape
from fingerpose_ros.perception.tracking.pose_fit import Measured, fit
from training.rendering import poses
from training.rendering.hands import FINGERS, MCPS, THUMB, Angles, HandBank
from training.rendering.real_poses import real_poses

TO_PALM = np.array([[0.0, 1, 0], [0, 0, 1], [1, 0, 0]])
"""Frame of the rig's wrist bone -> x distal, y to the thumb, z dorsal."""

TO_BONE = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]])
"""Axes of a bone of the rig (x flexes, y along the bone) <-> x along the bone, y flexes."""


@pytest.fixture(scope="module")
def bank() -> HandBank:
    return HandBank()


def straight(n: int, **angles) -> Angles:
    shapes = {
        "flexion": (4, 3), "spread": (4,), "metacarpal": (4,), "thumb": (2,), "thumb_twist": (), "thumb_flexion": (2,),
        "wrist": (3,),
    }  # fmt: skip
    return Angles(**{name: np.zeros((n, *shape)) for name, shape in shapes.items()} | angles)


def frames_in_palm(bank: HandBank, angles: Angles) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rotations (n, 22, 3, 3) of the bones and positions (n, 22, 3) of their heads, in the palm's frame, which the axes
    of the MCPs give; and joints (n, 21, 3). The wrist is at zero."""
    transforms, joints = bank.pose(np.arange(len(bank.length)), angles)
    bones = transforms @ bank.rest
    heads = bones[..., :3, 3] @ TO_PALM.T
    axes = np.zeros((len(heads), 21, 3))
    axes[:, 5::4] = heads[:, MCPS]
    palm = joint_frames(axes, "right")[:, 0].swapaxes(1, 2)
    return palm[:, None] @ TO_PALM @ bones[..., :3, :3] @ TO_BONE, heads @ palm.swapaxes(1, 2), joints


def euler(rotations: np.ndarray) -> np.ndarray:
    """Mean rotations over people, as angles about z, the new y, the new x, degrees."""
    means = [Rotation.from_matrix(of_digit).mean() for of_digit in rotations.swapaxes(0, 1)]
    return np.array([mean.as_euler("ZYX", degrees=True) for mean in means])


def test_the_proportions_are_those_of_the_bank(bank):
    size = bank.length[:, None, None]
    _, heads, joints = frames_in_palm(bank, straight(len(bank.length)))
    lengths = np.linalg.norm(np.diff(joints[:, 1:].reshape(-1, 5, 4, 3), axis=2), axis=3)
    for measured, mean, spread in (
        (heads[:, [THUMB[0], *MCPS]] / size, anatomy.AXES, anatomy.AXES_SPREAD),
        (lengths / size, anatomy.BONES, anatomy.BONES_SPREAD),
    ):
        np.testing.assert_allclose(measured.mean(axis=0), mean, atol=0.001)
        np.testing.assert_allclose(measured.std(axis=0), spread, atol=0.001)


def test_the_axes_of_the_joints_are_those_of_the_bank(bank):
    turns, _, _ = frames_in_palm(bank, straight(len(bank.length)))
    np.testing.assert_allclose(euler(turns[:, MCPS]), anatomy.TURNS[1:], atol=1.5)
    hinges = turns[:, MCPS].swapaxes(2, 3) @ turns[:, [finger[1] for finger in FINGERS]]
    np.testing.assert_allclose(euler(hinges)[:, 2], anatomy.HINGE_ROLLS[1:], atol=1.5)
    bend = turns[:, [THUMB[0]]].swapaxes(2, 3) @ turns[:, [THUMB[1]]]
    assert euler(bend)[0, 0] == pytest.approx(anatomy.THUMB_BEND, abs=1)


def test_the_thumb_rolls_as_in_the_bank(bank):
    slopes = np.array((1.0, *anatomy.THUMB_ROLL_SLOPES))
    for direction in ((10, 10), (45, 30), (80, 60), (20, 60)):
        directions = np.tile(np.radians(direction), (len(bank.length), 1))
        turns, _, _ = frames_in_palm(bank, straight(len(bank.length), thumb=directions))
        side, flexion, roll = np.radians(euler(turns[:, [THUMB[0]]])[0])
        expected = slopes @ (np.radians(anatomy.HINGE_ROLLS[0]), side, flexion, side * flexion)
        assert np.degrees(roll - expected) == pytest.approx(0, abs=2.5)


def test_rendered_hands_are_hands_of_the_model(bank):
    """Fitted with the bank's mean proportions, rendered hands of random people and poses differ from it by few
    millimetres: their own proportions."""
    random = np.random.default_rng(0)
    shapes = random.integers(0, len(bank.length), 40)
    errors = []
    for angles in (poses.sample(random, bank, shapes), real_poses().sample(random, bank, shapes)):
        _, joints = bank.pose(shapes, angles)
        for hand, length in zip(joints @ TO_PALM.T, bank.length[shapes], strict=True):
            mean = HandShape(length * anatomy.AXES, length * anatomy.BONES)
            pose, _ = fit(Measured.of(hand, np.tile(0.002**2 * np.eye(3), (21, 1, 1))), mean, None)
            errors.append(np.linalg.norm(pose.joints(mean) - hand, axis=1).mean())
    assert np.mean(errors) < 0.004 and np.percentile(errors, 95) < 0.006
