"""What of a head many sensors do not see: hair, beards and the region of the eyes, which return too little infrared.

What is left of a head is its face, often in pieces: the size of a hand, and far from anything that belongs to it.
"""

import cv2
import numpy as np

from .bodies import BodyBank, Posed
from .meshes import Mesh

UNSEEN_FRACTION = 0.5
"""Fraction of people of whom something is not seen."""

HAIR_FRACTION, BEARD_FRACTION, EYES_FRACTION = 0.9, 0.35, 0.4
"""Of those, the fractions whose hair and hats, beard, and eyes (or glasses) are not seen."""

COVERAGE = (0.75, 1.0)
"""Fraction of its pixels that is lost."""


def sample_unseen(rng: np.random.Generator, bank: BodyBank, person: Posed) -> Mesh | None:
    """The part of a person's surface that the sensor does not see, in the person's frame; often None."""
    if rng.uniform() >= UNSEEN_FRACTION:
        return None
    lost = np.zeros(len(bank.scalp), bool)
    worn = np.zeros(len(person.mesh.vertices) - len(lost), bool)  # hats and long hair follow the skin
    if rng.uniform() < HAIR_FRACTION:
        lost |= bank.scalp > rng.uniform(0.1, 0.9)
        worn[:] = True
    if rng.uniform() < BEARD_FRACTION:
        lost |= bank.beard
    if rng.uniform() < EYES_FRACTION:
        lost |= bank.eyes
    faces = person.mesh.faces
    faces = faces[np.concatenate([lost, worn])[faces].all(axis=1)]
    return Mesh(person.mesh.vertices, faces) if len(faces) else None


def lose(rng: np.random.Generator, covered: np.ndarray) -> np.ndarray:
    """Most pixels of `covered` (height, width) bool, in patches a few pixels wide."""
    noise = cv2.GaussianBlur(rng.normal(size=covered.shape).astype(np.float32), (0, 0), rng.uniform(1, 3))
    if not covered.any():
        return covered
    return covered & (noise <= np.quantile(noise[covered], rng.uniform(*COVERAGE)))
