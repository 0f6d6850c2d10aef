"""Renders the sample recordings that ship with the package.

    ./run training sample_bag hands --out sample/hands    # of `./run demo`
    ./run training sample_bag teleop --out sample/teleop  # of `./run teleop`

A person stands before a simulated RealSense D435. In `hands`, the person shows the right hand, then the left, then
both: opening, closing, pinching, pointing, turning. In `teleop`, the right hand does so at an operator's pace, and its
thumb meets each finger; in the end, the left hand joins. Only the arms are within range there: a smaller file. Only
the sensor noise is random, and its seed is `--seed`.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import warp as wp
from scipy.spatial.transform import Rotation

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.hand import LEFT, RIGHT
from fingerpose_ros.recording.bag_writer import write_depth_bag
from training.progress import progress

from . import poses
from .hands import ADULT_LENGTH, ARM, Angles, HandBank
from .primitives import basis
from .renderer import BOX, CYLINDER, SPHERE, Renderer
from .sensor_simulation import simulate_sensors
from .sensors import SENSORS, sample_sensor_noise

SENSOR = "realsense_d435"
WIDTH, HEIGHT, RATE = 640, 480, 30
CAMERA = Camera(WIDTH, HEIGHT, *[SENSORS[SENSOR].focal] * 2, (WIDTH - 1) / 2, (HEIGHT - 1) / 2)
START = 1_750_000_000_000_000_000
"""Stamp of the first image, nanoseconds."""


@dataclass(frozen=True)
class Recording:
    """What a recording shows.

    Attributes:
        shown: handedness, number of poses before it enters, the poses that it shows, and phase of its path (radians).
        move, rest: images in which a hand moves to the next pose, and in which it rests there.
        max_range: largest depth that the camera's driver reports, metres.
    """

    shown: tuple[tuple[str, int, tuple[str, ...], float], ...]
    move: int
    rest: int
    max_range: float

    @property
    def count(self) -> int:
        """Number of images."""
        return max(before + len(names) for _, before, names, _ in self.shown) * (self.move + self.rest)


ALONE = ("relaxed", "open", "fist", "open", "pinch_index", "wide", "point", "relaxed")
RECORDINGS = {
    "hands": Recording(
        (
            (RIGHT, 0, ALONE, 0.0),
            (LEFT, 8, ALONE, 1.3),
            (RIGHT, 16, ("relaxed", "open", "ok", "grasp_ball", "fist", "open", "relaxed"), 2.1),
            (LEFT, 16, ("relaxed", "fist", "open", "two", "open", "pinch_index", "relaxed"), 4.0),
        ),
        move=10, rest=3, max_range=1.3,
    ),
    "teleop": Recording(
        (
            (
                RIGHT, 0,
                (
                    "relaxed", "open", "relaxed", "open", "fist", "open", "point", "pinch_index", "open",
                    "pinch_middle", "pinch_ring", "pinch_little", "pinch_index", "fist", "relaxed",
                ),
                0.7,
            ),
            (LEFT, 12, ("relaxed", "fist", "relaxed"), 4.0),
        ),
        move=14, rest=5, max_range=0.75,
    ),
}  # fmt: skip

FACING = np.array([[0.0, 0, 1], [0, -1, 0], [1, 0, 0]])
"""Wrist frame (`scene_sampling`) -> camera, for a raised right hand whose palm faces the camera."""

SHOULDER, TORSO, HEAD = (-0.19, 0.05, 0.98), (0.0, 0.36, 1.02), (0.0, -0.2, 0.98)
TABLE = (0.0, 0.45, 0.95)
"""Metres in the camera's frame; the shoulder is that of the right arm."""

_CHUNK = 8


def smooth(x: np.ndarray) -> np.ndarray:
    """Minimum-jerk profile from 0 to 1, the path of a human movement (Flash and Hogan, 1985)."""
    x = np.clip(x, 0, 1)
    return x**3 * (10 - 15 * x + 6 * x**2)


