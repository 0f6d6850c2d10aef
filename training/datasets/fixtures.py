"""Writers for the official formats of the five benchmarks, for frames from `rendered` or from a recording.

Each writer takes frames with the dataset's camera and handedness. It returns the written labels before the format
rounds them, (frames, J, 3) in metres in the optical frame. A loader must return the same.
"""

import pickle
from collections.abc import Iterable
from itertools import cycle, pairwise
from pathlib import Path

import cv2
import numpy as np
from scipy.io import savemat

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.skeleton import JOINTS as HAND

from . import hands2019, ho3d, icvl, msra, nyu
from .rendered import Frame
from .sample import Joints

_FINGERS = ("thumb", "index", "middle", "ring", "little")


def _joint(hand: np.ndarray, name: str) -> np.ndarray:
    return hand[HAND.index(name)]


def _dataset_order(joints: Joints, hand: np.ndarray) -> np.ndarray:
    """(21, 3) in our order -> the order of a dataset with the same joints."""
    slot_of = {theirs: ours for ours, theirs in joints.slots.items()}
    return np.array([_joint(hand, slot_of[name]) for name in joints.names])


def _write_png(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), image):
        raise OSError(f"{path} could not be written")


def _millimetres(depth_m: np.ndarray) -> np.ndarray:
    return np.round(depth_m * 1000).astype(np.uint16)


