"""Fit the joint angles of the rendered hand to tracked real hands: `./run training retarget_poses PATHS...`.

PATHS are `.pose` files, folders of them, or a `poses.npz` (`bones` (n, 17, 7) and `source` (n,)). Public sources, both
Apache-2.0: `assets/animbank.pose` of github.com/IntelRealSense/hand_tracking_samples, and `datasets` of its fork
github.com/miguelml99/hand_tracking_samples_D400-master-Miguel. Each line of a `.pose` file is a frame: position
(metres) and quaternion (x, y, z, w) of 17 bones: forearm, palm, and three of each digit.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from fingerpose_ros.files import write_arrays
from fingerpose_ros.perception.anatomy import CUPPING, FLEXION_LIMITS, THUMB_ROLL_LIMITS
from fingerpose_ros.recording.frame_folder import natural_order
from training.progress import progress

from . import poses
from .hands import ADULT_LENGTH, FINGERS, MCPS, METACARPALS, THUMB, Angles, HandBank
from .real_poses import ASSET, UNIT, pack, posture

ABOUT = (
    "Joint angles fitted to tracked hands from github.com/IntelRealSense/hand_tracking_samples and its fork"
    " github.com/miguelml99/hand_tracking_samples_D400-master-Miguel; Apache-2.0, Copyright 2017 Intel Corporation"
    " and the fork's author"
)

FOREARM, PALM = 0, 1

BASES = np.array([
    (0, 0, 0), (-0.4, 3.0, -36.6),
    (-12.4, 8.9, -24.4), (0, 0, -12.5), (0, 0, -9.4),
    (0, 0, -19.0), (0, 4, -11.0), (0, 4, -8.6),
    (0, 0, -21.6), (0, 4, -14.1), (0, 4, -7.9),
    (0, 0, -19.9), (0, 4, -12.4), (0, 4, -9.4),
    (0, 0, -14.3), (0, 4, -8.6), (0, 4, -8.6),
]) / 1000  # fmt: skip
"""Joint at each bone's base, in the frame of the bone (z distal, y dorsal, x radial on a right hand), metres on a hand
of `animbank.pose`. A bone's position is its centre of mass.

Least squares over that file: the joint is the point that two neighbouring bones share (mean residual 0.1 mm)."""

FOREARM_END = np.array([-9.1, -2.3, 122.3]) / 1000
"""The wrist in the forearm's frame, metres on the same hand; it gives each recording's scale, the person's size."""

LINKS = (
    np.array([(9.0, 64.3, 29.5), (82.7, 45.0, 24.9), (77.0, 51.6, 30.4), (71.9, 47.4, 27.2), (72.1, 35.4, 21.8)]) / 1000
)
"""Distances from wrist to first joint, and to the next two joints, of each digit, metres on the same hand."""

TIPS = np.array([21.0, 17.3, 17.5, 19.2, 17.7]) / 1000
"""Distances from each digit's last joint to its tip, metres on the same hand (estimated from the model's meshes)."""

LINK_TOLERANCE = 0.002
"""Largest deviation from `LINKS`, metres. A pose that deviates by more is not of this hand, or its bones are apart."""

FINGER_LIMITS = ((-45, *(low for low, _ in FLEXION_LIMITS)), (60, *(high for _, high in FLEXION_LIMITS)))
THUMB_LIMITS = ((-10, -10, THUMB_ROLL_LIMITS[0], -15, -15), (95, 72, THUMB_ROLL_LIMITS[1], 62, 85))
"""Lower and upper limits, degrees: a finger's spread, MCP, PIP and DIP; the thumb's radial and palmar direction, twist,
MCP and IP."""

START = ((45, 30, 0, 10, 20), *[(0, 40, 40, 25, 0)] * 4)
"""Angles at which the fit starts, degrees; per digit in the order of the limits."""

STEPS, DAMPING, STEP_ANGLE = 14, 2e-6, 1e-4
"""Iterations of the fit; its damping, square metres a square radian; and the step of its derivatives, radians."""

