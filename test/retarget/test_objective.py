"""What is minimised is what dex-retargeting minimises, and what DexPilot adds to it."""

import numpy as np
import pytest

pytest.importorskip("dex_retargeting", reason="dex-retargeting is not installed (Python 3.13 and later have none)")

from retargetings import ALLEGRO, THREE_FINGERS, library
from robots import allegro_urdf, hand_urdf

from fingerpose_ros.retarget.goals import goals_of
from fingerpose_ros.retarget.objective import STRAIGHT, Objective

METHODS = [
    (hand_urdf(), THREE_FINGERS["vector"]),
    (hand_urdf(), THREE_FINGERS["position"]),
    (hand_urdf(), THREE_FINGERS["dexpilot"]),
    (allegro_urdf(), ALLEGRO),
]


@pytest.fixture(params=METHODS, ids=["vector", "position", "dexpilot", "allegro"])
def optimizer(request):
    """An optimiser of the library; one joint of the far finger mimics another."""
    return library(*request.param).optimizer


def goals(optimizer, number, shape=None):
    """Vectors as of hands that open and close, so that fingers touch and part."""
    random = np.random.default_rng(number)
    return random.normal(size=(len(optimizer.target_link_human_indices.T), 3)) * random.choice([0.01, 0.02, 0.05])


def test_cost_and_gradient_are_those_of_the_library(optimizer):
    fixed = np.full(len(optimizer.fixed_joint_names), 0.3)
    ours, ours_goals = Objective(optimizer, fixed), goals_of(optimizer)
    random = np.random.default_rng(0)
    weights = set()
    for number in range(40):
        values = goals(optimizer, number)
        joints, last = random.uniform(-0.2, 1.2, (2, optimizer.opt_dof))
        gradient = np.zeros(optimizer.opt_dof)
        cost = optimizer.get_objective_function(values, fixed, last)(joints, gradient)
        goal = ours_goals.goal(values)
        weights |= set(np.round(goal.weights * len(values)).tolist())
        at = ours.linearise(joints, goal, last)
        straight = STRAIGHT if optimizer.retargeting_type == "DEXPILOT" else 0
        stay = optimizer.norm_delta * ((joints - last) ** 2).sum()  # the library has it in the gradient only
        assert at.cost - stay - straight * (joints**2).sum() == pytest.approx(cost, rel=1e-4)
        np.testing.assert_allclose(at.gradient - 2 * straight * joints, gradient, rtol=1e-3, atol=1e-6)
    if optimizer.retargeting_type == "DEXPILOT":
        assert {1.0, 200.0, 400.0} <= weights  # apart, touching, meeting


def test_the_second_derivatives_are_symmetric_and_positive(optimizer):
    ours, values = Objective(optimizer, np.zeros(len(optimizer.fixed_joint_names))), goals(optimizer, 1)
    square = ours.linearise(np.full(optimizer.opt_dof, 0.3), goals_of(optimizer).goal(values), np.zeros(1)).square
    np.testing.assert_allclose(square, square.T)
    assert np.linalg.eigvalsh(square)[0] > 0


def test_touching_fingers_part_only_when_they_are_far_from_the_thumb():
    """DexPilot's hysteresis: they touch below 35 mm and part above 50 mm."""
    optimizer = library(allegro_urdf(), ALLEGRO).optimizer
    ours = goals_of(optimizer)
    vectors = np.full((10, 3), 0.1)

    def touches(distance):
        vectors[0] = (0, 0, distance)
        goal = ours.goal(vectors)
        return goal.weights[0] > 1, float(np.linalg.norm(goal.vectors[0]))

    assert touches(0.04) == (False, pytest.approx(0.04 * 1.6))
    assert touches(0.03) == (True, pytest.approx(1e-4, rel=0.01))
    assert touches(0.04)[0] and not touches(0.06)[0] and not touches(0.04)[0]
    assert touches(0.03)[0]
    ours.reset()
    assert not touches(0.04)[0]
