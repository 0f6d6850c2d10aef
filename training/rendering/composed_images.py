"""Whole depth images with hands composed into them, each beside the same image without the hands."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import warp as wp

from fingerpose_ros.perception.camera import Camera
from fingerpose_ros.perception.detection.surface import decimation
from fingerpose_ros.perception.kinematics import palm_position

from .backgrounds import TRAINING, Background, shared_backgrounds
from .bodies import BodyBank, Posed, Wrist
from .clutter import sample_clutter
from .composed_people import at_other_wrist, is_pair, sample_body, sample_bystander, sample_up, wrist_of
from .composed_things import draw_thing, merge_region
from .hair import sample_unseen
from .hand_free_images import HandFreeImages
from .hand_sampling import SampledHands, sample_hands
from .hands import ADULT_LENGTH
from .holding import Held, give_objects
from .image_region import ImageRegion
from .meshes import Mesh
from .objects import add_clothes
from .placing import Placement, place_floating, place_resting, resting_contact
from .primitives import Primitives, direction_near, stacked
from .renderer import CYLINDER, FAR, shared_renderer
from .sensors import SENSORS
from .workplaces import sample_worker, sample_workplace

HANDS = (0.5, 0.4, 0.1)
"""Probabilities of one, two and three hands in an image."""

SAME_HANDS = 4
"""Images in a row that show the same hands with the same objects, elsewhere and from elsewhere: grips take time."""

WORKPLACE_FRACTION = 0.35
"""Fraction of images of one person at a rendered workplace."""

RENDERED_FRACTION = 0.35
"""Fraction of the others whose background is rendered instead of recorded."""

RESTING_FRACTION, BEHIND_FRACTION, HELD_FRACTION, REAL_FRACTION = 0.4, 0.15, 0.45, 0.4
"""Fractions of hands that rest on a surface, that are beside one, that hold an object, and that take a tracked real
pose if they hold none."""

UPPER_ARM_FRACTION = 0.7
"""Fraction of arms without a body that continue beyond the elbow."""

NEAREST, FARTHEST = 0.2, 1.5
"""Distances of hands, metres."""

APART = 0.1
"""Least distance between two palms, metres."""

AT_WRIST = 0.03
"""A body's arm this near to a hand's wrist ends in that hand, metres."""

BARE = 0.2
"""Nothing nearer than this to a bare wrist is an example of no hand, metres. The bodies' forearms end before the wrist.
Real arms end in hands, whose fingers are often merged: a round end must stay a sign of a hand."""

SEED_OF_ROOMS = 20_261_130
"""Seed of the rendered backgrounds."""


@dataclass(frozen=True)
class ComposedImage:
    """One image, with and without hands. People, and things that no hand holds, are in both.

    Attributes:
        source: name of the recording, or "rendered".
        camera: of both images.
        depth, without: (height, width) float32 metres, 0 for invalid pixels.
        palms: (n, 3) palms of the hands, metres in the camera's optical frame.
        joints: (n, 21, 3) their joints.
        left: (n,) bool: they are left hands.
        visible: (n,) visible fraction of each hand's silhouette; 0 outside the image.
        bare, bare_without: (m, 3) wrists of people's arms that end without a hand, with and without the hands; see
            `BARE`.
    """

    source: str
    camera: Camera
    depth: np.ndarray
    without: np.ndarray
    palms: np.ndarray
    joints: np.ndarray
    left: np.ndarray
    visible: np.ndarray
    bare: np.ndarray
    bare_without: np.ndarray


@dataclass(frozen=True)
class _Placed:
    """One hand of an image in the camera's frame: `to_camera` (4, 4) from the wrist frame, mirrored for left hands."""

    index: int
    to_camera: np.ndarray
    held: Held | None
    worn: Primitives


@lru_cache(maxsize=1)
def _bodies() -> BodyBank:
    return BodyBank()


@lru_cache(maxsize=4)
def _rooms(step: int) -> HandFreeImages:
    return HandFreeImages(SEED_OF_ROOMS, step)


@lru_cache(maxsize=1)
def _hands(seed: int, block: int, difficulty: float) -> tuple[SampledHands, list[Held | None]]:
    """The hands of a block of images, and what each holds."""
    rng = np.random.default_rng((seed, block, 80))
    hands = sample_hands(rng, shared_renderer(), 1 + rng.choice(len(HANDS), p=HANDS), difficulty, 0.0, REAL_FRACTION)
    return give_objects(rng, shared_renderer(), hands, HELD_FRACTION)


