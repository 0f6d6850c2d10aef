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

from .composed_batches import OBJECTS, ComposedBatches
from .rendered_batches import MOSTLY_STEREO, RenderedBatches
from .scene_sampling import BACKGROUNDS
from .sensors import KINDS, SENSORS

COLUMNS = 8


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


def _batch(args: argparse.Namespace) -> tuple[dict[str, np.ndarray], list[str]]:
    """A batch, and each sample's background or held object."""
    if not args.backgrounds:
        sensors = tuple(args.sensor or MOSTLY_STEREO)
        batch = RenderedBatches(args.size, args.count, args.seed, args.difficulty, sensors=sensors)[0]
        return batch, [BACKGROUNDS[k] for k in batch["background"]]
    batch = ComposedBatches(args.size, args.count, args.seed, tuple(args.backgrounds), args.difficulty)[0]
    return batch, [OBJECTS[k] if k >= 0 else "" for k in batch["object"]]


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
    if args.backgrounds and args.sensor:
        parser.error("--sensor is for rendered scenes: recorded ones have the sensor of their camera")
    try:
        batch, scenes = _batch(args)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    tiles = []
    for i in range(args.count):
        shown = batch["present"][i]
        tile = draw_crop(batch["image"][i, 0], batch["uvd"][i] if shown else None, batch["visible"][i])
        hand = "R" if batch["right"][i] else "L" if shown else "-"
        sensor = list(SENSORS)[batch["sensor"][i]]
        tiles.append(caption(tile, f"{hand} {scenes[i]} {sensor} {batch['distance'][i]:.2f}"))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_image(args.out, sheet(tiles))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(f"{args.out}: {args.count} samples")
