"""From the positions of a hand's 21 joints to where the hand is, how its joints stand, and how far they are bent."""

import numpy as np


def hand_centre(positions: np.ndarray) -> np.ndarray:
    """Positions (..., 21, 3) -> the centre (..., 3) of the cube that a crop puts around the hand: the joints' mean.

    Joints that are not known (NaN) are left out; a hand without any known joint has no centre (NaN).
    """
    known = np.isfinite(positions).all(axis=-1, keepdims=True)
    count = known.sum(axis=-2)
    total = np.where(known, positions, 0).sum(axis=-2)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
