"""Fits the pose of an articulated right hand to predicted joints: a damped Gauss-Newton method.

Each joint's error is weighted by its covariance, and errors that are too large for it count less (Huber, "Robust
Estimation of a Location Parameter", 1964). Angles have weak priors, and stay within the anatomical limits: one at its
limit that would go beyond it stays out of the step. The digits' normal equations depend on each other only through the
hand's position and orientation, so they are eliminated one by one (Triggs et al.,
"Bundle Adjustment", 2000, section 6).
"""

from typing import NamedTuple

import numpy as np

from .. import anatomy
from ..kinematics import joint_angles
from .articulation import FLEXION, MIDDLE, OUTER, ROLL, SIDE, ArticulatedPose, Articulation, HandShape, articulate
from .rotations import cross_matrices, nearest_rotation, rotation_of

WARM_STEPS, FIRST_STEPS = 6, 20
"""Steps from the pose of the last image, and from a first guess, at most."""

DAMPING, MORE_DAMPING = 1e-3, 30.0
"""Damping relative to the diagonal of the normal equations (Marquardt, 1963), and its increase after a failed step."""

LONGEST_STEP = 0.5
"""Largest change of an angle in a step, radians."""

SMALL_GAIN = 0.2
"""A step that lowers the cost by less is the last one. The cost is half of a sum of squares of normalised errors."""

ROBUST = 3.0
"""Errors that are larger, in standard deviations, count less."""

MODEL_SIGMA = 0.0015
"""Standard deviation, in metres, of people's joints from those of an articulated hand. It adds to the stated one."""

POOR = 3.0
"""A fit whose cost per joint is larger is compared with one from a first guess."""

THUMB_MARGIN = 10
"""Degrees that a thumb's angles may exceed the limits by: the axes of people's thumbs differ so much."""


