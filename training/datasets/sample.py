"""What every dataset loader gives, and how each one's joints are the 21 of `fingerpose_ros.perception.skeleton`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.skeleton import JOINTS, SUBTASKS


class DatasetError(ValueError):
    """A file of a dataset that is missing, truncated or not in the format; the message names it and the place in it."""

    def __init__(self, path: Path, problem: str, line: int | None = None, offset: int | None = None):
        where = f", line {line}" if line is not None else f", byte {offset}" if offset is not None else ""
        super().__init__(f"{path}{where}: {problem}")


@dataclass(frozen=True)
class Sample:
    """One depth image of one hand.

    Attributes:
        depth_m: (height, width) float32, metres; 0 where there is no reading.
        camera: of that image.
        joints_m: (J, 3) in the dataset's own order, metres in the camera's optical frame; NaN where not valid.
        valid: (J,) bool, which joints are labelled.
        centre_m: (3,) the centre of the cube around the hand that the dataset's protocol crops.
        cube_m: the cube's edge.
        right: whether the image shows a right hand (a left hand, or a right one recorded mirrored, if not).
        subject, sequence, name: whose hand, in which recording, which frame; as the dataset calls them.
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
    """A dataset's own joints, and where each of our 21 is among them.

    Attributes:
        names: the J joints, in the dataset's order, by the dataset's names.
        slots: our joint's name -> the dataset's joint that stands for it, as far as there is one.
        evaluated: indices of the joints that the dataset's protocol scores, in the protocol's order.
        alike: those of our names whose joint is the same anatomical point there, so that its labels may be mixed with
            another dataset's; the others only stand in the same finger or in the palm.
    """

    names: tuple[str, ...]
    slots: dict[str, str]
    evaluated: tuple[int, ...]
    alike: frozenset[str]

    @property
    def evaluated_names(self) -> tuple[str, ...]:
        """The names of the evaluated joints."""
        return tuple(self.names[i] for i in self.evaluated)

    def hand(self, joints: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(J, 3), (J,) of the dataset -> (21, 3) in our order, NaN where unknown, and (21,) bool."""
        hand, known = np.full((len(JOINTS), 3), np.nan), np.zeros(len(JOINTS), bool)
        for i, name in enumerate(JOINTS):
            if name in self.slots:
                own = self.names.index(self.slots[name])
                hand[i], known[i] = joints[own], valid[own]
        return hand, known

    def evaluated_from_hand(self, hand: np.ndarray) -> np.ndarray:
        """(..., 21, 3) in our order -> (..., E, 3), the joints that the protocol scores."""
        slot_of = {own: JOINTS.index(name) for name, own in self.slots.items()}
        return np.asarray(hand)[..., [slot_of[name] for name in self.evaluated_names], :]

    def groups(self) -> dict[str, tuple[int, ...]]:
        """Finger or palm -> places of its joints among the evaluated ones; a shared knuckle counts in both."""
        slot_of = {own: JOINTS.index(name) for name, own in self.slots.items()}
        slots = [slot_of[name] for name in self.evaluated_names]
        return {task: tuple(i for i, slot in enumerate(slots) if slot in members) for task, members in SUBTASKS.items()}


class HandDataset(Protocol):
    """A split of a dataset on disk: `len(dataset)` and `dataset[index] -> Sample`. Reading a sample may raise
    `DatasetError`; opening the dataset reads and checks its annotations."""

    joints: Joints
    camera: Camera | None
    """Of all images; None where each sequence has its own."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


@dataclass(frozen=True)
class Part:
    """Some frames of a dataset, in order, as a dataset."""

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


HELD_OUT = 50
"""One frame in so many is kept from training: the last ones of the split, as neighbours in a sequence are alike."""


def hold_out(dataset: HandDataset) -> tuple[Part, Part]:
    """A training split -> what to train on, and what to measure progress on. Only the test split is for results.

    Raises:
        ValueError: a single frame cannot be both.
    """
    if len(dataset) < 2:
        raise ValueError("a dataset of one frame leaves none to measure progress on")
    first = len(dataset) - max(1, len(dataset) // HELD_OUT)
    return Part(dataset, range(first)), Part(dataset, range(first, len(dataset)))
