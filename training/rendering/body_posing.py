"""Poses the bones of a body whose chest is placed, and skins its mesh.

Points are metres in the caller's scene frame. In arrays of both sides the left is first.
"""

from dataclasses import dataclass, field

import numpy as np

from . import body_arms, body_placing
from .body_arms import ArmPose, cross, unit
from .body_placing import MIRROR
from .body_shapes import (
    BONES,
    CHEST,
    FOOT,
    FOREARM,
    HAND,
    HEAD,
    NECK,
    PELVIS,
    SHIN,
    SHOULDER,
    SIDES,
    SPINE_HIGH,
    SPINE_LOW,
    THIGH,
    UPPER_ARM,
    UPPER_ARM_LOW,
    BodyBank,
    dressed,
    headwear,
)
from .meshes import Mesh, rotation, union

CLOTHED_FRACTION = 0.7

POSTURES = {"standing": 0.5, "sitting": 0.46, "crouching": 0.04}
"""Posture of the legs -> its probability."""

FREE_ARMS = {
    "hanging": ((5, 18), (40, 100), (0, 50), (5, 40)),
    "on table": ((15, 50), (-5, 40), (5, 50), (60, 100)),
    "on hip": ((35, 50), (95, 115), (60, 80), (95, 115)),
    "raised": ((50, 130), (30, 90), (-65, -20), (60, 140)),
    "in pocket": ((12, 25), (95, 125), (15, 45), (35, 60)),
    "behind back": ((25, 38), (130, 160), (80, 98), (75, 105)),
    "crossed": ((20, 35), (5, 35), (70, 95), (95, 110)),
}
"""Pose of an arm without a given wrist -> ranges of the angles of `body_arms.Angles`, degrees."""


@dataclass(frozen=True)
class Posed:
    """A posed person.

    Attributes:
        mesh: skin with clothes, hair and headwear. The forearms end, closed, at two thirds of their length.
        body: index in the bank.
        size: factor on the body's lengths.
        joints: (bones, 3) where each of `BONES` starts.
        head: (3,) centre of the head.
        gaze: (3,) unit vector in which the face points.
        elbows, wrists: (2, 3).
        arms: (2, 3) unit vectors from the wrists up the forearms.
        thumbs: (2, 3) unit vectors to the side to which the elbow bends. There the thumb is if the forearm is neither
            pronated nor supinated.
        posture: one of `POSTURES`.
        free_arms: names in `FREE_ARMS`, left and right; empty for a given wrist.
        deviation: (given wrists,) angle between the forearm and the requested one, degrees.
        miss: (given wrists,) distance between the wrist and the requested one, metres; above 0 if it is out of reach.
        cost: of the placement, see `body_placing.cost`. Poses below 4 are natural, above 15 poor.
    """

    mesh: Mesh
    body: int
    size: float
    joints: np.ndarray
    head: np.ndarray
    gaze: np.ndarray
    elbows: np.ndarray
    wrists: np.ndarray
    arms: np.ndarray
    thumbs: np.ndarray
    posture: str
    free_arms: tuple[str, str]
    deviation: np.ndarray = field(default_factory=lambda: np.zeros(0))
    miss: np.ndarray = field(default_factory=lambda: np.zeros(0))
    cost: float = 0.0


