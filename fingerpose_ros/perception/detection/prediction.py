"""The interface of an inference engine for detection: crops in, predictions out. And the crops' sizes."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

PROPOSAL_SIZE, PROPOSAL_HALF = 24, 0.24
"""Side of a proposal's crop, pixels, and half its side, metres: the hand and the arm that leads to it."""

CONTEXT_SIZE, CONTEXT_HALF = 64, 0.24
"""The same of the classifier's crop for context."""

DETAIL_SIZE, DETAIL_HALF = 64, 0.12
"""The same of the classifier's crop for fingers: 3.75 mm a pixel."""


@dataclass(frozen=True)
class Classification:
    """The classifier's prediction for n candidates.

    Attributes:
        logits: (n,) that the candidate is a hand.
        offsets: (n, 3) from the candidate to the palm, in units of `DETAIL_HALF`.
        directions: (n, 3) of the hand (`kinematics.hand_direction`), not of unit length.
    """

    logits: np.ndarray
    offsets: np.ndarray
    directions: np.ndarray


class DetectionNetworks(Protocol):
    """An inference engine with the detector's two networks loaded. Crops are those of `surface.metric_crops`."""

    def propose(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predict surface points.

        Args:
            crops: (n, `PROPOSAL_SIZE`, `PROPOSAL_SIZE`) float32.

        Returns:
            Logits (n,) that a palm is near, and offsets (n, 3) to it, in units of `PROPOSAL_HALF`.
        """
        ...

    def classify(self, context: np.ndarray, detail: np.ndarray) -> Classification:
        """Predict candidates.

        Args:
            context: (n, `CONTEXT_SIZE`, `CONTEXT_SIZE`) float32.
            detail: (n, `DETAIL_SIZE`, `DETAIL_SIZE`) float32.
        """
        ...
