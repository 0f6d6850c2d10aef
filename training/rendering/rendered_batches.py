"""Synthetic hands as the network sees them, endlessly: batch k of a stream is a function of the stream's seed and k."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import warp as wp

from . import image_borders, poses, scene_sampling
from .hand_sampling import Hands, cast, surround
from .hands import ADULT_LENGTH, HandBank
from .hard_negatives import HardNegatives
from .primitives import stacked
from .renderer import Renderer
from .sensor_simulation import measure
from .sensors import ACTIVE_STEREO, SENSORS, cameras
from .view_sampling import ALIGNED_SHARE, ASTRAY_SHARE, HALF_SIZE, RandomStates, Views, choose_views

MOSTLY_STEREO = (*SENSORS, ACTIVE_STEREO)
"""Stereo cameras twice as often as others: most robots carry one, and no other kind loses as much of a hand."""

HOLE_SHARE, HOLE_RADIUS = 0.5, (0.08, 0.2)
"""Of arms without a hand so many have a hole in the image where it would be, its radius in metres: the hand may be
hidden, out of range or black to the sensor."""

BORDER_SHARE = 0.12
"""Of crops that the border of the camera's image cuts: hands come into view, and work at its rim."""

COARSE_SHARE = 0.25
"""Of images in so many pixels are twice as wide: cameras offer such modes, and drivers thin images out."""

SHOWN = 0.1
"""A hand of whose silhouette less than this share is to be seen is not there: nothing says where it is."""


@lru_cache(maxsize=2)
def _renderer(device: str) -> Renderer:
    return Renderer(HandBank(), device)


@lru_cache(maxsize=2)
def _hard_negatives(size: int) -> HardNegatives:
    return HardNegatives(size)


@dataclass(frozen=True)
class _Drawn:
    """Perfect depth images of a batch, (n, size, size) metres, `Renderer.empty`'s where nothing is.

    Attributes:
        depth: of all there is, on Warp's device.
        focal: (n,) of the images, pixels, there, too.
        whole, hand, arm: of all there is, of the hand alone, of hand and forearm.
        arm_length: (n,) of the forearm, in the hand's shape's size, metres.
    """

    depth: wp.array
    focal: wp.array
    whole: np.ndarray
    hand: np.ndarray
    arm: np.ndarray
    arm_length: np.ndarray


