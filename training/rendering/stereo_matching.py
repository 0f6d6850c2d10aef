"""Stereo matching: renders the two images of a stereo camera from perfect depth, and matches them.

`sensor_simulation` models how edges and reliefs look after matching; here they result from it. The second image is the
first one warped by the disparity. Semi-global matching (Hirschmueller, TPAMI 2008; OpenCV's, on blocks) finds each
pixel of the one in the other, as the chips in such cameras do (Keselman et al., CVPRW 2017). So fingers merge, a flat
hand merges with its table, an edge is soft on one side and has a shadow on the other. Weak light and plain surfaces
make this stronger.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import warp as wp

MOST = 160
"""Largest side of a matched image, pixels. A larger region is matched at a coarser resolution."""

COARSEST = 0.4
"""Smallest fraction of a camera's own resolution at which its images are matched."""

REACH = 0.6
"""Depth range behind the nearest surfaces that is matched, metres. Farther surfaces are invalid."""

STEPS, RANGE = 16, 128
"""The search range is a multiple of `STEPS`, as OpenCV requires, up to `RANGE`. Nearer surfaces mismatch."""

_BANK = 1024
"""Side of the pictures from which patterns and noise are cropped, pixels."""


@dataclass(frozen=True)
class Light:
    """Appearance of the images, and the matcher's settings.

    Attributes:
        dots: brightness of the projected dots relative to the surface; 0 without a projector.
        from_projector: fraction of the baseline between the first view and the projector.
        grain: contrast of the surfaces' own texture.
        noise: standard deviation of a pixel, as a fraction of the brightest value.
        block: side of the compared blocks, pixels, odd.
        small, large: cost of a disparity step of one, or of more, between neighbours, per pixel of a block.
        unique: percent by which the best match must be better than the second best.
        checked: largest difference of the match in the other direction, disparities; -1 without that check, which
            leaves shadows filled.
        smoothed: range of the bilateral filter on disparities, pixels; 0 without a filter.
    """

    dots: float
    from_projector: float
    grain: float
    noise: float
    block: int
    small: int
    large: int
    unique: int
    checked: int
    smoothed: float

    @classmethod
    def sample(cls, rng: np.random.Generator) -> "Light":
        small = rng.integers(4, 13)
        return cls(
            dots=rng.uniform(0.5, 3) * (rng.uniform() < 0.85),
            from_projector=rng.uniform(0, 1),
            grain=rng.uniform(0.03, 0.15),
            noise=rng.uniform(0.004, 0.02),
            block=int(rng.choice([5, 7, 9])),
            small=int(small),
            large=int(small * rng.uniform(3, 10)),
            unique=int(rng.integers(0, 12)),
            checked=-1 if rng.uniform() < 0.35 else int(rng.integers(1, 3)),
            smoothed=rng.uniform(0.2, 0.8) * (rng.uniform() < 0.6),
        )


@lru_cache(maxsize=1)
def _bank() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures (`_BANK`, `_BANK`): dots from 0 to 1; grain and noise with mean 0 and standard deviation 1."""
    rng = np.random.default_rng(0)
    dots = cv2.GaussianBlur((rng.uniform(0, 1, (_BANK, _BANK)) < 0.1).astype(np.float32), (0, 0), 0.7)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (_BANK, _BANK)).astype(np.float32), (0, 0), 1.2)
    return dots / dots.max(), grain / grain.std(), rng.normal(0, 1, (_BANK, _BANK)).astype(np.float32)


def _cut(rng: np.random.Generator, picture: np.ndarray, rows: int, columns: int) -> np.ndarray:
    top, left = rng.integers(_BANK - rows), rng.integers(_BANK - columns)
    return picture[top : top + rows, left : left + columns]


@wp.kernel
def _seen_from_beside(
    first: wp.array(dtype=float, ndim=2),
    disparity: wp.array(dtype=float, ndim=2),
    largest: int,
    second: wp.array(dtype=float, ndim=2),
):
    # The nearest surface of the first view that projects here. Pixels that it does not see keep their value.
    y, x = wp.tid()
    rightmost = wp.min(x + largest, disparity.shape[1] - 2)
    for k in range(rightmost - x + 1):
        at = rightmost - k
        left = float(at) - disparity[y, at]
        right = float(at + 1) - disparity[y, at + 1]
        if left <= float(x) and float(x) < right and right - left < 2.0:
            t = (float(x) - left) / (right - left)
            second[y, x] = (1.0 - t) * first[y, at] + t * first[y, at + 1]
            break


def is_fine_enough(size: int, scale: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Which images can be matched, (n,) bool.

    Args:
        size: side of the images, pixels.
        scale: (n,) image pixels per sensor pixel.
        angle: (n,) direction of the sensor's rows, radians; rotated rows are longer.
    """
    return MOST * scale > COARSEST * _across(size, angle)


