"""A hand in the conventions of other libraries: MediaPipe, OpenXR's 26 joints, and the MANO-like operator frame.

| function | joints | axes |
| --- | --- | --- |
| `mediapipe` | 21, our order | metres, of the camera: x right, y down, z away; origin at the middle of the palm |
| `openxr` | 26, `XR_EXT_hand_tracking` | metres, x right, y up, z back; per joint -z along the bone, y dorsal |
| `operator` | 21, our order | metres, from the wrist: x out of the palm, z to the middle MCP |

All are arrays, NaN where the hand is not known. `ros.hand_reading.to_hands` makes hands of messages.
"""

import numpy as np

from fingerpose_ros.perception.hand import Hand
from fingerpose_ros.perception.kinematics import PALM
from fingerpose_ros.perception.skeleton import JOINTS, OPENXR, WRIST

TO_OPENXR_SPACE = np.diag([1.0, -1.0, -1.0])
"""Rotation from the camera's optical frame (x right, y down, z away) to OpenXR's (x right, y up, z back)."""

JOINT_TO_OPENXR = np.array([[0.0, 0, -1], [-1, 0, 0], [0, 1, 0]])
"""Columns: OpenXR's axes x, y and z of a joint in ours. x is our -y, y our z, z our -x: see `skeleton.OPENXR`."""

WRIST_TO_OPERATOR = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
"""Rotation from our wrist frame (x to the middle MCP, z dorsal) to the operator's (x palmar, z to the middle MCP).

y is the same in both: towards the thumb on a right hand, and away from it on a left hand.
"""


def mediapipe(hand: Hand) -> np.ndarray:
    """The joints (21, 3) like MediaPipe's world landmarks: metres along the camera's axes, from the hand's middle.

    MediaPipe puts the origin at the hand's "approximate geometric center"; here it is the mean of the wrist and the
    four fingers' MCPs. All is NaN if one of these is.
    """
    return hand.positions - hand.positions[PALM].mean(axis=0)


def openxr(hand: Hand) -> tuple[np.ndarray, np.ndarray]:
    """The 26 joints of OpenXR, in the order of `skeleton.OPENXR`, in a space at the camera with y up in the image.

    The palm is estimated as halfway between wrist and middle MCP, with the wrist's axes. The metacarpals of the four
    fingers are not estimated: NaN.

    Returns:
        Positions (26, 3), metres, and rotations (26, 3, 3) whose columns are the axes x, y, z of each joint.
    """
    positions, rotations = np.full((len(OPENXR), 3), np.nan), np.full((len(OPENXR), 3, 3), np.nan)
    for i, (name, joint) in enumerate(OPENXR.items()):
        if joint:
            positions[i], rotations[i] = hand.positions[JOINTS.index(joint)], hand.rotations[JOINTS.index(joint)]
        elif name == "palm":
            positions[i] = (hand.positions[WRIST] + hand.positions[JOINTS.index("middle_mcp")]) / 2
            rotations[i] = hand.rotations[WRIST]
    return positions @ TO_OPENXR_SPACE.T, TO_OPENXR_SPACE @ rotations @ JOINT_TO_OPENXR


def operator(hand: Hand) -> np.ndarray:
    """The joints (21, 3) in the operator's frame, metres: what `dex-retargeting` takes as the positions of a hand.

    It is the same rotation for both hands. So on a right hand y points to the thumb, and on a left hand away from it.
    The robot descriptions of left hands are made for that. NaN if the wrist's orientation is not known.
    Source: `single_hand_detector.py` of dex-retargeting, which turns MediaPipe's landmarks into this frame.
    """
    return (hand.positions - hand.positions[WRIST]) @ hand.rotations[WRIST] @ WRIST_TO_OPERATOR.T