@dataclass(frozen=True)
class ComposedImages:
    """`images[k]` is a `ComposedImage`, the same at every call.

    Args:
        seed: of the whole dataset.
        backgrounds: folders of recorded images without hands, see `backgrounds.Backgrounds`.
        part: of the recordings, see `backgrounds.SPLIT`.
        min_focal: recorded images are decimated as long as their focal length stays at least this, pixels; 0 for never.
        difficulty: of the simulated sensor noise, 0 to 1.
    """

    seed: int
    backgrounds: tuple[Path, ...]
    part: str = TRAINING
    min_focal: float = 0.0
    difficulty: float = 1.0

    def __getitem__(self, index: int) -> ComposedImage:
        rng = np.random.default_rng((self.seed, index, 78))
        hands, held = _hands(self.seed, index // SAME_HANDS, self.difficulty)
        if rng.uniform() < WORKPLACE_FRACTION:
            background, placed, bodies = self._at_workplace(rng, hands, held)
            bystander = None
        else:
            up = sample_up(rng)
            background, bystander = self._with_things(rng, self._background(rng), up)
            placed, bodies = self._placed(rng, background, up, hands, held)
        without = background.raw * np.float32(background.unit)
        for body in bodies:
            self._draw_person(rng, background, without, body)
        depth, visible = without.copy(), []
        for one in placed:
            visible.append(self._draw(rng, background, depth, hands, one))
        joints = [_apply(one.to_camera, hands.joints[one.index]) for one in placed]
        joints = np.array(joints).reshape(-1, 21, 3)
        left = np.array([np.linalg.det(one.to_camera[:3, :3]) < 0 for one in placed], bool)
        wrists = [posed.wrists for posed in bodies + ([bystander] if bystander else [])]
        bare_without = np.concatenate([np.zeros((0, 3)), *wrists])
        hands_at = np.array([one.to_camera[:3, 3] for one in placed]).reshape(-1, 3)
        ends_bare = np.linalg.norm(bare_without[:, None] - hands_at, axis=2).min(1, initial=np.inf) > AT_WRIST
        return ComposedImage(
            background.source, background.camera, depth, without, palm_position(joints), joints, left,
            np.array(visible), bare_without[ends_bare], bare_without,
        )  # fmt: skip

    def _background(self, rng: np.random.Generator) -> Background:
        if rng.uniform() < RENDERED_FRACTION:
            index = int(rng.integers(2**31))
            rooms = _rooms(decimation(SENSORS[_rooms(1).sensor(index)].image_focal, self.min_focal))
            _, camera, depth = rooms[index]
            return Background.rendered("rendered", depth, camera, rooms.sensor(index))
        background = shared_backgrounds(self.backgrounds, self.part).sample(rng)
        step = decimation(background.camera.fx, self.min_focal)
        raw = np.ascontiguousarray(background.raw[::step, ::step])
        return replace(background, raw=raw, camera=background.camera.scaled(step))

    def _at_workplace(
        self, rng: np.random.Generator, hands: SampledHands, held: list[Held | None]
    ) -> tuple[Background, list[_Placed], list[Posed]]:  # fmt: skip
        """A workplace with the first two hands, and the body that they belong to."""
        workplace = sample_workplace(rng, self.min_focal)
        background = self._drawn(rng, workplace.background, sample_clutter(rng, workplace.background))
        places, body = sample_worker(rng, _bodies(), workplace, hands, held[:2])
        placed = [_Placed(i, place, held[i], _worn(rng, hands, i, False)) for i, place in enumerate(places)]
        return background, placed, [body] if body else []

    def _with_things(
        self, rng: np.random.Generator, background: Background, up: np.ndarray
    ) -> tuple[Background, Posed | None]:
        """Often a person and clutter are drawn into the background; hands are placed as in a recorded one."""
        person = sample_bystander(rng, _bodies(), background, up)
        return self._drawn(rng, background, sample_clutter(rng, background), person), person

    def _drawn(
        self, rng: np.random.Generator, background: Background, things: list[Mesh | Primitives],
        person: Posed | None = None,
    ) -> Background:  # fmt: skip
        depth = background.raw * np.float32(background.unit)
        for thing in things:
            draw_thing(rng, background, depth, thing, self.difficulty)
        if person:
            self._draw_person(rng, background, depth, person)
        return replace(background, raw=np.round(depth / background.unit).astype(np.uint16))

    def _draw_person(
        self, rng: np.random.Generator, background: Background, depth: np.ndarray, person: Posed
    ) -> None:  # fmt: skip
        draw_thing(rng, background, depth, person.mesh, self.difficulty, sample_unseen(rng, _bodies(), person))

    def _placed(
        self, rng: np.random.Generator, background: Background, up: np.ndarray, hands: SampledHands,
        held: list[Held | None],
    ) -> tuple[list[_Placed], list[Posed]]:  # fmt: skip
        """Hands at places of their own or as the other hand of a body; and the bodies."""
        placed: list[_Placed] = []
        bodies: list[Posed] = []
        free: tuple[Posed, Wrist] | None = None
        for i in range(len(held)):
            body = None
            if paired := free is not None and is_pair(rng, free[1], hands.length[i]):
                to_camera = at_other_wrist(*free, hands.arms[i])
            else:
                left = rng.uniform() < 0.5
                placement = _place(rng, background, hands, i, held[i], left)
                if placement is None:
                    continue
                to_camera = _to_camera(placement, left)
                wrist = wrist_of(to_camera, hands, i)
                body = sample_body(rng, _bodies(), background.camera, wrist, up)
            one = _Placed(i, to_camera, held[i], _worn(rng, hands, i, upper_arm=not (paired or body)))
            palm = _palm(hands, one)
            if any(np.linalg.norm(palm - _palm(hands, other)) <= APART for other in placed):
                continue
            placed.append(one)
            free = (body, wrist) if body else None
            bodies += [body] if body else []
        return placed, bodies

    def _draw(
        self, rng: np.random.Generator, background: Background, depth: np.ndarray, hands: SampledHands, one: _Placed
    ) -> float:  # fmt: skip
        """Draw a hand with arm and object into `depth`, in place; returns the visible fraction of the hand."""
        renderer, camera, i = shared_renderer(), background.camera, one.index
        bank, size = renderer.bank, hands.scale[i]
        vertices = hands.skinned.numpy()[i] * size
        surfaces = [vertices] + ([one.held.vertices] if one.held else [])
        surfaces += [one.worn.corners]
        region = ImageRegion.around(camera, _apply(one.to_camera, np.concatenate(surfaces)))
        if region is None:
            return 0.0
        focal = wp.array([camera.fx], dtype=float, device="cpu")
        to_view = region.to_view @ one.to_camera
        skin = wp.array(vertices[None], dtype=wp.vec3, device="cpu")
        own, zero = renderer.empty(1, region.side), np.zeros(1)
        wrist, end = np.array([bank.hand_faces]), np.array([len(bank.faces)])
        renderer.draw_hands(own, focal, skin, np.zeros(1, int), to_view[None], zero, wrist)
        rendered = wp.clone(own)
        renderer.draw_hands(rendered, focal, skin, np.zeros(1, int), to_view[None], wrist, end)
        kinds, placements = stacked([one.worn])
        renderer.draw_primitives(rendered, focal, kinds, to_view @ placements)
        if one.held:
            renderer.draw_meshes(
                rendered, focal, [one.held.mesh], np.zeros(1, int), (to_view @ one.held.to_wrist)[None]
            )
        whole, inside = merge_region(rng, background, depth, region, rendered, self.difficulty)
        silhouette = own.numpy()[0] < FAR
        return float((silhouette & (own.numpy()[0] <= whole) & inside).sum() / max(silhouette.sum(), 1))


def _place(
    rng: np.random.Generator, background: Background, hands: SampledHands, i: int, held: Held | None, left: bool
) -> Placement | None:  # fmt: skip
    """A placement of hand `i`, as if it were a right hand in a mirrored image where `left`."""
    sensor = SENSORS[background.sensor]
    near, far = max(NEAREST, 0.8 * sensor.near), min(FARTHEST, 1.1 * sensor.far)
    if hands.resting[i] or hands.picking[i] or rng.uniform() < RESTING_FRACTION:
        foot, up = resting_contact(rng, hands, i, held)
        if left:
            foot, up = foot * _MIRROR, up * _MIRROR
        placement = place_resting(rng, background, foot, up, near, far)
        if placement is not None:
            return placement
    centre = hands.joints[i].mean(0)
    centre = centre * _MIRROR if left else centre
    return place_floating(rng, background, centre, near, far, rng.uniform() < BEHIND_FRACTION)


_MIRROR = np.array([1.0, 1.0, -1.0])
"""A right hand's wrist frame -> a left hand's."""


def _to_camera(placement: Placement, left: bool) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = placement.rotation, placement.translation
    return matrix @ np.diag([1, 1, -1 if left else 1, 1])


def _apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def _palm(hands: SampledHands, one: _Placed) -> np.ndarray:
    return palm_position(_apply(one.to_camera, hands.joints[one.index]))


def _worn(rng: np.random.Generator, hands: SampledHands, i: int, upper_arm: bool) -> Primitives:
    """The sleeve of hand `i`, and with `upper_arm` often its arm beyond the elbow, in its wrist frame."""
    worn, size = Primitives(), hands.length[i] / ADULT_LENGTH
    if rng.uniform() < 0.5:
        add_clothes(rng, worn, hands.arms[i], 0.028 * size)
    if upper_arm and rng.uniform() < UPPER_ARM_FRACTION:
        elbow, along = 0.25 * size * hands.arms[i], direction_near(rng, hands.arms[i], 90)
        half, radius = 0.15 * size, rng.uniform(0.035, 0.055) * size
        x = np.cross(along, direction_near(rng, along, 180))
        x /= np.linalg.norm(x)
        rotation = np.stack([x, along, np.cross(x, along)], axis=1)
        worn.add(CYLINDER, elbow + half * along, (radius, half, radius), rotation)
    return worn
