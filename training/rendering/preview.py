"""Draw a sheet of rendered samples with their labels: `./run training preview --out sheet.png`.

With `--backgrounds DIR...` the hands are composed into recorded images. Full dots are visible joints, rings are
occluded joints. Above each sample: hand (R, L, - for none), background or held object, sensor and distance.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from fingerpose_ros.files import write_image
from fingerpose_ros.perception.drawing import FINGER_COLOURS
from fingerpose_ros.perception.pose.crop import BACKGROUND
from fingerpose_ros.perception.skeleton import FINGERS, PARENTS
from training.progress import counter

from .composed_batches import OBJECTS, ComposedBatches
from .rendered_batches import MOSTLY_STEREO, RenderedBatches
from .scene_sampling import BACKGROUNDS
from .sensors import KINDS, SENSORS

COLUMNS = 8
BATCH = 2 * COLUMNS
"""Samples that are rendered at a time."""


def draw_crop(
    image: np.ndarray, uvd: np.ndarray | None, visible: np.ndarray | None = None, edge: int = 192
) -> np.ndarray:
    """Network input (S, S) with the skeleton uvd (21, 3) on it -> picture (edge, edge, 3), blue, green, red."""
    grey = np.where(image < BACKGROUND, 215 - 85 * (image + 1), 0).astype(np.uint8)
    picture = cv2.cvtColor(cv2.resize(grey, (edge, edge), interpolation=cv2.INTER_NEAREST), cv2.COLOR_GRAY2BGR)
    if uvd is None:
        return picture
    pixels = np.clip(np.round((uvd[:, :2] + 1) / 2 * edge), -edge, 2 * edge).astype(int).tolist()
    for joint in range(1, 21):
        colour = FINGER_COLOURS[FINGERS[(joint - 1) // 4]][::-1]
        cv2.line(picture, pixels[PARENTS[joint]], pixels[joint], colour, 1, cv2.LINE_AA)
        full = visible is None or visible[joint]
        cv2.circle(picture, pixels[joint], 2, colour, -1 if full else 1, cv2.LINE_AA)
    return picture


def caption(picture: np.ndarray, text: str) -> np.ndarray:
    """Write a line of text over the top of `picture`, and return it."""
    cv2.putText(picture, text, (3, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.33, (0, 255, 255), 1, cv2.LINE_AA)
    return picture


def sheet(tiles: list[np.ndarray], columns: int = COLUMNS) -> np.ndarray:
    """Pictures of equal size -> one picture, row by row."""
    blank = [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    tiles = [*tiles, *blank]
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def _tiles(args: argparse.Namespace) -> list[np.ndarray]:
    """The samples' pictures, each with its hand, background or held object, sensor and distance."""
    if args.backgrounds:
        batches = ComposedBatches(args.size, BATCH, args.seed, tuple(args.backgrounds), args.difficulty)
    else:
        sensors = tuple(args.sensor or MOSTLY_STEREO)
        batches = RenderedBatches(args.size, BATCH, args.seed, args.difficulty, sensors=sensors)
    tiles: list[np.ndarray] = []
    shown = counter("rendering", args.count)
    while len(tiles) < args.count:
        batch = batches[len(tiles) // BATCH]
        for i in range(min(BATCH, args.count - len(tiles))):
            tiles.append(_tile(batch, i))
            shown.update()
    shown.close()
    return tiles


def _tile(batch: dict[str, np.ndarray], i: int) -> np.ndarray:
    present = batch["present"][i]
    tile = draw_crop(batch["image"][i, 0], batch["uvd"][i] if present else None, batch["visible"][i])
    hand = "R" if batch["right"][i] else "L" if present else "-"
    if "background" in batch:
        scene = BACKGROUNDS[batch["background"][i]]
    else:
        scene = OBJECTS[batch["object"][i]] if batch["object"][i] >= 0 else ""
    sensor = list(SENSORS)[batch["sensor"][i]]
    return caption(tile, f"{hand} {scene} {sensor} {batch['distance'][i]:.2f}")


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="./run training preview", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("synthetic.png"))
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--size", type=int, default=128, help="edge of the network's input, pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--difficulty", type=float, default=1.0, help="0, a hand alone, to 1, all effects")
    parser.add_argument(
        "--sensor", choices=[*KINDS, *SENSORS], action="append", help="only this sensor or kind; may be repeated"
    )
    parser.add_argument("--backgrounds", nargs="+", type=Path, metavar="DIR", help="recordings to compose hands into")
    args = parser.parse_args(argv)
    if args.count < 1:
        parser.error(f"--count is {args.count}; it must be at least 1")
    if args.backgrounds and args.sensor:
        parser.error("--sensor is for rendered scenes: recorded ones have the sensor of their camera")
    try:
        tiles = _tiles(args)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_image(args.out, sheet(tiles))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(f"{args.out}: {args.count} samples")
