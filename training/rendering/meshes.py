"""Triangle meshes of simple shapes: turned, extruded, swept along a curve, bent from a sheet, and put together.

Lengths are metres. Every builder returns closed surfaces whose faces run counter-clockwise seen from outside. A union
consists of closed parts that may overlap: take inside and outside from the winding number, which is at least 1 inside.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh.

    Attributes:
        vertices: (V, 3) float32, metres.
        faces: (F, 3) int32, indices of vertices, counter-clockwise seen from outside.
    """

    vertices: np.ndarray
    faces: np.ndarray

    @property
    def bounds(self) -> np.ndarray:
        """Smallest and largest coordinates (2, 3)."""
        return np.stack([self.vertices.min(0), self.vertices.max(0)])

    @property
    def volume(self) -> float:
        """Enclosed volume in cubic metres; where parts overlap it counts twice."""
        return _volume(self.vertices.astype(float), self.faces)

    def transformed(self, rotation: np.ndarray | None = None, translation=(0.0, 0.0, 0.0)) -> "Mesh":
        """The mesh with every vertex v moved to `rotation` @ v + `translation`. A mirroring matrix turns the faces."""
        vertices, faces = self.vertices.astype(float), self.faces
        if rotation is not None:
            vertices = vertices @ np.asarray(rotation, float).T
            if np.linalg.det(rotation) < 0:
                faces = np.ascontiguousarray(faces[:, ::-1])
        return Mesh((vertices + np.asarray(translation, float)).astype(np.float32), faces)