TWIST_WEIGHT = 0.01
"""Metres of error that equal a radian of the thumb's twist, which the ends of bones hardly determine."""

WEIGHTS = (0.4, 0.6, 1.0)
"""Weights of the ends of a digit's three bones: the tip's place counts most, the joints keep the bones' directions."""

NEAR, FAR = 0.020, 0.040
"""Distances between the tips of thumb and finger, metres: below the first their distance is kept in full, above the
second it follows from the directions of the bones."""

MAX_ERROR, MAX_PENETRATION = 0.010, 0.008
"""Poses with a greater error of a fingertip, or with deeper penetration, are dropped. Metres on an adult hand."""


@dataclass(frozen=True)
class Source:
    """Tracked poses: bones (n, 17, 7), names of the recordings, and the recording and frame (n,) of each pose."""

    bones: np.ndarray
    recordings: list[str]
    recording: np.ndarray
    frame: np.ndarray

    def __getitem__(self, index) -> "Source":
        return Source(self.bones[index], self.recordings, self.recording[index], self.frame[index])


def read(paths: list[Path]) -> Source:
    """Read `.pose` files, folders of them, and banks (`.npz`). Poses that occur twice are read once."""
    parts: list[tuple[str, np.ndarray]] = []
    for path in paths:
        if path.suffix == ".npz":
            with np.load(path) as bank:
                names = bank["source"]
                parts += [(str(name), bank["bones"][names == name]) for name in dict.fromkeys(names.tolist())]
        else:
            files = sorted(path.rglob("*.pose"), key=natural_order) if path.is_dir() else [path]
            parts += [("/".join(file.parts[-2:]), read_pose_file(file)) for file in files]
    if not parts:
        raise ValueError("no .pose file in the given paths")
    bones = np.concatenate([part for _, part in parts]).astype(np.float64)
    counts = [len(part) for _, part in parts]
    _, first = np.unique(np.round(bones.reshape(len(bones), -1), 5), axis=0, return_index=True)
    source = Source(
        bones, [name for name, _ in parts], np.repeat(np.arange(len(counts)), counts),
        np.concatenate([np.arange(count) for count in counts]),
    )  # fmt: skip
    return source[np.sort(first)]


def read_pose_file(path: Path) -> np.ndarray:
    """Bones (n, 17, 7) of the frames of a `.pose` file."""
    rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
    if not rows or {len(row) for row in rows} != {17 * 7}:
        raise ValueError(f"{path}: not lines of 17 positions and quaternions")
    return np.array(rows, dtype=np.float32).reshape(-1, 17, 7)


@dataclass(frozen=True)
class TrackedHands:
    """n right hands in the palm's frame: x radial, y distal, z palmar, origin at the wrist.

    Attributes:
        joints: (n, 5, 4, 3) three joints and the tip of each digit, metres, thumb first.
        inward: (n, 5, 3) direction in which the last bone of each digit flexes.
        forearm: (n, 3) direction from the wrist up the forearm.
    """

    joints: np.ndarray
    inward: np.ndarray
    forearm: np.ndarray


def decode(bones: np.ndarray) -> tuple[TrackedHands, np.ndarray]:
    """Poses (n, 17, 7) -> hands, left ones mirrored; and the largest deviation from `LINKS`, metres (n,)."""
    n = len(bones)
    turn = Rotation.from_quat(bones[..., 3:].reshape(-1, 4)).as_matrix().reshape(n, 17, 3, 3)
    # A left hand's index lies on the other side of the palm's x axis.
    across = np.einsum("nj,nj->n", turn[:, PALM, :, 0], bones[:, 5, :3] - bones[:, 14, :3])
    mirror = np.where(across[:, None] < 0, [-1.0, 1, 1], 1.0)
    at, turn = bones[..., :3] * mirror[:, None], turn * (mirror[:, None, :, None] * mirror[:, None, None, :])
    span = turn[:, FOREARM] @ FOREARM_END - turn[:, PALM] @ BASES[PALM]
    size = ((at[:, PALM] - at[:, FOREARM]) * span).sum(1) / (span**2).sum(1)
    base = at + (turn @ BASES[:, :, None])[..., 0] * size[:, None, None]
    x, y, z = turn[:, PALM].transpose(2, 0, 1)
    to_palm = np.stack([x, z, -y], axis=1)
    local = to_palm[:, None] @ turn
    joints = np.einsum("nij,nbj->nbi", to_palm, base - base[:, PALM, None])[:, 2:].reshape(n, 5, 3, 3)
    links = np.linalg.norm(np.diff(joints, axis=2, prepend=0), axis=3) / size[:, None, None]
    tips = joints[:, :, 2] + TIPS[:, None] * size[:, None, None] * local[:, 4::3, :, 2]
    inward = np.concatenate([-local[:, 4:5, :, 0], -local[:, 7::3, :, 1]], axis=1)
    hands = TrackedHands(np.concatenate([joints, tips[:, :, None]], axis=2), inward, -local[:, FOREARM, :, 2])
    return hands, np.abs(links - LINKS).max((1, 2))


