"""Renders batches of depth images of skinned hands and primitives: one z-buffer for CPU and CUDA (NVIDIA Warp).

Every image is square and looks along +z of its own camera, x right, y down, metres. A pixel without a surface
is farther away than `FAR`.
"""

from functools import lru_cache

import numpy as np
import warp as wp

from .hands import HandBank
from .meshes import Mesh
from .warp_start import start_warp

start_warp()

NOTHING, SPHERE, BOX, CYLINDER = 0, 1, 2, 3
"""Kinds of primitives. In their own frame: the unit sphere, the cube |x|, |y|, |z| <= 1, the cylinder along y of radius
and half-height 1."""

FAR = 1.0e5
"""Depth beyond which a pixel shows no surface, metres."""

_EMPTY = 10 * FAR


@wp.kernel
def _skin(
    rest: wp.array(dtype=wp.vec3, ndim=2),
    shape: wp.array(dtype=int),
    transforms: wp.array(dtype=wp.mat44, ndim=2),
    bone_index: wp.array(dtype=int, ndim=2),
    bone_weight: wp.array(dtype=float, ndim=2),
    out: wp.array(dtype=wp.vec3, ndim=2),
):
    hand, vertex = wp.tid()
    point = rest[shape[hand], vertex]
    total = wp.vec3(0.0, 0.0, 0.0)
    for k in range(4):
        weight = bone_weight[vertex, k]
        if weight > 0.0:
            total += weight * wp.transform_point(transforms[hand, bone_index[vertex, k]], point)
    out[hand, vertex] = total


@wp.func
def _draw_triangle(depth: wp.array(dtype=float, ndim=3), i: int, f: float, a: wp.vec3, b: wp.vec3, c: wp.vec3):
    """Draw the triangle a, b, c, in the camera's frame, into image `i` of focal length `f`."""
    if a[2] < 0.02 or b[2] < 0.02 or c[2] < 0.02:
        return
    size = depth.shape[1]
    half = float(size) * 0.5
    ax = f * a[0] / a[2] + half
    ay = f * a[1] / a[2] + half
    bx = f * b[0] / b[2] + half
    by = f * b[1] / b[2] + half
    cx = f * c[0] / c[2] + half
    cy = f * c[1] / c[2] + half
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if wp.abs(area) < 1.0e-9:
        return
    x0 = wp.max(int(wp.ceil(wp.min(ax, wp.min(bx, cx)) - 0.5)), 0)
    x1 = wp.min(int(wp.floor(wp.max(ax, wp.max(bx, cx)) - 0.5)), size - 1)
    y0 = wp.max(int(wp.ceil(wp.min(ay, wp.min(by, cy)) - 0.5)), 0)
    y1 = wp.min(int(wp.floor(wp.max(ay, wp.max(by, cy)) - 0.5)), size - 1)
    for y in range(y0, y1 + 1):
        py = float(y) + 0.5
        for x in range(x0, x1 + 1):
            px = float(x) + 0.5
            wa = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
            wb = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
            wc = 1.0 - wa - wb
            if wa >= 0.0 and wb >= 0.0 and wc >= 0.0:
                z = 1.0 / (wa / a[2] + wb / b[2] + wc / c[2])
                wp.atomic_min(depth, i, y, x, z)


@wp.kernel
def _draw_hands(
    points: wp.array(dtype=wp.vec3, ndim=2),
    faces: wp.array(dtype=int, ndim=2),
    first: wp.array(dtype=int),
    last: wp.array(dtype=int),
    image: wp.array(dtype=int),
    to_camera: wp.array(dtype=wp.mat44),
    focal: wp.array(dtype=float),
    depth: wp.array(dtype=float, ndim=3),
):
    hand, face = wp.tid()
    if face < first[hand] or face >= last[hand]:
        return
    m = to_camera[hand]
    a = wp.transform_point(m, points[hand, faces[face, 0]])
    b = wp.transform_point(m, points[hand, faces[face, 1]])
    c = wp.transform_point(m, points[hand, faces[face, 2]])
    _draw_triangle(depth, image[hand], focal[image[hand]], a, b, c)


