"""Conversion between rotation matrices and unit quaternions in ROS order."""

import numpy as np


def from_matrices(rotations: np.ndarray) -> np.ndarray:
    """Rotation matrices (n, 3, 3) -> unit quaternions (n, 4) as x, y, z, w with w >= 0; NaN where a matrix is NaN.

    Each quaternion uses the one of four equivalent formulas with the largest divisor, so no angle loses precision.
    Source: S. W. Shepperd, "Quaternion from Rotation Matrix", J. Guidance and Control 1(3), 1978.
    """
    m = np.asarray(rotations, np.float64)
    diagonal = np.diagonal(m, axis1=1, axis2=2)
    trace = diagonal.sum(1)
    # Row i of `products` is the quaternion times four times its component i.
    products = np.empty((len(m), 4, 4))
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        products[:, i, i] = 1 + 2 * diagonal[:, i] - trace
        products[:, i, j] = products[:, j, i] = m[:, j, i] + m[:, i, j]
        products[:, i, 3] = products[:, 3, i] = m[:, k, j] - m[:, j, k]
    products[:, 3, 3] = 1 + trace
    largest = np.argmax(np.diagonal(products, axis1=1, axis2=2), axis=1)
    quaternions = products[np.arange(len(m)), largest]
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    return np.where(quaternions[:, 3:] < 0, -quaternions, quaternions)


def to_matrices(quaternions: np.ndarray) -> np.ndarray:
    """Unit quaternions (n, 4) as x, y, z, w -> rotation matrices (n, 3, 3); NaN where a quaternion is NaN."""
    x, y, z, w = np.asarray(quaternions, np.float64).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.array(rows).transpose(2, 0, 1)
