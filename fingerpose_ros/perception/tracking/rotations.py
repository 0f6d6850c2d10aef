"""Rotations of three dimensions, as far as the articulated hand needs them."""

import numpy as np

_CROSS = np.zeros((3, 9))
for _i, _j, _k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
    _CROSS[_i, 3 * _j + _k], _CROSS[_i, 3 * _k + _j] = 1, -1


def cross_matrices(vectors: np.ndarray) -> np.ndarray:
    """Vectors v (..., 3) -> matrices (..., 3, 3) with w @ matrix = v x w, and matrix @ w = w x v."""
    return (vectors @ _CROSS).reshape(*vectors.shape, 3)


def turns_zyx(z: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Rotations (n, 3, 3) about z, about the new y, about the new x; angles (n,) in radians."""
    (cz, cy, cx), (sz, sy, sx) = np.cos((z, y, x)), np.sin((z, y, x))
    turns = np.empty((len(z), 3, 3))
    turns[:, 0, 0], turns[:, 0, 1], turns[:, 0, 2] = cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx
    turns[:, 1, 0], turns[:, 1, 1], turns[:, 1, 2] = sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx
    turns[:, 2, 0], turns[:, 2, 1], turns[:, 2, 2] = -sy, cy * sx, cy * cx
    return turns


def nearest_rotation(matrix: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) nearest to a matrix, in the sense of Frobenius (Kabsch, 1976)."""
    left, _, right = np.linalg.svd(matrix)
    left[:, 2] *= np.linalg.det(left @ right)
    return left @ right


def rotation_of(vector: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) by a rotation vector (3,) in radians: Rodrigues' formula."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector
    skew = np.array([(0, -z, y), (z, 0, -x), (-y, x, 0)])
    return np.eye(3) + np.sinc(angle / np.pi) * skew + 0.5 * np.sinc(angle / (2 * np.pi)) ** 2 * skew @ skew
