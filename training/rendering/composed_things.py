"""Draws rendered surfaces into whole recorded depth images."""

import numpy as np
import warp as wp

from .backgrounds import Background
from .composing import merge, sensor_pixel
from .hair import lose
from .image_region import ImageRegion
from .meshes import Mesh
from .primitives import Primitives, stacked
from .renderer import FAR, shared_renderer


def draw_thing(
    rng: np.random.Generator, background: Background, depth: np.ndarray, thing: Mesh | Primitives, difficulty: float,
    unseen: Mesh | None = None,
) -> None:  # fmt: skip
    """Draw a thing, which is in the camera's frame, into `depth`, in place.

    Args:
        background: whose camera and sensor it gets.
        depth: (height, width) metres, 0 for invalid pixels.
        difficulty: of the simulated sensor noise, 0 to 1.
        unseen: part of the thing's surface of which the sensor sees little (`hair`).
    """
    region = ImageRegion.around(background.camera, thing.corners if isinstance(thing, Primitives) else thing.vertices)
    if region is None:
        return
    renderer = shared_renderer()
    rendered = renderer.empty(1, region.side)
    focal = wp.array([background.camera.fx], dtype=float, device="cpu")
    if isinstance(thing, Primitives):
        kinds, placements = stacked([thing])
        renderer.draw_primitives(rendered, focal, kinds, region.to_view @ placements)
    else:
        renderer.draw_meshes(rendered, focal, [thing], np.zeros(1, int), region.to_view[None])
    whole, _ = merge_region(rng, background, depth, region, rendered, difficulty)
    if unseen:
        dark = renderer.empty(1, region.side)
        renderer.draw_meshes(dark, focal, [unseen], np.zeros(1, int), region.to_view[None])
        dark = dark.numpy()[0]
        part, _ = region.cut(depth)
        part[lose(rng, (dark < FAR) & (dark <= whole))] = 0
        region.paste(depth, part)


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
