"""What tests ask of a triangle mesh: closed, where a line crosses it, what is inside."""

import numpy as np


def assert_closed(mesh):
    """Finite, every index in range, no empty faces, and every edge has two faces that run along it in opposite ways."""
    faces, count = mesh.faces, len(mesh.vertices)
    assert np.isfinite(mesh.vertices).all()
    assert faces.min() >= 0 and faces.max() < count
    assert len(np.unique(faces)) == count, "a vertex without a face"
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    one, other = np.sort(edges @ [count, 1]), np.sort(edges @ [1, count])
    assert (np.diff(one) > 0).all(), "two faces run along an edge in the same way"
    assert (one == other).all(), "an edge with one face"
    a, b, c = (mesh.vertices[faces[:, i]].astype(float) for i in range(3))
    areas = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
    assert areas.min() > 1e-12, "an empty face"


def crossings(mesh, point: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Where the line through `point` along the unit vector `direction` crosses the mesh: metres along it, sorted."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]].astype(float) for i in range(3))
    edge1, edge2 = b - a, c - a
    across = np.cross(direction, edge2)
    determinant = (edge1 * across).sum(1)
    facing = np.abs(determinant) > 1e-16
    scale = 1 / np.where(facing, determinant, 1)
    u = ((point - a) * across).sum(1) * scale
    turned = np.cross(point - a, edge1)
    v = turned @ direction * scale
    near = 1e-5
    hit = facing & (u >= -near) & (v >= -near) & (u + v <= 1 + near)
    distance = np.sort((edge2 * turned).sum(1)[hit] * scale[hit])
    return distance[np.diff(distance, prepend=-1.0) > 1e-7]


def winding_number(mesh, points: np.ndarray) -> np.ndarray:
    """How often the mesh encloses each of `points` (n, 3): 0 outside, 1 or more inside."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]][None] - points[:, None].astype(float) for i in range(3))
    la, lb, lc = (np.linalg.norm(v, axis=2) for v in (a, b, c))
    triple = (a * np.cross(b, c)).sum(2)
    rest = la * lb * lc + (a * b).sum(2) * lc + (b * c).sum(2) * la + (c * a).sum(2) * lb
    return np.arctan2(triple, rest).sum(1) / (2 * np.pi)
