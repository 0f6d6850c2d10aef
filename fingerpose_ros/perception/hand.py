"""The estimator's result: one hand in one depth image."""

from dataclasses import dataclass

import numpy as np

RIGHT, LEFT = "right", "left"


@dataclass(frozen=True)
class Finger:
    """Angles of one finger, in radians; NaN if a joint that the angle needs is not valid.

    Attributes:
        flexion: (3,) of the finger's three joints, base to tip. Zero when straight, positive towards the palm.
        abduction: zero in the middle finger's metacarpal plane, positive away from it.
        curl: 0 for a straight finger to 1 for a fully bent finger.
        thumb_distance: metres from this fingertip to the thumb's tip; 0 for the thumb itself.
    """

    flexion: np.ndarray
    abduction: float
    curl: float
    thumb_distance: float


@dataclass(frozen=True)
class Hand:
    """One hand, in metres in the camera's optical frame. Joints in the order of `skeleton.JOINTS`.

    Attributes:
        track_id: the same for one hand from image to image, never reused for another hand.
        handedness: "right" or "left".
        handedness_score: probability of `handedness`, 0.5 to 1.
        confidence: probability that this is a hand.
        positions: (21, 3); NaN where not valid.
        rotations: (21, 3, 3), the columns are the joint frame's x, y and z axis. NaN if the joint is not valid, or a
            joint that its frame needs: the other end of its bone, the wrist, or the MCP of index, middle or little.
        sigma: (21, 3) standard deviation of each position along the camera's axes, metres.
        joint_confidence: (21,) probability that the joint's position error is under 20 mm.
        length: wrist to middle fingertip along the bones, as learnt so far, metres; NaN if it is not learnt.
        length_settled: whether `length`, and with it the length of each bone, hardly changes any more.
        valid: (21,) bool, whether the joint is known well enough to be used.
        palm_position: (3,), the mean of the wrist and the four fingers' MCPs; NaN if one is not valid. The palm's
            orientation is the wrist's: x to the middle finger's MCP, z dorsal.
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
    length: float = np.nan
    length_settled: bool = False
