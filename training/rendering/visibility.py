"""Which joints of a rendered hand are visible."""

import numpy as np

FLESH = 0.022
"""Largest distance of a joint behind its own skin, metres, on an adult hand."""


def visible_joints(
    whole: np.ndarray, own: np.ndarray, uvd: np.ndarray, depth: np.ndarray, scale: np.ndarray, extent: float = 1.0
) -> np.ndarray:
    """Joints (n, 21) bool that lie in the image and that only their own flesh occludes.

    Args:
        whole: (n, size, size) perfect depth of the scene, metres.
        own: (n, size, size) perfect depth of hand and arm, infinite outside the camera's image.
        uvd: (n, 21, 3) the joints in the crop's coordinates.
        depth: (n, 21) depths of the joints, metres.
        scale: (n,) sizes of the hands relative to an adult's.
        extent: half the width of the images; 1 is the cube's edge.
    """
    size = whole.shape[-1]
    pixel = np.floor((uvd[..., :2] / extent + 1) / 2 * size).astype(int)
    inside = (np.abs(uvd[..., :2]) < 1).all(axis=2)
    u, v = np.clip(pixel, 0, size - 1).transpose(2, 0, 1)
    row = np.arange(len(pixel))[:, None]
    surface = whole[row, v, u]
    flesh = FLESH * np.maximum(scale, 0.7)[:, None]
    return inside & (own[row, v, u] <= surface) & (surface > depth - flesh)
