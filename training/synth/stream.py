"""Synthetic hands as the network sees them, endlessly: batch k of a stream is a function of the stream's seed and k."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import warp as wp

from fingerpose_ros.perception.crop import BACKGROUND, roll_matrix, upright_roll
from fingerpose_ros.perception.kinematics import hand_direction
from fingerpose_ros.perception.settings import EstimatorSettings

from . import framing, poses, scenes
from .hands import HandBank
from .lures import Lures
from .measuring import measure
from .render import Renderer
from .sensors import ACTIVE_STEREO, SENSORS, cameras

MOSTLY_STEREO = (*SENSORS, ACTIVE_STEREO)
"""Stereo cameras twice as often as others: most robots carry one, and no other kind loses as much of a hand."""

HALF_SIZE = EstimatorSettings.cube_half_size
"""Half the edge of the cube around a hand, metres: the estimator's default."""

ADULT_LENGTH, CHILD_LENGTH = (0.187, 0.014, 0.152, 0.222), (0.135, 0.015, 0.105, 0.160)
"""Wrist to middle fingertip, metres: mean, standard deviation, least, most."""

OFF_CENTRE = 0.11
"""A crop whose centre is farther than this from the hand's, in metres, does not count as showing it."""

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

SHOWN = 0.1
"""A hand of whose silhouette less than this share is to be seen is not there: nothing says where it is."""


@lru_cache(maxsize=2)
def _renderer(device: str) -> Renderer:
    return Renderer(HandBank(), device)


@lru_cache(maxsize=2)
def _lures(size: int) -> Lures:
    return Lures(size)


