"""Simple images with easily predicted joints, which replace rendered hands in tests of the trainer."""

import numpy as np


class FakeHands:
    """Each image is a square patch. The joints have a fixed shape around it, at its depth."""

    def __init__(self, size: int, batch: int, seed: int, difficulty: float | str):
        self.size, self.batch, self.seed = size, batch, seed
        self.shape = np.random.default_rng(0).uniform(-0.3, 0.3, (21, 3)).astype(np.float32)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        random = np.random.default_rng((self.seed, index))
        centre = random.uniform(-0.4, 0.4, (self.batch, 3)).astype(np.float32)
        axis = (2 * np.arange(self.size) + 1) / self.size - 1
        inside_u = np.abs(axis - centre[:, :1]) < 0.3
        inside_v = np.abs(axis - centre[:, 1:2]) < 0.3
        inside = inside_v[:, None, :, None] & inside_u[:, None, None, :]
        return {
            "image": np.where(inside, centre[:, 2, None, None, None], 1).astype(np.float32),
            "uvd": centre[:, None] + self.shape,
            "visible": np.ones((self.batch, 21), bool),
            "present": random.random(self.batch) < 0.9,
            "right": random.random(self.batch) < 0.8,
        }
