"""Robot descriptions for tests: a hand with any fingers, on an arm, and a parallel gripper."""

FINGERS = {"fore": 0.03, "long": 0.0, "far": -0.03}
"""Fingers of a hand unlike any other: name -> its place across the palm, metres."""


def joint(name, parent, child, xyz, axis, lower, upper, velocity=5.0, kind="revolute", extra="", rpy="0 0 0"):
    return (
        f'<link name="{child}"/><joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>'
        f'<origin xyz="{xyz}" rpy="{rpy}"/><axis xyz="{axis}"/>'
        f'<limit lower="{lower}" upper="{upper}" velocity="{velocity}" effort="1"/>{extra}</joint>'
    )


def fixed(parent, child, xyz="0 0 0", rpy="0 0 0"):
    return (
        f'<link name="{child}"/><joint name="{parent}_to_{child}" type="fixed"><parent link="{parent}"/>'
        f'<child link="{child}"/><origin xyz="{xyz}" rpy="{rpy}"/></joint>'
    )


def hand_urdf(rpy="0 0 0") -> str:
    """Three fingers of two joints each and a thumb, on a hand at the end of an arm with one joint.

    The hand's base link is `hand`: x out of the palm, y towards the thumb, z to the fingers. The outer joint of the far
    finger mimics the inner one.

    Args:
        rpy: roll, pitch and yaw of the hand on its arm.
    """
    parts = [joint("shoulder", "base", "arm", "0 0 0", "0 0 1", -3, 3), fixed("arm", "hand", "0.5 0 0", rpy)]
    for name, y in FINGERS.items():
        parts.append(joint(f"{name}_inner", "hand", f"{name}_1", f"0 {y} 0.09", "0 1 0", -0.2, 1.6))
        mimic = '<mimic joint="far_inner" multiplier="0.8" offset="0.1"/>' if name == "far" else ""
        parts.append(joint(f"{name}_outer", f"{name}_1", f"{name}_2", "0 0 0.045", "0 1 0", 0, 1.5, extra=mimic))
        parts.append(fixed(f"{name}_2", f"{name}_tip", "0 0 0.045"))
    parts.append(joint("thumb_turn", "hand", "thumb_0", "0.02 0.03 0.03", "0 0 1", -1.5, 0.5))
    parts.append(joint("thumb_bend", "thumb_0", "thumb_1", "0 0 0", "1 0 0", -1.2, 0.3))
    parts.append(fixed("thumb_1", "thumb_tip", "0.02 0 0.09"))
    return f'<robot name="three_fingers"><link name="base"/>{"".join(parts)}</robot>'


MOTORS = ("fore_inner", "fore_outer", "long_inner", "long_outer", "far_inner", "thumb_turn", "thumb_bend")
"""Of `hand_urdf`'s hand, in its order."""

MAPPING = """retargeting:
  type: vector
  target_origin_link_names: [hand, hand, hand, hand]
  target_task_link_names: [thumb_tip, fore_tip, long_tip, far_tip]
  target_link_human_indices: [[0, 0, 0, 0], [4, 8, 12, 16]]
  scaling_factor: 1.0
  low_pass_alpha: 1.0
"""
"""Of `hand_urdf`, in the format of dex-retargeting."""


ALLEGRO_JOINTS = ((-0.47, 0.47), (-0.196, 1.61), (-0.174, 1.709), (-0.227, 1.618))
ALLEGRO_THUMB = ((0.263, 1.396), (-0.105, 1.163), (-0.189, 1.644), (-0.162, 1.719))
"""Limits of the four joints of a finger and of the thumb of the right Allegro hand, radians."""


def allegro_urdf() -> str:
    """The joints of the right Allegro hand.

    Source: https://github.com/Wonikrobotics-git/allegro_hand_linux_v4, allegro_hand_description.
    """
    roots = (("0 0.0435 -0.0015", "-0.0873 0 0"), ("0 0 0.0007", "0 0 0"), ("0 -0.0435 -0.0015", "0.0873 0 0"))
    chain, axes = ("0 0 0.0164", "0 0 0.054", "0 0 0.0384"), ("0 0 1", "0 1 0", "0 1 0", "0 1 0")
    fingers = [(*root, chain, axes, ALLEGRO_JOINTS, "0 0 0.0267") for root in roots]
    thumb_chain, thumb_axes = ("-0.027 0.005 0.0399", "0 0 0.0177", "0 0 0.0514"), ("-1 0 0", "0 0 1", "0 1 0", "0 1 0")
    thumb_root = ("-0.0182 0.0193 -0.046", "0 -1.658 -1.5708")
    fingers.append((*thumb_root, thumb_chain, thumb_axes, ALLEGRO_THUMB, "0 0 0.0423"))
    parts, number = [], 0
    for root, rpy, xyzs, axes, limits, tip in fingers:
        parent = "palm_link"
        for xyz, turn, axis, (lower, upper) in zip((root, *xyzs), (rpy, *["0 0 0"] * 3), axes, limits, strict=True):
            child = f"link_{number}.0"
            parts.append(joint(f"joint_{number}.0", parent, child, xyz, axis, lower, upper, 7.0, rpy=turn))
            parent, number = child, number + 1
        parts.append(fixed(parent, f"{parent}_tip", tip))
    return f'<robot name="allegro"><link name="palm_link"/>{"".join(parts)}</robot>'


def gripper_urdf(mimic: bool = True) -> str:
    """Like the Panda's gripper: two fingers that slide by 0.04 m."""
    extra = '<mimic joint="finger_1"/>' if mimic else ""
    parts = [
        joint("finger_1", "gripper", "left", "0 0 0.06", "0 1 0", 0, 0.04, 0.2, "prismatic"),
        joint("finger_2", "gripper", "right", "0 0 0.06", "0 -1 0", 0, 0.04, 0.2, "prismatic", extra),
    ]
    return f'<robot name="gripper"><link name="gripper"/>{"".join(parts)}</robot>'