def gestures(names: tuple[str, ...], move: int, rest: int) -> Angles:
    """The library's poses `names` in turn, `move` images on the way to each and `rest` images there."""
    library = poses.named((names[0], *names))
    time = np.arange(len(names) * (move + rest)) / (move + rest)
    step, passed = time.astype(int), (time % 1) * (move + rest) / move
    fingers = Angles.mix(library[step], library[step + 1], smooth(passed))
    # A thumb closes after the fingers, and opens before them.
    folded = np.array([name in ("fist", "point", "two") for name in (names[0], *names)], float)
    late = folded[step + 1] - folded[step]
    thumb = Angles.mix(library[step], library[step + 1], smooth(passed * 1.6 - np.where(late > 0, 0.6, 0)))
    return Angles(**{k: getattr(thumb if k.startswith("thumb") else fingers, k) for k in vars(fingers)})


def path(count: int, phase: float) -> tuple[np.ndarray, np.ndarray]:
    """Path of a right hand that enters from its side and leaves: wrist (count, 3) and rotation (count, 3, 3)."""
    time = np.arange(count) / RATE
    inside = smooth(time / 0.7) * smooth((time[-1] - time) / 0.7)
    wander = [np.sin(2 * np.pi * f * time + phase + f) for f in (0.31, 0.23, 0.41, 0.27, 0.35, 0.19)]
    wrist = np.stack([-0.13 + 0.06 * wander[0], 0.10 + 0.05 * wander[1], 0.52 + 0.07 * wander[2]], axis=1)
    wrist += (1 - inside)[:, None] * (-0.55, 0.15, 0.05)
    turn = Rotation.from_euler("yxz", np.radians(np.stack([38 * wander[3], 22 * wander[4], 14 * wander[5]], axis=1)))
    return wrist, turn.as_matrix()


def hand_in_place(bank: HandBank, shape: int, length: float, angles: Angles, wrist, turn, mirrored: bool):
    """One hand over n images: skinning transforms, placements (n, 4, 4) in the camera's frame and joints (n, 21, 3)."""
    shapes = np.full(len(wrist), shape)
    transforms, joints = bank.pose(shapes, angles)
    flip = np.diag([-1.0 if mirrored else 1.0, 1, 1])
    placed = np.broadcast_to(np.eye(4), (len(wrist), 4, 4)).copy()
    placed[:, :3, :3] = flip @ turn @ FACING * (length / bank.length[shape])
    placed[:, :3, 3] = wrist @ flip
    joints = np.einsum("nij,nkj->nki", placed[:, :3, :3], joints) + placed[:, None, :3, 3]
    elbow = placed @ transforms[:, ARM] @ np.append(bank.rest[shape, ARM, :3, 3], 1)
    return shapes, transforms, placed, joints, elbow[:, :3]


def placement_of(centre, half_sizes, rotation=None) -> np.ndarray:
    """The placement (4, 4) of a primitive."""
    placement = np.eye(4)
    placement[:3, :3] = (np.eye(3) if rotation is None else rotation) * np.asarray(half_sizes, float)
    placement[:3, 3] = centre
    return placement


def upper_arm(elbow: np.ndarray, shoulder: np.ndarray) -> np.ndarray:
    along = shoulder - elbow
    rotation = basis(along, np.random.default_rng(0))
    return placement_of((elbow + shoulder) / 2, (0.042, np.linalg.norm(along) / 2, 0.042), rotation)


def scene(bank: HandBank, recording: Recording) -> list[dict[str, tuple]]:
    """Image by image, the hands in it: handedness -> (shape, transforms, placement, joints, elbow)."""
    adults = np.flatnonzero(~bank.child)
    images = [{} for _ in range(recording.count)]
    for handedness, before, names, phase in recording.shown:
        begin, angles = before * (recording.move + recording.rest), gestures(names, recording.move, recording.rest)
        wrist, turn = path(len(angles.spread), phase)
        hand = hand_in_place(bank, adults[3], ADULT_LENGTH, angles, wrist, turn, handedness == LEFT)
        for k, parts in enumerate(zip(*hand, strict=True)):
            images[begin + k][handedness] = parts
    return images


