"""The minimiser within limits, on functions whose minimum is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerpose_ros.retarget.minimiser import STEPS, Linearised, minimise


def parabola(square, centre):
    def linearise(x):
        gradient = square @ (x - centre)
        return Linearised(float((x - centre) @ gradient / 2), gradient, square)

    return linearise


def valley(x):
    """Rosenbrock's function, with its minimum at (1, 1), as squares of two errors."""
    errors = np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])
    derivatives = np.array([[-20 * x[0], 10], [-1, 0]])
    return Linearised(float(errors @ errors / 2), errors @ derivatives, derivatives.T @ derivatives)


@given(st.integers(0, 10_000), st.integers(1, 8))
def test_no_change_within_the_limits_improves_what_it_finds(seed, size):
    random = np.random.default_rng(seed)
    root = random.normal(size=(size, size)) + 2 * np.eye(size)
    square, centre = root.T @ root, random.normal(size=size) * 2
    lower, upper = -random.uniform(0, 1, size), random.uniform(0, 1, size)
    linearise = parabola(square, centre)
    found = minimise(linearise, (lower + upper) / 2, lower, upper)
    assert (found >= lower).all() and (found <= upper).all()
    cost = linearise(found).cost
    for other in np.clip(found + random.normal(size=(200, size)) * 0.05, lower, upper):
        assert linearise(other).cost >= cost - 2e-3


def test_a_minimum_outside_the_limits_is_approached_along_them():
    found = minimise(parabola(np.diag([1.0, 4.0]), np.array([3.0, 0.5])), np.zeros(2), np.full(2, -1.0), np.ones(2))
    np.testing.assert_allclose(found, [1, 0.5], atol=1e-3)


def test_a_curved_valley_is_followed_downwards_each_time_from_where_the_last_one_ended():
    found, wide, evaluations = np.array([-1.2, 1.0]), np.full(2, 5.0), []

    def counted(x):
        evaluations.append(valley(x).cost)
        return valley(x)

    for _ in range(5):
        before = valley(found).cost
        evaluations.clear()
        found = minimise(counted, found, -wide, wide)
        assert valley(found).cost == min(evaluations) <= before
        assert len(evaluations) <= STEPS + 1  # so it takes so long at most
    np.testing.assert_allclose(found, 1, atol=0.02)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_objective_that_is_not_finite_is_an_error(value):
    with pytest.raises(ValueError, match="must be finite"):
        minimise(lambda x: Linearised(value, x, np.eye(2)), np.zeros(2), -np.ones(2), np.ones(2))