def match(
    depth: np.ndarray, focal: float, scale: float, baseline: float, angle: float, rng: np.random.Generator
) -> np.ndarray:
    """Perfect depth (size, size) in metres -> stereo-matched depth of the same shape, 0 where nothing matches.

    Args:
        focal: focal length of the image, pixels.
        scale: image pixels per sensor pixel, see `is_fine_enough`.
        baseline: distance between the camera's two views, metres.
        angle: direction of the camera's rows in the image, radians from u towards v.
        rng: for light, texture and noise.
    """
    light, size = Light.sample(rng), len(depth)
    across = _across(size, angle)
    scale = max(scale, across / MOST)
    edge = int(np.ceil(across / scale))
    along = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    offset = size / 2 - 0.5 - along @ np.full(2, (edge - 1) / 2)
    to_image = np.column_stack([along, offset]).astype(np.float32)

    over = focal / scale * baseline
    farthest = over / (np.percentile(depth, 5) + REACH)
    inverse = np.clip(over / depth, farthest, farthest + RANGE - 4).astype(np.float32)
    nearby = _resampled(inverse, to_image, edge, cv2.INTER_NEAREST)
    between = _resampled(inverse, to_image, edge, cv2.INTER_LINEAR)
    disparity = np.where(np.abs(between - nearby) < 0.5, between, nearby)
    least = farthest - 2
    found = _search(*_views(disparity - least, over, least, light, rng), light) + least
    found = np.where(found > farthest + 0.5, over / np.maximum(found, 1e-3), 0).astype(np.float32)
    return np.round(_resampled(found, cv2.invertAffineTransform(to_image), size, cv2.INTER_NEAREST), 3)


def _across(size: int, angle: float | np.ndarray) -> float | np.ndarray:
    """Side of an image with rows at `angle` that covers an image of `size` pixels."""
    return size * (np.abs(np.cos(angle)) + np.abs(np.sin(angle)))


def _resampled(image: np.ndarray, to_source: np.ndarray, edge: int, how: int) -> np.ndarray:
    """Resample `image` to (edge, edge) by the affine map `to_source` (2, 3); its border is replicated.

    `image` must be float32: for float64 OpenCV's nearest-neighbour mode takes other pixels.
    """
    flags = how | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, to_source, (edge, edge), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _views(
    disparity: np.ndarray, over: float, least: float, light: Light, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, int]:
    """Render both images, (rows, columns + 2 * pad) uint8, of a surface with `disparity` (rows, columns) beyond
    `least`.

    Returns:
        The two images, and `pad`, the columns added on each side: the search range and a block.
    """
    pad = int(np.ceil((disparity.max() + 1) / STEPS)) * STEPS + light.block
    disparity = np.pad(disparity, ((0, 0), (pad, pad)), mode="edge")
    rows, columns = disparity.shape
    dots, grain, noise = _bank()
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    shifted = (x + light.from_projector * disparity).astype(np.float32)
    projected = cv2.remap(_cut(rng, dots, rows, columns + pad), shifted, y, cv2.INTER_LINEAR)

    z = over / (disparity + least)
    slope = [np.abs(np.diff(z, axis=axis, append=0)) for axis in (0, 1)]
    facing = 1 / np.sqrt(1 + sum(np.minimum(s * over / z, 3) ** 2 for s in slope))
    bright = (1 + light.dots * projected) * (1 + light.grain * _cut(rng, grain, rows, columns))
    first = (bright * facing * (z.min() / z) ** 2).astype(np.float32)
    first *= rng.uniform(0.3, 0.6) / (first.mean() + first.std())
    second = np.float32(0.5 * first.mean()) * (1 + light.grain * _cut(rng, grain, rows, columns))
    second, *seen = (wp.array(a.astype(np.float32), dtype=float, device="cpu") for a in (second, first, disparity))
    largest = int(disparity.max())
    wp.launch(_seen_from_beside, dim=second.shape, inputs=[*seen, largest], outputs=[second], device="cpu")
    images = [image + light.noise * _cut(rng, noise, rows, columns) for image in (first, second.numpy())]
    return *(np.clip(255 * image, 0, 255).astype(np.uint8) for image in images), pad


def _search(first: np.ndarray, second: np.ndarray, pad: int, light: Light) -> np.ndarray:
    """Disparity of each pixel of the first image without its padding; negative where there is no match."""
    area = light.block**2
    matcher = cv2.StereoSGBM_create(
        0, pad - light.block, light.block, light.small * area, light.large * area, light.checked,
        preFilterCap=31, uniquenessRatio=light.unique, speckleWindowSize=50, speckleRange=2,
        mode=cv2.STEREO_SGBM_MODE_SGBM,
    )  # fmt: skip
    found = matcher.compute(first, second)[:, pad:-pad].astype(np.float32) / 16
    return cv2.bilateralFilter(found, 5, light.smoothed, 3) if light.smoothed else found
