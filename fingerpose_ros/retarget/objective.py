"""What is minimised to place a robot hand's links: the objective of `dex-retargeting` with its derivatives, in NumPy.

The library computes the same in PyTorch, which takes some ten times as long for so few numbers.
"""

from typing import Any

import numpy as np
import pinocchio

from .goals import Goal
from .minimiser import Linearised

STRAIGHT = 2.5e-3
"""DexPilot's weight of the joints' squares, which tend to 0: straight fingers. The library leaves it out. But a tip can
be at a place with this joint bent or with that. Without the term that would depend on the motion before."""


class Objective:
    """Weighted Huber losses of vectors between links, and squares that hold the joints near where they were.

    Args:
        optimizer: one of dex-retargeting, for n joints.
        fixed: positions of the joints that it does not move, radians or metres.

    Attributes:
        count: number of the vectors.
    """

    def __init__(self, optimizer: Any, fixed: np.ndarray):
        self._robot, self._adaptor, self._moved = optimizer.robot, optimizer.adaptor, optimizer.idx_pin2target
        self._positions = np.zeros(optimizer.num_joints)
        self._positions[optimizer.idx_pin2fixed] = fixed
        self._huber, self._stay = optimizer.huber_loss.beta, optimizer.norm_delta
        self._straight = STRAIGHT if optimizer.retargeting_type == "DEXPILOT" else 0.0
        if optimizer.retargeting_type == "POSITION":
            self._links = optimizer.target_link_indices
            self._between = np.eye(len(self._links))
            self._loss_size = 1  # each coordinate has its own loss
        else:
            self._links = optimizer.computed_link_indices
            ends, starts = optimizer.task_link_indices.numpy(), optimizer.origin_link_indices.numpy()
            rows = np.eye(len(self._links))
            self._between = rows[ends] - rows[starts]
            self._loss_size = 3
        self.count = len(self._between)

    def linearise(self, joints: np.ndarray, goal: Goal, last: np.ndarray) -> Linearised:
        """At positions (n,) of the joints.

        Args:
            last: (n,) the positions that they had.
        """
        places, derivatives = self._kinematics(joints)
        errors = (self._between @ places - goal.vectors).reshape(-1, self._loss_size)
        by_joint = (self._between @ derivatives).reshape(*errors.shape, -1)
        weights = np.repeat(goal.weights, 3 // self._loss_size) * self._loss_size / 3
        sizes = np.sqrt((errors**2).sum(axis=1))
        far = np.maximum(sizes, self._huber)
        moved = joints - last
        cost = weights @ (sizes**2 / far + far - self._huber) / 2
        cost += self._stay * moved @ moved + self._straight * joints @ joints
        root = np.sqrt(weights / far)[:, None]
        error, by_joint = (errors * root).ravel(), (by_joint * root[..., None]).reshape(-1, len(joints))
        gradient = error @ by_joint + 2 * self._stay * moved + 2 * self._straight * joints
        square = by_joint.T @ by_joint
        square.flat[:: len(joints) + 1] += 2 * (self._stay + self._straight)
        return Linearised(float(cost), gradient, square)

    def _kinematics(self, joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places (k, 3) of the links, and their derivatives (k, 3 n), metres."""
        model, data = self._robot.model, self._robot.data
        self._positions[self._moved] = joints
        if self._adaptor is not None:
            self._positions = self._adaptor.forward_qpos(self._positions)
        pinocchio.computeJointJacobians(model, data, self._positions)
        places = np.array([pinocchio.updateFramePlacement(model, data, link).translation for link in self._links])
        jacobians = np.array(
            [pinocchio.getFrameJacobian(model, data, link, pinocchio.LOCAL_WORLD_ALIGNED)[:3] for link in self._links]
        )
        if self._adaptor is None:
            jacobians = jacobians[..., self._moved]
        else:
            jacobians = self._adaptor.backward_jacobian(jacobians)
        return places, jacobians.reshape(len(places), -1)