def mean_adult(bank: HandBank) -> int:
    """The adult shape of `bank` whose proportions are closest to the adults' mean."""
    digits = bank.rest[:, np.array([THUMB, *FINGERS])][..., :3, 3]
    points = np.concatenate([digits, bank.tips[:, :, None]], axis=2).reshape(len(bank.length), -1)
    proportions = points / bank.length[:, None]
    away = np.linalg.norm(proportions - proportions[~bank.child].mean(0), axis=1)
    return int(np.where(bank.child, np.inf, away).argmin())


class Fit:
    """Fits one shape of the bank to tracked hands.

    Targets keep the direction of every bone, with the shape's lengths of bones. The source's thumb starts at the wrist,
    so its directions are then rotated together about the CMC, until the tip lies in the source's direction.
    """

    def __init__(self, bank: HandBank, hands: TrackedHands):
        self.bank, self.shape = bank, mean_adult(bank)
        n = len(hands.joints)
        proximal = hands.joints[:, 1:, 1] - hands.joints[:, 1:, 0]
        bend = np.arctan2(proximal[..., 2], proximal[..., 1])
        self.metacarpal = np.clip(bend, 0, np.radians(FLEXION_LIMITS[0][1])) * CUPPING
        self.to_wrist = bank.rest[self.shape, METACARPALS[1], :3, :3]
        self.wrist = wrist_angles(hands.forearm @ self.to_wrist.T)
        self.targets = self._targets(hands)
        self.angles = self._solve(np.radians(np.tile(START, (n, 1, 1))))

    def _pose(self, columns: np.ndarray) -> Angles:
        """Columns of thumb and fingers (n, 5, 5) -> angles."""
        thumb, fingers = columns[:, 0], columns[:, 1:]
        return Angles(
            fingers[..., 1:4], fingers[..., 0], self.metacarpal, thumb[:, :2], thumb[:, 2], thumb[:, 3:], self.wrist
        )

    def ends(self, angles: Angles) -> np.ndarray:
        """Ends (n, 5, 3, 3) of the digits' bones, metres, in the frame of the wrist bone."""
        joints = self.bank.pose(np.full(len(angles.wrist), self.shape), angles)[1]
        return joints[:, 1:].reshape(-1, 5, 4, 3)[:, :, 1:]

    def _targets(self, hands: TrackedHands) -> np.ndarray:
        """Ends (n, 5, 3, 3) of bones that the fit aims at."""
        bank, shape, n = self.bank, self.shape, len(self.metacarpal)
        start = self._pose(np.radians(np.tile(START, (n, 1, 1))))
        transforms, _ = bank.pose(np.full(n, shape), start)
        first = (transforms @ bank.rest[shape])[..., :3, 3][:, [THUMB[0], *MCPS]]
        points = hands.joints @ self.to_wrist.T
        digits = bank.rest[shape][np.array([THUMB, *FINGERS])]
        lengths = np.linalg.norm(np.diff(digits[:, :, :3, 3], axis=1), axis=2)
        lengths = np.concatenate([lengths, np.ones((5, 1))], axis=1)
        in_bone = np.einsum("dji,dj->di", digits[:, 2, :3, :3], bank.tips[shape] - digits[:, 2, :3, 3])
        # Scale by the fingers' length, place by the MCPs.
        ours = (lengths[1:, :2].sum() + np.linalg.norm(in_bone[1:], axis=1).sum()) / 4
        theirs = np.linalg.norm(np.diff(points[:, 1:], axis=2), axis=3).sum((1, 2)) / 4
        self.scale = ours / theirs
        points = points * self.scale[:, None, None, None]
        points += (first[:, 1:].mean(1) - points[:, 1:, 0].mean(1))[:, None, None]
        along = _unit(np.diff(points, axis=2)) * lengths[..., None]
        along[:, :, 2] = in_bone[:, 1:2] * along[:, :, 2] + in_bone[:, 2:] * (hands.inward @ self.to_wrist.T)
        swing = _swing(along[:, 0].sum(1), points[:, 0, 3] - first[:, 0])
        along[:, 0] = along[:, 0] @ swing.swapaxes(1, 2)
        second, third, tips = np.moveaxis(first[:, :, None] + np.cumsum(along, axis=2), 2, 0)
        tips = self._keep_contacts(tips, points[:, :, 3])
        return np.stack([second, third, tips], axis=2)

    def _keep_contacts(self, tips: np.ndarray, tracked: np.ndarray) -> np.ndarray:
        """Move tips (n, 5, 3) so that a fingertip near the thumb's keeps its offset from it in `tracked`."""
        offset = tracked[:, 1:] - tracked[:, :1]
        near = np.clip((FAR - np.linalg.norm(offset, axis=2)) / (FAR - NEAR), 0, 1)[..., None]
        error = near * (offset - (tips[:, 1:] - tips[:, :1]))
        thumb = -0.5 * error.sum(1) / np.maximum(near.sum(1), 1)
        return tips + np.concatenate([thumb[:, None], error + near * thumb[:, None]], axis=1)

    def _solve(self, columns: np.ndarray) -> Angles:
        """Damped least squares on the ends of bones, each digit on its own, from `columns` (n, 5, 5)."""
        limits = zip(THUMB_LIMITS, FINGER_LIMITS, strict=True)
        low, high = (np.radians([thumb, *[(*finger, 0)] * 4]) for thumb, finger in limits)
        weights = np.array(WEIGHTS)[:, None]
        prior = np.zeros((5, 5))
        prior[0, 2] = TWIST_WEIGHT

        def residuals(columns: np.ndarray) -> np.ndarray:
            ends = (self.ends(self._pose(columns)) - self.targets) * weights
            return np.concatenate([ends.reshape(-1, 5, 9), columns * prior], axis=2)

        for _ in progress(range(STEPS), "fitting", "steps"):
            now = residuals(columns)
            slopes = [(residuals(columns + STEP_ANGLE * unit) - now) / STEP_ANGLE for unit in np.eye(5)]
            jacobian = np.stack(slopes, axis=3)  # (n, 5, 14, 5)
            # An angle at its limit that would go beyond it stays out of the step.
            gradient = np.einsum("ndrk,ndr->ndk", jacobian, now)
            stuck = ((columns <= low) & (gradient > 0)) | ((columns >= high) & (gradient < 0))
            jacobian = np.where(stuck[:, :, None], 0, jacobian)
            square = np.einsum("ndrk,ndrl->ndkl", jacobian, jacobian) + DAMPING * np.eye(5)
            step = np.linalg.solve(square, np.where(stuck, 0, gradient)[..., None])[..., 0]
            columns = np.clip(columns - np.clip(step, -0.5, 0.5), low, high)
        return self._pose(columns)


