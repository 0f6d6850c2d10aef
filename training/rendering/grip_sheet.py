"""Draw a sheet of every kind of object in every grip that it offers: `./run training grips --out grips.png`.

Above each picture: the grip and the object; an x where the grip failed (training drops such hands).
"""

import argparse
from pathlib import Path

import numpy as np
import warp as wp

from fingerpose_ros.files import write_image
from fingerpose_ros.perception.pose.crop import roll_matrix, upright_roll

from .grips import PROBABILITIES, grip_objects
from .hands import ADULT_LENGTH, HandBank
from .object_kinds import KINDS
from .object_pool import pool
from .preview import caption, sheet
from .primitives import unit
from .renderer import Renderer
from .scene_sampling import look_from

EDGE, ACROSS, DISTANCE = 150, 0.32, 0.6
"""Side of a picture, pixels, what it shows at the hand, metres, and the camera's distance, metres."""

SKIN, OBJECT = (170, 200, 255), (200, 160, 90)
"""Blue, green, red."""


def draw(renderer: Renderer, rng: np.random.Generator, grips: list[str], which: np.ndarray) -> list[np.ndarray]:
    """One picture of each of the objects `which` (n,) of the pool in its grip."""
    n, bank = len(which), renderer.bank
    shapes, length = rng.choice(np.flatnonzero(~bank.child), n), np.full(n, ADULT_LENGTH)
    gripped = grip_objects(rng, bank, shapes, length, grips, which)
    transforms, joints = bank.pose(shapes, gripped.angles)
    scale = length / bank.length[shapes]
    to_camera = np.broadcast_to(np.eye(4), (n, 4, 4)).copy()
    for i in range(n):
        view = look_from(unit(np.array([-0.6, 0.1, 0.8]) + rng.normal(0, 0.3, 3)), rng)
        view = roll_matrix(float(upright_roll(view @ np.array([0, 1.0, 0])))) @ view
        to_camera[i, :3, :3] = view
        to_camera[i, :3, 3] = (0, 0, DISTANCE) - view @ (joints[i].mean(0) * scale[i])
    placed = to_camera.copy()
    placed[:, :3, :3] *= scale[:, None, None]
    focal = wp.array(np.full(n, EDGE / ACROSS * DISTANCE), dtype=float, device=renderer.device)
    hand, thing = (renderer.empty(n, EDGE) for _ in range(2))
    zeros, everyone = np.zeros(n), np.arange(n)
    renderer.draw_hands(
        hand, focal, renderer.skin(shapes, transforms), everyone, placed, zeros, zeros + len(bank.faces)
    )
    renderer.draw_meshes(thing, focal, [one.mesh for one in gripped.objects], everyone, to_camera @ gripped.to_wrist)
    pictures = []
    for own, other, grip, one, valid in zip(
        hand.numpy(), thing.numpy(), grips, gripped.objects, gripped.valid, strict=True
    ):
        colour = np.where((own <= other)[..., None], SKIN, OBJECT) * _shading(np.minimum(own, other))[..., None]
        pictures.append(caption(colour.astype(np.uint8), f"{grip} {one.name}{'' if valid else ' x'}"))
    return pictures


def _shading(depth: np.ndarray) -> np.ndarray:
    """Brightness (h, w) from 0 to 1 of a lit surface; 0 where there is none."""
    down, right = np.gradient(np.where(depth < 10, depth, np.nan))
    slope = np.nan_to_num(0.6 * right + 0.8 * down)
    return np.clip(0.75 - slope / 0.006 * 0.35, 0.15, 1) * (depth < 10)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="./run training grips", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("grips.png"))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    rng, names = np.random.default_rng(arguments.seed), list(KINDS)
    pairs = [
        (grip, int(rng.choice(candidates)))
        for name in names
        for grip in PROBABILITIES
        if (candidates := [i for i in pool().by_grip[grip] if pool().objects[i].name == name])
    ]
    grips, which = [grip for grip, _ in pairs], np.array([i for _, i in pairs])
    pictures = draw(Renderer(HandBank()), rng, grips, which)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_image(arguments.out, sheet(pictures, columns=16))
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(f"{arguments.out}: {len(pictures)} grips of {len(names)} kinds of objects")
