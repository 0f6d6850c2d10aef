"""Common types of the dataset loaders, and the mapping of their joints to those of `perception.skeleton`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.skeleton import JOINTS, SUBTASKS


class DatasetError(ValueError):
    """A file of a dataset is missing, truncated or invalid. The message names the file and the line or byte."""

    def __init__(self, path: Path, problem: str, line: int | None = None, offset: int | None = None):
        where = f", line {line}" if line is not None else f", byte {offset}" if offset is not None else ""
        super().__init__(f"{path}{where}: {problem}")


@dataclass(frozen=True)
class Sample:
    """One depth image of one hand.

    Attributes:
        depth_m: (height, width) float32, metres; 0 is an invalid pixel.
        camera: of that image.
        joints_m: (J, 3) in the dataset's own order, metres in the camera's optical frame; NaN where not valid.
        valid: (J,) bool, the labelled joints.
        centre_m: (3,) centre of the cube around the hand that the dataset's protocol crops, metres.
        cube_m: the cube's edge, metres.
        right: whether the image shows a right hand. If not, it shows a left hand or a mirrored right hand.
        subject, sequence, name: person, recording and frame, as the dataset names them.
    """

    depth_m: np.ndarray
    camera: Camera
    joints_m: np.ndarray
    valid: np.ndarray
    centre_m: np.ndarray
    cube_m: float
    right: bool
    subject: str
    sequence: str
    name: str


@dataclass(frozen=True)
class Joints:
    """The joints of a dataset, and their mapping to our 21.

    Attributes:
        names: the dataset's names of its J joints, in its order.
        slots: our joint's name -> the dataset's joint that replaces it, if there is one.
        evaluated: indices of the joints that the dataset's protocol scores, in the protocol's order.
        equivalent: our names of the joints that are the same anatomical points in the dataset. Their labels may be
            mixed with those of another dataset. The other joints are only in the same finger or in the palm.
    """

    names: tuple[str, ...]
    slots: dict[str, str]
    evaluated: tuple[int, ...]
    equivalent: frozenset[str]

    @property
    def evaluated_names(self) -> tuple[str, ...]:
        """The dataset's names of the evaluated joints."""
        return tuple(self.names[i] for i in self.evaluated)

    def to_hand(self, joints: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(J, 3), (J,) of the dataset -> (21, 3) in our order, NaN where unknown, and (21,) bool, known joints."""
        hand, known = np.full((len(JOINTS), 3), np.nan), np.zeros(len(JOINTS), bool)
        for i, name in enumerate(JOINTS):
            if name in self.slots:
                index = self.names.index(self.slots[name])
                hand[i], known[i] = joints[index], valid[index]
        return hand, known

    def evaluated_from_hand(self, hand: np.ndarray) -> np.ndarray:
        """(..., 21, 3) in our order -> (..., E, 3), the joints that the protocol scores."""
        slot_of = {theirs: JOINTS.index(ours) for ours, theirs in self.slots.items()}
        return np.asarray(hand)[..., [slot_of[name] for name in self.evaluated_names], :]

    def groups(self) -> dict[str, tuple[int, ...]]:
        """Finger or palm -> indices of its joints among the evaluated ones. An MCP can belong to both."""
        slot_of = {theirs: JOINTS.index(ours) for ours, theirs in self.slots.items()}
        slots = [slot_of[name] for name in self.evaluated_names]
        return {task: tuple(i for i, slot in enumerate(slots) if slot in members) for task, members in SUBTASKS.items()}


class HandDataset(Protocol):
    """A split of a dataset on disk: `len(dataset)` and `dataset[index] -> Sample`.

    Opening the dataset reads and checks its annotations. Reading a sample may raise `DatasetError`.
    """

    joints: Joints
    camera: Camera | None
    """The camera of all images; None if each sequence has its own."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


@dataclass(frozen=True)
class Subset:
    """A dataset of some frames of another dataset, in order."""

    whole: HandDataset
    frames: range

    @property
    def joints(self) -> Joints:
        return self.whole.joints

    @property
    def camera(self) -> Camera | None:
        return self.whole.camera

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, index: int) -> Sample:
        return self.whole[self.frames[index]]


HOLD_OUT_EVERY = 50
"""One frame in this many is held out for validation: the last ones, because neighbours in a sequence are similar."""


def hold_out(dataset: HandDataset) -> tuple[Subset, Subset]:
    """Divide a training split into training and validation frames. Final results come from the test split only.

    Raises:
        ValueError: the dataset has a single frame.
    """
    if len(dataset) < 2:
        raise ValueError("a dataset of one frame leaves none for validation")
    first = len(dataset) - max(1, len(dataset) // HOLD_OUT_EVERY)
    return Subset(dataset, range(first)), Subset(dataset, range(first, len(dataset)))
