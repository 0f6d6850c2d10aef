"""The bank of bodies, and what people wear: clothes and hair as thickness on the skin, hats and long hair as meshes."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from .hands import vertex_normals
from .meshes import Mesh, extrude, revolve, union

BANK = Path(__file__).with_name("body_bank.npz")

UNIT = 1e-4
"""Metres per count of the stored vertices."""

SIDES = (0, 1)
"""Left and right, in arrays of both."""

BONES = (
    "pelvis", "spine_low", "spine_high", "chest", "neck", "head",
    *(f"{bone}_{side}" for side in "lr" for bone in (
        "shoulder", "upper_arm", "upper_arm_low", "forearm", "hand", "thigh", "shin", "foot")),
)  # fmt: skip
PARENT = (-1, 0, 1, 2, 3, 4, *(p for first in (6, 14) for p in (3, *range(first, first + 4), 0, first + 5, first + 6)))
PELVIS, SPINE_LOW, SPINE_HIGH, CHEST, NECK, HEAD = range(6)
SHOULDER, UPPER_ARM, UPPER_ARM_LOW, FOREARM, HAND, THIGH, SHIN, FOOT = (
    np.array([first, first + 8]) for first in range(6, 14)
)
"""Bones of the left and of the right side. `HAND` starts at the wrist and moves no vertex."""

STATURE_PER_HAND = 9.15
"""People's height divided by the length of their hand, from the wrist's axis to the fingertip. The body model's hands
are 6 % longer."""

CLOTHING = (0.0, 0.025)
"""Range of the thickness of clothes, metres."""


class BodyBank:
    """The bodies of `body_bank.npz`. They face -y, their left is +x and up is +z; all bone frames at rest have these
    axes.

    Attributes:
        vertices: (bodies, V, 3) float32 metres at rest, relative to the pelvis; arms hang obliquely.
        normals: (bodies, V, 3) outwards.
        faces: (F, 3) int32.
        weights: (V, bones) float32 skinning, at most 4 above zero in a row.
        joints: (bodies, bones, 3) where each of `BONES` starts.
        height, hand_length: (bodies,) metres; the length as in `HandBank`.
        child, woman: (bodies,) bool.
        scalp: (V,) 0 to 1 where hair grows. along_arm, along_leg: (V,) 0 on the trunk, 1 at the cut or the ankle.
        beard, eyes: (V,) bool where a beard grows, and around the eyes.
        head_centre, head_size: (bodies, 3) centre, and half the extent of the head without neck.
    """

    def __init__(self, path: Path = BANK):
        with np.load(path) as bank:
            self.vertices = bank["vertices"].astype(np.float32) * np.float32(UNIT)
            self.faces = bank["faces"].astype(np.int32)
            index, weight = bank["bone_index"], bank["bone_weight"].astype(np.float32)
            self.joints = bank["joints"].astype(np.float64)
            self.height = bank["height"].astype(np.float64)
            self.hand_length = bank["hand_length"].astype(np.float64)
            self.child, self.woman = bank["child"], bank["woman"]
        self.weights = np.zeros((self.vertices.shape[1], len(BONES)), np.float32)
        np.add.at(self.weights, (np.arange(len(index))[:, None], index), weight / weight.sum(1, keepdims=True))
        self.normals = vertex_normals(self.vertices, self.faces)
        self._mark_regions()

    def _mark_regions(self):
        of_head = self.weights[:, HEAD] > 0.7
        points = self.vertices[:, of_head]
        low, high = points.min(1), points.max(1)
        self.head_centre = ((low + high) / 2).astype(np.float64)
        self.head_size = ((high - low) / 2).astype(np.float64)
        relative = ((self.vertices - self.head_centre[:, None]) / self.head_size[:, None]).mean(0)
        scalp = np.clip((relative[:, 2] + 0.9 * relative[:, 1] - 0.35) / 0.25, 0, 1)
        self.scalp = (scalp * np.clip(self.weights[:, [HEAD, NECK]].sum(1) * 2 - 1, 0, 1)).astype(np.float32)
        x, y, z = relative.T
        ahead = (self.weights[:, HEAD] > 0.7) & (y < -0.2)
        self.beard = ahead & (z < -0.35) & (z > -0.95)
        self.eyes = ahead & (np.abs(z - 0.05) < 0.17) & (np.abs(np.abs(x) - 0.42) < 0.3)
        mean, joints = self.vertices[~self.child].mean(0), self.joints[~self.child].mean(0)
        self.along_arm, self.along_leg = np.zeros(len(mean), np.float32), np.zeros(len(mean), np.float32)
        for out, chain in (
            (self.along_arm, (UPPER_ARM, UPPER_ARM_LOW, FOREARM)), (self.along_leg, (THIGH, SHIN, FOOT))
        ):  # fmt: skip
            for side in SIDES:
                bones = [bone[side] for bone in chain]
                ours = self.weights[:, bones].sum(1) > 0.5
                root, end = joints[bones[0]], joints[bones[-1]]
                axis = end - root
                out[ours] = np.clip(((mean[ours] - root) @ axis) / (axis @ axis), 0, None)
        self.along_arm /= self.along_arm.max()

    def choose(self, rng: np.random.Generator, hand_length: float) -> tuple[int, float]:
        """A random body for a hand of this length, metres, and the factor on the body's size."""
        height = STATURE_PER_HAND * hand_length * np.exp(np.clip(rng.normal(0, 0.035), -0.08, 0.08))
        factor = height / self.height
        suitable = np.flatnonzero(np.abs(np.log(factor)) < 0.07)
        body = int(rng.choice(suitable)) if len(suitable) else int(np.argmin(np.abs(np.log(factor))))
        return body, float(factor[body])


