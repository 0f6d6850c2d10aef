"""People in composed images: the bodies of the hands, and bystanders whose hands are not visible."""

import numpy as np

from fingerpose_ros.perception.camera import Camera

from .backgrounds import Background
from .bodies import BodyBank, Posed, Wrist, pose_body, pose_bystander
from .hand_sampling import SampledHands

BYSTANDER_FRACTION = 0.4
"""Fraction of images with a bystander."""

BODY_FRACTION = 0.6
"""Fraction of hands that get a body, if a natural one is found."""

MAX_COST = 15.0
"""Largest `Posed.cost` of a body."""

PAIR_FRACTION, SAME_LENGTH = 0.6, 0.15
"""Fraction of hands after a hand with a body that are its other hand, if their lengths differ by less than this."""

NEAREST_PERSON = 0.3
"""People of whom anything visible is nearer than this are left out: they would fill the image, metres."""

NEAREST_HEAD, FARTHEST_HEAD = 0.35, 2.5
"""Distances of bystanders' heads, metres."""

SPACE = 0.12
"""Least distance of a bystander's head from the recorded surface behind it, metres."""

FACING_FRACTION = 0.6
"""Fraction of bystanders who face the camera."""

LEVEL_FRACTION = 0.7
"""Fraction of cameras that look about as high as a person does; the others look down on a workplace."""

TRIES = 5


def sample_up(rng: np.random.Generator) -> np.ndarray:
    """A random direction up (3,) in the optical frame of a camera whose orientation is unknown."""
    pitch = rng.normal(12, 15) if rng.uniform() < LEVEL_FRACTION else rng.uniform(30, 90)
    pitch, roll = np.radians(pitch), np.radians(rng.normal(0, 6))
    up = np.array([0.0, -np.cos(pitch), -np.sin(pitch)])
    cosine, sine = np.cos(roll), np.sin(roll)
    return np.array([cosine * up[0] - sine * up[1], sine * up[0] + cosine * up[1], up[2]])


def sample_bystander(
    rng: np.random.Generator, bank: BodyBank, background: Background, up: np.ndarray
) -> Posed | None:  # fmt: skip
    """Often a person whose head is before the recorded surface at a random pixel; otherwise None."""
    camera = background.camera
    if rng.uniform() >= BYSTANDER_FRACTION:
        return None
    for _ in range(TRIES):
        row, column = rng.integers(camera.height), rng.integers(camera.width)
        surface = float(background.raw[row, column]) * background.unit
        most = min(FARTHEST_HEAD, surface - SPACE) if surface else FARTHEST_HEAD
        if most > NEAREST_HEAD:
            distance = np.exp(rng.uniform(np.log(NEAREST_HEAD), np.log(most)))
            head = camera.back_project(np.array([column, row], float), np.array(distance))
            facing = -head if rng.uniform() < FACING_FRACTION else None
            posed = pose_bystander(rng, bank, head, up, facing, np.zeros(3))
            if not too_near(camera, posed):
                return posed
    return None


def sample_body(
    rng: np.random.Generator, bank: BodyBank, camera: Camera, wrist: Wrist, up: np.ndarray
) -> Posed | None:  # fmt: skip
    """The body of a hand, beside the lines of sight to it; None if no natural one is found."""
    if rng.uniform() >= BODY_FRACTION:
        return None
    posed = pose_body(rng, bank, [wrist], up, camera=np.zeros(3))
    return posed if posed.cost < MAX_COST and not too_near(camera, posed) else None


def is_pair(rng: np.random.Generator, wrist: Wrist, hand_length: float) -> bool:
    """Whether a hand of `hand_length` metres becomes the other hand of the body of `wrist`."""
    return rng.uniform() < PAIR_FRACTION and abs(hand_length / wrist.hand_length - 1) < SAME_LENGTH


def at_other_wrist(posed: Posed, wrist: Wrist, arm: np.ndarray) -> np.ndarray:
    """The wrist frame's place (4, 4) in the camera's frame, mirrored for a left hand, of the hand beside `wrist`.

    Args:
        posed: the body of `wrist`.
        arm: (3,) unit vector up the forearm in the wrist frame of the hand to be placed.
    """
    side = 1 - int(wrist.right)
    matrix = np.eye(4)
    matrix[:3, :3] = wrist_rotation(arm, posed.arms[side], posed.thumbs[side], right=bool(side))
    matrix[:3, 3] = posed.wrists[side]
    return matrix


def wrist_rotation(own_arm: np.ndarray, arm: np.ndarray, thumb: np.ndarray, right: bool) -> np.ndarray:
    """A rotation (3, 3) of a right hand's wrist frame, mirrored for a left hand.

    Args:
        own_arm: (3,) unit vector up the forearm in the wrist frame.
        arm: (3,) unit vector to which it is turned.
        thumb: (3,) direction to which the thumb's side is turned as far as that allows.
    """
    mirror = np.diag([1.0, 1.0, 1.0 if right else -1.0])
    return _frame(arm, thumb) @ _frame(mirror @ own_arm, mirror[:, 2]).T @ mirror


def wrist_of(to_camera: np.ndarray, hands: SampledHands, i: int) -> Wrist:
    """Hand `i` as a body's wrist. `to_camera` (4, 4): from the wrist frame, mirrored for left hands."""
    turn = to_camera[:3, :3]
    right = bool(np.linalg.det(turn) > 0)
    return Wrist(to_camera[:3, 3], turn @ hands.arms[i], right, float(hands.length[i]), turn[:, 2])


def too_near(camera: Camera, posed: Posed) -> bool:
    """Whether anything of a person in the image is nearer than `NEAREST_PERSON`."""
    points = posed.mesh.vertices
    points = points[(points[:, 2] > 0) & (points[:, 2] < NEAREST_PERSON)]
    pixels = camera.project(points)
    return bool(((pixels > 0) & (pixels < (camera.width, camera.height))).all(1).any())


def _frame(arm: np.ndarray, thumb: np.ndarray) -> np.ndarray:
    """Axes (3, 3): up the forearm, to the side across it that is nearest to `thumb`, and across both."""
    across = thumb - (thumb @ arm) * arm
    across /= np.linalg.norm(across)
    return np.stack([arm, across, np.cross(arm, across)], axis=1)
