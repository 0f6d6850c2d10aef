"""Objects in and before the hands of a batch."""

from dataclasses import dataclass, replace

import numpy as np
import warp as wp
from scipy.spatial.transform import Rotation

from .grips import sample_grips
from .hand_sampling import SampledHands
from .meshes import Mesh
from .object_pool import pool
from .renderer import Renderer

IN_FRONT = "in front"
"""In place of a grip: the object lies between hand and camera, and is not held."""


@dataclass(frozen=True)
class Held:
    """An object of one hand.

    Attributes:
        kind: name of the object's kind.
        grip: one of `holds.GRIPS`, or `IN_FRONT`.
        mesh: of the object.
        to_wrist: (4, 4) object frame -> wrist frame.
        other_hand: (4, 4) reflection of the hand into a second hand on the other side of the object, or None.
    """

    kind: str
    grip: str
    mesh: Mesh
    to_wrist: np.ndarray
    other_hand: np.ndarray | None = None

    @property
    def vertices(self) -> np.ndarray:
        """(V, 3) in the wrist frame."""
        return self.mesh.vertices @ self.to_wrist[:3, :3].T + self.to_wrist[:3, 3]


def give_objects(
    rng: np.random.Generator, renderer: Renderer, hands: SampledHands, fraction: float
) -> tuple[SampledHands, list[Held | None]]:
    """Put objects into the grips of about `fraction` of the hands, which take other poses for it.

    Returns:
        The hands with their new poses; and each hand's object, or None.
    """
    held: list[Held | None] = [None] * len(hands.scale)
    some = np.flatnonzero(rng.uniform(0, 1, len(held)) < fraction)
    if not len(some):
        return hands, held
    gripped = sample_grips(rng, renderer.bank, hands.shapes[some], hands.length[some])
    good = np.flatnonzero(gripped.valid)
    chosen = some[good]
    transforms, joints = renderer.bank.pose(hands.shapes[chosen], gripped.angles[good])
    skinned = hands.skinned.numpy().copy()
    skinned[chosen] = renderer.skin(hands.shapes[chosen], transforms).numpy()
    arrays = {name: getattr(hands, name).copy() for name in ("joints", "arms", "grasping", "resting", "picking")}
    arrays["joints"][chosen] = joints * hands.scale[chosen, None, None]
    rest = renderer.bank.rest[hands.shapes[chosen], 1, :3, 1]
    arrays["arms"][chosen] = -np.einsum("nij,nj->ni", transforms[:, 1, :3, :3], rest)
    arrays["grasping"][chosen] = True
    arrays["resting"][chosen] = arrays["picking"][chosen] = False
    for k, i in zip(good, chosen, strict=True):
        thing, other = gripped.objects[k], gripped.other_hand[k]
        held[i] = Held(thing.name, gripped.grips[k], thing.mesh, gripped.to_wrist[k], other if other.any() else None)
    return replace(hands, skinned=wp.array(skinned, dtype=wp.vec3, device=renderer.device), **arrays), held


def object_in_front(rng: np.random.Generator, centre: np.ndarray, camera: np.ndarray, gap: tuple[float, float]) -> Held:
    """A random object between a hand and the camera, partly beside it.

    Args:
        centre: (3,) of the hand, wrist frame.
        camera: (3,) the camera's position, wrist frame.
        gap: least and largest distance of the object's centre from the hand's, metres.
    """
    thing = pool().objects[rng.integers(len(pool().objects))]
    towards = (camera - centre) / np.linalg.norm(camera - centre)
    side = np.cross(towards, rng.normal(0, 1, 3))
    extent = float(np.linalg.norm(thing.mesh.vertices, axis=1).max())
    placement = np.eye(4)
    placement[:3, :3] = Rotation.random(random_state=rng).as_matrix()
    beside = rng.uniform(0.3, 1) * (0.05 + min(extent, 0.15)) * side / np.linalg.norm(side)
    placement[:3, 3] = centre + (rng.uniform(*gap) + 0.5 * min(extent, 0.1)) * towards + beside
    return Held(thing.name, IN_FRONT, thing.mesh, placement)
