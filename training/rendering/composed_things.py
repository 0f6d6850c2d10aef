"""Draws rendered surfaces into whole recorded depth images."""

from collections.abc import Sequence

import numpy as np
import warp as wp

from .backgrounds import Background
from .composing import merge, sensor_pixel
from .image_region import ImageRegion
from .meshes import Mesh
from .primitives import Primitives, stacked
from .renderer import shared_renderer


def draw_things(
    rng: np.random.Generator, background: Background, depth: np.ndarray, meshes: Sequence[Mesh],
    primitives: Primitives, difficulty: float,
) -> None:  # fmt: skip
    """Draw meshes and primitives, both in the camera's frame, into `depth`, in place.

    Args:
        background: whose camera and sensor they get.
        depth: (height, width) metres, 0 for invalid pixels.
        difficulty: of the simulated sensor noise, 0 to 1.
    """
    region = ImageRegion.around(
        background.camera, np.concatenate([primitives.corners, *(mesh.vertices for mesh in meshes)])
    )
    if region is None:
        return
    renderer = shared_renderer()
    rendered = renderer.empty(1, region.side)
    focal = wp.array([background.camera.fx], dtype=float, device="cpu")
    to_view = np.repeat(region.to_view[None], len(meshes), axis=0)
    renderer.draw_meshes(rendered, focal, list(meshes), np.zeros(len(meshes), int), to_view)
    kinds, placements = stacked([primitives])
    renderer.draw_primitives(rendered, focal, kinds, region.to_view @ placements)
    merge_region(rng, background, depth, region, rendered, difficulty)


def merge_region(
    rng: np.random.Generator, background: Background, depth: np.ndarray, region: ImageRegion, rendered: wp.array,
    difficulty: float,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Merge a rendered region (1, side, side) into `depth`, in place.

    Returns:
        Its perfect depth (side, side), metres, and which pixels (side, side) are inside the image.
    """
    recorded, inside = region.cut(depth)
    focal = wp.array([background.camera.fx], dtype=float, device="cpu")
    scale = background.camera.fx * np.array([sensor_pixel(background)])
    names = [background.sensor]
    out, whole = merge(rng, rendered, focal, recorded[None], names, scale, np.zeros(1), difficulty)
    region.paste(depth, out[0])
    return whole[0], inside
