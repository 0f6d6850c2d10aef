"""What a mapping is: from the operator's hand to positions of the robot's joints."""

from typing import Protocol

import numpy as np

from fingerpose_ros.perception.hand import Hand


class Mapping(Protocol):
    """Maps a hand to the robot.

    Attributes:
        joints: names of the joints that it moves, none of which mimics another.
        needed: the hand's joints that must be valid.
        description: for the log and /diagnostics.
    """

    joints: tuple[str, ...]
    needed: tuple[int, ...]
    description: str

    def retarget(self, hand: Hand) -> np.ndarray:
        """Positions of `joints`, radians or metres. They need not keep the limits."""
        ...

    def reset(self) -> None:
        """Forget the poses so far: the next one does not continue them."""
        ...
