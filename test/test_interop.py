"""A hand in other libraries' conventions, seen from sides that are known: fingers up, palm to the camera."""

import numpy as np
import pytest
from articulated_hand import ArticulatedHand
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from fingerpose_ros import interop
from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.kinematics import known_parts
from fingerpose_ros.perception.skeleton import JOINTS, OPENXR

RAISED = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
"""Palm frame -> optical frame: fingers up (-y), back of the hand away (+z), a right thumb to the right (+x)."""

AT = np.array([0.1, -0.05, 0.6])


def hand(handedness, rotation=RAISED, valid=None) -> Hand:
    valid = np.ones(21, bool) if valid is None else valid
    positions = ArticulatedHand(handedness).positions() @ rotation.T + AT
    return Hand(
        track_id=1, handedness=handedness, handedness_score=1.0, confidence=1.0, sigma=np.zeros((21, 3)),
        joint_confidence=np.ones(21), **known_parts(positions, valid, handedness),
    )  # fmt: skip


def joint(points, name):
    return points[JOINTS.index(name)]


@pytest.mark.parametrize(("handedness", "thumb"), [("right", 1), ("left", -1)])
def test_the_hand_of_these_tests_is_seen_as_it_says(handedness, thumb):
    raised = hand(handedness).positions
    assert joint(raised, "middle_tip")[1] < joint(raised, "wrist")[1] - 0.15  # up
    assert joint(raised, "index_tip")[2] < joint(raised, "index_mcp")[2]  # bent towards the camera
    assert thumb * joint(raised, "thumb_tip")[0] > thumb * joint(raised, "wrist")[0] + 0.05


@pytest.mark.parametrize(("handedness", "thumb"), [("right", 1), ("left", -1)])
def test_mediapipe(handedness, thumb):
    points = interop.mediapipe(hand(handedness))
    assert joint(points, "wrist")[1] > 0.05 and joint(points, "middle_tip")[1] < -0.08  # y down
    assert thumb * joint(points, "thumb_tip")[0] > 0.05  # x to the right
    assert joint(points, "index_tip")[2] < -0.01  # z away from the camera
    np.testing.assert_allclose(np.diff(points, axis=0), np.diff(hand(handedness).positions, axis=0), atol=1e-12)


@pytest.mark.parametrize(("handedness", "thumb"), [("right", 1), ("left", -1)])
def test_openxr(handedness, thumb):
    positions, rotations = interop.openxr(hand(handedness))
    at = dict(zip(OPENXR, positions, strict=True))
    turned = dict(zip(OPENXR, rotations, strict=True))
    np.testing.assert_allclose(at["wrist"], (0.1, 0.05, -0.6), atol=1e-9)
    assert at["middle_tip"][1] > 0.2 and at["index_tip"][2] > at["index_proximal"][2]  # y up, z towards the viewer
    assert thumb * (at["thumb_tip"][0] - at["wrist"][0]) > 0.05
    for name in ("palm", "wrist"):  # -z to the fingers, y out of the back of the hand, x right-handed
        np.testing.assert_allclose(turned[name], [[-1, 0, 0], [0, 0, -1], [0, -1, 0]], atol=1e-9)
    np.testing.assert_allclose(at["palm"], (at["wrist"] + at["middle_proximal"]) / 2)
    for finger in ("index", "middle", "ring", "little"):
        assert np.isnan(at[f"{finger}_metacarpal"]).all() and np.isnan(turned[f"{finger}_metacarpal"]).all()
        for here, there in (("proximal", "intermediate"), ("intermediate", "distal"), ("distal", "tip")):
            bone = at[f"{finger}_{there}"] - at[f"{finger}_{here}"]
            np.testing.assert_allclose(-turned[f"{finger}_{here}"][:, 2], bone / np.linalg.norm(bone), atol=1e-9)
            assert turned[f"{finger}_{here}"][2, 1] < 0.1  # y dorsal: not towards the viewer
    known = np.isfinite(rotations).all((1, 2))
    assert known.sum() == 22
    np.testing.assert_allclose(np.linalg.det(rotations[known]), 1)


@pytest.mark.parametrize(("handedness", "thumb"), [("right", 1), ("left", -1)])
@given(seed=st.integers(0, 2**32 - 1))
def test_operator(handedness, thumb, seed):
    points = interop.operator(hand(handedness, Rotation.random(random_state=seed).as_matrix()))
    np.testing.assert_allclose(points, interop.operator(hand(handedness)), atol=1e-9)  # however the hand is turned
    np.testing.assert_allclose(joint(points, "middle_mcp"), (0, 0, 0.092), atol=1e-9)
    assert joint(points, "index_tip")[0] > joint(points, "index_mcp")[0] + 0.01  # x: the side to which fingers bend
    assert thumb * joint(points, "thumb_tip")[1] > 0.05


DEX_RETARGETING = {"right": ((-1, 2), (1, 1), (-1, 0)), "left": ((1, 2), (-1, 1), (-1, 0))}
"""Sign and index, among the axes of `landmark_frame`, of dex-retargeting's x, y and z."""


def landmark_frame(points):
    """Its frame of MediaPipe's landmarks: from middle MCP to wrist, the side of the index finger, their normal."""
    x = points[0] - points[9]
    normal = np.cross(points[5] - points[0], points[9] - points[0])
    x, normal = x / np.linalg.norm(x), normal / np.linalg.norm(normal)
    side = np.cross(x, normal)
    side *= np.sign(side @ (points[5] - points[9]))
    return np.stack([x, side, np.cross(side, x)], axis=1)


@pytest.mark.parametrize("handedness", ["right", "left"])
def test_the_operator_frame_is_that_of_dex_retargeting(handedness):
    """Up to the plane of the palm: theirs holds wrist, index and middle MCP, ours also the little finger's."""
    here = hand(handedness)
    landmarks = (here.positions - here.positions[0]) @ landmark_frame(here.positions - here.positions[0])
    theirs = np.stack([sign * landmarks[:, axis] for sign, axis in DEX_RETARGETING[handedness]], axis=1)
    np.testing.assert_allclose(interop.operator(here), theirs, atol=1e-6)


def test_what_is_not_known_is_nan():
    valid = np.ones(21, bool)
    valid[JOINTS.index("index_tip")] = False
    here = hand("right", valid=valid)
    for points in (interop.mediapipe(here), interop.operator(here)):
        assert np.isnan(joint(points, "index_tip")).all() and np.isfinite(points).sum() == 60
    assert np.isnan(interop.openxr(here)[0][list(OPENXR).index("index_tip")]).all()
    valid[JOINTS.index("middle_mcp")] = False
    assert np.isnan(interop.operator(hand("right", valid=valid))).all()
    assert np.isnan(interop.mediapipe(hand("right", valid=valid))).all()
