"""The builders of meshes: closed, turned outwards, of the right size."""

import numpy as np
import pytest
from mesh_checks import assert_closed, crossings, winding_number

from training.rendering.meshes import (
    extrude,
    grid_normals,
    inset,
    loft,
    revolve,
    rotation,
    rounded_box,
    rounded_rectangle,
    section,
    sheet,
    shell,
    stack,
    triangulate,
    tube,
    union,
)  # fmt: skip

STAR = np.array([[np.cos(a), np.sin(a)] for a in np.arange(10) * np.pi / 5]) * np.tile([0.05, 0.02], 5)[:, None]
BALL = [(0, -0.1), *((0.1 * np.cos(a), 0.1 * np.sin(a)) for a in np.linspace(-1.5, 1.5, 30)), (0, 0.1)]


def _curve() -> np.ndarray:
    angle = np.linspace(0, np.pi, 15)
    return np.column_stack([0.1 * np.cos(angle), 0.1 * np.sin(angle), 0 * angle])


def _wave() -> np.ndarray:
    x, y = np.meshgrid(np.linspace(-0.1, 0.1, 9), np.linspace(-0.1, 0.1, 7))
    return np.stack([x, y, 0.02 * np.sin(30 * x)], axis=2)


MESHES = {
    "ball": lambda: revolve(BALL),
    "torus": lambda: revolve(section(8) * 0.01 + (0.05, 0)),
    "cup": lambda: shell([(0, 0), (0.03, 0), (0.04, 0.1)], 0.002),
    "tube": lambda: tube(_curve(), 0.01, dome=0.5),
    "closed tube": lambda: tube(0.1 * np.insert(section(16), 2, 0, axis=1), 0.01, closed=True),
    "star": lambda: extrude(STAR, 0.01),
    "star with round edges": lambda: extrude(STAR[::-1], 0.01, 0.001),
    "box": lambda: rounded_box(0.1, 0.2, 0.05, 0.01),
    "stack": lambda: stack([0, 0.1, 0.2], [0.01, 0.03, 0.02], 0.02, exponent=4),
    "sheet": lambda: sheet(_wave(), 0.001),
    "cone": lambda: loft(np.array([[(1, 0, 0), (0, 0, 1), (-1, 0, -1)]]) * 0.1, end=(0, 0.1, 0)),
    "union": lambda: union(rounded_box(0.1, 0.1, 0.1, 0.01), revolve(BALL)),
}


@pytest.mark.parametrize("name", MESHES)
def test_every_mesh_is_closed_and_turned_outwards(name):
    mesh = MESHES[name]()
    assert_closed(mesh)
    assert mesh.vertices.dtype == np.float32
    assert mesh.faces.dtype == np.int32
    assert mesh.volume > 0


def test_a_ball_has_its_volume_and_size():
    ball = revolve(BALL, 64)
    assert ball.volume == pytest.approx(4 / 3 * np.pi * 0.1**3, rel=0.01)
    assert np.allclose(ball.bounds, [[-0.1, -0.1, -0.1], [0.1, 0.1, 0.1]], atol=5e-4)


def test_a_torus_has_its_volume():
    torus = revolve(section(32) * 0.01 + (0.05, 0), 64)
    assert torus.volume == pytest.approx(2 * np.pi**2 * 0.05 * 0.01**2, rel=0.02)


def test_a_shell_has_its_wall():
    cup = shell([(0, 0), (0.04, 0), (0.04, 0.1)], 0.002)
    across = crossings(cup, np.array([0.0, 0.05, 0.0]), np.array([1.0, 0, 0]))
    assert np.allclose(across, [-0.04, -0.038, 0.038, 0.04], atol=1e-5)
    along = crossings(cup, np.array([0.001, 0.05, 0.001]), np.array([0, 1.0, 0]))
    assert np.allclose(along, [-0.05, -0.048], atol=1e-5)
    assert winding_number(cup, np.array([[0, 0.05, 0], [0, 0.001, 0]])) == pytest.approx([0, 1], abs=1e-3)


def test_a_tube_is_as_thick_as_its_radii_say():
    bar = tube([(0, 0, 0), (0, 0.1, 0), (0, 0.2, 0)], [(0.01, 0.02)] * 3, segments=12)
    assert np.allclose(np.ptp(bar.bounds, axis=0), [0.02, 0.2, 0.04], atol=1e-6)


def test_an_extruded_star_has_its_volume():
    area = 5 * 0.05 * 0.02 * np.sin(np.pi / 5)
    assert extrude(STAR, 0.01).volume == pytest.approx(area * 0.01, rel=1e-4)
    assert np.allclose(extrude(STAR, 0.01, 0.001).bounds[:, 2], [-0.005, 0.005])


@pytest.mark.parametrize("seed", range(20))
def test_the_triangles_of_a_polygon_fill_it(seed):
    rng = np.random.default_rng(seed)
    angle = np.sort(rng.uniform(0, 2 * np.pi, 30))
    outline = rng.uniform(0.2, 1, (30, 1)) * np.column_stack([np.cos(angle), np.sin(angle)])
    triangles = triangulate(outline)
    a, b, c = (outline[triangles[:, i]] for i in range(3))
    areas = 0.5 * ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
    following = np.roll(outline, -1, 0)
    whole = 0.5 * (outline[:, 0] * following[:, 1] - outline[:, 1] * following[:, 0]).sum()
    assert len(triangles) == 28
    assert areas.min() > -1e-9
    assert areas.sum() == pytest.approx(whole)


def test_a_box_measures_what_it_is_asked_to():
    assert np.allclose(np.ptp(rounded_box(0.1, 0.2, 0.05, 0.01).bounds, axis=0), [0.1, 0.2, 0.05], atol=1e-6)
    assert np.allclose(np.ptp(rounded_rectangle(0.1, 0.2, 0.03), axis=0), [0.1, 0.2])


def test_a_sheet_is_as_thick_as_it_is_asked_to_be():
    points = _wave()
    hits = crossings(sheet(points, 0.001), points[3, 4], grid_normals(points)[3, 4])
    assert np.allclose(hits, [-0.0005, 0.0005], atol=2e-5)


def test_inset_keeps_its_distance():
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1.0)])
    assert np.allclose(inset(square, 0.1, closed=True), [(0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9)])


def test_transformed_meshes_stay_turned_outwards():
    box = rounded_box(0.1, 0.2, 0.05, 0.01)
    turned = box.transformed(rotation("x", 90), (1, 0, 0))
    assert np.allclose(np.ptp(turned.bounds, axis=0), [0.1, 0.05, 0.2], atol=1e-6)
    assert turned.volume == pytest.approx(box.volume, rel=1e-4)
    assert box.transformed(np.diag([-1.0, 1, 1])).volume == pytest.approx(box.volume, rel=1e-4)


def test_rotations_are_right_handed():
    assert np.allclose(rotation("z", 90) @ [1, 0, 0], [0, 1, 0])
    assert np.allclose(rotation("y", 90) @ [0, 0, 1], [1, 0, 0])
