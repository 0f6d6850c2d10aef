"""Synthetic hands as the network sees them, endlessly: batch k of a stream is a function of the stream's seed and k."""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import warp as wp

from fingerpose_ros.perception.crop import roll_matrix, upright_roll
from fingerpose_ros.perception.kinematics import hand_direction
from fingerpose_ros.perception.settings import EstimatorSettings

from . import framing, poses, scenes
from .hands import ADULT_LENGTH, HandBank
from .lures import Lures
from .measuring import measure
from .render import Renderer
from .sensors import ACTIVE_STEREO, SENSORS, cameras

MOSTLY_STEREO = (*SENSORS, ACTIVE_STEREO)
"""Stereo cameras twice as often as others: most robots carry one, and no other kind loses as much of a hand."""

HALF_SIZE = EstimatorSettings.cube_half_size
"""Half the edge of the cube around a hand, metres: the estimator's default."""

HAND_LENGTH, CHILD_LENGTH = (ADULT_LENGTH, 0.014, 0.152, 0.222), (0.135, 0.015, 0.105, 0.160)
"""Wrist to middle fingertip, metres, of adults and of children: mean, standard deviation, least, most."""

OFF_CENTRE = 0.11
"""A crop whose centre is farther than this from the hand's, in metres, does not count as showing it."""

ASTRAY_SHARE, ASTRAY = 0.2, (0.02, 0.08)
"""Of crops that show a hand so many are centred so far up its forearm, in metres, beside how centres are off anyway: of
a hand that melts into a table the arm is what a finder sees best."""

HOLE_SHARE, HOLE_RADIUS = 0.5, (0.08, 0.2)
"""Of arms without a hand so many have a hole in the image where it would be, its radius in metres: the hand may be
hidden, out of range or black to the sensor."""

BORDER_SHARE = 0.12
"""Of crops that the border of the camera's image cuts: hands come into view, and work at its rim."""

LEAVING_SHARE = 0.6
"""Of crops that show the arm so many are cut by the border of the image where the arm leaves it, as an arm mostly does,
and looks like a hand half out of view."""

PLAIN_SHARE = 0.3
"""Of hands so many are shown more plainly than the stream's difficulty asks for, by any amount: most that a robot is to
follow are alone and well in view."""

COARSE_SHARE = 0.25
"""Of images in so many pixels are twice as wide: cameras offer such modes, and drivers thin images out."""

ALIGNED_SHARE = 0.75
"""Of crops so many are turned so that the hand points up, as the estimator turns them once it knows where it points."""

TURN_ERROR = np.radians((8.0, 4.0))
"""Standard deviation by which they miss that, in radians: of a hand seen from the side, and what is added to it when it
points towards the camera or away, at 1 / sine of the angle between."""

FOREARM_SHARE, FOREARM_ERROR = 0.33, np.radians((0.0, 12.0))
"""Of turned crops so many are turned as the forearm points, and by how much they miss that: so the estimator's first
look at a new hand is, and the wrist may be bent."""

SHOWN = 0.1
"""A hand of whose silhouette less than this share is to be seen is not there: nothing says where it is."""


@lru_cache(maxsize=2)
def _renderer(device: str) -> Renderer:
    return Renderer(HandBank(), device)


@lru_cache(maxsize=2)
def _lures(size: int) -> Lures:
    return Lures(size)


