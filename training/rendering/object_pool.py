"""A pool of sampled objects, with distances to their surfaces."""

from functools import lru_cache

import numpy as np
import warp as wp

from .holds import GRIPS
from .object_kinds import KINDS, sample

POOL = 12
"""Objects of each kind that are sampled once; every grip takes one of them."""

REACH = 0.06
"""Distance up to which the surface of an object is searched for, metres."""


@wp.kernel
def _signed_distances(
    meshes: wp.array(dtype=wp.uint64),
    owner: wp.array(dtype=int),
    points: wp.array(dtype=wp.vec3),
    farthest: float,
    out: wp.array(dtype=float),
):
    i = wp.tid()
    mesh = meshes[owner[i]]
    found = wp.mesh_query_point_sign_winding_number(mesh, points[i], farthest)
    out[i] = farthest
    if found.result:
        nearest = wp.mesh_eval_position(mesh, found.face, found.u, found.v)
        out[i] = found.sign * wp.length(points[i] - nearest)


class ObjectPool:
    """Objects of all kinds with their surfaces for distance queries, the same for the same seed."""

    def __init__(self, seed: int = 0, per_kind: int = POOL):
        rng = np.random.default_rng(seed)
        self.objects = [sample(rng, name) for name in KINDS for _ in range(per_kind)]
        self._meshes = [
            wp.Mesh(
                points=wp.array(thing.mesh.vertices, dtype=wp.vec3, device="cpu"),
                indices=wp.array(thing.mesh.faces.ravel(), dtype=int, device="cpu"),
                support_winding_number=True,
            )
            for thing in self.objects
        ]
        self._ids = wp.array([mesh.id for mesh in self._meshes], dtype=wp.uint64, device="cpu")
        self.by_grip = {
            grip: [i for i, thing in enumerate(self.objects) if any(hold.grip == grip for hold in thing.holds)]
            for grip in GRIPS
        }

    def distances(self, which: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Signed distances (n, k) of points (n, k, 3) in the frames of the objects `which` (n,); negative inside."""
        n, k, _ = points.shape
        owner = wp.array(np.repeat(which, k), dtype=int, device="cpu")
        flat = wp.array(points.reshape(-1, 3).astype(np.float32), dtype=wp.vec3, device="cpu")
        out = wp.empty(n * k, dtype=float, device="cpu")
        wp.launch(_signed_distances, dim=n * k, inputs=[self._ids, owner, flat, REACH], outputs=[out], device="cpu")
        return out.numpy().reshape(n, k)


@lru_cache(maxsize=1)
def pool() -> ObjectPool:
    """The pool of this process."""
    return ObjectPool()