@wp.kernel
def _draw_meshes(
    corners: wp.array(dtype=wp.vec3, ndim=2),
    mesh: wp.array(dtype=int),
    image: wp.array(dtype=int),
    to_camera: wp.array(dtype=wp.mat44),
    focal: wp.array(dtype=float),
    depth: wp.array(dtype=float, ndim=3),
):
    face = wp.tid()
    k = mesh[face]
    m = to_camera[k]
    a = wp.transform_point(m, corners[face, 0])
    b = wp.transform_point(m, corners[face, 1])
    c = wp.transform_point(m, corners[face, 2])
    _draw_triangle(depth, image[k], focal[image[k]], a, b, c)


@wp.func
def _hit_slab(o: float, d: float, near: float, far: float):
    """Cut the ray's stretch [near, far] down to where |o + t d| <= 1."""
    if wp.abs(d) < 1.0e-12:
        if wp.abs(o) > 1.0:
            return wp.vec2(1.0, 0.0)
        return wp.vec2(near, far)
    t0 = (-1.0 - o) / d
    t1 = (1.0 - o) / d
    return wp.vec2(wp.max(near, wp.min(t0, t1)), wp.min(far, wp.max(t0, t1)))


@wp.func
def _hit_round(a: float, b: float, c: float, near: float, far: float):
    """Cut [near, far] down to where a t^2 + 2 b t + c <= 0."""
    root = b * b - a * c
    if root < 0.0 or a < 1.0e-12:
        return wp.vec2(1.0, 0.0)
    root = wp.sqrt(root)
    return wp.vec2(wp.max(near, (-b - root) / a), wp.min(far, (-b + root) / a))


@wp.kernel
def _draw_primitives(
    kind: wp.array(dtype=int, ndim=2),
    to_unit: wp.array(dtype=wp.mat44, ndim=2),
    focal: wp.array(dtype=float),
    depth: wp.array(dtype=float, ndim=3),
):
    i, y, x = wp.tid()
    half = float(depth.shape[1]) * 0.5
    ray = wp.vec3((float(x) + 0.5 - half) / focal[i], (float(y) + 0.5 - half) / focal[i], 1.0)
    nearest = depth[i, y, x]
    for k in range(kind.shape[1]):
        what = kind[i, k]
        if what != 0:
            o = wp.transform_point(to_unit[i, k], wp.vec3(0.0, 0.0, 0.0))
            d = wp.transform_vector(to_unit[i, k], ray)
            span = wp.vec2(0.02, 1.0e6)
            if what == 1:
                span = _hit_round(wp.dot(d, d), wp.dot(o, d), wp.dot(o, o) - 1.0, span[0], span[1])
            if what == 2:
                span = _hit_slab(o[0], d[0], span[0], span[1])
                span = _hit_slab(o[1], d[1], span[0], span[1])
                span = _hit_slab(o[2], d[2], span[0], span[1])
            if what == 3:
                a = d[0] * d[0] + d[2] * d[2]
                if a > 1.0e-12:
                    b = o[0] * d[0] + o[2] * d[2]
                    span = _hit_round(a, b, o[0] * o[0] + o[2] * o[2] - 1.0, span[0], span[1])
                elif o[0] * o[0] + o[2] * o[2] > 1.0:
                    span = wp.vec2(1.0, 0.0)
                span = _hit_slab(o[1], d[1], span[0], span[1])
            if span[0] <= span[1] and span[0] < nearest:
                nearest = span[0]
    depth[i, y, x] = nearest


