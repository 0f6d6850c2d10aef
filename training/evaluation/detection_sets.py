"""Recorded sets with labelled palms: a frame folder with `palms.json` and `ignore.json`.

`palms.json` and `ignore.json` contain one entry per image, in natural order of the images' names. An entry is a list of
points [x, y, z] in metres in the camera's optical frame. It is empty if there is no hand, and null if the image is not
labelled.
`palms.json` lists the palms (mean of the wrist and the four fingers' MCPs). `ignore.json` is optional. It lists hands
that are more than half hidden, cut or torn.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fingerpose_ros.perception.kinematics import palm_position
from fingerpose_ros.recording.frame_folder import FrameFolder, natural_order

HAND_FREE = ("no_hand", "backgrounds")
"""A folder below a folder of one of these names shows no hands, unless it has labels."""


@dataclass(frozen=True)
class DetectionSet:
    """A frame folder and its palms.

    Attributes:
        folder: the images.
        palms: for each image the palms to be detected (hands, 3), metres; None if the image is not labelled.
        ignored: for each image the hands (hands, 3) that count neither as missed nor as false positives, metres.
    """

    folder: FrameFolder
    palms: tuple[np.ndarray | None, ...]
    ignored: tuple[np.ndarray, ...]

    @property
    def name(self) -> str:
        """The last two parts of the folder's path."""
        return "/".join(self.folder.path.resolve().parts[-2:])

    @property
    def labelled(self) -> list[int]:
        """Indices of the labelled images."""
        return [i for i, palms in enumerate(self.palms) if palms is not None]

    @property
    def hands(self) -> int:
        """Number of palms to be detected."""
        return sum(len(self.palms[i]) for i in self.labelled)

    def within(self, nearest: float, farthest: float) -> "DetectionSet":
        """The same set with palms out of this range (z in metres) ignored."""
        palms, ignored = [], []
        for points, others in zip(self.palms, self.ignored, strict=True):
            if points is not None:
                near = (points[:, 2] >= nearest) & (points[:, 2] <= farthest)
                points, others = points[near], np.concatenate([others, points[~near]])
            palms.append(points)
            ignored.append(others)
        return DetectionSet(self.folder, tuple(palms), tuple(ignored))


def find_folders(paths: Iterable[Path]) -> list[Path]:
    """The folders with a `meta.json` among and below `paths`, each once, in natural order below each path.

    Raises:
        FileNotFoundError: a path contains none.
    """
    folders: dict[Path, None] = {}
    for path in paths:
        found = [path] if (path / "meta.json").exists() else [meta.parent for meta in path.rglob("meta.json")]
        if not found:
            raise FileNotFoundError(f"{path} contains no folder with depth/*.png and meta.json")
        folders |= dict.fromkeys(sorted(found, key=natural_order))
    return list(folders)


def read_set(path: Path) -> DetectionSet | None:
    """Read a folder; None if it has no labels and is not below one of the folders `HAND_FREE`.

    Without `palms.json`, palms are computed from `joints.npz`. There, an image counts as not labelled if one of the
    palm's joints is NaN.

    Raises:
        FileNotFoundError, ValueError: a file is missing or invalid; the message names it, and the image.
    """
    folder = FrameFolder.open(path)
    count = len(folder.images)
    ignored = [np.zeros((0, 3))] * count
    if (path / "ignore.json").exists():
        ignored = _read_points(path / "ignore.json", folder)
    if (path / "palms.json").exists():
        palms = _read_points(path / "palms.json", folder)
    elif folder.joints is not None:
        palms = [palm[None] if np.isfinite(palm).all() else None for palm in palm_position(folder.joints)]
    elif any(part in HAND_FREE for part in path.resolve().parts):
        palms = [np.zeros((0, 3))] * count
    else:
        return None
    palms = [None if others is None else points for points, others in zip(palms, ignored, strict=True)]
    return DetectionSet(
        folder, tuple(palms), tuple(np.zeros((0, 3)) if points is None else points for points in ignored)
    )


def _read_points(path: Path, folder: FrameFolder) -> list[np.ndarray | None]:
    """A file's points (n, 3) for each image; None where it has null."""
    try:
        entries = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(entries, list):
        raise ValueError(f"{path} is not a list with one entry per image")
    if len(entries) != len(folder.images):
        raise ValueError(f"{path} has {len(entries)} entries for {len(folder.images)} images")
    return [_points(entry, path, image) for entry, image in zip(entries, folder.images, strict=True)]


def _points(entry: object, path: Path, image: Path) -> np.ndarray | None:
    if entry is None:
        return None
    expected = "it must be null or a list of points [x, y, z] in metres"
    if not isinstance(entry, list) or not all(isinstance(point, list) and len(point) == 3 for point in entry):
        raise ValueError(f"{path}, image {image.name}: the entry is {json.dumps(entry)[:80]}; {expected}")
    if not all(isinstance(x, (int, float)) and not isinstance(x, bool) and np.isfinite(x) for p in entry for x in p):
        raise ValueError(f"{path}, image {image.name}: a coordinate is not a finite number; {expected}")
    points = np.array(entry, np.float64).reshape(-1, 3)
    if not (points[:, 2] > 0).all():
        raise ValueError(f"{path}, image {image.name}: a point is not in front of the camera; {expected}")
    return points
