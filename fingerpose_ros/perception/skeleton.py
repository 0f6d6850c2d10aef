"""The 21 joints of a hand: their order, names, fingers and parents, and the mapping to OpenXR's joints.

The order is MediaPipe's: the wrist, then thumb, index, middle, ring and little finger, each from base to tip.
"""

WRIST = 0

FINGERS = ("thumb", "index", "middle", "ring", "little")

JOINTS = (
    "wrist",
    "thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip",
    "index_mcp", "index_pip", "index_dip", "index_tip",
    "middle_mcp", "middle_pip", "middle_dip", "middle_tip",
    "ring_mcp", "ring_pip", "ring_dip", "ring_tip",
    "little_mcp", "little_pip", "little_dip", "little_tip",
)  # fmt: skip

FINGER_JOINTS = {finger: tuple(range(1 + 4 * i, 5 + 4 * i)) for i, finger in enumerate(FINGERS)}
"""Finger name -> the indices of its four joints, base to tip."""

BASE_JOINTS = tuple(joints[0] for joints in FINGER_JOINTS.values())
"""The base joint of each finger: the thumb's CMC and the four MCPs."""

TIPS = tuple(joints[3] for joints in FINGER_JOINTS.values())

PARENTS = (-1, *(WRIST if j in BASE_JOINTS else j - 1 for j in range(1, 21)))
"""Joint -> its parent, the other end of its bone; -1 for the wrist."""

SUBTASKS = {**FINGER_JOINTS, "palm": (WRIST, *BASE_JOINTS)}
"""FingerPoseNet's six subtasks -> the joints each regresses. Finger and palm both regress the finger's base joint."""

OPENXR = {
    "palm": None,
    "wrist": "wrist",
    "thumb_metacarpal": "thumb_cmc", "thumb_proximal": "thumb_mcp",
    "thumb_distal": "thumb_ip", "thumb_tip": "thumb_tip",
    "index_metacarpal": None, "index_proximal": "index_mcp",
    "index_intermediate": "index_pip", "index_distal": "index_dip", "index_tip": "index_tip",
    "middle_metacarpal": None, "middle_proximal": "middle_mcp",
    "middle_intermediate": "middle_pip", "middle_distal": "middle_dip", "middle_tip": "middle_tip",
    "ring_metacarpal": None, "ring_proximal": "ring_mcp",
    "ring_intermediate": "ring_pip", "ring_distal": "ring_dip", "ring_tip": "ring_tip",
    "little_metacarpal": None, "little_proximal": "little_mcp",
    "little_intermediate": "little_pip", "little_distal": "little_dip", "little_tip": "little_tip",
}  # fmt: skip
"""The 26 joints of OpenXR's XrHandJointEXT, in its order -> ours; None for the five that we do not estimate.

OpenXR names a joint after the bone that starts there. Its axes differ: -z runs along the bone and +y is dorsal. So its
axes are x = -y of ours, y = z of ours, z = -x of ours.
Source: OpenXR 1.1 specification, "Conventions of hand joints".
"""