def union(*meshes: Mesh) -> Mesh:
    """All meshes as one; surfaces inside other parts stay."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts[:-1], strict=True)]
    return Mesh(np.concatenate([mesh.vertices for mesh in meshes]), np.concatenate(faces).astype(np.int32))


def rotation(axis: str, degrees: float) -> np.ndarray:
    """Rotation matrix (3, 3) about the axis "x", "y" or "z", right-handed."""
    i = "xyz".index(axis)
    j, k = (i + 1) % 3, (i + 2) % 3
    matrix = np.eye(3)
    matrix[j, j] = matrix[k, k] = np.cos(np.radians(degrees))
    matrix[k, j] = np.sin(np.radians(degrees))
    matrix[j, k] = -matrix[k, j]
    return matrix


def loft(rings: np.ndarray, start=None, end=None, closed: bool = False) -> Mesh:
    """A surface through `rings` (m, k, 3) of k points each.

    It ends in fans around the points `start` and `end`, by default the middles of the first and the last ring. With
    `closed` the last ring joins the first instead.
    """
    rings = np.asarray(rings, float)
    vertices = rings.reshape(-1, 3)
    if not closed:
        start = rings[0].mean(0) if start is None else start
        end = rings[-1].mean(0) if end is None else end
        vertices = np.concatenate([vertices, [start, end]])
    return _outward(vertices, _loft_faces(rings.shape[0], rings.shape[1], closed))


def revolve(profile, segments: int = 24) -> Mesh:
    """`profile` (n, 2) of radius and y, turned about the y axis.

    It either starts and ends on the axis (radius 0) or is a closed loop beside it, whose last point joins the first.
    `segments` is a multiple of 4, so that the mesh reaches the radius on the x and z axes.
    """
    profile = np.asarray(profile, float)
    on_axis = profile[0, 0] <= 0
    inner = profile[1:-1] if on_axis else profile
    circle = section(segments)
    rings = np.empty((len(inner), segments, 3))
    rings[:, :, 0] = inner[:, :1] * circle[:, 0]
    rings[:, :, 1] = inner[:, 1:]
    rings[:, :, 2] = inner[:, :1] * circle[:, 1]
    if on_axis:
        return loft(rings, (0, profile[0, 1], 0), (0, profile[-1, 1], 0))
    return loft(rings, closed=True)


def shell(profile, wall: float, segments: int = 24) -> Mesh:
    """A vessel: `profile` (n, 2) of radius and y from the middle of the bottom (radius 0) up its outside to the rim.

    The inner side is `wall` metres inside, the rim is flat.
    """
    profile = np.asarray(profile, float)
    inner = inset(profile, wall)
    inner[0] = 0, profile[0, 1] + wall
    inner[-1] = profile[-1, 0] - wall, profile[-1, 1]
    return revolve(np.concatenate([profile, inner[::-1]]), segments)


def tube(
    path, radii, up=(0.0, 0.0, 1.0), segments: int = 10, exponent: float = 2.0, closed: bool = False, dome: float = 0.0
) -> Mesh:  # fmt: skip
    """A tube along `path` (n, 3).

    Args:
        path: points on its middle line, metres; `closed` joins the last to the first.
        radii: metres; one for all, (n,), or (n, 2): square to `up` and along it.
        up: a direction the path never runs along; for a plane curve the plane's normal.
        exponent: 2 for an elliptic section; larger ones come closer to a rectangle.
        dome: how far the ends bulge, as a share of the radius.
    """
    path = np.asarray(path, float)
    radii = np.asarray(radii, float)
    radii = np.broadcast_to(radii[:, None] if radii.ndim == 1 else radii, (len(path), 2))
    along = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    ends = None, None
    if dome:
        bulge = dome * radii[[0, -1]].mean(1)[:, None] * along[[0, -1]] * [[-1], [1]]
        ends = path[0] + bulge[0], path[-1] + bulge[1]
        path = np.concatenate([path[:1] + 0.65 * bulge[:1], path, path[-1:] + 0.65 * bulge[1:]])
        radii = np.concatenate([0.75 * radii[:1], radii, 0.75 * radii[-1:]])
        along = np.concatenate([along[:1], along, along[-1:]])
    side = np.cross(np.asarray(up, float), along)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    rise = np.cross(along, side)
    flat = radii[:, None] * section(segments, exponent)
    rings = path[:, None] + flat[..., :1] * side[:, None] + flat[..., 1:] * rise[:, None]
    return loft(rings, *ends, closed=closed)


def stack(y, half_x, half_z, x=0.0, z=0.0, exponent: float = 2.0, segments: int = 16) -> Mesh:
    """A body of level sections at heights `y` (n,), half as wide as `half_x` and `half_z`, with middles at `x`, `z`.

    Each is (n,) or one for all, metres; `exponent` is as for `tube`.
    """
    y, half_x, half_z, x, z = np.broadcast_arrays(*(np.asarray(v, float) for v in (y, half_x, half_z, x, z)))
    outline = section(segments, exponent)
    rings = np.empty((len(y), segments, 3))
    rings[:, :, 0] = x[:, None] + half_x[:, None] * outline[:, 0]
    rings[:, :, 1] = y[:, None]
    rings[:, :, 2] = z[:, None] + half_z[:, None] * outline[:, 1]
    return loft(rings)


def extrude(outline, thickness: float, edge: float = 0.0) -> Mesh:
    """`outline` (n, 2), a simple polygon in x and y, convex or not, made `thickness` thick along z around z = 0.

    `edge` metres round its edges off; it has to be smaller than any detail of the outline.
    """
    outline = np.asarray(outline, float)
    if _area(outline) < 0:
        outline = outline[::-1]
    half = thickness / 2
    rows = [(outline, -half), (outline, half)]
    if edge > 0:
        small, middle = inset(outline, edge, closed=True), inset(outline, 0.3 * edge, closed=True)
        rows = [(small, -half), (middle, 0.3 * edge - half), (outline, edge - half)]
        rows += [(flat, -z) for flat, z in reversed(rows)]
    vertices = np.concatenate([np.column_stack([flat, np.full(len(flat), z)]) for flat, z in rows])
    n = len(outline)
    cap = triangulate(rows[0][0])
    sides = _loft_faces(len(rows), n, False)[: -2 * n]
    return _outward(vertices, np.concatenate([sides, cap[:, ::-1], cap + (len(rows) - 1) * n]))


def rounded_box(width: float, height: float, depth: float, radius: float, edge: float | None = None) -> Mesh:
    """A box of `width` (x), `height` (y) and `depth` (z), its corners in x and y rounded with `radius`.

    `edge` metres round off the edges of its front and back, by default 0.8 of `radius`.
    """
    edge = min(0.8 * radius if edge is None else edge, 0.8 * radius, 0.3 * depth)
    steps = 2 if radius < 0.002 else 3 if radius < 0.005 else 4
    return extrude(rounded_rectangle(width, height, radius, steps), depth, edge)


def sheet(points: np.ndarray, thickness: float) -> Mesh:
    """A sheet through the grid `points` (m, n, 3), `thickness` metres thick, half of it on each side."""
    points = np.asarray(points, float)
    offset = thickness / 2 * grid_normals(points)
    m, n = points.shape[:2]
    vertices = np.concatenate([(points + offset).reshape(-1, 3), (points - offset).reshape(-1, 3)])
    return _outward(vertices, _sheet_faces(m, n))


def grid_normals(points: np.ndarray) -> np.ndarray:
    """Unit normals (m, n, 3) of the surface through the grid `points` (m, n, 3), right-handed to its two directions."""
    normals = np.cross(np.gradient(points, axis=0), np.gradient(points, axis=1))
    return normals / np.linalg.norm(normals, axis=2, keepdims=True)


def rounded_rectangle(width: float, height: float, radius: float, steps: int = 4) -> np.ndarray:
    """Outline (4 `steps`, 2) of a rectangle around the origin with round corners, counter-clockwise."""
    radius = min(radius, 0.49 * width, 0.49 * height)
    angle = np.linspace(0, np.pi / 2, steps) + np.pi / 2 * np.arange(4)[:, None]
    corner = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * [width / 2 - radius, height / 2 - radius]
    return (corner[:, None] + radius * np.stack([np.cos(angle), np.sin(angle)], axis=2)).reshape(-1, 2)


@lru_cache
def section(segments: int, exponent: float = 2.0) -> np.ndarray:
    """Points (segments, 2) of the unit superellipse |x|^exponent + |y|^exponent = 1. Not to be written to."""
    angle = 2 * np.pi * np.arange(segments) / segments
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1).round(12)
    points = np.sign(points) * np.abs(points) ** (2 / exponent)
    points.setflags(write=False)
    return points


def inset(line: np.ndarray, distance: float, closed: bool = False) -> np.ndarray:
    """The polyline (n, 2) moved `distance` to its left: inwards where it is a counter-clockwise outline (`closed`)."""
    step = np.roll(line, -1, 0) - line if closed else np.diff(line, axis=0)
    step /= np.linalg.norm(step, axis=1, keepdims=True)
    before, after = (
        (np.roll(step, 1, 0), step) if closed else (np.vstack([step[:1], step]), np.vstack([step, step[-1:]]))
    )
    cosine = (before * after).sum(1, keepdims=True)
    along = (before + after) / np.maximum(1 + cosine, 0.3)
    return line + distance * np.stack([-along[:, 1], along[:, 0]], axis=1)


def triangulate(outline: np.ndarray) -> np.ndarray:
    """Triangles (n - 2, 3) of the simple counter-clockwise polygon `outline` (n, 2), by cutting ears."""
    left, triangles = np.arange(len(outline)), []
    while len(left) > 3:
        corner = outline[left]
        before, after = np.roll(corner, 1, 0), np.roll(corner, -1, 0)
        area = _cross(corner - before, after - corner)
        bent = np.flatnonzero(area <= 0)  # only there can the outline enter a triangle
        if not len(bent):
            triangles += [(left[0], left[i], left[i + 1]) for i in range(1, len(left) - 1)]
            return np.array(triangles, dtype=np.int32)
        point = corner[bent][None]
        inside = _cross((corner - before)[:, None], point - before[:, None]) > -1e-12
        inside &= _cross((after - corner)[:, None], point - corner[:, None]) > -1e-12
        inside &= _cross((before - after)[:, None], point - after[:, None]) > -1e-12
        apart = (bent[None] - np.arange(len(left))[:, None] + 1) % len(left)
        ear = (area > 1e-12) & ~(inside & (apart > 2)).any(1)
        cut = _apart(np.flatnonzero(ear), len(left)) or [int(np.argmax(area))]
        triangles += [(left[i - 1], left[i], left[(i + 1) % len(left)]) for i in cut]
        left = np.delete(left, cut)
    return np.array([*triangles, tuple(left)], dtype=np.int32)


def _apart(ears: np.ndarray, count: int) -> list[int]:
    """Of the corners `ears` of `count`, as many as can be cut at once: no two beside each other, three corners left."""
    chosen: list[int] = []
    for i in ears.tolist():
        if (not chosen or i > chosen[-1] + 1) and not (chosen and i == count - 1 and chosen[0] == 0):
            chosen.append(i)
    return chosen[: count - 3]


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _area(outline: np.ndarray) -> float:
    return 0.5 * float(_cross(outline, np.roll(outline, -1, 0)).sum())


def _volume(vertices: np.ndarray, faces: np.ndarray) -> float:
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c))) / 6


def _outward(vertices: np.ndarray, faces: np.ndarray) -> Mesh:
    """The closed surface with its faces turned so that its volume is positive."""
    if _volume(vertices - vertices[0], faces) < 0:
        faces = faces[:, ::-1]
    return Mesh(vertices.astype(np.float32), np.ascontiguousarray(faces, dtype=np.int32))


@lru_cache
def _loft_faces(rows: int, columns: int, closed: bool) -> np.ndarray:
    """Faces of `loft`; the last 2 * `columns` are the fans of its ends unless `closed`."""
    i, j = np.meshgrid(np.arange(rows if closed else rows - 1), np.arange(columns), indexing="ij")
    here, there, right = i * columns, (i + 1) % rows * columns, (j + 1) % columns
    a, b, c, d = here + j, here + right, there + right, there + j
    faces = [np.stack([a, b, c], axis=-1).reshape(-1, 3), np.stack([a, c, d], axis=-1).reshape(-1, 3)]
    if not closed:
        j, count = np.arange(columns), rows * columns
        last = count - columns
        faces.append(np.stack([np.full(columns, count), (j + 1) % columns, j], axis=1))
        faces.append(np.stack([np.full(columns, count + 1), last + j, last + (j + 1) % columns], axis=1))
    return np.concatenate(faces)


@lru_cache
def _sheet_faces(m: int, n: int) -> np.ndarray:
    """Faces of `sheet`: front, back, and a strip around the border."""
    index = np.arange(m * n).reshape(m, n)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    front = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    border = np.concatenate([index[:-1, 0], index[-1, :-1], index[:0:-1, -1], index[0, :0:-1]])
    following, back = np.roll(border, -1), m * n
    strip = [np.stack([following, border, border + back], 1), np.stack([following, border + back, following + back], 1)]
    return np.concatenate([front, front[:, ::-1] + back, *strip])
