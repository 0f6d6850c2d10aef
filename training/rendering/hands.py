"""Right hands as articulated meshes: the bank of shapes, and forward kinematics from joint angles to bones and joints.

The rig's finger bones have y along the bone, +x the axis that flexes towards the palm, and +z out of the palm. Angles
are absolute: all zero is a straight, parallel-fingered hand, whatever the rest shape.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from fingerpose_ros.perception.anatomy import HAND_LENGTH, LABEL_GAP

BANK = Path(__file__).with_name("hand_bank.npz")

PALMAR = np.array([-1.0, 0, 0])
"""Direction out of the palm, wrist bone frame."""

ADULT_LENGTH = HAND_LENGTH[0]
"""Length of an adult's hand from the wrist's axis to the middle fingertip, metres."""

FLESH = (0.0014, 0.0007, -0.0003, 0.0032)
"""Thickness added to the skin of the digits, metres on an adult hand: mean, standard deviation, minimum, maximum.

The body model's hands are slender. At a length of 187 mm its index is 17.8 and 15.3 mm broad at PIP and DIP, and its
thumb 18.2 mm. People's are 20, 17.5 and 21.5 mm (means of men and women; Pheasant, Bodyspace, 2nd edition, 1996).
"""

THENAR, THENAR_AT, THENAR_RADIUS = (0.0, 0.012), 0.2, 0.03
"""Range of the thickness added to the ball of the thumb, metres on an adult hand; the point of the metacarpal where it
is centred; and the width of the Gaussian with which it decreases. Skin moves by up to 7 mm. The body model's hands are
hollow there, people's are filled by muscle, by a varying amount.
"""

THUMB_METACARPAL = 0.22
"""Distance from the thumb's CMC to its MCP, as a fraction of the hand's length: 41 mm in an adult (rig 30, Buchholz et
al. 45)."""

PROXIMAL = (0.234, 0.254, 0.233, 0.195)
"""Distance from MCP axis to PIP of index to little, as fractions of the hand's length.

The rig bends fingers at their webs (0.172, 0.173, 0.153, 0.147). People's fingers bend 10 to 17 mm deeper in the hand,
in the heads of the metacarpals. From there it is 0.245, 0.266, 0.244 and 0.204 of the hand's length (Buchholz et al.,
Ergonomics 35, 1992, 261). They measure length from the crease of the wrist, 8 mm beyond its axis, where ours begins.
"""

OUTER = ((0.197, 0.162), (0.129, 0.119), (0.150, 0.139), (0.149, 0.138), (0.111, 0.125))
"""Lengths of each digit's second and third bone, as fractions of the hand's length, thumb first.

With the rig's lengths (index 0.128 and 0.143, ring 0.128 and 0.144, little 0.085 and 0.107) these fingers end 6, 15 and
48 mm before the middle finger. People's end 11, 11 and 37 mm before it (Chatzioglou et al., Anat Cell Biol 57, 2024,
172). Thumb and middle finger keep the rig's lengths. The others are the mean of those measures and Buchholz's lengths.
"""

VARIETY = (0.03, 0.025, 0.03)
"""Standard deviations of people's bone lengths relative to these: of a whole hand, of each digit, of each bone."""

KNUCKLE_DEPTH = 0.02
"""Distance by which the MCPs are moved towards the palm, as a fraction of the hand's length.

The rig bends fingers 5.5 mm below the skin at the MCP. The extensor tendon under that skin passes the axis of the MCP
at 8.6 mm, of the PIP at 2.8 and of the DIP at 2.2 (An et al., J. Biomech. 16, 1983, 419). With the skin, PIP and DIP
are where the rig has them.
"""

KNUCKLE_BREADTH = 1.1
"""Factor on the distances between the rig's MCPs, so that they are a finger's breadth apart."""

KNUCKLE_ROLL = (4, 3, 7, -8)
"""Rotation of the MCP axes about the fingers, degrees. Without it the rig's bent fingers collide."""

BONES = (
    "lowerarm01", "lowerarm02", "wrist",
    "finger1-1", "finger1-2", "finger1-3",
    *(bone for f in range(2, 6) for bone in (f"metacarpal{f - 1}", f"finger{f}-1", f"finger{f}-2", f"finger{f}-3")),
)  # fmt: skip
PARENT = (-1, 0, 1, 2, 3, 4, *(p for f in range(4) for p in (2, 6 + 4 * f, 7 + 4 * f, 8 + 4 * f)))
ARM, ARM_END, WRIST = 0, 1, 2
THUMB = (3, 4, 5)
METACARPALS = (6, 10, 14, 18)
FINGERS = tuple((m + 1, m + 2, m + 3) for m in METACARPALS)
MCPS = [finger[0] for finger in FINGERS]