def _turns(
    rng: np.random.Generator, views: np.ndarray, joints: np.ndarray, arms: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """How to turn views (n, 3, 3) of hands (n, 21, 3) about the camera's axis so that they point up, nearly, or their
    forearms do; `arms` (n, 3) lead up these.

    Returns:
        Radians (n,), clockwise, after which they point up; and where the sensor's rows lie then (n,), in radians
        clockwise from the image's: as the view has them or, as a camera may be held any way, some quarters from there.
    """
    by_arm = rng.uniform(0, 1, len(arms)) < FOREARM_SHARE
    pointing = np.where(by_arm[:, None], -arms, hand_direction(joints))
    along = np.einsum("nij,nj->ni", views, pointing)
    sine = np.linalg.norm(along[:, :2], axis=1) / np.linalg.norm(along, axis=1)
    at_side, added = np.where(by_arm, *np.broadcast_arrays(FOREARM_ERROR[:, None], TURN_ERROR[:, None]))
    error = rng.normal(0, 1, len(along)) * (at_side + added / np.maximum(sine, 0.02))
    turn = upright_roll(along) + error
    return turn, turn + np.pi / 2 * rng.integers(0, 4, len(along))


class _Dice(NamedTuple):
    """A batch's generators of random numbers: what one decides does not depend on how often others are asked."""

    main: np.random.Generator
    decoys: np.random.Generator
    borders: np.random.Generator
    coarse: np.random.Generator
    turns: np.random.Generator
    centres: np.random.Generator

    @classmethod
    def of(cls, seed: int, index: int) -> "_Dice":
        return cls(
            np.random.default_rng((seed, index)), *(np.random.default_rng((seed, index, k)) for k in range(1, 6))
        )


@dataclass(frozen=True)
class _Hands:
    """The n hands of a batch, each in the frame of its wrist, and what is to be shown of them: arrays (n, ...).

    Attributes:
        empty: the image shows no hand, or one far off centre.
        misplaced: the latter.
        bare: it shows a forearm without a hand; what is `empty` and neither of these shows nobody at all.
        difficulty: how hard the image is made.
        child, grasping, resting, picking: a child's; of a pose that holds something; lies on, takes from a table.
        scale: the hand's size over that of its shape.
        length: wrist to middle fingertip, metres.
        skinned: vertices, of Warp, in its shape's size.
        joints: (n, 21, 3) metres.
        arms: (n, 3) directions from the wrist up the forearm.
    """

    empty: np.ndarray
    misplaced: np.ndarray
    bare: np.ndarray
    difficulty: np.ndarray
    child: np.ndarray
    grasping: np.ndarray
    resting: np.ndarray
    picking: np.ndarray
    scale: np.ndarray
    length: np.ndarray
    skinned: wp.array
    joints: np.ndarray
    arms: np.ndarray

    @property
    def nobody(self) -> np.ndarray:
        return self.empty & ~self.misplaced & ~self.bare


@dataclass(frozen=True)
class _Views:
    """Through which camera each of n hands is seen, and from where: arrays (n, ...).

    Attributes:
        names: of the cameras.
        distance: to the middle of the cube, metres.
        to_camera: (n, 4, 4) from the wrist's frame.
        aligned: turned so that the hand points up, nearly.
        tilt: where the sensor's rows lie in the image, radians clockwise.
        up_arm: the cube is about a place on the forearm, `reach` metres from the wrist.
        leaving: the arm leaves the image there.
        uvd: (n, 21, 3) the joints in the crop's coordinates.
        depth: (n, 21) theirs from the camera, metres.
        focal: of the images, pixels.
    """

    names: list[str]
    distance: np.ndarray
    to_camera: np.ndarray
    aligned: np.ndarray
    tilt: np.ndarray
    up_arm: np.ndarray
    reach: np.ndarray
    leaving: np.ndarray
    uvd: np.ndarray
    depth: np.ndarray
    focal: np.ndarray


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
class SynthBatches:
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
        sensor, surrounding: (batch,) indices into `SENSORS` and `scenes.SURROUNDINGS`.
        touching, held, other_hand, child: (batch,) bool, see `scenes.Scene`.
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
        dice = _Dice.of(self.seed, index)
        renderer = _renderer(self.device)
        hands = self._hands(dice.main, renderer)
        composed = _surround(dice.main, hands)
        views = self._views(dice, hands, composed)
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
            "surrounding": np.array([scenes.SURROUNDINGS.index(scene.surrounding) for scene in composed]),
            "touching": np.array([scene.touching for scene in composed]),
            "held": np.array([scene.held for scene in composed]),
            "other_hand": np.array([scene.other_hand is not None for scene in composed]),
            "child": hands.child,
            "distance": views.distance,
            "view": -views.to_camera[:, 2, :3],
            "segment": segment.astype(np.uint8),
        }

    def _hands(self, rng: np.random.Generator, renderer: Renderer) -> _Hands:
        """Each image's own hand, whether it is shown or not."""
        n, bank = self.batch, renderer.bank
        kind = rng.uniform(0, 1, n)
        empty = kind < self.empty_share
        misplaced = kind < 0.25 * self.empty_share
        bare = empty & ~misplaced & (kind < 0.5 * self.empty_share)
        plain = ~empty & (rng.uniform(0, 1, n) < PLAIN_SHARE)
        difficulty = self.difficulty * np.where(plain, rng.uniform(0, 1, n), 1)
        child = rng.uniform(0, 1, n) < 0.15 * self.difficulty
        shapes = np.where(child, rng.choice(np.flatnonzero(bank.child), n), rng.choice(np.flatnonzero(~bank.child), n))
        grasping = rng.uniform(0, 1, n) < 0.32 * difficulty
        resting = ~grasping & (rng.uniform(0, 1, n) < 0.25 * difficulty)
        picking = grasping & (rng.uniform(0, 1, n) < 0.6)
        angles = poses.sample(rng, bank, shapes, grasping, resting)
        transforms, joints = bank.pose(shapes, angles)
        of_children, of_adults = (
            np.clip(rng.normal(m, sd, n), lo, hi) for m, sd, lo, hi in (CHILD_LENGTH, HAND_LENGTH)
        )
        length = np.where(child, of_children, of_adults)
        scale = length / bank.length[shapes]
        joints *= scale[:, None, None]
        arms = -transforms[:, 1, :3, :3] @ bank.rest[shapes, 1, :3, 1][..., None]
        return _Hands(
            empty=empty, misplaced=misplaced, bare=bare, difficulty=difficulty, child=child, grasping=grasping,
            resting=resting, picking=picking, scale=scale, length=length, skinned=renderer.skin(shapes, transforms),
            joints=joints, arms=arms[:, :, 0],
        )  # fmt: skip

    def _views(self, dice: _Dice, hands: _Hands, composed: list[scenes.Scene]) -> _Views:
        """Whose camera it is, how far off, how well the cube is centred; and of what, where no hand is in its middle:
        such things are put into the scenes."""
        rng, n = dice.main, self.batch
        names = rng.choice([camera for name in self.sensors for camera in cameras(name)], n)
        near, far = np.array([(SENSORS[name].near, SENSORS[name].far) for name in names]).T
        distance = near + (far - near) * rng.beta(1.1, 1.6, n)
        radius = np.abs(rng.normal(0, 0.016, n)) + (rng.uniform(0, 1, n) < 0.15) * rng.uniform(0, 0.05, n)
        radius = np.where(hands.misplaced, rng.uniform(OFF_CENTRE + 0.005, 0.25, n), radius)
        offset = rng.normal(0, 1, (n, 3))
        offset *= (radius / np.linalg.norm(offset, axis=1))[:, None]

        to_camera = np.broadcast_to(np.eye(4), (n, 4, 4)).copy()
        to_camera[:, :3, :3] = [scene.view for scene in composed]
        aligned = dice.turns.uniform(0, 1, n) < self.aligned_share
        turn, tilt = _turns(dice.turns, to_camera[:, :3, :3], hands.joints, hands.arms)
        turn, tilt = np.where(aligned, turn, 0), np.where(aligned, tilt, 0)
        to_camera[:, :3, :3] = roll_matrix(turn) @ to_camera[:, :3, :3]

        middle = hands.joints.mean(1)
        astray = ~hands.empty & (dice.centres.uniform(0, 1, n) < self.astray_share)
        middle += np.where(astray, dice.centres.uniform(*ASTRAY, n), 0)[:, None] * hands.arms
        # The elbow's end of an arm looks much like a fist: be there often, with and without a hand at the other end.
        up_arm = hands.bare | (hands.misplaced & (dice.decoys.uniform(0, 1, n) < 0.6))
        reach = np.where(hands.bare, dice.decoys.uniform(-0.02, 0.26, n), dice.decoys.uniform(0.1, 0.28, n))
        middle[up_arm] = (hands.arms * reach[:, None])[up_arm]
        leaving = up_arm & (dice.decoys.uniform(0, 1, n) < LEAVING_SHARE * hands.difficulty)
        offset[up_arm] *= 0.016 / np.linalg.norm(offset[up_arm], axis=1, keepdims=True)
        for i in np.flatnonzero(hands.nobody):
            scenes.add_decoy(dice.decoys, composed[i], middle[i])
        to_camera[:, :3, 3] = offset - np.einsum("nij,nj->ni", to_camera[:, :3, :3], middle)
        to_camera[:, 2, 3] += distance

        points = np.einsum("nij,nkj->nki", to_camera[:, :3, :3], hands.joints) + to_camera[:, None, :3, 3]
        uv = points[..., :2] / points[..., 2:] * (distance / HALF_SIZE)[:, None, None]
        uvd = np.concatenate([uv, (points[..., 2:] - distance[:, None, None]) / HALF_SIZE], axis=-1)
        return _Views(
            names=list(names), distance=distance, to_camera=to_camera, aligned=aligned, tilt=tilt, up_arm=up_arm,
            reach=reach, leaving=leaving, uvd=uvd, depth=points[..., 2],
            focal=self.size / 2 * distance / (HALF_SIZE * self.extent),
        )  # fmt: skip

    def _draw(
        self, dice: _Dice, renderer: Renderer, hands: _Hands, composed: list[scenes.Scene], views: _Views
    ) -> _Drawn:  # fmt: skip
        """The hand and arm alone, to know what is theirs; then all that surrounds them."""
        n, bank = self.batch, renderer.bank
        focal = wp.array(views.focal.astype(np.float32), dtype=float, device=self.device)
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
        kinds, placements = scenes.stacked(composed)
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

    def _seen(self, dice: _Dice, hands: _Hands, views: _Views, drawn: _Drawn) -> tuple[np.ndarray, np.ndarray]:
        """What the cameras make of it: network inputs (n, size, size), and which pixels (n, size, size) are in view."""
        n = self.batch
        coarse = dice.coarse.uniform(0, 1, n) < COARSE_SHARE * hands.difficulty
        pixel = views.focal / np.array([SENSORS[name].focal for name in views.names]) * np.where(coarse, 2, 1)
        measured = measure(
            drawn.depth, views.names, drawn.focal, pixel, dice.main, hands.difficulty, views.tilt
        ).numpy()

        pixels, uv = framing.pixels(self.size, self.extent), views.uvd[..., :2]
        in_view = framing.within_borders(dice.borders, uv, pixels, BORDER_SHARE * hands.difficulty, views.tilt)
        holes = hands.bare & (dice.decoys.uniform(0, 1, n) < HOLE_SHARE * hands.difficulty)
        radii = (
            np.where(holes, dice.decoys.uniform(*HOLE_RADIUS, n), 0) / HALF_SIZE * views.distance / views.depth.mean(1)
        )
        beyond = hands.arms * (drawn.arm_length * hands.scale - views.reach)[:, None]
        ends = np.einsum("nij,nj->ni", views.to_camera[:, :2, :3], beyond)
        leaving = views.leaving
        in_view[leaving] &= framing.where_it_leaves(dice.decoys, ends[leaving] / HALF_SIZE, pixels)
        in_view &= ~framing.discs(pixels, uv.mean(1), radii)

        image = framing.network_input(measured, in_view, views.distance[:, None, None], HALF_SIZE)
        lured = np.flatnonzero(hands.nobody & (dice.decoys.uniform(0, 1, n) < 0.85 * hands.difficulty))
        if len(lured):
            rolls = np.where(views.aligned[lured], dice.turns.uniform(-np.pi, np.pi, len(lured)), 0)
            lures = _lures(self.size).draw(dice.decoys, rolls)
            image[lured[: len(lures)]] = lures
        return image, in_view

    def _visible(self, whole: np.ndarray, own: np.ndarray, views: _Views, scale: np.ndarray) -> np.ndarray:
        """Joints (n, 21) before which nothing lies but their own flesh, `own` being its depth where it is in view."""
        pixel = np.floor((views.uvd[..., :2] / self.extent + 1) / 2 * self.size).astype(int)
        inside = (np.abs(views.uvd[..., :2]) < 1).all(axis=2)
        u, v = np.clip(pixel, 0, self.size - 1).transpose(2, 0, 1)
        row = np.arange(len(pixel))[:, None]
        surface = whole[row, v, u]
        flesh = 0.022 * np.maximum(scale, 0.7)[:, None]
        return inside & (own[row, v, u] <= surface) & (surface > views.depth - flesh)


def _surround(rng: np.random.Generator, hands: _Hands) -> list[scenes.Scene]:
    """Put each hand into a scene of its own."""
    vertices = hands.skinned.numpy() * hands.scale[:, None, None]
    kinds = hands.grasping, hands.resting, hands.picking, hands.difficulty
    each = zip(hands.joints, vertices, hands.arms, hands.length / ADULT_LENGTH, *kinds, strict=True)
    return [scenes.compose(rng, *hand) for hand in each]
