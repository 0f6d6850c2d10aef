"""Sensor noise: applies the effects of real depth cameras (`sensors`) to perfect depth, in Warp, on the CPU or a
GPU."""

from dataclasses import fields

import numpy as np
import warp as wp

from .sensors import SensorNoise, sample_sensor_noise
from .stereo_matching import is_fine_enough, match

_NAMES = [field.name for field in fields(SensorNoise) if field.name != "patch"]
_SensorNoise = wp.struct(type("_SensorNoise", (), {"__annotations__": dict.fromkeys(_NAMES, float)}))
"""The parameters of one image: all of `SensorNoise` except the patches."""


@wp.func
def _cell_noise(seed: int, x: int, y: int):
    state = wp.rand_init(seed, x * 7919 + y * 104729)
    return wp.randn(state)


@wp.func
def _smooth_noise(seed: int, x: float, y: float):
    """Nearly normal noise that varies smoothly, with cells of width 1."""
    x0 = int(wp.floor(x))
    y0 = int(wp.floor(y))
    u = x - wp.floor(x)
    v = y - wp.floor(y)
    top = (1.0 - u) * _cell_noise(seed, x0, y0) + u * _cell_noise(seed, x0 + 1, y0)
    bottom = (1.0 - u) * _cell_noise(seed, x0, y0 + 1) + u * _cell_noise(seed, x0 + 1, y0 + 1)
    return (1.0 - v) * top + v * bottom


@wp.func
def _shared_random(seed: int, x: int, y: int):
    """A random value between 0 and 1 that neighbouring pixels nearly share, as they share most of a matching window."""
    return 1.0 / (1.0 + wp.exp(-2.5 * _smooth_noise(seed, 0.12 * float(x), 0.12 * float(y))))


@wp.func
def _at(depth: wp.array(dtype=float, ndim=3), i: int, y: int, x: int):
    size = depth.shape[1]
    return depth[i, wp.clamp(y, 0, size - 1), wp.clamp(x, 0, size - 1)]


@wp.kernel
def _coarse(
    depth: wp.array(dtype=float, ndim=3),
    parameters: wp.array(dtype=_SensorNoise),
    out: wp.array(dtype=float, ndim=3),
):
    # Mean depth in each square cell of width `SensorNoise.cell`, of surfaces close to the nearest one; 0 if empty.
    i, row, column = wp.tid()
    size = depth.shape[1]
    cell = parameters[i].cell
    relief = parameters[i].relief
    x0 = int(float(column) * cell)
    y0 = int(float(row) * cell)
    x1 = wp.min(int(float(column + 1) * cell), size)
    y1 = wp.min(int(float(row + 1) * cell), size)
    nearest = wp.float32(1.0e5)
    for y in range(y0, y1):
        for x in range(x0, x1):
            nearest = wp.min(nearest, depth[i, y, x])
    total = wp.float32(0.0)
    number = wp.float32(0.0)
    for y in range(y0, y1):
        for x in range(x0, x1):
            if depth[i, y, x] < nearest + relief * nearest * nearest:
                total += depth[i, y, x]
                number += 1.0
    out[i, row, column] = wp.where(number > 0.0, total / wp.max(number, 1.0), 0.0)


@wp.func
def _between_cells(coarse: wp.array(dtype=float, ndim=3), i: int, y: float, x: float):
    """Bilinear interpolation of the cells' means; 0 where all are empty. Coordinates are in cells."""
    last = coarse.shape[1] - 1
    x0 = int(wp.floor(x - 0.5))
    y0 = int(wp.floor(y - 0.5))
    u = x - 0.5 - float(x0)
    v = y - 0.5 - float(y0)
    total = 0.0
    weight = 0.0
    for k in range(4):
        dx = k % 2
        dy = k // 2
        z = coarse[i, wp.clamp(y0 + dy, 0, last), wp.clamp(x0 + dx, 0, last)]
        w = wp.abs(1.0 - float(dx) - u) * wp.abs(1.0 - float(dy) - v)
        if z > 0.0:
            total += w * z
            weight += w
    return total / wp.max(weight, 1.0e-6)