@dataclass(frozen=True)
class PerfectImages:
    """Depth images (n, WIDTH, WIDTH) of a perfect sensor, metres along z. The `ROWS` of them count.

    Attributes:
        hands: of the hands and forearms alone; far away where there are none (`Renderer.empty`).
        whole: of the whole scene, on Warp's device.
        focal: (n,) the focal length, pixels, on Warp's device.
    """

    hands: np.ndarray
    whole: wp.array
    focal: wp.array


ROWS = slice((WIDTH - HEIGHT) // 2, (WIDTH + HEIGHT) // 2)
"""Rows of a `PerfectImages` that are in the image."""


def perfect(renderer: Renderer, images: list[dict[str, tuple]]) -> PerfectImages:
    """The images of a `scene`, at least one of which shows a hand."""
    n = len(images)
    depth = renderer.empty(n, WIDTH)
    focal = wp.array(np.full(n, CAMERA.fx), dtype=float, device=renderer.device)
    kinds, placements = np.zeros((n, 5), int), np.broadcast_to(np.eye(4), (n, 5, 4, 4)).copy()
    kinds[:, :3] = SPHERE, SPHERE, BOX
    placements[:, 0] = placement_of(TORSO, (0.2, 0.42, 0.11))
    placements[:, 1] = placement_of(HEAD, (0.08, 0.11, 0.1))
    placements[:, 2] = placement_of(TABLE, (0.28, 0.02, 0.15))
    shown = [(i, name, hand) for i, image in enumerate(images) for name, hand in image.items()]
    for i, name, (*_, elbow) in shown:
        k = 3 + (name == LEFT)
        kinds[i, k] = CYLINDER
        placements[i, k] = upper_arm(elbow, np.array(SHOULDER) * ((-1 if name == LEFT else 1), 1, 1))
    shapes, transforms, placed = (np.array([hand[j] for _, _, hand in shown]) for j in range(3))
    index, zeros = np.array([i for i, *_ in shown]), np.zeros(len(shown))
    vertices = renderer.skin(shapes, transforms)
    renderer.draw_hands(depth, focal, vertices, index, placed, zeros, zeros + len(renderer.bank.faces))
    hands = depth.numpy().copy()
    renderer.draw_primitives(depth, focal, kinds, placements)
    return PerfectImages(hands, depth, focal)


def render(bank: HandBank, images: list[dict[str, tuple]], seed: int, max_range: float):
    """Yields each depth image, (HEIGHT, WIDTH) uint16 millimetres; 0 beyond `max_range` (metres)."""
    renderer, rng = Renderer(bank), np.random.default_rng(seed)
    sensor_noise = sample_sensor_noise([SENSOR], np.ones(1), rng, difficulty=0.5)
    for begin in range(0, len(images), _CHUNK):
        clean = perfect(renderer, images[begin : begin + _CHUNK])
        n = len(clean.hands)
        noise = sensor_noise.repeated(n)
        seen = simulate_sensors(clean.whole, clean.focal, noise, rng.integers(0, 2**31 - 64, n)).numpy()
        seen[seen > max_range] = 0
        yield from np.round(seen[:, ROWS] * 1000).astype(np.uint16)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="./run training sample_bag", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recording", choices=tuple(RECORDINGS))
    parser.add_argument("--out", type=Path, required=True, help="folder of the bag; must not exist")
    parser.add_argument("--seed", type=int, default=3)
    args = parser.parse_args(argv)
    bank, recording = HandBank(), RECORDINGS[args.recording]
    images = scene(bank, recording)
    stamps = [START + round(k * 1e9 / RATE) for k in range(len(images))]
    truth = [{name: hand[3] for name, hand in image.items()} for image in images]
    frames = zip(stamps, render(bank, images, args.seed, recording.max_range), truth, strict=True)
    write_depth_bag(args.out, CAMERA, progress(frames, "rendering", total=len(images)))
    size = sum(file.stat().st_size for file in args.out.iterdir())
    print(f"{args.out}: {len(images)} images, {size / 1e6:.1f} MB")
    return 0
