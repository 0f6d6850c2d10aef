"""What a robot hand's links should do, by the operator's joints: the three methods of `dex-retargeting`.

Sources: Y. Qin et al., "AnyTeleop", RSS 2023; A. Handa et al., "DexPilot: Vision-Based Teleoperation of Dexterous
Robotic Hand-Arm System", ICRA 2020.
"""

from typing import Any, NamedTuple

import numpy as np

TOUCHING, MEETING = 200.0, 400.0
"""DexPilot's weights of a finger that touches the thumb, and of two such fingers. Other vectors between tips have 1."""

NEAR = 0.03
"""Metres between the tips of two fingers that both touch the thumb, below which they meet."""


class Goal(NamedTuple):
    """Vectors (n, 3) between the robot's links, or positions of links, metres, and their weights (n,)."""

    vectors: np.ndarray
    weights: np.ndarray


class VectorGoals:
    """Vectors of the robot that are like the operator's. Of the method "position": positions.

    Args:
        scaling: the robot's size in hands.
    """

    def __init__(self, scaling: float = 1.0):
        self._scaling = scaling

    def goal(self, vectors: np.ndarray) -> Goal:
        """By the operator's vectors or positions (n, 3), metres."""
        return Goal(vectors * self._scaling, np.full(len(vectors), 1 / len(vectors)))

    def reset(self) -> None:
        """It has no state."""


class DexPilotGoals:
    """DexPilot's: thumb and finger that are near to each other touch, until they are apart.

    Args:
        optimizer: a `DexPilotOptimizer`.
    """

    def __init__(self, optimizer: Any):
        self._scaling, self._fingers = optimizer.scaling, optimizer.num_fingers
        self._touch, self._part = optimizer.project_dist, optimizer.escape_dist
        self._pairs = optimizer.s2_project_index_origin, optimizer.s2_project_index_task
        self._lengths = optimizer.projected_dist[:, None]
        self.reset()

    def goal(self, vectors: np.ndarray) -> Goal:
        """By the operator's vectors (n, 3), metres: from fingers to the thumb, between fingers, from palm to tips."""
        between = len(self._lengths)
        distances = np.linalg.norm(vectors[:between], axis=1)
        to_thumb = len(self._touching)
        self._touching |= distances[:to_thumb] < self._touch
        self._touching &= distances[:to_thumb] <= self._part
        first, second = self._pairs
        meeting = self._touching[first] & self._touching[second] & (distances[to_thumb:] <= NEAR)
        weights = np.concatenate(
            [
                np.where(self._touching, TOUCHING, 1.0),
                np.where(meeting, MEETING, 1.0),
                np.full(self._fingers, between + self._fingers),
            ]
        )
        goals = vectors * self._scaling
        touched = vectors[:between] / (distances[:, None] + 1e-6) * self._lengths
        goals[:between] = np.where(np.append(self._touching, meeting)[:, None], touched, goals[:between])
        return Goal(goals, weights / len(goals))

    def reset(self) -> None:
        """No finger touches the thumb."""
        self._touching = np.zeros(self._fingers - 1, bool)


def goals_of(optimizer: Any) -> VectorGoals | DexPilotGoals:
    """Those of an optimiser of dex-retargeting."""
    if optimizer.retargeting_type == "DEXPILOT":
        return DexPilotGoals(optimizer)
    return VectorGoals(getattr(optimizer, "scaling", 1.0))
