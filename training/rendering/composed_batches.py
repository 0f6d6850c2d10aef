"""A dataset of rendered hands composed into recorded depth images, each beside the same image without the hand."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import warp as wp

from fingerpose_ros.perception.kinematics import hand_direction
from fingerpose_ros.perception.pose.crop import Crop

from . import image_borders, objects
from .backgrounds import TRAINING, Background, shared_backgrounds
from .composing import compose
from .hand_sampling import SampledHands, sample_hands
from .hands import ADULT_LENGTH
from .holding import IN_FRONT, Held, give_objects, object_in_front
from .object_kinds import KINDS
from .placing import RESTING, Placement, place_floating, place_resting, resting_contact
from .primitives import Primitives, stacked
from .rendered_batches import MIN_VISIBLE
from .renderer import FAR, Renderer, shared_renderer
from .sensors import SENSORS
from .view_sampling import (
    ALIGNED_FRACTION,
    FOREARM_ERROR,
    FOREARM_FRACTION,
    HALF_SIZE,
    OFF_CENTRE,
    OFF_CENTRE_ARM,
    OFF_CENTRE_ARM_FRACTION,
    TURN_ERROR,
)
from .visibility import visible_joints

RESTING_FRACTION, BEHIND_FRACTION = 0.45, 0.2
"""Fractions of hands that rest on a recorded surface, and that are placed beside or behind one."""

HELD_FRACTION, REAL_FRACTION = 0.55, 0.4
"""Fractions of hands that hold an object, and of the others that take a tracked real pose."""

NEARBY_FRACTION, NEARBY = 0.15, (0.03, 0.12)
"""Fraction of hands with an object before them that they do not hold, and its distance from the hand, metres."""

FARTHEST = 1.4
"""Largest distance of a hand, metres."""

WITHOUT, OBJECT_ONLY, ARM_ONLY, BESIDE = KINDS_OF_NEGATIVES = ("without", "object only", "arm only", "beside")
NEGATIVE_PROBABILITIES = (0.4, 0.2, 0.2, 0.2)
"""Of negatives: the same crop without hand, arm and object; with the object alone; with the arm alone; and a crop
beside the hand."""

NEAREST_JOINT = 0.12
"""Least depth of a joint, and of a crop's centre, metres."""

OBJECTS = tuple(KINDS)
"""Names of the kinds of objects."""

MAX_BACKGROUNDS = 50
"""Recorded images that are tried for one hand."""


@dataclass(frozen=True)
class _Sample:
    """One crop of a batch: hand `hand` of the batch, in a recorded image.

    Attributes:
        held: the hand's object, or one before it, or None.
        negative: one of `KINDS_OF_NEGATIVES`; empty if the crop shows the hand.
    """

    hand: int
    background: Background
    placement: Placement
    crop: Crop
    held: Held | None
    negative: str = ""


def _holds(sample: _Sample) -> bool:
    return sample.held is not None and sample.held.grip != IN_FRONT