def _turns(rng: np.random.Generator, views: np.ndarray, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How to turn views (n, 3, 3) of hands (n, 21, 3) about the camera's axis so that they point up, nearly.

    Returns:
        Radians (n,), clockwise, after which they point up; and where the sensor's rows lie then (n,), in radians
        clockwise from the image's: as the view has them or, as a camera may be held any way, some quarters from there.
    """
    along = np.einsum("nij,nj->ni", views, hand_direction(joints))
    sine = np.linalg.norm(along[:, :2], axis=1) / np.linalg.norm(along, axis=1)
    error = rng.normal(0, 1, len(along)) * (TURN_ERROR[0] + TURN_ERROR[1] / np.maximum(sine, 0.02))
    turn = upright_roll(along) + error
    return turn, turn + np.pi / 2 * rng.integers(0, 4, len(along))


@dataclass(frozen=True)
class SynthBatches:
    """A stream of batches: `stream[k]` is a dict of arrays, the same whenever and wherever it is asked for.

    Args:
        size: edge of the image, pixels.
        batch: samples in a batch.
        seed: of the whole stream.
        difficulty: 0, a lone hand before a nearly perfect sensor, to 1, everything at once (but see `PLAIN_SHARE`).
        device: where Warp renders, "cpu" or "cuda:0".
        left_share, empty_share: of samples that show a left hand; that show none, or one far off centre.
        aligned_share: of samples that are turned so that the hand points up, nearly.
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
        rng = np.random.default_rng((self.seed, index))
        n, renderer = self.batch, _renderer(self.device)
        bank = renderer.bank

        # How hard each image is made, and which show no hand.
        kind = rng.uniform(0, 1, n)
        empty = kind < self.empty_share
        misplaced = kind < 0.25 * self.empty_share
        bare = empty & ~misplaced & (kind < 0.5 * self.empty_share)  # a forearm without a hand; else nobody at all
        plain = ~empty & (rng.uniform(0, 1, n) < PLAIN_SHARE)
        difficulty = self.difficulty * np.where(plain, rng.uniform(0, 1, n), 1)

        # Hands: each image's own, and one more for the images that show a second.
        child = rng.uniform(0, 1, n) < 0.15 * self.difficulty
        shapes = np.where(child, rng.choice(np.flatnonzero(bank.child), n), rng.choice(np.flatnonzero(~bank.child), n))
        grasping = rng.uniform(0, 1, n) < 0.32 * difficulty
        resting = ~grasping & (rng.uniform(0, 1, n) < 0.25 * difficulty)
        picking = grasping & (rng.uniform(0, 1, n) < 0.6)
        angles = poses.sample(rng, bank, shapes, grasping, resting)
        transforms, joints = bank.pose(shapes, angles)
        length = np.where(
            child, *(np.clip(rng.normal(m, sd, n), lo, hi) for m, sd, lo, hi in (CHILD_LENGTH, ADULT_LENGTH))
        )
        scale = length / bank.length[shapes]
        joints *= scale[:, None, None]
        skinned = renderer.skin(shapes, transforms)
        vertices = skinned.numpy() * scale[:, None, None]
        arms = -transforms[:, 1, :3, :3] @ bank.rest[shapes, 1, :3, 1][..., None]

        composed = [
            scenes.compose(
                rng,
                joints[i],
                vertices[i],
                arms[i, :, 0],
                length[i] / 0.187,
                grasping[i],
                resting[i],
                picking[i],
                difficulty[i],
            )  # fmt: skip
            for i in range(n)
        ]

        # The camera: whose it is, how far off, and how well the cube is centred.
        names = rng.choice([camera for name in self.sensors for camera in cameras(name)], n)
        sensors = [SENSORS[name] for name in names]
        near, far = np.array([(s.near, s.far) for s in sensors]).T
        distance = near + (far - near) * rng.beta(1.1, 1.6, n)
        radius = np.abs(rng.normal(0, 0.016, n)) + (rng.uniform(0, 1, n) < 0.15) * rng.uniform(0, 0.05, n)
        radius = np.where(misplaced, rng.uniform(OFF_CENTRE + 0.005, 0.25, n), radius)
        offset = rng.normal(0, 1, (n, 3))
        offset *= (radius / np.linalg.norm(offset, axis=1))[:, None]
        to_camera = np.broadcast_to(np.eye(4), (n, 4, 4)).copy()
        to_camera[:, :3, :3] = [scene.view for scene in composed]
        turns = np.random.default_rng((self.seed, index, 4))
        aligned = turns.uniform(0, 1, n) < self.aligned_share
        turn, tilt = (np.where(aligned, a, 0) for a in _turns(turns, to_camera[:, :3, :3], joints))
        to_camera[:, :3, :3] = roll_matrix(turn) @ to_camera[:, :3, :3]
        middle = joints.mean(1)
        decoys = np.random.default_rng((self.seed, index, 1))  # apart, so that hands do not depend on them
        # The elbow's end of an arm looks much like a fist: be there often, with and without a hand at the other end.
        up_arm = bare | (misplaced & (decoys.uniform(0, 1, n) < 0.6))
        reach = np.where(bare, decoys.uniform(-0.02, 0.26, n), decoys.uniform(0.1, 0.28, n))
        middle[up_arm] = (arms[:, :, 0] * reach[:, None])[up_arm]
        leaving = up_arm & (decoys.uniform(0, 1, n) < LEAVING_SHARE * difficulty)
        offset[up_arm] *= 0.016 / np.linalg.norm(offset[up_arm], axis=1, keepdims=True)
        for i in np.flatnonzero(empty & ~misplaced & ~bare):
            scenes.add_decoy(decoys, composed[i], middle[i])
        centres = np.einsum("nij,nj->ni", to_camera[:, :3, :3], middle)
        to_camera[:, :3, 3] = offset - centres
        to_camera[:, 2, 3] += distance
        points = np.einsum("nij,nkj->nki", to_camera[:, :3, :3], joints) + to_camera[:, None, :3, 3]

        # Draw: the hand and arm alone, to know what is theirs; then all that surrounds them.
        focal_px = self.size / 2 * distance / (HALF_SIZE * self.extent)
        focal = wp.array(focal_px.astype(np.float32), dtype=float, device=self.device)
        everyone = np.arange(n)
        arm_length = rng.uniform(0.06, 0.26, n)
        arm_length = np.where(up_arm, np.maximum(reach + decoys.uniform(-0.03, 0.06, n), 0.06) / scale, arm_length)
        arm_length[leaving] = bank.face_reach[-1]
        arm_end = np.searchsorted(bank.face_reach, arm_length)
        placed = to_camera.copy()
        placed[:, :3, :3] *= scale[:, None, None]
        hand = renderer.empty(n, self.size)
        renderer.draw_hands(
            hand, focal, skinned, everyone, placed, np.zeros(n), np.where(empty & ~misplaced, 0, bank.hand_faces)
        )
        depth = wp.clone(hand)
        start = np.full(n, bank.hand_faces)
        renderer.draw_hands(
            depth, focal, skinned, everyone, placed, start, np.where(bare | ~empty | misplaced, arm_end, start)
        )
        arm = depth.numpy().copy()
        beside = np.flatnonzero([scene.other_hand is not None for scene in composed] & ~empty)
        if len(beside):
            self._draw_others(rng, renderer, depth, focal, beside, [composed[i] for i in beside], to_camera[beside])
        solids = [scene.padded() for scene in composed]
        kinds = np.array([k for k, _ in solids])
        renderer.draw_solids(depth, focal, kinds, to_camera[:, None] @ np.array([p for _, p in solids]))

        perfect, own = depth.numpy(), hand.numpy()
        coarse = np.random.default_rng((self.seed, index, 3)).uniform(0, 1, n) < COARSE_SHARE * difficulty
        pixel = focal_px / np.array([s.focal for s in sensors]) * np.where(coarse, 2, 1)
        measured = measure(depth, list(names), focal, pixel, rng, difficulty, tilt).numpy()
        uvd = np.concatenate([
            points[..., :2] / points[..., 2:] * (distance / HALF_SIZE)[:, None, None],
            (points[..., 2:] - distance[:, None, None]) / HALF_SIZE,
        ], axis=-1)  # fmt: skip
        borders = np.random.default_rng((self.seed, index, 2))
        pixels = framing.pixels(self.size, self.extent)
        in_view = framing.within_borders(borders, uvd[..., :2], pixels, BORDER_SHARE * difficulty, tilt)
        holes = bare & (decoys.uniform(0, 1, n) < HOLE_SHARE * difficulty)
        radii = np.where(holes, decoys.uniform(*HOLE_RADIUS, n), 0) / HALF_SIZE * distance / points[..., 2].mean(1)
        ends = np.einsum("nij,nj->ni", to_camera[:, :2, :3], arms[:, :, 0] * (arm_length * scale - reach)[:, None])
        in_view[leaving] &= framing.where_it_leaves(decoys, ends[leaving] / HALF_SIZE, pixels)
        in_view &= ~framing.discs(pixels, uvd[..., :2].mean(1), radii)
        measured = np.where(in_view, measured, 0)
        d = (measured - distance[:, None, None]) / HALF_SIZE
        image = np.where((measured > 0) & (np.abs(d) < 1), d, BACKGROUND).astype(np.float32)
        lured = np.flatnonzero(empty & ~misplaced & ~bare & (decoys.uniform(0, 1, n) < 0.85 * difficulty))
        if len(lured):
            rolls = np.where(aligned[lured], turns.uniform(-np.pi, np.pi, len(lured)), 0)
            lures = _lures(self.size).draw(decoys, rolls)
            image[lured[: len(lures)]] = lures

        visible = self._visible(perfect, np.where(in_view, arm, np.inf), uvd, points[..., 2], length / 0.187)
        segment = np.where(own <= perfect, 1, np.where(arm <= perfect, 2, 0)) * (perfect < 1e5)
        present = ~empty & (((segment == 1) & in_view).sum((1, 2)) > SHOWN * (own < 1e5).sum((1, 2)))
        left = rng.uniform(0, 1, n) < self.left_share
        image[left] = image[left, :, ::-1]
        segment[left] = segment[left, :, ::-1]
        uvd[left, :, 0] *= -1
        return {
            "image": image[:, None],
            "uvd": uvd.astype(np.float32),
            "visible": visible,
            "present": present,
            "right": present & ~left,
            "sensor": np.array([list(SENSORS).index(name) for name in names]),
            "surrounding": np.array([scenes.SURROUNDINGS.index(scene.surrounding) for scene in composed]),
            "touching": np.array([scene.touching for scene in composed]),
            "held": np.array([scene.held for scene in composed]),
            "other_hand": np.array([scene.other_hand is not None for scene in composed]),
            "child": child,
            "distance": distance,
            "view": -to_camera[:, 2, :3],
            "segment": segment.astype(np.uint8),
        }

    def _draw_others(self, rng, renderer: Renderer, depth, focal, which: np.ndarray, composed: list, to_camera):
        """Draw the second hands of the scenes `composed`, those of the images `which`; left ones mostly."""
        bank = renderer.bank
        shapes = rng.choice(np.flatnonzero(~bank.child), len(which))
        transforms, _ = bank.pose(shapes, poses.sample(rng, bank, shapes))
        mirror = np.where(rng.uniform(0, 1, len(which)) < 0.75, -1.0, 1.0)
        size = (
            np.stack([np.ones(len(which)), np.ones(len(which)), mirror], axis=1)
            * (0.187 / bank.length[shapes])[:, None]
        )
        placed = to_camera @ np.array([scene.other_hand for scene in composed])
        placed[:, :3, :3] *= size[:, None, :]
        first, last = np.zeros(len(which)), np.full(len(which), len(bank.faces))
        renderer.draw_hands(depth, focal, renderer.skin(shapes, transforms), which, placed, first, last)

    def _visible(self, perfect, own, uvd, z, scale) -> np.ndarray:
        """Joints (n, 21) before which nothing lies but their own flesh."""
        pixel = np.floor((uvd[..., :2] / self.extent + 1) / 2 * self.size).astype(int)
        inside = (np.abs(uvd[..., :2]) < 1).all(axis=2)
        u, v = np.clip(pixel, 0, self.size - 1).transpose(2, 0, 1)
        row = np.arange(len(uvd))[:, None]
        surface = perfect[row, v, u]
        return inside & (own[row, v, u] <= surface) & (surface > z - 0.022 * np.maximum(scale, 0.7)[:, None])
