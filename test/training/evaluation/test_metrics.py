"""The benchmarks' metrics: values computed by hand, and invariances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from training.evaluation import metrics


def hands(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 50, (frames, 21, 3))


def test_errors_are_distances_and_unknown_joints_do_not_count():
    truth, estimate = np.zeros((2, 3, 3)), np.zeros((2, 3, 3))
    estimate[0, 1], estimate[1, 2] = (3, 4, 0), (0, 0, 12)
    valid = np.array([[True, True, False], [True, True, True]])
    errors = metrics.joint_errors(estimate, truth, valid)
    assert np.isnan(errors[0, 2]) and errors[0, 1] == 5 and errors[1, 2] == 12
    assert metrics.mean_error(errors) == pytest.approx(17 / 5)
    assert metrics.per_joint(errors) == pytest.approx([0, 2.5, 12])
    assert metrics.worst_joint(errors) == pytest.approx([5, 12])
    assert metrics.fraction_within(errors, np.array([0, 4.9, 5, 12])) == pytest.approx([0.6, 0.6, 0.8, 1])


def test_metrics_without_known_joints_are_nan():
    errors = metrics.joint_errors(hands(2), hands(2), np.zeros((2, 21), bool))
    assert np.isnan(metrics.mean_error(errors)) and np.isnan(metrics.worst_joint(errors)).all()
    assert np.isnan(metrics.area_under_curve(errors)) and np.isnan(metrics.fraction_within(errors, np.arange(3))).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_estimate_that_is_not_finite_is_rejected_where_the_truth_is_known(bad):
    estimate, valid = hands(3), np.ones((3, 21), bool)
    estimate[1, 4, 2] = bad
    with pytest.raises(ValueError, match="frame 1, joint 4"):
        metrics.joint_errors(estimate, hands(3), valid)
    valid[1, 4] = False
    assert np.isfinite(metrics.joint_errors(estimate, hands(3), valid)[valid]).all()


def test_shapes_must_match():
    with pytest.raises(ValueError, match="not both"):
        metrics.joint_errors(hands(3), hands(2))
    with pytest.raises(ValueError, match="validity"):
        metrics.joint_errors(hands(3), hands(3), np.ones((3, 20), bool))


def test_area_under_curve_of_known_errors():
    assert metrics.area_under_curve(np.zeros((4, 21))) == pytest.approx(1)
    assert metrics.area_under_curve(np.full((4, 21), 60.0)) == 0
    uniform = np.linspace(0, 50, 5001)[:, None]
    assert metrics.area_under_curve(uniform) == pytest.approx(0.5, abs=1e-3)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.floats(0.3, 3),
    rotation=st.tuples(*[st.floats(-3, 3)] * 3),
    shift=st.tuples(*[st.floats(-500, 500)] * 3),
)
def test_each_alignment_removes_its_transform(seed, scale, rotation, shift):
    truth = hands(4, seed)
    moved = truth + np.array(shift)
    assert np.allclose(metrics.align_root(moved, truth, 0), truth)
    scaled = scale * truth + np.array(shift)
    assert np.allclose(metrics.align_scale_translation(scaled, truth, 0, 4), truth)
    rotated = scale * Rotation.from_rotvec(rotation).apply(truth.reshape(-1, 3)).reshape(truth.shape) + np.array(shift)
    assert np.allclose(metrics.align_procrustes(rotated, truth), truth, atol=1e-5)


def test_procrustes_is_never_worse_than_a_translation_of_the_mean():
    truth, estimate = hands(6, 1), hands(6, 2)
    aligned = metrics.align_procrustes(estimate, truth)
    moved = estimate + (truth - estimate).mean(1, keepdims=True)
    assert (np.square(aligned - truth).sum((1, 2)) <= np.square(moved - truth).sum((1, 2)) + 1e-6).all()


def test_an_alignment_of_a_collapsed_estimate_is_finite():
    truth, point = hands(2), np.zeros((2, 21, 3))
    assert np.isfinite(metrics.align_scale_translation(point, truth, 0, 4)).all()
    assert np.isfinite(metrics.align_procrustes(point, truth)).all()
