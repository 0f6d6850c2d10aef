"""An endless dataset of rendered crops: batch k is a function of the dataset's seed and of k."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import warp as wp

from . import image_borders, poses, scene_sampling
from .hand_sampling import SampledHands, sample_hands, sample_scenes
from .hands import ADULT_LENGTH
from .hard_negatives import HardNegatives
from .primitives import stacked
from .renderer import FAR, Renderer, shared_renderer
from .sensor_simulation import sample_and_simulate
from .sensors import ACTIVE_STEREO, SENSORS, cameras
from .view_sampling import ALIGNED_FRACTION, HALF_SIZE, OFF_CENTRE_ARM_FRACTION, RandomStates, Views, sample_views
from .visibility import visible_joints

MOSTLY_STEREO = (*SENSORS, ACTIVE_STEREO)
"""Stereo cameras twice as often as others. Most robots carry one, and stereo loses more of a hand than other
sensors."""

HOLE_FRACTION, HOLE_RADIUS = 0.5, (0.08, 0.2)
"""Fraction of arms without a hand that have a hole where the hand would be, and its radius, metres. The hand may be
hidden, out of range or invisible to the sensor."""

BORDER_FRACTION = 0.12
"""Fraction of crops that an image border cuts: hands enter the view, and work near its border."""

COARSE_FRACTION = 0.25
"""Fraction of images with pixels twice as wide: cameras offer such modes, and drivers decimate images."""

MIN_VISIBLE = 0.1
"""A hand counts as present if at least this fraction of its silhouette is visible."""


@lru_cache(maxsize=2)
def _hard_negatives(size: int) -> HardNegatives:
    return HardNegatives(size)


@dataclass(frozen=True)
class _DepthImages:
    """Perfect depth images of a batch, (n, size, size) metres; far away where there is no surface (`Renderer.empty`).

    Attributes:
        depth: of the whole scene, on Warp's device.
        focal: (n,) focal lengths, pixels, on Warp's device.
        whole, hand, arm: of the whole scene; of the hand alone; of hand and forearm.
        arm_length: (n,) length of the forearm in the size of the hand's shape, metres.
    """

    depth: wp.array
    focal: wp.array
    whole: np.ndarray
    hand: np.ndarray
    arm: np.ndarray
    arm_length: np.ndarray


@dataclass(frozen=True)
class RenderedBatches:
    """A dataset of batches: `batches[k]` is a dict of arrays, the same at every call and on every machine.

    Args:
        size: side of the image, pixels.
        batch: samples in a batch.
        seed: of the whole dataset.
        difficulty: 0, a hand alone before a nearly perfect sensor, to 1, all effects (but see `PLAIN_FRACTION`).
        device: where Warp renders, "cpu" or "cuda:0"; the images are the same but for rounding.
        left_fraction: fraction of samples with a left hand.
        negative_fraction: fraction of samples without a hand, or with one far off centre.
        aligned_fraction: fraction of samples rotated so that the hand points up, with an error.
        off_centre_arm_fraction: fraction of samples centred up the forearm, as the first crop of a new hand may be.
        real_fraction: fraction of hands without object or table that take a tracked real pose (`real_poses`).
        extent: half the width of the image; 1 is the cube's edge. An image that is rotated later must be larger.
            Patches that the sensor loses scale with the image, so they are larger relative to the hand.
        sensors: names of cameras, or of kinds of them (see `sensors.cameras`). A name given twice is twice as likely.

    Raises:
        ValueError: there is no such sensor; or negatives are requested with an extent other than 1, as hard negatives
            cover the cube alone.

    A batch holds:
        image: (batch, 1, size, size) float32, network input (if `extent` is 1).
        uvd: (batch, 21, 3) float32, the joints in the crop's coordinates.
        visible: (batch, 21) bool: in the camera's image, and not occluded except by the joint's own flesh.
        present: (batch,) bool: the crop shows a hand, and at least `MIN_VISIBLE` of it.
        right: (batch,) bool: it shows a right hand.
        sensor, background: (batch,) indices into `SENSORS` and `scene_sampling.BACKGROUNDS`.
        touching, held, other_hand, child: (batch,) bool, see `scene_sampling.Scene`.
        distance: (batch,) metres from the camera to the crop's centre.
        view: (batch, 3) direction from the hand to the camera, wrist frame of a right hand (see `scene_sampling`).
        segment: (batch, size, size) uint8: 0 other, 1 hand, 2 forearm; without sensor noise.
    """

    size: int
    batch: int
    seed: int
    difficulty: float = 1.0
    device: str = "cpu"
    left_fraction: float = 0.2
    negative_fraction: float = 0.25
    aligned_fraction: float = ALIGNED_FRACTION
    off_centre_arm_fraction: float = OFF_CENTRE_ARM_FRACTION
    real_fraction: float = 0.0
    extent: float = 1.0
    sensors: tuple[str, ...] = MOSTLY_STEREO

    def __post_init__(self):
        for name in self.sensors:
            cameras(name)
        if self.extent != 1 and self.negative_fraction:
            raise ValueError(f"extent {self.extent} needs negative_fraction 0, not {self.negative_fraction}")

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        random = RandomStates.of(self.seed, index)
        renderer = shared_renderer(self.device)
        hands = sample_hands(
            random.main, renderer, self.batch, self.difficulty, self.negative_fraction, self.real_fraction
        )
        scenes = sample_scenes(random.main, hands)
        views = sample_views(random, hands, scenes, self.sensors, self.aligned_fraction, self.off_centre_arm_fraction)
        perfect = self._render(random, renderer, hands, scenes, views)
        image, in_view = self._simulate(random, hands, views, perfect)

        uvd = views.uvd.astype(np.float32)
        arm_in_view = np.where(in_view, perfect.arm, np.inf)
        scale = hands.length / ADULT_LENGTH
        visible = visible_joints(perfect.whole, arm_in_view, views.uvd, views.depth, scale, self.extent)
        own, arm, whole = perfect.hand, perfect.arm, perfect.whole
        segment = np.where(own <= whole, 1, np.where(arm <= whole, 2, 0)) * (whole < FAR)
        shown = ((segment == 1) & in_view).sum((1, 2))
        present = ~hands.negative & (shown > MIN_VISIBLE * (own < FAR).sum((1, 2)))
        left = random.main.uniform(0, 1, self.batch) < self.left_fraction
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
            "background": np.array([scene_sampling.BACKGROUNDS.index(scene.background) for scene in scenes]),
            "touching": np.array([scene.touching for scene in scenes]),
            "held": np.array([scene.held for scene in scenes]),
            "other_hand": np.array([scene.other_hand is not None for scene in scenes]),
            "child": hands.child,
            "distance": views.distance,
            "view": -views.to_camera[:, 2, :3],
            "segment": segment.astype(np.uint8),
        }

    def _render(
        self, random: RandomStates, renderer: Renderer, hands: SampledHands, scenes: list[scene_sampling.Scene], views:
            Views
    ) -> _DepthImages:  # fmt: skip
        """Render hand and arm alone, for the segmentation, and then the whole scene."""
        n, bank = self.batch, renderer.bank
        focal = views.focal(self.size / self.extent).astype(np.float32)
        focal = wp.array(focal, dtype=float, device=self.device)
        arm_length = random.main.uniform(0.06, 0.26, n)
        of_arms = np.maximum(views.reach + random.negatives.uniform(-0.03, 0.06, n), 0.06) / hands.scale
        arm_length = np.where(views.up_arm, of_arms, arm_length)
        arm_length[views.leaving] = bank.face_reach[-1]
        placed = views.to_camera.copy()
        placed[:, :3, :3] *= hands.scale[:, None, None]
        everyone, wrist = np.arange(n), np.full(n, bank.hand_faces)
        hand = renderer.empty(n, self.size)
        hand_end = np.where(hands.negative & ~hands.off_centre, 0, wrist)
        renderer.draw_hands(hand, focal, hands.skinned, everyone, placed, np.zeros(n), hand_end)
        depth = wp.clone(hand)
        arm_end = np.where(hands.no_person, wrist, np.searchsorted(bank.face_reach, arm_length))
        renderer.draw_hands(depth, focal, hands.skinned, everyone, placed, wrist, arm_end)
        arm = depth.numpy().copy()
        beside = np.flatnonzero([scene.other_hand is not None for scene in scenes] & ~hands.negative)
        if len(beside):
            others = [scenes[i] for i in beside]
            self._render_second_hands(random.main, renderer, depth, focal, beside, others, views.to_camera[beside])
        kinds, placements = stacked(scenes)
        renderer.draw_primitives(depth, focal, kinds, views.to_camera[:, None] @ placements)
        return _DepthImages(depth, focal, depth.numpy(), hand.numpy(), arm, arm_length)

    def _render_second_hands(self, rng, renderer: Renderer, depth, focal, which: np.ndarray, scenes: list, to_camera):
        """Render the second hands of `scenes`, the scenes of the images `which`; most are left hands."""
        bank = renderer.bank
        shapes = rng.choice(np.flatnonzero(~bank.child), len(which))
        transforms, _ = bank.pose(shapes, poses.sample(rng, bank, shapes))
        mirror = np.where(rng.uniform(0, 1, len(which)) < 0.75, -1.0, 1.0)
        size = (
            np.stack([np.ones(len(which)), np.ones(len(which)), mirror], axis=1)
            * (ADULT_LENGTH / bank.length[shapes])[:, None]
        )
        placed = to_camera @ np.array([scene.other_hand for scene in scenes])
        placed[:, :3, :3] *= size[:, None, :]
        first, last = np.zeros(len(which)), np.full(len(which), len(bank.faces))
        renderer.draw_hands(depth, focal, renderer.skin(shapes, transforms), which, placed, first, last)

    def _simulate(
        self, random: RandomStates, hands: SampledHands, views: Views, perfect: _DepthImages
    ) -> tuple[np.ndarray, np.ndarray]:
        """Simulate the cameras: network inputs (n, size, size), and which pixels (n, size, size) are in view."""
        n = self.batch
        coarse = random.coarse.uniform(0, 1, n) < COARSE_FRACTION * hands.difficulty
        sensor_focal = np.array([SENSORS[name].focal for name in views.names])
        pixel = views.focal(self.size / self.extent) / sensor_focal * np.where(coarse, 2, 1)
        measured = sample_and_simulate(
            perfect.depth, views.names, perfect.focal, pixel, random.main, hands.difficulty, views.tilt
        ).numpy()

        pixels, uv = image_borders.pixels(self.size, self.extent), views.uvd[..., :2]
        in_view = image_borders.within_borders(
            random.borders, uv, pixels, BORDER_FRACTION * hands.difficulty, views.tilt
        )
        holes = hands.arm_only & (random.negatives.uniform(0, 1, n) < HOLE_FRACTION * hands.difficulty)
        radii = (
            np.where(holes, random.negatives.uniform(*HOLE_RADIUS, n), 0)
            / HALF_SIZE
            * views.distance
            / views.depth.mean(1)
        )
        beyond = hands.arms * (perfect.arm_length * hands.scale - views.reach)[:, None]
        ends = np.einsum("nij,nj->ni", views.to_camera[:, :2, :3], beyond)
        leaving = views.leaving
        in_view[leaving] &= image_borders.cut_at_arm(random.negatives, ends[leaving] / HALF_SIZE, pixels)
        in_view &= ~image_borders.discs(pixels, uv.mean(1), radii)

        image = image_borders.network_input(measured, in_view, views.distance[:, None, None], HALF_SIZE)
        replaced = np.flatnonzero(hands.no_person & (random.negatives.uniform(0, 1, n) < 0.85 * hands.difficulty))
        if len(replaced):
            found = _hard_negatives(self.size).render(random.negatives, views.aligned[replaced])
            image[replaced[: len(found)]] = found
        return image, in_view