def dressed(rng: np.random.Generator, bank: BodyBank, body: int, size: float, clothed: bool) -> np.ndarray:
    """Vertices (V, 3) at rest of a body, `size` times as large, with hair and perhaps with clothes on."""
    points = bank.vertices[body] * np.float32(size)
    thickness = np.zeros(len(points), np.float32)
    if rng.uniform() < 0.7:
        thickness += bank.scalp * np.float32(rng.choice([0.008, 0.018, 0.035]) * rng.uniform(0.6, 1.4))
    if clothed:
        trunk = 1 - np.clip(bank.weights[:, [HEAD, NECK, *FOOT]].sum(1) * 1.6, 0, 1)
        sleeve = 2.0 if rng.uniform() < 0.6 else rng.uniform(0.3, 0.9)
        trousers = 2.0 if rng.uniform() < 0.7 else rng.uniform(0.3, 0.6)
        covered = trunk * (bank.along_arm < sleeve) * (bank.along_leg < trousers)
        wave = rng.normal(0, 1, (3, 3)) * np.array([[5], [12], [25]])
        waves = np.sin(points @ wave.T.astype(np.float32) + rng.uniform(0, 6.3, 3).astype(np.float32))
        mean = rng.uniform(0.2, 0.7) * CLOTHING[1]
        amount = np.clip(mean + waves @ (0.35 * mean * np.array([1, 0.7, 0.5], np.float32)), *CLOTHING)
        thickness += (covered * amount).astype(np.float32)
    return points + thickness[:, None] * bank.normals[body]


def headwear(rng: np.random.Generator, bank: BodyBank, body: int, size: float) -> Mesh | None:
    """A hat, a cap, or long hair, or mostly None. In the frame of the body at rest."""
    kinds = ("hat", "cap", "long hair", "bun", "")
    chances = (0.05, 0.08, 0.35, 0.1, 0.42) if bank.woman[body] else (0.06, 0.12, 0.06, 0.01, 0.75)
    kind = str(rng.choice(kinds, p=chances))
    if not kind:
        return None
    shape = _headwear(kind)
    scale = bank.head_size[body] * rng.uniform(0.95, 1.1)
    points = (bank.head_centre[body] + shape.vertices * scale) * size
    return Mesh(points.astype(np.float32), shape.faces)


@lru_cache
def _headwear(kind: str) -> Mesh:
    """Headwear for a head of the half-sizes 1, in the axes of the body at rest."""
    upright = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # the meshes' y to up
    if kind in ("long hair", "bun"):
        angle = np.linspace(-np.pi / 2, np.pi / 2, 7)
        ball = revolve(np.stack([np.cos(angle) * (np.abs(angle) < 1.5), np.sin(angle)], axis=1), 12)
        half, at = ((1.0, 0.55, 1.3), (0, 0.62, -0.55)) if kind == "long hair" else ((0.4, 0.35, 0.35), (0, 1.05, 0.4))
        return ball.transformed(np.diag(half) @ upright, at)
    crown = revolve(np.array([[0, 0.15], [1.1, 0.15], [1.12, 0.4], [1.0, 0.85], [0.7, 1.08], [0, 1.15]]), 16)
    if kind == "hat":
        brim = revolve(np.array([[0, 0.2], [1.75, 0.25], [1.75, 0.3], [0, 0.3]]), 20)
        return union(crown, brim).transformed(upright, (0, 0.02, 0.15))
    angle = np.linspace(0, np.pi, 9)
    outline = np.stack([0.85 * np.cos(angle), 0.95 + 0.85 * np.sin(angle)], axis=1)
    visor = extrude(np.vstack([outline, [[-0.85, 0.2], [0.85, 0.2]]]), 0.06).transformed(
        np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]]), (0, 0, 0.24)
    )
    return union(crown.transformed(upright, (0, 0.02, 0.05)), visor)