def _limits() -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper limits (5, 5) of the angles, radians."""
    mcp, pip, dip = anatomy.FLEXION_LIMITS
    thumb = np.array([*anatomy.THUMB_LIMITS, anatomy.THUMB_ROLL_LIMITS, *anatomy.THUMB_FLEXION_LIMITS])
    limits = [thumb + (-THUMB_MARGIN, THUMB_MARGIN)]
    for (least, most), cupping in zip(anatomy.SPREAD_LIMITS, anatomy.CUPPING, strict=True):
        limits.append(np.array([(-most, -least), (mcp[0], mcp[1] * (1 + cupping)), (0, 0), pip, dip]))
    low, high = np.radians(limits).transpose(2, 0, 1)
    return low, high


_LOW, _HIGH = _limits()

_MEAN = np.radians([(45, 35, 0, 20, 20), *((side, 35, 0, 40, 0) for side in (8, 0, -6, -12))])
_SIGMA = np.radians([(30, 30, 15, 50, 50), *[(20, 60, 5, 60, 200)] * 4])
"""Mean and standard deviation of the prior. It is weak, so that it matters for hidden digits only. The prior of a DIP
is its coupling; fingers do not roll."""

COUPLING_SIGMA = np.radians(12)
"""Standard deviation of a DIP's flexion from `anatomy.DIP_PER_PIP` times its PIP's. So 23 of the hand's 27 degrees of
freedom are free."""


def _prior() -> tuple[np.ndarray, np.ndarray]:
    """Of each digit's angles, the prior's precision (5, 5, 5), and its product with the mean (5, 5)."""
    precision = np.eye(5) * _SIGMA[:, None, :] ** -2.0
    linear = (precision @ _MEAN[..., None])[..., 0]
    coupled = np.array([0, 0, 0, -anatomy.DIP_PER_PIP, 1]) / COUPLING_SIGMA
    precision[1:] += np.outer(coupled, coupled)
    return precision, linear


_PRECISION, _LINEAR = _prior()
_OFFSET = 0.5 * float(((_MEAN / _SIGMA) ** 2).sum())
_FREE = np.ones((5, 5), bool)
_FREE[1:, ROLL] = False


class Measured(NamedTuple):
    """Measured joints.

    Attributes:
        joints: (21, 3) metres.
        whitening: (21, 3, 3) matrices that make their errors independent, of variance 1.
    """

    joints: np.ndarray
    whitening: np.ndarray

    @classmethod
    def of(cls, joints: np.ndarray, covariance: np.ndarray) -> "Measured":
        """Joints (21, 3) with their covariance (21, 3, 3)."""
        root = np.linalg.cholesky(covariance + MODEL_SIGMA**2 * np.eye(3))
        return cls(joints, np.linalg.inv(root))


class Linearised(NamedTuple):
    """The weighted errors at a pose, and their derivatives.

    Attributes:
        cost: half of the sum of their squares, large ones counted less, and the prior's.
        hand: the joints.
        error: (5, 12) of the digits' joints.
        wrist_error: (3,) of the wrist.
        by_root: (5, 12, 6) derivatives with respect to rotation (in the palm's frame) and position.
        wrist_by_position: (3, 3) of the wrist's error.
        by_angle: (5, 12, 5) with respect to the angles.
        weighting: (5, 4, 3, 3) weights of the joints' errors, in the palm's frame.
    """

    cost: float
    hand: Articulation
    error: np.ndarray
    wrist_error: np.ndarray
    by_root: np.ndarray
    wrist_by_position: np.ndarray
    by_angle: np.ndarray
    weighting: np.ndarray


def linearise(pose: ArticulatedPose, shape: HandShape, measured: Measured) -> Linearised:
    """The errors of a pose."""
    hand = articulate(shape, pose.angles)
    digits = hand.joints.reshape(20, 3)
    joints = np.concatenate([pose.wrist[None], digits @ pose.rotation.T + pose.wrist])
    error = (measured.whitening @ (joints - measured.joints)[..., None])[..., 0]
    size = np.sqrt((error * error).sum(axis=1))
    weight = np.minimum(1, ROBUST / np.maximum(size, ROBUST))
    angles = pose.angles
    prior = (angles * (0.5 * (_PRECISION @ angles[..., None])[..., 0] - _LINEAR)).sum() + _OFFSET
    cost = (weight * size * (size - 0.5 * weight * size)).sum() + prior
    root = np.sqrt(weight)
    error = root[:, None] * error
    whitening = root[:, None, None] * measured.whitening
    weighting = (whitening[1:] @ pose.rotation).reshape(5, 4, 3, 3)
    by_root = np.empty((5, 4, 3, 6))
    by_root[..., :3] = weighting @ cross_matrices(hand.joints)
    by_root[..., 3:] = whitening[1:].reshape(5, 4, 3, 3)
    return Linearised(
        float(cost), hand, error[1:].reshape(5, 12), error[0], by_root.reshape(5, 12, 6), whitening[0],
        (weighting @ hand.by_angle).reshape(5, 12, 5), weighting,
    )  # fmt: skip


def fit(measured: Measured, shape: HandShape, start: ArticulatedPose | None) -> tuple[ArticulatedPose, Linearised]:
    """The pose that fits measured joints best, and its errors.

    Args:
        measured: the joints.
        shape: of the hand.
        start: the pose of the last image; None: there is none.
    """
    best = None if start is None else _descend(measured, shape, start, WARM_STEPS)
    if best is None or best[1].cost > POOR * 21:
        fresh = _descend(measured, shape, first_guess(measured, shape), FIRST_STEPS)
        if best is None or fresh[1].cost < best[1].cost:
            best = fresh
    return best


def first_guess(measured: Measured, shape: HandShape) -> ArticulatedPose:
    """A pose from the angles between the measured bones; its position and rotation fit best to all joints (Kabsch,
    1976)."""
    flexion, abduction = joint_angles(measured.joints, "right")
    angles = _MEAN.copy()
    angles[:, SIDE] = abduction * (1, 1, 1, -1, -1)
    angles[:, [FLEXION, MIDDLE, OUTER]] = flexion
    angles = np.clip(np.where(np.isfinite(angles), angles, _MEAN), _LOW, _HIGH)
    weight = (measured.whitening**2).sum(axis=(1, 2))
    weight = weight / weight.sum()
    joints = np.concatenate([np.zeros((1, 3)), articulate(shape, angles).joints.reshape(20, 3)])
    ours, theirs = weight @ joints, weight @ measured.joints
    rotation = nearest_rotation((measured.joints - theirs).T @ (weight[:, None] * (joints - ours)))
    return ArticulatedPose(theirs - rotation @ ours, rotation, angles)


def _descend(
    measured: Measured, shape: HandShape, pose: ArticulatedPose, steps: int
) -> tuple[ArticulatedPose, Linearised]:
    """At most `steps` damped Gauss-Newton steps from `pose`."""
    now, damping = linearise(pose, shape, measured), DAMPING
    for _ in range(steps):
        turn, shift, change = _step(now, pose, damping)
        trial = ArticulatedPose(
            pose.wrist + shift, pose.rotation @ rotation_of(turn), np.clip(pose.angles + change, _LOW, _HIGH)
        )
        after = linearise(trial, shape, measured)
        if not after.cost <= now.cost:
            damping *= MORE_DAMPING
            continue
        gain, pose, now, damping = now.cost - after.cost, trial, after, DAMPING
        if gain < SMALL_GAIN:
            break
    return pose, now


def _step(now: Linearised, pose: ArticulatedPose, damping: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One step: rotation vector (3,) in the palm's frame, shift (3,) of the wrist, change (5, 5) of the angles."""
    equations = normal_equations(now, pose)
    square = equations.square
    square[:, range(5), range(5)] *= 1 + damping
    across = equations.across
    solved = np.linalg.solve(square, np.concatenate([across, equations.gradient[..., None]], axis=2))
    flat = across.reshape(25, 6).T
    root_square = equations.root_square
    root_square[range(6), range(6)] *= 1 + damping
    root_square -= flat @ solved[..., :6].reshape(25, 6)
    root = np.linalg.solve(root_square, flat @ solved[..., 6].reshape(25) - equations.root_gradient)
    change = -solved[..., 6] - solved[..., :6] @ root
    return np.clip(root[:3], -LONGEST_STEP, LONGEST_STEP), root[3:], np.clip(change, -LONGEST_STEP, LONGEST_STEP)


class NormalEquations(NamedTuple):
    """The normal equations of a pose. The root is the rotation vector (3,), then the wrist's position (3,).

    Attributes:
        square, gradient: (5, 5, 5) and (5, 5), of each digit's angles.
        by_angle: (5, 12, 5) derivatives of the weighted errors with respect to the angles, 0 for those that are stuck.
        across: (5, 5, 6) products of the derivatives with respect to angles and root.
        root_square, root_gradient: (6, 6) and (6,), of the root.
    """

    square: np.ndarray
    gradient: np.ndarray
    by_angle: np.ndarray
    across: np.ndarray
    root_square: np.ndarray
    root_gradient: np.ndarray


def normal_equations(now: Linearised, pose: ArticulatedPose) -> NormalEquations:
    """The equations at a pose. Angles that are stuck at a limit are left as they are."""
    angles = pose.angles
    gradient = (now.error[:, None] @ now.by_angle)[:, 0] + (_PRECISION @ angles[..., None])[..., 0] - _LINEAR
    free = _FREE & ~((angles <= _LOW) & (gradient > 0)) & ~((angles >= _HIGH) & (gradient < 0))
    by_angle = now.by_angle * free[:, None]
    transposed = by_angle.swapaxes(1, 2)
    square = transposed @ by_angle + _PRECISION * (free[:, :, None] & free[:, None, :])
    square[:, range(5), range(5)] += ~free
    by_root = now.by_root.reshape(60, 6)
    root_square, root_gradient = by_root.T @ by_root, now.error.reshape(60) @ by_root
    root_square[3:, 3:] += now.wrist_by_position.T @ now.wrist_by_position
    root_gradient[3:] += now.wrist_error @ now.wrist_by_position
    return NormalEquations(square, gradient * free, by_angle, transposed @ now.by_root, root_square, root_gradient)