JOINT_BONES = (WRIST, *THUMB, THUMB[2], *(bone for finger in FINGERS for bone in (*finger, finger[2])))
"""The bone of each of the 21 joints. A joint is the head of its bone; a digit's first joint lies `LABEL_GAP` along it;
a tip moves with the last bone."""


@dataclass(frozen=True)
class Angles:
    """Joint angles of `n` hands, radians.

    Attributes:
        flexion: (n, 4, 3) MCP, PIP and DIP of index to little finger, positive towards the palm.
        spread: (n, 4) of index to little, positive towards the little finger.
        metacarpal: (n, 4) cupping of the palm: flexion of the four metacarpals.
        thumb: (n, 2) direction of the thumb's metacarpal in the palm: radial and palmar.
        thumb_twist: (n,) its roll.
        thumb_flexion: (n, 2) MCP and IP.
        wrist: (n, 3) flexion, deviation and forearm twist.
    """

    flexion: np.ndarray
    spread: np.ndarray
    metacarpal: np.ndarray
    thumb: np.ndarray
    thumb_twist: np.ndarray
    thumb_flexion: np.ndarray
    wrist: np.ndarray

    def __getitem__(self, index) -> "Angles":
        return Angles(**{name: value[index] for name, value in vars(self).items()})

    @staticmethod
    def mix(a: "Angles", b: "Angles", share: np.ndarray) -> "Angles":
        """Linear interpolation: `a` where share (n,) is 0, `b` where it is 1."""
        return Angles(**{
            name: x + (getattr(b, name) - x) * share.reshape(-1, *[1] * (x.ndim - 1)) for name, x in vars(a).items()
        })  # fmt: skip