def wrist_angles(forearm: np.ndarray) -> np.ndarray:
    """Directions up the forearm (n, 3), wrist bone frame -> the wrist's flexion, deviation and twist (zero), (n, 3)."""
    x, y, z = forearm.T
    return np.stack([np.arctan2(-x, np.hypot(y, z)), np.arctan2(z, -y), np.zeros_like(x)], axis=1)


def _swing(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotations (n, 3, 3) of directions `start` (n, 3) to `end`."""
    across = np.cross(start, end)
    angle = np.arctan2(np.linalg.norm(across, axis=1), (start * end).sum(1))
    return Rotation.from_rotvec(_unit(across) * angle[:, None]).as_matrix()


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def select(features: np.ndarray, least: float, most: int) -> np.ndarray:
    """Farthest-point selection of at most `most` rows of `features` (n, d), until none is farther than `least`."""
    chosen = [int(np.linalg.norm(features - features.mean(0), axis=1).argmin())]
    away = np.linalg.norm(features - features[chosen[0]], axis=1)
    while len(chosen) < most and away.max() > least:
        chosen.append(int(away.argmax()))
        away = np.minimum(away, np.linalg.norm(features - features[chosen[-1]], axis=1))
    return np.array(chosen)


def retarget(source: Source, bank: HandBank) -> tuple[Angles, np.ndarray, np.ndarray]:
    """Angles of n tracked hands; their fingertips' errors (n, 5); and the penetration (n,); metres on an adult hand."""
    fit = Fit(bank, decode(source.bones)[0])
    scale = bank.length[fit.shape] / ADULT_LENGTH
    tips = np.linalg.norm(fit.ends(fit.angles)[:, :, 2] - fit.targets[:, :, 2], axis=2) / scale
    joints = bank.pose(np.full(len(tips), fit.shape), fit.angles)[1]
    return fit.angles, tips, poses.penetration(joints, np.full(len(tips), scale)) / scale


def save(path: Path, angles: Angles, source: Source) -> None:
    """Write the asset that `RealPoses` loads."""
    write_arrays(
        path,
        angles=np.round(pack(angles) / UNIT).astype(np.int16),
        recording=source.recording.astype(np.uint8),
        frame=source.frame.astype(np.uint16),
        recordings=np.array(source.recordings),
        about=ABOUT,
    )


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="./run training retarget_poses", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", type=Path, nargs="*", help=".pose files or folders of them")
    parser.add_argument("--poses", type=Path, action="append", default=[], help="a poses.npz")
    parser.add_argument("--out", type=Path, default=ASSET)
    parser.add_argument("--most", type=int, default=4000, help="number of poses to keep at most")
    parser.add_argument("--apart", type=float, default=6.0, help="least distance of kept poses, degrees in `posture`")
    args = parser.parse_args(argv)
    try:
        source = read([*args.paths, *args.poses])
    except (OSError, ValueError, KeyError) as error:
        parser.error(str(error))
    read_poses = len(source.bones)
    source = source[decode(source.bones)[1] < LINK_TOLERANCE]
    valid = len(source.bones)
    if not valid:
        parser.error("no pose of the expected hand model in the given paths")
    angles, tips, penetration = retarget(source, HandBank())
    close, apart = tips.max(1) < MAX_ERROR, penetration < MAX_PENETRATION
    kept = np.flatnonzero(close & apart)
    features = posture(angles[kept])
    chosen = select(features, args.apart, args.most)
    reach = cKDTree(features[chosen]).query(features)[0].max()
    kept = np.sort(kept[chosen])
    save(args.out, angles[kept], source[kept])
    print(f"{read_poses} poses read, {read_poses - valid} of another hand model or with bones apart")
    for name, error in (("all five tips", tips), ("the worst tip of each pose", tips.max(1))):
        mean, high, most = 1000 * np.array([error.mean(), np.percentile(error, 95), error.max()])
        print(f"error of {name}: mean {mean:.1f}, 95 % {high:.1f}, maximum {most:.1f} mm")
    print(f"dropped: {(~close).sum()} with a tip over {1000 * MAX_ERROR:.0f} mm, {(close & ~apart).sum()} with"
          f" penetration over {1000 * MAX_PENETRATION:.0f} mm")  # fmt: skip
    print(f"{args.out}: {len(kept)} poses, {args.out.stat().st_size / 1000:.0f} KB; all others lie within"
          f" {reach:.1f} degrees of a kept pose")  # fmt: skip
