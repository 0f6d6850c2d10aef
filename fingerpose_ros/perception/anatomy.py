"""Anatomy of people's hands: limits of the joints, how joints move together, and proportions of the bones.

Angles are in degrees. The palm's frame is that of a right hand: x to the middle finger's MCP, y towards the thumb, z
out of the back of the hand; its origin is the wrist. Fingers are index to little, digits are the thumb and these.

The proportions are those of the bank of hand shapes that the network's training renders (`training/rendering/hands.py`,
which names their sources). A test compares both.
"""

import numpy as np

FLEXION_LIMITS = ((-25, 98), (0, 122), (-8, 88))
"""Flexion of MCP, PIP and DIP. A fist bends PIPs by 102 to 108 and DIPs by 63 to 72 on average (AAOS, Joint Motion,
1965); people differ."""

SPREAD_LIMITS = ((-35, 20), (-20, 22), (-18, 24), (-24, 52))
"""Spread of the fingers, positive towards the little finger. People's fingers part by 17, 14 and 32 degrees at most
(means; Chatzioglou et al., Anat Cell Biol 2024). The limits include 98 % of the tracked poses that training renders
(`training/rendering/real_poses.npz`)."""

THUMB_LIMITS = ((0, 90), (-5, 68))
"""Radial and palmar direction of the thumb's metacarpal."""

THUMB_ROLL_LIMITS = (-25, 25)
"""Rotation of the thumb about its metacarpal, beyond that of `THUMB_ROLL_SLOPES`."""

THUMB_FLEXION_LIMITS = ((-12, 60), (-15, 80))
"""Flexion of the thumb's MCP and IP."""

DIP_PER_PIP = 0.62
"""Flexion of a DIP relative to that of its PIP, which the same tendons bend. Rijpkema and Girard (SIGGRAPH 1991) take
2/3; people and movements differ (Leijnse et al., J. Biomech. 43, 2010)."""

CUPPING = (0, 0.02, 0.06, 0.12)
"""Flexion of the four metacarpals relative to that of their MCPs."""

HAND_LENGTH, CHILD_LENGTH = (0.187, 0.014, 0.152, 0.222), (0.135, 0.015, 0.105, 0.160)
"""Wrist to middle fingertip along the bones, metres, of adults and of children: mean, standard deviation, least, most.
"""

LABEL_GAP = 0.04
"""Distance from the axis of a digit's first joint to the joint's position, as a fraction of the hand's length. The
position is at the base of the bone that the joint moves, closer to where datasets and other hand models have it."""

AXES = np.array([
    (0.172, 0.084, 0.026), (0.446, 0.112, -0.019), (0.452, 0, 0), (0.421, -0.109, 0), (0.370, -0.180, -0.019),
])  # fmt: skip
AXES_SPREAD = np.array([
    (0.020, 0.017, 0.013), (0.019, 0.005, 0.004), (0.034, 0, 0), (0.021, 0.008, 0.002), (0.023, 0.012, 0.004),
])  # fmt: skip
"""Axis of each digit's first joint in the palm's frame, as fractions of the hand's length: mean and standard deviation
over people, thumb first."""

BONES = np.array([
    (0.180, 0.197, 0.162), (0.193, 0.128, 0.119), (0.214, 0.150, 0.139), (0.192, 0.149, 0.137), (0.154, 0.111, 0.124),
])  # fmt: skip
BONES_SPREAD = np.array([
    (0.010, 0.009, 0.008), (0.011, 0.006, 0.006), (0.012, 0.007, 0.006), (0.011, 0.007, 0.006), (0.010, 0.005, 0.006),
])  # fmt: skip
"""Lengths of each digit's three bones, base to tip, as fractions of the hand's length: mean and standard deviation over
people, thumb first. The thumb's first bone is its metacarpal."""

TURNS = np.array([(0, 0, 0), (-2.7, -1.3, -14.1), (-2.7, -1.3, -9.4), (-2.7, -1.3, -3.6), (-2.7, -1.3, -7.6)])
"""Orientation of the axes about which each digit's first joint turns, in the palm's frame: rotations about z, about the
new y, about the new x."""

HINGE_ROLLS = (-73.5, -3.5, -1.8, -3.7, 11.8)
"""Rotation, about the first bone of each digit, from the first joint's flexion axis to the axis of the next joints."""

THUMB_ROLL_SLOPES = (0.39, -0.38, 0.39)
"""Change of the thumb's roll with its radial and its palmar direction, and with their product in radians: the joint's
two axes do not meet, so the thumb rolls as it opposes the fingers."""

THUMB_BEND = -20.8
"""Sideways angle between the thumb's metacarpal and its first phalanx, about the axis normal to bone and hinge."""