@dataclass(frozen=True)
class ComposedBatches:
    """`batches[k]` is a dict of arrays, the same at every call and on every machine.

    Args:
        size: side of the image, pixels.
        batch: samples in a batch.
        seed: of the whole dataset.
        backgrounds: folders of recorded images without hands, see `backgrounds.Backgrounds`.
        difficulty: 0, hands alone and nearly perfect sensors, to 1, all effects.
        part: of the recordings, see `backgrounds.SPLIT`.
        device: where Warp renders, "cpu" or "cuda:0".
        left_fraction: fraction of samples with a left hand.
        negative_fraction: fraction of negatives, each of which belongs to a sample with a hand in the same batch.
        aligned_fraction: fraction of samples rotated so that the hand points up, with an error.
        off_centre_arm_fraction: fraction of samples centred up the forearm.
        extent: half the width of the image; 1 is the cube's edge.

    A batch holds, as in `rendered_batches.RenderedBatches`: `image`, `uvd`, `visible`, `present`, `right`, `sensor`,
    `held`, `touching`, `child`, `distance` and `view`; and
        visible_fraction: (batch,) fraction of the hand's silhouette that is visible.
        object: (batch,) index into `OBJECTS` of the held object's kind; -1 without one.
        pair: (batch,) index of the sample with the hand that a sample belongs to; its own for samples with a hand.
    """

    size: int
    batch: int
    seed: int
    backgrounds: tuple[Path, ...]
    difficulty: float = 1.0
    part: str = TRAINING
    device: str = "cpu"
    left_fraction: float = 0.2
    negative_fraction: float = 0.25
    aligned_fraction: float = ALIGNED_FRACTION
    off_centre_arm_fraction: float = OFF_CENTRE_ARM_FRACTION
    extent: float = 1.0

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng((self.seed, index, 77))
        renderer = shared_renderer(self.device)
        n, negatives = self.batch, round(self.batch * self.negative_fraction)
        hands = sample_hands(rng, renderer, n - negatives, self.difficulty, 0.0, REAL_FRACTION)
        hands, held = give_objects(rng, renderer, hands, HELD_FRACTION * self.difficulty)
        samples = [self._sample(rng, hands, i, held[i]) for i in range(n - negatives)]
        samples += [self._negative(rng, hands, samples[k]) for k in rng.integers(n - negatives, size=negatives)]
        sleeves = [_sleeve(rng, hands, i, self.difficulty) for i in range(n - negatives)]
        return self._render(rng, renderer, hands, sleeves, samples)

    def _sample(self, rng: np.random.Generator, hands: SampledHands, i: int, held: Held | None) -> _Sample:
        """Place hand `i` with its object in a recorded image, and choose its crop."""
        resting = bool(hands.resting[i] or hands.picking[i] or rng.uniform() < RESTING_FRACTION)
        for _ in range(MAX_BACKGROUNDS):
            background = shared_backgrounds(self.backgrounds, self.part).sample(rng)
            sensor = SENSORS[background.sensor]
            near, far = max(0.2, sensor.near), min(FARTHEST, sensor.far)
            if resting:
                foot, up = resting_contact(rng, hands, i, held)
                placement = place_resting(rng, background, foot, up, near, far)
            else:
                behind = rng.uniform() < BEHIND_FRACTION
                placement = place_floating(rng, background, hands.joints[i].mean(0), near, far, behind)
            if placement is not None and placement.apply(hands.joints[i])[:, 2].min() > NEAREST_JOINT:
                if held is None and rng.uniform() < NEARBY_FRACTION * self.difficulty:
                    camera = -placement.rotation.T @ placement.translation
                    held = object_in_front(rng, hands.joints[i].mean(0), camera, NEARBY)
                return _Sample(i, background, placement, self._crop(rng, hands, i, placement), held)
        raise RuntimeError(f"none of {MAX_BACKGROUNDS} recorded images has room for a hand; add other backgrounds")

    def _crop(self, rng: np.random.Generator, hands: SampledHands, i: int, placement: Placement) -> Crop:
        """The crop of a hand, with the errors of a detector's centre and direction (see `view_sampling`)."""
        joints = placement.apply(hands.joints[i])
        arm = placement.rotation @ hands.arms[i]
        centre = joints.mean(0)
        if rng.uniform() < self.off_centre_arm_fraction:
            centre = centre + rng.uniform(*OFF_CENTRE_ARM) * arm
        offset = rng.normal(0, 1, 3)
        radius = abs(rng.normal(0, 0.016)) + (rng.uniform() < 0.15) * rng.uniform(0, 0.05)
        centre = centre + offset * (radius / np.linalg.norm(offset))
        crop = Crop(centre if centre[2] > NEAREST_JOINT else joints.mean(0), HALF_SIZE)
        if rng.uniform() >= self.aligned_fraction:
            return crop
        by_arm = rng.uniform() < FOREARM_FRACTION
        pointing = -arm if by_arm else hand_direction(joints)
        at_side, added = FOREARM_ERROR if by_arm else TURN_ERROR
        along = crop.to_crop @ pointing
        sine = np.linalg.norm(along[:2]) / np.linalg.norm(along)
        error = rng.normal() * (at_side + added / max(sine, 0.02))
        upright = crop.upright(pointing)
        return Crop(crop.centre, HALF_SIZE, roll=upright.roll + error)

    def _negative(self, rng: np.random.Generator, hands: SampledHands, sample: _Sample) -> _Sample:
        kind = str(rng.choice(KINDS_OF_NEGATIVES, p=NEGATIVE_PROBABILITIES))
        crop = sample.crop
        if kind == BESIDE:
            offset = rng.normal(0, 1, 3)
            offset *= rng.uniform(OFF_CENTRE + 0.005, 0.25) / np.linalg.norm(offset)
            centre = sample.placement.apply(hands.joints[sample.hand]).mean(0) + offset
            if centre[2] > NEAREST_JOINT:
                crop = Crop(centre, HALF_SIZE, roll=crop.roll)
            else:
                kind = WITHOUT
        return replace(sample, crop=crop, negative=kind)

    def _render(
        self, rng: np.random.Generator, renderer: Renderer, hands: SampledHands, sleeves: list[Primitives],
        samples: list[_Sample],
    ) -> dict[str, np.ndarray]:  # fmt: skip
        n, bank = len(samples), renderer.bank
        which = np.array([sample.hand for sample in samples])
        negative = np.array([sample.negative for sample in samples])
        distance = np.array([sample.crop.distance for sample in samples])
        focal = self.size / (2 * self.extent) * distance / HALF_SIZE
        to_camera = np.broadcast_to(np.eye(4), (n, 4, 4)).copy()
        to_camera[:, :3, :3] = [sample.crop.to_crop @ sample.placement.rotation for sample in samples]
        to_camera[:, :3, 3] = [sample.crop.to_crop @ sample.placement.translation for sample in samples]
        placed = to_camera.copy()
        placed[:, :3, :3] *= hands.scale[which, None, None]
        focals = wp.array(focal, dtype=float, device=self.device)

        hand, wrist = renderer.empty(n, self.size), np.full(n, bank.hand_faces)
        skinned = wp.array(hands.skinned.numpy()[which], dtype=wp.vec3, device=self.device)
        shows_hand = np.isin(negative, ("", BESIDE))
        ends = np.where(shows_hand, wrist, 0)
        renderer.draw_hands(hand, focals, skinned, np.arange(n), placed, np.zeros(n), ends)
        depth = wp.clone(hand)
        length = rng.uniform(0.06, 0.26, len(hands.scale))[which]
        arm_end = np.where(shows_hand | (negative == ARM_ONLY), np.searchsorted(bank.face_reach, length), wrist)
        renderer.draw_hands(depth, focals, skinned, np.arange(n), placed, wrist, arm_end)
        arm = depth.numpy().copy()
        bare = Primitives()
        shown = [bare if sample.negative in (WITHOUT, OBJECT_ONLY) else sleeves[sample.hand] for sample in samples]
        kinds, placements = stacked(shown)
        renderer.draw_primitives(depth, focals, kinds, to_camera[:, None] @ placements)
        self._draw_objects(renderer, depth, focals, hands, skinned, samples, to_camera)

        image, whole = compose(
            rng, depth, focals, [(s.background, s.crop) for s in samples], self.difficulty, self.extent
        )
        in_view = np.isfinite(image)
        network = image_borders.network_input(np.nan_to_num(image), in_view, distance[:, None, None], HALF_SIZE)
        joints = np.einsum("nij,nkj->nki", to_camera[:, :3, :3], hands.joints[which]) + to_camera[:, None, :3, 3]
        uv = joints[..., :2] / joints[..., 2:] * (distance / HALF_SIZE)[:, None, None]
        uvd = np.concatenate([uv, (joints[..., 2:] - distance[:, None, None]) / HALF_SIZE], axis=-1).astype(np.float32)
        own = hand.numpy()
        silhouette = own < FAR
        visible_fraction = (silhouette & (own <= whole) & in_view).sum((1, 2)) / np.maximum(silhouette.sum((1, 2)), 1)
        scale = hands.length[which] / ADULT_LENGTH
        visible = visible_joints(whole, np.where(in_view, arm, np.inf), uvd, joints[..., 2], scale, self.extent)
        present = (negative == "") & (visible_fraction > MIN_VISIBLE)
        left = rng.uniform(0, 1, n) < self.left_fraction
        network[left] = network[left, :, ::-1]
        uvd[left, :, 0] *= -1
        return {
            "image": network[:, None],
            "uvd": uvd,
            "visible": visible,
            "present": present,
            "right": present & ~left,
            "sensor": np.array([list(SENSORS).index(sample.background.sensor) for sample in samples]),
            "held": np.array([_holds(sample) for sample in samples]),
            "touching": np.array([sample.placement.mode == RESTING for sample in samples]),
            "child": hands.child[which],
            "distance": distance,
            "view": -to_camera[:, 2, :3],
            "visible_fraction": np.where(negative == "", visible_fraction, 0),
            "object": np.array([OBJECTS.index(s.held.kind) if _holds(s) else -1 for s in samples]),
            "pair": np.array([*range(len(hands.scale)), *which[len(hands.scale) :]]),
        }

    def _draw_objects(
        self, renderer: Renderer, depth: wp.array, focal: wp.array, hands: SampledHands, skinned: wp.array,
        samples: list[_Sample], to_camera: np.ndarray,
    ) -> None:  # fmt: skip
        """Draw the objects, and the second hands that hold them, mirror images of the first."""
        which = [i for i, s in enumerate(samples) if s.held and s.negative not in (WITHOUT, ARM_ONLY)]
        held = [samples[i].held for i in which]
        placed = to_camera[which] @ np.array([one.to_wrist for one in held]).reshape(-1, 4, 4)
        renderer.draw_meshes(depth, focal, [one.mesh for one in held], np.array(which), placed)
        others = [i for i in which if samples[i].held.other_hand is not None and samples[i].negative in ("", BESIDE)]
        if others:
            placed = to_camera[others] @ np.array([samples[i].held.other_hand for i in others])
            placed[:, :3, :3] *= hands.scale[[samples[i].hand for i in others], None, None]
            vertices = wp.array(skinned.numpy()[others], dtype=wp.vec3, device=self.device)
            first, last = np.zeros(len(others)), np.full(len(others), len(renderer.bank.faces))
            renderer.draw_hands(depth, focal, vertices, np.array(others), placed, first, last)


def _sleeve(rng: np.random.Generator, hands: SampledHands, i: int, difficulty: float) -> Primitives:
    """What hand `i` wears on its forearm, in its wrist frame."""
    scene = Primitives()
    if rng.uniform() < 0.45 * difficulty:
        objects.add_clothes(rng, scene, hands.arms[i], 0.028 * hands.length[i] / ADULT_LENGTH)
    return scene