class HandBank:
    """The shapes of `hand_bank.npz`, in metres in the frame of the wrist bone.

    Attributes:
        vertices: (shapes, V, 3) float32 at rest, with `FLESH` put on.
        faces: (F, 3) int32, ordered from the fingertips up the arm.
        bone_index, bone_weight: (V, 4) skinning.
        rest: (shapes, 22, 4, 4) bone frames at rest.
        tips: (shapes, 5, 3) fingertips at rest.
        length: (shapes,) wrist to middle fingertip along the body model's bones.
        child: (shapes,) bool.
        hand_faces: number of `faces` of the hand; the others are the forearm's.
        face_reach: (F,) distance of each face from the wrist up the arm, metres, ascending.
    """

    def __init__(self, path: Path = BANK):
        with np.load(path) as bank:
            self.vertices = bank["vertices"].astype(np.float32)
            self.faces = bank["faces"].astype(np.int32)
            self.bone_index = bank["bone_index"].astype(np.int32)
            self.bone_weight = bank["bone_weight"].astype(np.float32)
            self.rest = bank["rest_poses"].astype(np.float64)
            self.child = bank["child"]
            tips = bank["tips"].astype(np.int64)
        self.tips = self.vertices[:, tips].astype(np.float64)
        joints = self.rest[:, list(JOINT_BONES)][..., :3, 3]
        joints[:, 4::4] = self.tips
        # Tips are the body model's vertices, which lie below the added flesh.
        self.length = sum(
            np.linalg.norm(joints[:, b] - joints[:, a], axis=1) for a, b in ((0, 9), (9, 10), (10, 11), (11, 12))
        )
        self._place_knuckles()
        self._stretch_digits(tips)
        mean, deviation, least, most = FLESH
        flesh = np.clip(np.random.default_rng(0).normal(mean, deviation, len(self.length)), least, most)
        flesh = (flesh * self.length / ADULT_LENGTH).astype(np.float32)
        of_digits = (self.bone_weight * np.isin(self.bone_index, (*THUMB, *sum(FINGERS, ())))).sum(1)
        self.vertices += np.outer(flesh, of_digits)[..., None] * vertex_normals(self.vertices, self.faces)
        self._fill_thenar()
        reach = -self.vertices[:, :, 1].mean(0)[self.faces].min(1)
        self.face_reach = np.maximum.accumulate(reach)
        self.hand_faces = int(np.searchsorted(self.face_reach, 0.0))
        self._local = np.array(self.rest)
        for bone, parent in enumerate(PARENT):
            if parent >= 0:
                self._local[:, bone] = np.linalg.inv(self.rest[:, parent]) @ self.rest[:, bone]
        self._inverse = np.linalg.inv(self.rest)
        self._straight = self._straighten()

    def _place_knuckles(self):
        """Move the first joint of each digit to its anatomical place, and rotate the axes of the bones that meet
        there."""
        at = self.rest[:, :, :3, 3]
        along, reach = _between(at[:, THUMB[0]], at[:, THUMB[1]])
        at[:, THUMB[0]] -= (THUMB_METACARPAL * self.length - reach)[:, None] * along
        for metacarpal, mcp in zip(METACARPALS, MCPS, strict=True):
            along, _ = _between(at[:, metacarpal], at[:, mcp])
            at[:, mcp] += (KNUCKLE_DEPTH * self.length)[:, None] * (PALMAR - (along @ PALMAR)[:, None] * along)
        middle = at[:, MCPS, 2].mean(axis=1, keepdims=True)
        at[:, MCPS, 2] += (KNUCKLE_BREADTH - 1) * (at[:, MCPS, 2] - middle)
        for metacarpal, (mcp, pip, _), share in zip(METACARPALS, FINGERS, PROXIMAL, strict=True):
            along, _ = _between(at[:, metacarpal], at[:, mcp])
            to_pip = at[:, pip] - at[:, mcp]
            past = np.einsum("ni,ni->n", to_pip, along)  # of the PIP, seen along the metacarpal
            beside = (to_pip**2).sum(1) - past**2
            at[:, mcp] += (past - np.sqrt((share * self.length) ** 2 - beside))[:, None] * along
        for metacarpal, (mcp, pip, _), roll in zip(METACARPALS, FINGERS, np.radians(KNUCKLE_ROLL), strict=True):
            for bone, end, turn in ((metacarpal, mcp, 0.0), (mcp, pip, roll)):  # axes run from joint to joint
                frame = self.rest[:, bone, :3, :3]
                x, y, z = np.einsum("nij,ni->jn", frame, _between(at[:, bone], at[:, end])[0])
                angles = np.stack([np.arctan2(z, y), -np.arcsin(x), np.full_like(x, turn)], axis=1)
                frame[:] = frame @ _rotation("XZY", angles)

    def _stretch_digits(self, tips: np.ndarray):
        """Scale the digits' bones and their flesh to people's lengths, with people's variation.

        Each bone's part of the mesh is stretched along the bone, and everything beyond moves with the bone's end.
        """
        rng, n = np.random.default_rng(1), len(self.length)
        digits = np.array([THUMB, *FINGERS])
        spread = (rng.normal(0, s, (n, *each)) for s, each in zip(VARIETY, ((1, 1), (5, 1), (5, 3)), strict=True))
        factors = np.exp(np.clip(sum(spread), -0.12, 0.12))
        shift = np.zeros_like(self.vertices)
        ends = np.concatenate([self.rest[:, digits[:, 1:]][..., :3, 3], self.tips[:, :, None]], axis=2)
        for d, bones in enumerate(digits):
            moved = np.zeros((n, 3))
            for k, bone in enumerate(bones):
                head = self.rest[:, bone, :3, 3].copy()
                along, length = _between(head, ends[:, d, k])
                if k:
                    factors[:, d, k] *= OUTER[d][k - 1] * self.length / length
                longer = factors[:, d, k] - 1
                weight = (self.bone_weight * (self.bone_index == bone)).sum(1)
                past = np.maximum(np.einsum("nvi,ni->nv", self.vertices - head[:, None], along), 0)
                drawn_out = (longer[:, None] * past)[..., None] * along[:, None]
                shift += weight[:, None] * (moved[:, None] + drawn_out)
                self.rest[:, bone, :3, 3] += moved
                moved = moved + (longer * length)[:, None] * along
        self.vertices += shift
        self.tips = self.vertices[:, tips].astype(np.float64)

    def _fill_thenar(self):
        """Add flesh to the ball of the thumb, outwards, where the skin faces the palm's side or the thumb's."""
        size = self.length / ADULT_LENGTH
        base, end = self.rest[:, THUMB[0], :3, 3], self.rest[:, THUMB[1], :3, 3]
        middle = base + THENAR_AT * (end - base)
        away = np.linalg.norm(self.vertices - middle[:, None], axis=2) / (THENAR_RADIUS * size[:, None])
        normals = vertex_normals(self.vertices, self.faces)
        facing = np.maximum(normals @ PALMAR, normals[..., 2]).clip(0)
        amount = np.random.default_rng(2).uniform(*THENAR, len(size)) * size
        self.vertices += (amount[:, None] * facing * np.exp(-(away**2)))[..., None] * normals

    def _straighten(self) -> np.ndarray:
        """Flexion and spread of each bone in the rest pose, which are subtracted from its angles, (shapes, 22, 2).

        Fingers are measured against the middle metacarpal, phalanges against the previous bone. The thumb keeps its
        spread.
        """
        bent = np.zeros((len(self.rest), len(BONES), 2))
        chains = [
            (bone, parent)
            for finger in FINGERS
            for bone, parent in zip(finger, (METACARPALS[1], *finger[:2]), strict=True)
        ]
        for bone, parent in (*chains, *zip(THUMB[1:], THUMB[:2], strict=True)):
            before = np.einsum("nij,ni->nj", self.rest[:, bone, :3, :3], self.rest[:, parent, :3, 1])
            bent[:, bone] = np.stack([-np.arcsin(before[:, 2]), np.arctan2(before[:, 0], before[:, 1])], axis=1)
        return bent

    def pose(self, shapes: np.ndarray, angles: Angles) -> tuple[np.ndarray, np.ndarray]:
        """Forward kinematics of hands `shapes` (n,): skinning transforms (n, 22, 4, 4) and joints (n, 21, 3), wrist
        bone frame."""
        n = len(shapes)
        turn = np.broadcast_to(np.eye(3), (n, len(BONES), 3, 3)).copy()
        bent = self._straight[shapes]
        for f, (metacarpal, finger) in enumerate(zip(METACARPALS, FINGERS, strict=True)):
            turn[:, metacarpal] = _rotation("x", angles.metacarpal[:, f])
            for k, bone in enumerate(finger):
                spread = (angles.spread[:, f] if k == 0 else 0) - bent[:, bone, 1]
                turn[:, bone] = _rotation("ZX", np.stack([spread, angles.flexion[:, f, k] - bent[:, bone, 0]], axis=1))
        turn[:, THUMB[0]] = self._thumb_base(shapes, angles)
        for k, bone in enumerate(THUMB[1:]):
            turn[:, bone] = _rotation("x", angles.thumb_flexion[:, k] - bent[:, bone, 0])

        local = self._local[shapes]
        frames = np.empty((n, len(BONES), 4, 4))
        frames[:, WRIST] = self.rest[shapes, WRIST]
        flexion, deviation, twist = angles.wrist.T
        swing = _rotation("ZX", np.stack([flexion, deviation], axis=1)).swapaxes(1, 2)
        for bone, share in ((ARM_END, 0.5), (ARM, 1.0)):
            arm = np.broadcast_to(np.eye(4), (n, 4, 4)).copy()
            arm[:, :3, :3] = swing @ _rotation("y", share * twist)
            frames[:, bone] = arm @ self.rest[shapes, bone]
        for bone in range(WRIST + 1, len(BONES)):
            frame = frames[:, PARENT[bone]] @ local[:, bone]
            frame[:, :3, :3] = frame[:, :3, :3] @ turn[:, bone]
            frames[:, bone] = frame
        transforms = frames @ self._inverse[shapes]

        joints = frames[:, list(JOINT_BONES)][..., :3, 3]
        joints[:, 1::4] += LABEL_GAP * self.length[shapes, None, None] * frames[..., :3, 1][:, [THUMB[0], *MCPS]]
        last = transforms[:, [THUMB[2], *(finger[2] for finger in FINGERS)]]
        joints[:, 4::4] = np.einsum("nfij,nfj->nfi", last[..., :3, :3], self.tips[shapes]) + last[..., :3, 3]
        return transforms, joints

    def _thumb_base(self, shapes: np.ndarray, angles: Angles) -> np.ndarray:
        """Rotation (n, 3, 3) of the thumb's metacarpal, in its own frame, to the direction of `angles.thumb`."""
        radial, palmar = angles.thumb.T
        target = np.stack([-np.sin(palmar), np.cos(palmar) * np.cos(radial), np.cos(palmar) * np.sin(radial)], axis=1)
        rest = self.rest[shapes, THUMB[0], :3, :3]
        y = np.einsum("nij,ni->nj", rest, target)
        axis = np.stack([y[:, 2], np.zeros(len(y)), -y[:, 0]], axis=1)  # (0, 1, 0) x y
        sine = np.linalg.norm(axis, axis=1, keepdims=True)
        angle = np.arctan2(sine[:, 0], y[:, 1])[:, None]
        swing = Rotation.from_rotvec(axis / np.maximum(sine, 1e-9) * angle).as_matrix()
        return swing @ _rotation("y", angles.thumb_twist)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Outward normals (n, V, 3) of n meshes (n, V, 3) with common `faces` (F, 3): mean of the faces', by area."""
    a, b, c = (vertices[:, faces[:, k]] for k in range(3))
    across = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, (slice(None), faces[:, k]), across)
    return normals / np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-12)


def _between(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From points `start` to `end`, (n, 3) each: unit vectors (n, 3) and distances (n,)."""
    distance = np.linalg.norm(end - start, axis=1)
    return (end - start) / distance[:, None], distance


def _rotation(axes: str, angles: np.ndarray) -> np.ndarray:
    return Rotation.from_euler(axes, angles.reshape(-1, len(axes))).as_matrix()