def _split_in_two(frames: Iterable[Frame]) -> tuple[list[Frame], list[Frame]]:
    frames = list(frames)
    return frames[: len(frames) // 2], frames[len(frames) // 2 :]


def icvl_joints(hand: np.ndarray) -> np.ndarray:
    """(21, 3) -> ICVL's 16: the palm's centre and the midpoints of the phalanges."""
    midpoints = []
    for finger in _FINGERS:
        chain = [_joint(hand, name) for name in HAND if name.startswith(finger)]
        midpoints += [(a + b) / 2 for a, b in pairwise(chain)]
    palm = np.mean([_joint(hand, "wrist"), *(_joint(hand, f"{finger}_mcp") for finger in _FINGERS[1:])], axis=0)
    return np.array([palm, *midpoints])


def write_icvl(root: Path, frames: Iterable[Frame]) -> np.ndarray:
    """The first half is for training, the second for the two test sequences."""
    training, testing = _split_in_two(frames)
    half = len(testing) // 2
    parts = (
        (root / "Training", "labels.txt", "201403121135", training),
        (root / "Testing", "test_seq_1.txt", "test_seq_1", testing[:half]),
        (root / "Testing", "test_seq_2.txt", "test_seq_2", testing[half:]),
    )
    written = []
    for folder, labels, sequence, part in parts:
        lines = []
        for number, frame in enumerate(part):
            name = f"{sequence}/image_{number:04d}.png"
            depth = _millimetres(frame.depth_m)
            _write_png(folder / "Depth" / name, np.where(depth > 0, depth, 32001).astype(np.uint16))
            joints = icvl_joints(frame.joints_m)
            uvd = np.concatenate([icvl.CAMERA.project(joints), joints[:, 2:] * 1000], axis=1)
            lines.append(" ".join([name, *(f"{value:.3f}" for value in uvd.ravel())]) + " \r\n")
            written.append(joints)
        (folder / labels).write_text("".join(lines), newline="")
    return np.array(written)


def nyu_joints(hand: np.ndarray) -> np.ndarray:
    """(21, 3) -> NYU's 36: the joints of each finger and points between them, and points of the palm."""
    names = {"F1": "little", "F2": "ring", "F3": "middle", "F4": "index", "TH": "thumb"}
    points = {}
    for code, finger in names.items():
        base, second, third, tip = (_joint(hand, name) for name in HAND if name.startswith(finger))
        points |= {
            f"{code}_KNU3_A": tip, f"{code}_KNU3_B": third, f"{code}_KNU2_A": (second + third) / 2,
            f"{code}_KNU2_B": second, f"{code}_KNU1_A": (base + second) / 2, f"{code}_KNU1_B": base,
        }  # fmt: skip
    wrist, across = _joint(hand, "wrist"), _joint(hand, "index_mcp") - _joint(hand, "little_mcp")
    mcps = np.mean([_joint(hand, f"{finger}_mcp") for finger in _FINGERS[1:]], axis=0)
    palm = (wrist - across / 3, wrist + across / 3, (wrist + mcps) / 2, wrist, mcps, (wrist + 3 * mcps) / 4)
    points |= {f"PALM_{i}": point for i, point in enumerate(palm, 1)}
    return np.array([points[name] for name in nyu.JOINTS.names])


def write_nyu(root: Path, frames: Iterable[Frame]) -> np.ndarray:
    """The first half is for training, the second for testing. All three cameras get the same labels."""
    written = []
    for split, part in zip(("train", "test"), _split_in_two(frames), strict=True):
        joints = np.array([nyu_joints(frame.joints_m) for frame in part])
        for number, frame in enumerate(part, 1):
            depth = _millimetres(frame.depth_m)
            image = np.stack([depth & 255, depth >> 8, np.zeros_like(depth)], axis=-1).astype(np.uint8)
            _write_png(root / split / f"depth_1_{number:07d}.png", image)
        uvd = np.concatenate([nyu.CAMERA.project(joints), joints[..., 2:] * 1000], axis=-1)
        savemat(root / split / "joint_data.mat", {
            "joint_names": np.array([nyu.JOINTS.names], object),
            "joint_uvd": np.repeat(uvd[None], 3, axis=0),
            "joint_xyz": np.repeat((joints * (1000, -1000, 1000))[None], 3, axis=0),
        })  # fmt: skip
        written.append(joints)
    return np.concatenate(written)


def write_msra(root: Path, frames: Iterable[Frame], per_gesture: int = 1) -> np.ndarray:
    """`per_gesture` frames for each of the 17 gestures of each of the nine subjects; frames are repeated as needed."""
    source, written = cycle(frames), []
    for subject in msra.CUBES_M:
        for gesture in msra.GESTURES:
            folder, lines = root / subject / gesture, [f"{per_gesture}\n"]
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(per_gesture):
                frame = next(source)
                joints = _dataset_order(msra.JOINTS, frame.joints_m)
                # The files contain only the hand's box, and in it only the hand.
                u, v = msra.CAMERA.project(joints).T
                left, top = max(int(u.min()) - 12, 0), max(int(v.min()) - 12, 0)
                right, bottom = min(int(u.max()) + 13, msra.CAMERA.width), min(int(v.max()) + 13, msra.CAMERA.height)
                box = frame.depth_m[top:bottom, left:right] * 1000
                hand = np.abs(box - joints[:, 2].mean() * 1000) < 120
                header = np.array([msra.CAMERA.width, msra.CAMERA.height, left, top, right, bottom], "<u4")
                data = header.tobytes() + np.where(hand, box, 0).astype("<f4").tobytes()
                (folder / f"{number:06d}_depth.bin").write_bytes(data)
                lines.append(" ".join(f"{value:.4f}" for value in (joints * (1000, -1000, -1000)).ravel()) + "\n")
                written.append(joints)
            (folder / "joint.txt").write_text("".join(lines))
    return np.array(written)


def write_hands2019(root: Path, frames: Iterable[Frame]) -> np.ndarray:
    """The first half is for training, the second for testing, where only the boxes are written."""
    written = []
    for prefix, part in zip(("training", "test"), _split_in_two(frames), strict=True):
        labels, boxes = [], []
        for number, frame in enumerate(part, 1):
            name = f"image_D{number:08d}.png"
            _write_png(root / f"{prefix}_images" / name, _millimetres(frame.depth_m))
            joints = _dataset_order(hands2019.JOINTS, frame.joints_m)
            numbers = "".join(f"{value:.4f}\t" for value in (joints * 1000).ravel())
            labels.append(f"{name}\t{numbers}\n")
            boxes.append(" ".join([name, *map(str, _hands2019_box(_joint(frame.joints_m, "middle_mcp")))]) + "\n")
            written.append(joints)
        (root / f"{prefix}_bbs.txt").write_text("".join(boxes))
        if prefix == "training":
            (root / "training_joint_annotation.txt").write_text("".join(labels))
    return np.array(written)


def _hands2019_box(mcp: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of 300 mm around the middle finger's MCP, clipped to the image."""
    camera = hands2019.CAMERA
    u, v = np.round(camera.project(mcp))
    half = hands2019.CUBE_M / mcp[2] * camera.fx // 2
    low, high = (max(0, int(u - half)), max(0, int(v - half))), (int(u + half), int(v + half))
    return *low, min(camera.width, high[0]), min(camera.height, high[1])


def write_ho3d(root: Path, frames: Iterable[Frame]) -> np.ndarray:
    """The first half is for training, the second for the evaluation split, with only the wrist and the box."""
    written = []
    for split, part in zip(("train", "evaluation"), _split_in_two(frames), strict=True):
        for number, frame in enumerate(part):
            folder, name = root / split / "ABF10", f"{number:04d}"
            units = np.round(frame.depth_m / ho3d.DEPTH_UNIT_M).astype(np.uint16)
            image = np.stack([np.zeros_like(units), units >> 8, units & 255], axis=-1).astype(np.uint8)
            _write_png(folder / "depth" / f"{name}.png", image)
            joints = _dataset_order(ho3d.JOINTS, frame.joints_m)
            gl = (joints * ho3d.TO_OPTICAL).astype(np.float32)
            meta = {"camMat": HO3D_CAMERA.matrix, "handJoints3D": gl if split == "train" else gl[ho3d.WRIST]}
            if split == "evaluation":
                pixels = HO3D_CAMERA.project(joints)
                meta["handBoundingBox"] = [int(side) for side in (*pixels.min(0), *pixels.max(0))]
            (folder / "meta").mkdir(exist_ok=True)
            (folder / "meta" / f"{name}.pkl").write_bytes(_official_pickle(meta))
            written.append(joints)
        (root / f"{split}.txt").write_text("".join(f"ABF10/{number:04d}\n" for number in range(len(part))))
    return np.array(written)


HO3D_CAMERA = Camera(640, 480, 614.627, 614.101, 320.262, 238.469)
"""Intrinsics similar to HO-3D's, which differ by sequence and are in each frame's metadata."""


def _official_pickle(meta: dict) -> bytes:
    """Pickled as in the dataset: protocol 2, by NumPy before 2.0, whose module names have no underscore."""
    return pickle.dumps(meta, protocol=2).replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


WRITERS = {
    "icvl": write_icvl, "nyu": write_nyu, "msra": write_msra, "hands2019": write_hands2019, "ho3d": write_ho3d,
}  # fmt: skip
CAMERAS = {
    "icvl": icvl.CAMERA, "nyu": nyu.CAMERA, "msra": msra.CAMERA, "hands2019": hands2019.CAMERA, "ho3d": HO3D_CAMERA,
}  # fmt: skip