@wp.kernel
def _simulate(
    depth: wp.array(dtype=float, ndim=3),
    coarse: wp.array(dtype=float, ndim=3),
    seed: wp.array(dtype=int),
    focal: wp.array(dtype=float),
    parameters: wp.array(dtype=_SensorNoise),
    patch: wp.array(dtype=float, ndim=3),
    out: wp.array(dtype=float, ndim=3),
):
    i, y, x = wp.tid()
    effect = parameters[i]
    if effect.matched > 0.0:
        return
    # The sensor pixel that contains this pixel's centre, and its own centre.
    along = wp.cos(effect.angle)
    aside = wp.sin(effect.angle)
    u = float(x) + 0.5
    v = float(y) + 0.5
    sx = int(wp.floor((u * along + v * aside) / effect.scale))
    sy = int(wp.floor((v * along - u * aside) / effect.scale))
    state = wp.rand_init(seed[i], sy * 4096 + sx)
    jitter = effect.jitter * effect.scale
    clean = effect.clean > 0.0
    ux = (float(sx) + 0.5) * effect.scale
    uy = (float(sy) + 0.5) * effect.scale
    if clean and jitter > 0.0:
        # Each row and column has its own matching windows, so edges waver from one to the next.
        ux += 1.5 * jitter * _smooth_noise(seed[i] + 37, 0.12 * float(sx), 0.4 * float(sy))
        uy += 1.5 * jitter * _smooth_noise(seed[i] + 41, 0.4 * float(sx), 0.12 * float(sy))
    else:
        ux += jitter * wp.randn(state)
        uy += jitter * wp.randn(state)
    px = int(wp.floor(ux * along - uy * aside))
    py = int(wp.floor(uy * along + ux * aside))
    z = _at(depth, i, py, px)

    # Edges: the depth a few sensor pixels around.
    at_centre = z
    reach = wp.max(effect.edge * effect.scale, 1.0)
    near = z
    far = z
    for k in range(8):
        angle = float(k) * 0.785398
        zk = _at(depth, i, py + int(wp.round(reach * wp.sin(angle))), px + int(wp.round(reach * wp.cos(angle))))
        near = wp.min(near, zk)
        far = wp.max(far, zk)
    choice = wp.randf(state)
    if clean and far - near > 0.012:
        choice = _shared_random(seed[i] + 29, sx, sy)
    if z - near > wp.max(0.012, effect.melts_below * z * near):
        edge_noise = _smooth_noise(seed[i] + 11, 0.15 * float(sx), 0.15 * float(sy))
        if choice + 0.35 * edge_noise < effect.fattened:
            z = near + 0.15 * wp.randf(state) * wp.min(z - near, 0.02)
        elif choice > 1.0 - effect.lost:
            z = 0.0
        elif choice > 1.0 - effect.lost - effect.mixed and z < 1.0e5:
            z = near + wp.randf(state) * (z - near)
    elif far - z > wp.max(0.012, effect.melts_below * z * far):
        if choice > 1.0 - 0.7 * effect.lost:
            z = 0.0
        elif choice > 1.0 - 0.7 * effect.lost - 0.6 * effect.mixed and far < 1.0e5:
            z = z + wp.randf(state) * wp.min(far - z, 0.15)
    if z > 1.0e5:
        z = 0.0
    matched = z

    if z > 0.0 and z == at_centre and effect.window > 0.0:
        # A matching window smooths shallow steps: between fingers, and between a flat hand and the table.
        spacing = 0.5 * effect.window * effect.scale
        melts = wp.max(effect.window_step, effect.melts_below) * z * z
        total = 0.0
        weight = 0.0
        for ky in range(-2, 3):
            for kx in range(-2, 3):
                zk = _at(depth, i, py + int(wp.round(float(ky) * spacing)), px + int(wp.round(float(kx) * spacing)))
                steps = (zk - z) / melts
                w = wp.exp(-steps * steps - 0.15 * float(kx * kx + ky * ky))
                total += w * zk
                weight += w
        z = total / weight
    if z > 0.0 and effect.melted > 0.0:
        # Where there is little texture, a low relief is pulled to the depth around it: a hand into its table.
        around = _between_cells(coarse, i, (float(py) + 0.5) / effect.cell, (float(px) + 0.5) / effect.cell)
        if around > 0.0:
            share = 0.7 + 0.5 * _smooth_noise(seed[i] + 17, float(px) / effect.cell, float(py) / effect.cell)
            low = wp.clamp(2.0 - 2.0 * wp.abs(around - z) / (effect.relief * z * z), 0.0, 1.0)
            z += effect.melted * low * wp.clamp(share, 0.0, 1.0) * (around - z)
    if z > 0.0 and effect.shadow != 0.0:
        # Shadow: a surface beside this pixel occludes it in the second view.
        for k in range(1, 17):
            beside = effect.shadow * float(k)
            zk = _at(depth, i, py + int(wp.round(beside * aside)), px + int(wp.round(beside * along)))
            if focal[i] * effect.baseline * (1.0 / zk - 1.0 / matched) > float(k) + 0.5:
                z = 0.0
                break
    if z > 0.0 and effect.grazing > 0.0 and far - near > effect.melts_below * far * near:
        # A surface at a grazing angle. At a step in depth only one side is steep, so the flatter side counts.
        step = wp.max(int(effect.scale), 1)
        left = wp.abs(at_centre - _at(depth, i, py, px - step))
        right = wp.abs(at_centre - _at(depth, i, py, px + step))
        above = wp.abs(at_centre - _at(depth, i, py - step, px))
        below = wp.abs(at_centre - _at(depth, i, py + step, px))
        across = wp.length(wp.vec2(wp.min(left, right), wp.min(above, below)))
        slope = across * focal[i] / (float(step) * z)
        limit = wp.randf(state)
        if clean:
            limit = _shared_random(seed[i] + 31, sx, sy)
        if slope > effect.grazing * (0.7 + 0.6 * limit):
            z = 0.0
    if wp.randf(state) < effect.dropout:
        z = 0.0
    size = float(depth.shape[1])
    for k in range(patch.shape[1]):
        dx = (float(px) / size - patch[i, k, 0]) / patch[i, k, 2]
        dy = (float(py) / size - patch[i, k, 1]) / patch[i, k, 3]
        away = dx * dx + dy * dy
        if away < 4.0:  # the noise reaches no farther, so most pixels skip it
            if away + 0.4 * _smooth_noise(seed[i] + 5 + k, float(px) * 0.2, float(py) * 0.2) < 1.0:
                z = 0.0

    if z > 0.0:
        white = wp.randn(state)
        smooth = 1.5 * _smooth_noise(seed[i], float(sx) * effect.bump_along, float(sy) * effect.bump_across)
        noise = effect.smooth * smooth + (1.0 - effect.smooth) * white
        if effect.baseline > 0.0:
            inverse = 1.0 / z + effect.noise * noise
            if effect.step > 0.0:
                inverse = wp.round(inverse / effect.step) * effect.step
            z = 1.0 / wp.max(inverse, 0.05)
        else:
            z = z + effect.range_noise * (0.25 + z * z) * noise
        z = z + effect.wiggle * wp.sin(z * 31.4 + effect.wiggle_phase)
        z = wp.round(z * 1000.0) / 1000.0
    out[i, y, x] = z


