"""What a stereo camera measures because it matches two images: both are drawn, and matched.

Made flaws (`measuring`) say how edges and reliefs look after matching; here they come of it. The second image is the
first one as seen from beside; semi-global matching (Hirschmueller, TPAMI 2008; OpenCV's, on blocks) finds each pixel of
the one in the other, as the chips in such cameras do (Keselman et al., CVPRW 2017). So fingers grow together, a low
hand sinks into its table, an edge is soft on one side and has a shadow on the other; all the more, the weaker the light
and the plainer the surface.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import warp as wp

MOST = 160
"""Pixels of a camera's images, each way, that are matched at most: a larger part is matched as by a coarser camera."""

COARSEST = 0.4
"""Share of its own resolution below which a camera's image would not be like its own any more."""

REACH = 0.6
"""Metres behind what is near up to which things are matched: farther ones are not seen."""

STEPS, RANGE = 16, 128
"""Disparities are searched for in multiples of the one, OpenCV's rule, up to the other: nearer things mismatch."""

_BANK = 1024
"""Edge of the pictures that patterns and noise are cut from, pixels."""


@dataclass(frozen=True)
class Light:
    """How a camera sees: dots that it projects, the grain of surfaces, noise; and how it matches what it sees.

    Attributes:
        dots: how much brighter than all around; 0 for a camera without a projector.
        from_projector: how much of the baseline lies between the first view and the projector.
        grain: contrast of the surfaces themselves.
        noise: standard deviation of a pixel, as a share of the brightest.
        block: edge of the blocks that are compared, pixels, odd.
        small, large: what a step of one, or of more, disparities from pixel to pixel costs, per pixel of a block.
        unique: percent by which the best match must be better than the next.
        checked: disparities by which a match the other way round may differ; -1 if that is not checked, and shadows
            are filled.
        smoothed: range in which disparities are smoothed afterwards, pixels; 0 for not at all.
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
    def draw(cls, rng: np.random.Generator) -> "Light":
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
    """Pictures (`_BANK`, `_BANK`) of dots from 0 to 1, of grain and of noise, both of mean 0 and deviation 1."""
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
    # The nearest of what the first view sees there; what it does not see keeps its value.
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


def fine_enough(size: int, scale: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Which images of `size` pixels, of which a camera's spans `scale` (n,), can be matched: (n,) bool.

    `angle` (n,) as in `match`: turned rows are longer.
    """
    return MOST * scale > COARSEST * _across(size, angle)


def match(
    depth: np.ndarray, focal: float, scale: float, baseline: float, angle: float, rng: np.random.Generator
) -> np.ndarray:
    """What a stereo camera makes of a perfect depth image (size, size), metres: the same, 0 where nothing matches.

    Args:
        focal: of the image, pixels.
        scale: how many of its pixels one of the camera's spans, see `fine_enough`.
        baseline: metres between the camera's two views.
        angle: where the camera's rows lie in the image, radians from u towards v.
        rng: of its light and noise.
    """
    light, size = Light.draw(rng), len(depth)
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
    """Pixels across an image with rows at `angle` that covers one of `size` pixels."""
    return size * (np.abs(np.cos(angle)) + np.abs(np.sin(angle)))


def _resampled(image: np.ndarray, to_source: np.ndarray, edge: int, how: int) -> np.ndarray:
    """An image (edge, edge) whose pixels lie where `to_source` (2, 3) says in `image`; beyond that its border goes on.

    `image` must be float32: of float64 OpenCV takes other pixels than the nearest.
    """
    flags = how | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, to_source, (edge, edge), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _views(
    disparity: np.ndarray, over: float, least: float, light: Light, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, int]:
    """The two images (rows, columns + 2 * pad) uint8 of what has `disparity` (rows, columns) beyond `least`, and `pad`:
    columns added on both sides, as many as are searched and a block more."""
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
    """The disparity at which each pixel of the first image but its `pad`s is in the second, below 0 if nowhere."""
    area = light.block**2
    matcher = cv2.StereoSGBM_create(
        0, pad - light.block, light.block, light.small * area, light.large * area, light.checked,
        preFilterCap=31, uniquenessRatio=light.unique, speckleWindowSize=50, speckleRange=2,
        mode=cv2.STEREO_SGBM_MODE_SGBM,
    )  # fmt: skip
    found = matcher.compute(first, second)[:, pad:-pad].astype(np.float32) / 16
    return cv2.bilateralFilter(found, 5, light.smoothed, 3) if light.smoothed else found
