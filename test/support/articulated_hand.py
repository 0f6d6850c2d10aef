"""Forward kinematics: a hand built from known joint angles, to test the angles that `perception` computes."""

from dataclasses import dataclass, field

import numpy as np
from scipy.spatial.transform import Rotation

from fingerpose_ros.perception.skeleton import FINGER_JOINTS, FINGERS, WRIST

# A right hand in the palm's frame: x to the middle finger's MCP, y towards the thumb, z dorsal. Metres.
BASE_JOINTS = {
    "thumb": (0.030, 0.028, -0.010),
    "index": (0.088, 0.024, 0.000),
    "middle": (0.092, 0.000, 0.000),
    "ring": (0.085, -0.019, 0.000),
    "little": (0.077, -0.036, 0.000),
}
BONES = {
    "thumb": (0.045, 0.032, 0.027),
    "index": (0.043, 0.025, 0.022),
    "middle": (0.048, 0.029, 0.023),
    "ring": (0.045, 0.027, 0.023),
    "little": (0.034, 0.020, 0.020),
}
OUTWARDS = {"thumb": 1, "index": 1, "middle": 1, "ring": -1, "little": -1}
THUMB_ROLL = np.radians(52)


def _angles(**degrees):
    return {finger: np.radians(degrees[finger]) for finger in FINGERS}


@dataclass
class ArticulatedHand:
    """Angles in radians: flexion (3,) of each finger's joints, base to tip, and abduction of its base joint."""

    handedness: str = "right"
    flexion: dict = field(
        default_factory=lambda: _angles(
            thumb=[20.0, 12, 15], index=[10.0, 25, 12], middle=[14.0, 20, 14], ring=[16.0, 22, 10], little=[8.0, 28, 15]
        )
    )
    abduction: dict = field(default_factory=lambda: _angles(thumb=40.0, index=8.0, middle=2.0, ring=6.0, little=14.0))
    scale: float = 1.0

    def positions(self) -> np.ndarray:
        """(21, 3) in the palm's frame; a left hand is the mirror image, y away from the thumb."""
        joints = np.zeros((21, 3))
        joints[WRIST] = 0
        for finger, indices in FINGER_JOINTS.items():
            turn = Rotation.from_rotvec([0, 0, OUTWARDS[finger] * self.abduction[finger]])
            turn = turn * Rotation.from_rotvec([0, self.flexion[finger][0], 0])
            point = np.array(BASE_JOINTS[finger])
            joints[indices[0]] = point
            roll = Rotation.from_rotvec([-THUMB_ROLL, 0, 0]) if finger == "thumb" else Rotation.identity()
            for i, length in enumerate(BONES[finger]):
                if i:
                    turn = turn * roll * Rotation.from_rotvec([0, self.flexion[finger][i], 0]) * roll.inv()
                point = point + turn.apply([length, 0, 0])
                joints[indices[i + 1]] = point
        return joints * self.scale * (1, 1 if self.handedness == "right" else -1, 1)