class Renderer:
    """Renders hands of one bank on one Warp device ("cpu" or "cuda:0")."""

    def __init__(self, bank: HandBank, device: str = "cpu"):
        self.bank = bank
        self.device = device
        self._rest = wp.array(bank.vertices, dtype=wp.vec3, device=device)
        self._faces = wp.array(bank.faces, dtype=int, device=device)
        self._bone_index = wp.array(bank.bone_index, dtype=int, device=device)
        self._bone_weight = wp.array(bank.bone_weight, dtype=float, device=device)

    def skin(self, shapes: np.ndarray, transforms: np.ndarray) -> wp.array:
        """Hands `shapes` (n,) posed by `transforms` (n, 22, 4, 4) -> vertices (n, V) of vec3, wrist bone frame."""
        out = wp.empty((len(shapes), self.bank.vertices.shape[1]), dtype=wp.vec3, device=self.device)
        shapes = wp.array(shapes, dtype=int, device=self.device)
        transforms = wp.array(transforms.astype(np.float32), dtype=wp.mat44, device=self.device)
        inputs = [self._rest, shapes, transforms, self._bone_index, self._bone_weight]
        wp.launch(_skin, dim=out.shape, inputs=inputs, outputs=[out], device=self.device)
        return out

    def empty(self, count: int, size: int) -> wp.array:
        """Empty depth images (count, size, size): every pixel is far away."""
        return wp.full((count, size, size), _EMPTY, dtype=float, device=self.device)

    def draw_hands(self, depth: wp.array, focal: wp.array, vertices: wp.array, image: np.ndarray, to_camera: np.ndarray,
                   first: np.ndarray, last: np.ndarray):  # fmt: skip
        """Draw hand k, its faces first[k] to last[k], into image image[k] of `depth`, placed by to_camera[k] (4, 4).

        `focal` (count,) is each image's focal length in pixels.
        """
        ints = [wp.array(values, dtype=int, device=self.device) for values in (first, last, image)]
        to_camera = wp.array(to_camera.astype(np.float32), dtype=wp.mat44, device=self.device)
        inputs = [vertices, self._faces, *ints, to_camera, focal]
        dim = (len(image), len(self.bank.faces))
        wp.launch(_draw_hands, dim=dim, inputs=inputs, outputs=[depth], device=self.device)

    def draw_meshes(
        self, depth: wp.array, focal: wp.array, meshes: list[Mesh], image: np.ndarray, to_camera: np.ndarray
    ):
        """Draw mesh k into image image[k] of `depth`, placed by to_camera[k] (4, 4)."""
        if not meshes:
            return
        corners = np.concatenate([mesh.vertices[mesh.faces] for mesh in meshes])
        owner = np.repeat(np.arange(len(meshes)), [len(mesh.faces) for mesh in meshes])
        ints = [wp.array(values, dtype=int, device=self.device) for values in (owner, image)]
        corners = wp.array(corners, dtype=wp.vec3, device=self.device)
        to_camera = wp.array(to_camera.astype(np.float32), dtype=wp.mat44, device=self.device)
        inputs = [corners, *ints, to_camera, focal]
        wp.launch(_draw_meshes, dim=len(owner), inputs=inputs, outputs=[depth], device=self.device)

    def draw_primitives(self, depth: wp.array, focal: wp.array, kind: np.ndarray, to_camera: np.ndarray):
        """Draw primitives `kind` (count, k) placed by `to_camera` (count, k, 4, 4), unit frame to camera, into
        `depth`."""
        to_unit = np.linalg.inv(to_camera).astype(np.float32)
        kind = wp.array(kind, dtype=int, device=self.device)
        to_unit = wp.array(to_unit, dtype=wp.mat44, device=self.device)
        wp.launch(_draw_primitives, dim=depth.shape, inputs=[kind, to_unit, focal], outputs=[depth], device=self.device)


@lru_cache(maxsize=2)
def shared_renderer(device: str = "cpu") -> Renderer:
    """The renderer of the included bank, one a device and process."""
    return Renderer(HandBank(), device)
