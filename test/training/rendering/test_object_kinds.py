"""Every kind of object: closed, as large as its sizes say, and held where its holds say."""

import numpy as np
import pytest
from mesh_checks import assert_closed, crossings, winding_number

from training.rendering.holds import FLAT_ON_PALM, GRIPS, TWO_HANDS, fitted
from training.rendering.object_kinds import KINDS, ObjectKind, sample, sample_any

ALONG = {"width": 0, "height": 1, "length": 1, "depth": 2, "thickness": 2, "diameter": 2}
"""The coordinate along which each size is measured."""

ASIDE = np.array([1.3e-5, 0.9e-5, 1.7e-5])
"""Moves a line past the edges of faces."""


def _sizes(kind: ObjectKind, draws: int) -> list[dict[str, float]]:
    """All at their smallest, middle and largest, each alone at its ends, and `draws` random ones."""
    rng = np.random.default_rng(1)
    low, high = ({name: ends[i] for name, ends in kind.sizes.items()} for i in (0, 1))
    middle = {name: 0.5 * (low[name] + high[name]) for name in low}
    alone = [{**middle, name: end} for name, ends in kind.sizes.items() for end in ends]
    return [low, middle, high, *alone, *(sample(rng, kind).dimensions for _ in range(draws))]


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_is_closed_and_as_large_as_its_sizes_say(kind):
    for dimensions in _sizes(kind, 6):
        mesh = kind.build(**dimensions)
        assert_closed(mesh)
        assert mesh.volume > 0
        assert len(mesh.faces) <= 1500
        size = np.ptp(mesh.bounds, axis=0)
        for name, value in dimensions.items():
            if name in ALONG:
                assert size[ALONG[name]] == pytest.approx(value, abs=1e-5), (name, dimensions)
        if "diameter" in dimensions:
            assert size[0] >= dimensions["diameter"] - 1e-5 or "bow" in dimensions
        assert abs(mesh.bounds[:, 1].mean()) < 1e-5


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_objects_are_as_thick_where_they_are_held_as_the_holds_say(kind):
    for dimensions in _sizes(kind, 3):
        mesh, holds = kind.make(**dimensions)
        free = []
        for one in holds:
            places = [one.point]
            if one.slide:
                places += [one.point + side * one.slide * one.axis for side in (-1, 1)]
            directions = [one.across]
            if one.turns:
                directions.append(0.8 * one.across + 0.6 * np.cross(one.axis, one.across))
            for k, point in enumerate(places):
                near = max(0.0008, (0.06 if k else 0.03) * one.thickness)
                outside = one.thickness / 2 + near + 0.001
                for across in directions:
                    hits = crossings(mesh, point + ASIDE, across)
                    for contact in (-one.thickness / 2, one.thickness / 2):
                        assert np.abs(hits - contact).min() < near, (one, point, dimensions, hits)
                    free.append(point - outside * across)
                    if one.grip != FLAT_ON_PALM:
                        free.append(point + outside * across)
        assert np.abs(winding_number(mesh, np.array(free))).max() < 0.5, (dimensions, holds)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_holds_are_of_known_grips_and_fit_a_hand(kind):
    grips = set()
    for dimensions in _sizes(kind, 3):
        holds = kind.holds(**dimensions)
        assert holds
        for one in holds:
            grips.add(one.grip)
            assert one.grip in GRIPS
            assert np.linalg.norm(one.across) == pytest.approx(1)
            assert one.grip in (TWO_HANDS, FLAT_ON_PALM) or one.thickness < 0.135, one
            assert one.slide >= 0
            if one.axis is None:
                assert not one.turns and one.slide == 0
            else:
                assert np.linalg.norm(one.axis) == pytest.approx(1)
                assert abs(one.axis @ one.across) < 0.15, one
    assert grips - {FLAT_ON_PALM, TWO_HANDS}, "nothing for one hand"


def test_the_same_random_state_gives_the_same_object():
    one, other = (sample_any(np.random.default_rng(5)) for _ in range(2))
    assert one.name == other.name
    assert one.dimensions == other.dimensions
    assert np.array_equal(one.mesh.vertices, other.mesh.vertices)
    assert np.array_equal(one.mesh.faces, other.mesh.faces)


def test_sizes_are_drawn_from_their_ranges():
    rng = np.random.default_rng(0)
    names = set()
    for _ in range(300):
        drawn = sample_any(rng)
        names.add(drawn.name)
        for name, (low, high) in KINDS[drawn.name].sizes.items():
            assert low <= drawn.dimensions[name] <= high
    assert len(names) > 0.9 * len(KINDS)


def test_at_least_twelve_kinds_are_far_from_convex():
    from scipy.spatial import ConvexHull

    rng = np.random.default_rng(2)
    hollow = [
        name for name in KINDS if (mesh := sample(rng, name).mesh).volume < 0.7 * ConvexHull(mesh.vertices).volume
    ]
    assert len(hollow) >= 12


def test_every_grip_has_several_kinds():
    rng = np.random.default_rng(3)
    of_kind = [{one.grip for one in sample(rng, name).holds} for name in KINDS]
    assert min(sum(grip in grips for grips in of_kind) for grip in GRIPS) >= 5


def test_fitting_stretches_the_holds_with_the_mesh():
    made = KINDS["rod"].make(diameter=0.02, length=0.2)
    mesh, holds = fitted(made, 0.04, 0.3, 0.02)
    assert np.allclose(np.ptp(mesh.bounds, axis=0), [0.04, 0.3, 0.02], atol=1e-6)
    assert holds[0].thickness == pytest.approx(0.04)
    assert holds[0].slide == pytest.approx(1.5 * made[1][0].slide)