def simulate_sensors(depth: wp.array, focal: wp.array, sensor_noise: SensorNoise, seeds: np.ndarray) -> wp.array:
    """Apply sensor noise to depth images.

    Args:
        depth: (n, size, size) perfect depth, metres.
        focal: (n,) focal lengths of the images, pixels.
        sensor_noise: parameters of the n images.
        seeds: (n,) random seeds.

    Returns:
        (n, size, size) metres, 0 for invalid pixels.
    """
    device, (count, size, _) = depth.device, depth.shape
    records = np.zeros(count, _SensorNoise.numpy_dtype())
    for name in _NAMES:
        records[name] = getattr(sensor_noise, name)
    records["matched"] *= is_fine_enough(size, sensor_noise.scale, sensor_noise.angle)
    matched = np.flatnonzero(records["matched"])
    records = wp.array(records, dtype=_SensorNoise, device=device)
    patch = wp.array(sensor_noise.patch.astype(np.float32), dtype=float, device=device)
    seeds = wp.array(seeds, dtype=int, device=device)
    cells = int(np.ceil(size / sensor_noise.cell.min()))
    coarse = wp.empty((count, cells, cells), dtype=float, device=device)
    wp.launch(_coarse, dim=coarse.shape, inputs=[depth, records], outputs=[coarse], device=device)
    out = wp.empty_like(depth)
    inputs = [depth, coarse, seeds, focal, records, patch]
    wp.launch(_simulate, dim=depth.shape, inputs=inputs, outputs=[out], device=device)
    if len(matched):
        perfect, measured, focal, seeds = depth.numpy(), out.numpy(), focal.numpy(), seeds.numpy()
        for i in matched:
            rng = np.random.default_rng(seeds[i])
            measured[i] = match(
                perfect[i], focal[i], sensor_noise.scale[i], sensor_noise.baseline[i], sensor_noise.angle[i], rng
            )
        out.assign(measured)
    return out


def sample_and_simulate(
    depth: wp.array, names: list[str], focal: wp.array, scale: np.ndarray, rng: np.random.Generator,
    difficulty: float | np.ndarray, angle: float | np.ndarray = 0.0,
) -> wp.array:  # fmt: skip
    """Sample noise parameters for the sensors `names` (see `sample_sensor_noise`), and apply them to `depth`."""
    sensor_noise = sample_sensor_noise(names, scale, rng, difficulty, angle)
    return simulate_sensors(depth, focal, sensor_noise, rng.integers(0, 2**31 - 64, len(names)))