class Person:
    """A body with a placed chest, whose other bones are posed one after the other."""

    def __init__(self, rng, bank: BodyBank, body: int, size: float, up: np.ndarray, chest: np.ndarray, at: np.ndarray):
        self.rng, self.bank, self.body, self.size, self.up = rng, bank, body, size, up
        self.rest = bank.joints[body] * size
        self.turn = np.broadcast_to(np.eye(3), (len(BONES), 3, 3)).copy()
        self.joints = np.zeros((len(BONES), 3))
        self.turn[CHEST], self.joints[CHEST] = chest, at

    def finish(
        self, given: dict[int, ArmPose], free: list[str], target: np.ndarray | None, posture: str | None,
        hands: np.ndarray,
    ) -> Posed:  # fmt: skip
        """Pose spine, head, arms and legs, and skin the mesh. `hands` (n, 3) are kept out of the thighs."""
        rng, bank = self.rng, self.bank
        upright = self._spine()
        self._head(target)
        for side in SIDES:
            self._arm(side, given[side] if side in given else self._free_arm(side, free[side], upright))
        posture = posture or pick(rng, POSTURES)
        self._legs(posture, upright)
        if posture != "standing" and len(hands) and self._in_thighs(hands):
            posture = "standing"
            self._legs(posture, upright)
        points = dressed(rng, bank, self.body, self.size, rng.uniform() < CLOTHED_FRACTION)
        offset = self.joints - np.einsum("bij,bj->bi", self.turn, self.rest)
        matrices = np.concatenate([self.turn, offset[..., None]], axis=2).astype(np.float32)
        blended = (bank.weights @ matrices.reshape(len(BONES), 12)).reshape(-1, 3, 4)
        skin = np.einsum("vij,vj->vi", blended[..., :3], points) + blended[..., 3]
        mesh, worn = Mesh(skin, bank.faces), headwear(rng, bank, self.body, self.size)
        if worn is not None:
            mesh = union(mesh, worn.transformed(self.turn[HEAD], offset[HEAD]))
        elbows, wrists = self.joints[FOREARM], self.joints[HAND]
        arms = unit(elbows - wrists)
        bend = self.joints[UPPER_ARM] - elbows
        return Posed(
            mesh, self.body, self.size, self.joints,
            head=self.turn[HEAD] @ bank.head_centre[self.body] * self.size + offset[HEAD],
            gaze=-self.turn[HEAD][:, 1], elbows=elbows, wrists=wrists, arms=arms,
            thumbs=unit(bend - np.einsum("ni,ni->n", bend, arms)[:, None] * arms), posture=posture,
            free_arms=tuple(free),
        )  # fmt: skip

    def _attach(self, bone: int, parent: int, turn: np.ndarray):
        self.turn[bone] = turn
        self.joints[bone] = self.joints[parent] + self.turn[parent] @ (self.rest[bone] - self.rest[parent])

    def _spine(self) -> np.ndarray:
        """Pose the pelvis and the spine. Returns an upright frame (3, 3) with the pelvis' direction."""
        chest = self.turn[CHEST]
        forward = -chest[:, 1] + self.rng.normal(0, 0.12) * chest[:, 0]
        upright = _frame(forward, self.up)
        pelvis = _frame(forward, self.up + self.rng.uniform(0.1, 0.5) * (chest[:, 2] - self.up))
        self.turn[PELVIS] = pelvis
        for bone, child, share in ((SPINE_HIGH, CHEST, 0.67), (SPINE_LOW, SPINE_HIGH, 0.33), (PELVIS, SPINE_LOW, 0)):
            mixed = pelvis + share * (chest - pelvis)
            self.turn[bone] = _frame(-mixed[:, 1], mixed[:, 2])
            self.joints[bone] = self.joints[child] - self.turn[bone] @ (self.rest[child] - self.rest[bone])
        return upright

    def _head(self, target: np.ndarray | None):
        """Turn the head to `target` (3,), as far as the neck allows, or at random."""
        chest, rng = self.turn[CHEST], self.rng
        self._attach(NECK, CHEST, chest)
        yaw, pitch = rng.uniform(-50, 50), rng.uniform(-35, 15)
        if target is not None:
            seen = chest.T @ unit(target - self.joints[NECK] - 0.15 * self.size * chest[:, 2])
            yaw = np.degrees(np.arctan2(seen[0], -seen[1])) + rng.normal(0, 8)
            pitch = np.degrees(np.arcsin(np.clip(seen[2], -1, 1))) + rng.normal(0, 8)
        yaw, pitch, roll = np.clip(yaw, -60, 60), np.clip(pitch, -45, 30), rng.normal(0, 6)
        for bone, parent, share in ((NECK, CHEST, 0.45), (HEAD, NECK, 1)):
            turn = rotation("z", share * yaw) @ rotation("x", -share * pitch) @ rotation("y", share * roll)
            self._attach(bone, parent, chest @ turn)

    def _free_arm(self, side: int, name: str, upright: np.ndarray) -> ArmPose:
        angles = [np.radians(self.rng.uniform(*span, 1)) for span in FREE_ARMS[name]]
        frame = upright if name == "hanging" else self.turn[CHEST]
        upper, forearm = (
            frame @ (MIRROR[side] * direction[0])
            for direction in body_arms.directions(body_arms.Angles(*angles))
        )  # fmt: skip
        turn = body_placing.girdle(self.turn[CHEST][None], upper[None], side)[0]
        base, root = self.rest[SHOULDER[side]], self.rest[UPPER_ARM[side]]
        shoulder = self.turn[CHEST] @ (base - self.rest[CHEST] + turn @ (root - base)) + self.joints[CHEST]
        lengths = body_placing.lengths(self.rest, side)
        elbow = shoulder + lengths[0] * upper
        return ArmPose(shoulder, elbow, elbow + lengths[1] * forearm)

    def _arm(self, side: int, pose: ArmPose):
        """Turn the arm's bones to `pose`. The upper arm's twist is spread over its two bones."""
        chest, rest = self.turn[CHEST], self.rest
        bones = [bone[side] for bone in (SHOULDER, UPPER_ARM, UPPER_ARM_LOW, FOREARM, HAND)]
        shoulder, upper, low, forearm, hand = bones
        along, outer = unit(pose.elbow - pose.shoulder), unit(pose.wrist - pose.elbow)
        along_rest, outer_rest = unit(rest[forearm] - rest[upper]), unit(rest[hand] - rest[forearm])
        ahead, inward = body_arms.neutral(body_placing.to_arm(chest[None], along[None], side))
        bend = chest @ (MIRROR[side] * (ahead[0] + 0.3 * inward[0]))
        hinge_rest = cross(along_rest, outer_rest)
        hinge = cross(along, outer) + 0.04 * cross(along, bend)  # a straight arm bends as from rotation 0.3
        full = _pair(along, hinge) @ _pair(along_rest, hinge_rest).T
        self._attach(shoulder, CHEST, chest)
        girdle = (
            _shortest(chest @ unit(rest[upper] - rest[shoulder]), unit(pose.shoulder - self.joints[shoulder])) @ chest
        )
        self.turn[shoulder] = girdle
        swing = _shortest(girdle @ along_rest, along) @ girdle
        a, b = swing @ hinge_rest, full @ hinge_rest
        twist = np.arctan2(cross(a, b) @ along, a @ b)
        for bone, turn in (
            (upper, _about(along, 0.5 * twist) @ swing),
            (low, full),
            ([forearm, hand], _pair(outer, hinge) @ _pair(outer_rest, hinge_rest).T),
        ):
            self.turn[bone] = turn
        self.joints[upper], self.joints[forearm], self.joints[hand] = pose
        self.joints[low] = pose.shoulder + full @ (rest[low] - rest[upper])

    def _legs(self, posture: str, upright: np.ndarray):
        rng = self.rng
        bent, knee_bent = {"standing": (0, 6), "sitting": (84, 85), "crouching": (105, 125)}[posture]
        apart = rng.uniform(0, 25) if posture != "standing" else rng.uniform(-2, 8)
        for side, sign in zip(SIDES, (1, -1), strict=True):
            outward = rotation("z", sign * (apart + rng.normal(0, 4)))
            hip = rng.normal(bent, 8)
            knee = max(rng.normal(knee_bent + max(0, 0.8 * (hip - bent)), 6), 0)
            thigh = upright @ outward @ rotation("x", -hip)
            self._attach(THIGH[side], PELVIS, thigh)
            self._attach(SHIN[side], THIGH[side], thigh @ rotation("x", knee))
            self._attach(FOOT[side], SHIN[side], upright @ outward @ rotation("x", rng.normal(0, 5)))

    def _in_thighs(self, points: np.ndarray) -> bool:
        """Whether one of `points` (n, 3) lies in a thigh."""
        for side in SIDES:
            start, end = self.joints[THIGH[side]], self.joints[SHIN[side]]
            axis = end - start
            along = np.clip((points - start) @ axis / (axis @ axis), 0, 1)
            if (np.linalg.norm(points - start - along[:, None] * axis, axis=1) < 0.11 * self.size).any():
                return True
        return False


def pick(rng: np.random.Generator, probabilities: dict[str, float]) -> str:
    """A random key."""
    return str(rng.choice(list(probabilities), p=list(probabilities.values())))


def _frame(forward: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) of body axes whose up is `z` and that face about `forward`."""
    z = unit(z)
    left = unit(cross(z, forward))
    return np.stack([left, cross(z, left), z], axis=1)


def _pair(along: np.ndarray, hinge: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) of axes with the first `along`, and the third nearest to `hinge`."""
    third = unit(hinge - (hinge @ along) * along)
    return np.stack([along, cross(third, along), third], axis=1)


def _about(axis: np.ndarray, angle: float) -> np.ndarray:
    """The rotation (3, 3) about the unit vector `axis` by `angle` radians."""
    x, y, z = axis
    skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * skew + (1 - np.cos(angle)) * skew @ skew


def _shortest(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) of the unit vector `a` to `b` by the smallest angle."""
    axis = cross(a, b)
    return _about(unit(axis), np.arctan2(np.sqrt(axis @ axis), a @ b))
