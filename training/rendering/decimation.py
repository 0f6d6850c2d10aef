"""Decimation of a triangle mesh by edge collapses onto existing vertices (quadric error metric).

Garland and Heckbert, Surface simplification using quadric error metrics, SIGGRAPH 1997. The result keeps a subset of
the vertices. So it holds for every shape and every skinning of the same topology.
"""

import heapq

import numpy as np

from training.progress import counter

BORDER_WEIGHT = 50.0
"""Weight of the planes that keep an open border in place."""

LENGTH_WEIGHT = 1e-3
"""Weight of the squared edge length in a collapse's cost. It keeps triangles compact on flat areas."""


def decimate(vertices: np.ndarray, faces: np.ndarray, target: int, importance: np.ndarray) -> np.ndarray:
    """Reduce a mesh to about `target` triangles.

    Args:
        vertices: (V, 3).
        faces: (F, 3) of a manifold mesh, which may have a border.
        importance: (V,) factor on the squared error of the surface near each vertex; 0 where it may vanish.

    Returns:
        faces (target, 3), whose indices are still those of `vertices`.
    """
    quadrics = _quadrics(vertices, faces, importance)
    alive = {i: tuple(face) for i, face in enumerate(faces.tolist())}
    faces_at: list[set[int]] = [set() for _ in vertices]
    for i, face in alive.items():
        for v in face:
            faces_at[v].add(i)
    weight = LENGTH_WEIGHT * importance
    version = np.zeros(len(vertices), int)
    queue: list[tuple[float, int, int, int, int]] = []

    def neighbours(v: int) -> set[int]:
        return {other for i in faces_at[v] for other in alive[i]} - {v}

    def push(gone: int, kept: int):
        p = np.append(vertices[kept], 1.0)
        length = ((vertices[gone] - vertices[kept]) ** 2).sum()
        cost = p @ (quadrics[gone] + quadrics[kept]) @ p + min(weight[gone], weight[kept]) * length * length
        heapq.heappush(queue, (float(cost), gone, kept, version[gone], version[kept]))

    for a, b in _edges(faces)[0].tolist():
        push(a, b)
        push(b, a)
    shown = counter("decimation", max(len(faces) - target, 0), "triangles")
    while len(alive) > target and queue:
        _, gone, kept, version_gone, version_kept = heapq.heappop(queue)
        if version[gone] != version_gone or version[kept] != version_kept or not faces_at[gone]:
            continue
        shared = faces_at[gone] & faces_at[kept]
        around_gone, around_kept = neighbours(gone), neighbours(kept)
        if not shared or len(around_gone & around_kept) != len(shared) or _on_border(gone, kept, alive, faces_at):
            continue
        moved = faces_at[gone] - shared
        if not moved:
            continue
        if importance[gone] > 0 and _flips(vertices, [alive[i] for i in moved], gone, kept):
            continue
        for i in shared:
            for v in alive.pop(i):
                faces_at[v].discard(i)
        for i in moved:
            alive[i] = tuple(kept if v == gone else v for v in alive[i])
            faces_at[kept].add(i)
        faces_at[gone] = set()
        quadrics[kept] += quadrics[gone]
        version[[gone, kept]] += 1
        for v in neighbours(kept):
            push(v, kept)
            push(kept, v)
        shown.update(min(len(shared), shown.total - shown.n))
    shown.close()
    return np.array(list(alive.values()), np.int32)


def cap(faces: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Triangles (n, 3) that close every hole of the mesh `faces` (F, 3): fans from one vertex of its border."""
    edges = {(a, b) for face in faces.tolist() for a, b in zip(face, (*face[1:], face[0]), strict=True)}
    following = {b: a for a, b in edges if (b, a) not in edges}
    triangles = []
    while following:
        start, v = following.popitem()
        loop = [start]
        while v != start:
            loop.append(v)
            v = following.pop(v)
        middle = vertices[loop].mean(0)
        k = int(np.argmin(np.linalg.norm(vertices[loop] - middle, axis=1)))
        loop = loop[k:] + loop[:k]
        triangles += [(loop[0], loop[i], loop[i + 1]) for i in range(1, len(loop) - 1)]
    return np.array(triangles, np.int32).reshape(-1, 3)


def _edges(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The edges (n, 2), and the number of faces at each (n,)."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    return np.unique(edges, axis=0, return_counts=True)


def _quadrics(vertices: np.ndarray, faces: np.ndarray, importance: np.ndarray) -> np.ndarray:
    """Error quadric (V, 4, 4) of each vertex: of the planes of its faces, by area, and of its border's edges."""
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normal, axis=1)
    normal /= np.maximum(area, 1e-15)[:, None]
    plane = np.column_stack([normal, -(normal * corners[:, 0]).sum(1)])
    each = plane[:, :, None] * plane[:, None] * (area * importance[faces].mean(1))[:, None, None]
    quadrics = np.zeros((len(vertices), 4, 4))
    for k in range(3):
        np.add.at(quadrics, faces[:, k], each)
    edges, count = _edges(faces)
    border = {tuple(edge) for edge in edges[count == 1].tolist()}
    for face, n in zip(faces.tolist(), normal, strict=True):
        for a, b in zip(face, (*face[1:], face[0]), strict=True):
            if (min(a, b), max(a, b)) in border:
                along = vertices[b] - vertices[a]
                side = np.cross(along, n)
                side /= max(np.linalg.norm(side), 1e-15)
                plane_at = np.append(side, -side @ vertices[a])
                quadrics[[a, b]] += BORDER_WEIGHT * (along @ along) * np.outer(plane_at, plane_at)
    return quadrics


def _on_border(gone: int, kept: int, alive: dict, faces_at: list) -> bool:
    """Whether `gone` lies on a border that the edge to `kept` leaves, or that has only three vertices left."""
    count: dict[int, int] = {}
    for i in faces_at[gone]:
        for v in alive[i]:
            count[v] = count.get(v, 0) + 1
    ends = [v for v, n in count.items() if n == 1]
    return bool(ends) and kept not in ends


def _flips(vertices: np.ndarray, moved: list, gone: int, kept: int) -> bool:
    """Whether the collapse turns the normal of one of the faces `moved` by more than about 80 degrees."""
    before = vertices[np.array(moved)]
    after = vertices[np.array([[kept if v == gone else v for v in face] for face in moved])]
    a, b = (np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0]) for c in (before, after))
    scale = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return bool(((a * b).sum(1) < 0.2 * scale).any())