@dataclass(frozen=True)
class RenderedBatches:
    """A stream of batches: `stream[k]` is a dict of arrays, the same whenever and wherever it is asked for.

    Args:
        size: edge of the image, pixels.
        batch: samples in a batch.
        seed: of the whole stream.
        difficulty: 0, a lone hand before a nearly perfect sensor, to 1, everything at once (but see `PLAIN_SHARE`).
        device: where Warp renders, "cpu" or "cuda:0"; the images are the same but for rounding.
        left_share, empty_share: of samples that show a left hand; that show none, or one far off centre.
        aligned_share: of samples that are turned so that the hand points up, nearly.
        astray_share: of samples that are centred up the forearm, as first looks at a hand may be, but no later ones.
        extent: how far the image reaches, 1 being the edge of the cube: what is turned later must reach farther. What
            the sensor loses in patches is as large beside the image, and so larger beside the hand.
        sensors: names of cameras or of kinds of them (see `sensors.cameras`), as likely as they are often among these.

    Raises:
        ValueError: there is no such sensor; or images without a hand are asked for beyond the cube, which is all that
            is known of some.

    A batch holds:
        image: (batch, 1, size, size) float32, network input (if `extent` is 1).
        uvd: (batch, 21, 3) float32, the joints in the crop's coordinates.
        visible: (batch, 21) bool: in the camera's image, and nothing lies before the joint's own flesh.
        present: (batch,) bool: the crop shows a hand, and at least `SHOWN` of it.
        right: (batch,) bool: and, as shown, it is a right one.
        sensor, background: (batch,) indices into `SENSORS` and `scene_sampling.BACKGROUNDS`.
        touching, held, other_hand, child: (batch,) bool, see `scene_sampling.Scene`.
        distance: (batch,) metres from the camera to the crop's centre.
        view: (batch, 3) direction from the hand to the camera in the wrist frame of a right hand (see `scenes`).
        segment: (batch, size, size) uint8: 0 other, 1 hand, 2 forearm; before the sensor's flaws.
    """

    size: int
    batch: int
    seed: int
    difficulty: float = 1.0
    device: str = "cpu"
    left_share: float = 0.2
    empty_share: float = 0.25
    aligned_share: float = ALIGNED_SHARE
    astray_share: float = ASTRAY_SHARE
    extent: float = 1.0
    sensors: tuple[str, ...] = MOSTLY_STEREO

    def __post_init__(self):
        for name in self.sensors:
            cameras(name)
        if self.extent != 1 and self.empty_share:
            raise ValueError(
                f"an extent of {self.extent} is for images with hands, not an empty_share of {self.empty_share}"
            )

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        dice = RandomStates.of(self.seed, index)
        renderer = _renderer(self.device)
        hands = cast(dice.main, renderer, self.batch, self.difficulty, self.empty_share)
        composed = surround(dice.main, hands)
        views = choose_views(dice, hands, composed, self.sensors, self.aligned_share, self.astray_share)
        drawn = self._draw(dice, renderer, hands, composed, views)
        image, in_view = self._seen(dice, hands, views, drawn)

        uvd = views.uvd.astype(np.float32)
        visible = self._visible(drawn.whole, np.where(in_view, drawn.arm, np.inf), views, hands.length / ADULT_LENGTH)
        own, arm, whole = drawn.hand, drawn.arm, drawn.whole
        segment = np.where(own <= whole, 1, np.where(arm <= whole, 2, 0)) * (whole < 1e5)
        shown = ((segment == 1) & in_view).sum((1, 2))
        present = ~hands.empty & (shown > SHOWN * (own < 1e5).sum((1, 2)))
        left = dice.main.uniform(0, 1, self.batch) < self.left_share
        image[left] = image[left, :, ::-1]
        segment[left] = segment[left, :, ::-1]
        uvd[left, :, 0] *= -1
        return {
            "image": image[:, None],
            "uvd": uvd,
            "visible": visible,
            "present": present,
            "right": present & ~left,
            "sensor": np.array([list(SENSORS).index(name) for name in views.names]),
            "background": np.array([scene_sampling.BACKGROUNDS.index(scene.background) for scene in composed]),
            "touching": np.array([scene.touching for scene in composed]),
            "held": np.array([scene.held for scene in composed]),
            "other_hand": np.array([scene.other_hand is not None for scene in composed]),
            "child": hands.child,
            "distance": views.distance,
            "view": -views.to_camera[:, 2, :3],
            "segment": segment.astype(np.uint8),
        }

    def _draw(
        self, dice: RandomStates, renderer: Renderer, hands: Hands, composed: list[scene_sampling.Scene], views: Views
    ) -> _Drawn:  # fmt: skip
        """The hand and arm alone, to know what is theirs; then all that surrounds them."""
        n, bank = self.batch, renderer.bank
        focal = views.focal(self.size / self.extent).astype(np.float32)
        focal = wp.array(focal, dtype=float, device=self.device)
        arm_length = dice.main.uniform(0.06, 0.26, n)
        of_arms = np.maximum(views.reach + dice.decoys.uniform(-0.03, 0.06, n), 0.06) / hands.scale
        arm_length = np.where(views.up_arm, of_arms, arm_length)
        arm_length[views.leaving] = bank.face_reach[-1]
        placed = views.to_camera.copy()
        placed[:, :3, :3] *= hands.scale[:, None, None]
        everyone, wrist = np.arange(n), np.full(n, bank.hand_faces)
        hand = renderer.empty(n, self.size)
        hand_end = np.where(hands.empty & ~hands.misplaced, 0, wrist)
        renderer.draw_hands(hand, focal, hands.skinned, everyone, placed, np.zeros(n), hand_end)
        depth = wp.clone(hand)
        arm_end = np.where(hands.nobody, wrist, np.searchsorted(bank.face_reach, arm_length))
        renderer.draw_hands(depth, focal, hands.skinned, everyone, placed, wrist, arm_end)
        arm = depth.numpy().copy()
        beside = np.flatnonzero([scene.other_hand is not None for scene in composed] & ~hands.empty)
        if len(beside):
            others = [composed[i] for i in beside]
            self._draw_others(dice.main, renderer, depth, focal, beside, others, views.to_camera[beside])
        kinds, placements = stacked(composed)
        renderer.draw_solids(depth, focal, kinds, views.to_camera[:, None] @ placements)
        return _Drawn(depth, focal, depth.numpy(), hand.numpy(), arm, arm_length)

    def _draw_others(self, rng, renderer: Renderer, depth, focal, which: np.ndarray, composed: list, to_camera):
        """Draw the second hands of the scenes `composed`, those of the images `which`; left ones mostly."""
        bank = renderer.bank
        shapes = rng.choice(np.flatnonzero(~bank.child), len(which))
        transforms, _ = bank.pose(shapes, poses.sample(rng, bank, shapes))
        mirror = np.where(rng.uniform(0, 1, len(which)) < 0.75, -1.0, 1.0)
        size = (
            np.stack([np.ones(len(which)), np.ones(len(which)), mirror], axis=1)
            * (ADULT_LENGTH / bank.length[shapes])[:, None]
        )
        placed = to_camera @ np.array([scene.other_hand for scene in composed])
        placed[:, :3, :3] *= size[:, None, :]
        first, last = np.zeros(len(which)), np.full(len(which), len(bank.faces))
        renderer.draw_hands(depth, focal, renderer.skin(shapes, transforms), which, placed, first, last)

    def _seen(self, dice: RandomStates, hands: Hands, views: Views, drawn: _Drawn) -> tuple[np.ndarray, np.ndarray]:
        """What the cameras make of it: network inputs (n, size, size), and which pixels (n, size, size) are in view."""
        n = self.batch
        coarse = dice.coarse.uniform(0, 1, n) < COARSE_SHARE * hands.difficulty
        sensor_focal = np.array([SENSORS[name].focal for name in views.names])
        pixel = views.focal(self.size / self.extent) / sensor_focal * np.where(coarse, 2, 1)
        measured = measure(
            drawn.depth, views.names, drawn.focal, pixel, dice.main, hands.difficulty, views.tilt
        ).numpy()

        pixels, uv = image_borders.pixels(self.size, self.extent), views.uvd[..., :2]
        in_view = image_borders.within_borders(dice.borders, uv, pixels, BORDER_SHARE * hands.difficulty, views.tilt)
        holes = hands.bare & (dice.decoys.uniform(0, 1, n) < HOLE_SHARE * hands.difficulty)
        radii = (
            np.where(holes, dice.decoys.uniform(*HOLE_RADIUS, n), 0) / HALF_SIZE * views.distance / views.depth.mean(1)
        )
        beyond = hands.arms * (drawn.arm_length * hands.scale - views.reach)[:, None]
        ends = np.einsum("nij,nj->ni", views.to_camera[:, :2, :3], beyond)
        leaving = views.leaving
        in_view[leaving] &= image_borders.where_it_leaves(dice.decoys, ends[leaving] / HALF_SIZE, pixels)
        in_view &= ~image_borders.discs(pixels, uv.mean(1), radii)

        image = image_borders.network_input(measured, in_view, views.distance[:, None, None], HALF_SIZE)
        lured = np.flatnonzero(hands.nobody & (dice.decoys.uniform(0, 1, n) < 0.85 * hands.difficulty))
        if len(lured):
            lures = _hard_negatives(self.size).draw(dice.decoys, views.aligned[lured])
            image[lured[: len(lures)]] = lures
        return image, in_view

    def _visible(self, whole: np.ndarray, own: np.ndarray, views: Views, scale: np.ndarray) -> np.ndarray:
        """Joints (n, 21) before which nothing lies but their own flesh, `own` being its depth where it is in view."""
        pixel = np.floor((views.uvd[..., :2] / self.extent + 1) / 2 * self.size).astype(int)
        inside = (np.abs(views.uvd[..., :2]) < 1).all(axis=2)
        u, v = np.clip(pixel, 0, self.size - 1).transpose(2, 0, 1)
        row = np.arange(len(pixel))[:, None]
        surface = whole[row, v, u]
        flesh = 0.022 * np.maximum(scale, 0.7)[:, None]
        return inside & (own[row, v, u] <= surface) & (surface > views.depth - flesh)
