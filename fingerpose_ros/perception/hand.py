"""What the estimator says of one hand in one depth image."""

from dataclasses import dataclass

import numpy as np

RIGHT, LEFT = "right", "left"


@dataclass(frozen=True)
class Finger:
    """Angles of one finger, in radians; NaN where a joint they need is not known.

    Attributes:
        flexion: (3,) of the three hinges, base to tip. Zero when straight, positive towards the palm.
        abduction: zero in the middle finger's metacarpal plane, positive away from it.
        curl: 0 for a straight finger to 1 for one fully bent.
        thumb_distance: metres from this finger's tip to the thumb's; 0 for the thumb itself.
    """

    flexion: np.ndarray
    abduction: float
    curl: float
    thumb_distance: float


@dataclass(frozen=True)
class Hand:
    """One hand, in metres in the optical frame of the camera that saw it. Joints in the order of `skeleton.JOINTS`.

    Attributes:
        track_id: the same for one hand from frame to frame, never used again for another.
        handedness: "right" or "left".
        handedness_score: probability of `handedness`, 0.5 to 1.
        confidence: probability that there is a hand here.
        positions: (21, 3); NaN where not valid.
        rotations: (21, 3, 3), columns are the joint frame's x, y and z axis; NaN where not valid, or where a joint
            that the frame rests on is not: its bone's other end, or wrist, index, middle and little knuckle.
        sigma: (21, 3) standard deviation of each position along the camera's axes, metres.
        joint_confidence: (21,) probability that the joint's error is under 20 mm.
        valid: (21,) bool. A joint that is not known is not valid.
        palm_position: (3,), the mean of the wrist and the four finger knuckles; NaN where not known. The palm is turned
            as the wrist is: x to the middle knuckle, z dorsal.
        fingers: the five fingers' angles, by name, thumb first.
    """

    track_id: int
    handedness: str
    handedness_score: float
    confidence: float
    positions: np.ndarray
    rotations: np.ndarray
    sigma: np.ndarray
    joint_confidence: np.ndarray
    valid: np.ndarray
    palm_position: np.ndarray
    fingers: dict[str, Finger]
