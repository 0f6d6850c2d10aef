"""A replay buffer: the newest samples of a network, from which batches are drawn at random."""

import numpy as np


class ReplayBuffer:
    """Arrays of the newest `capacity` samples. Crops are stored in 8 bits.

    Args:
        capacity: samples that are kept.
        crops: name -> side of the crops, pixels.
    """

    LABELS = {"label": (), "offset": (3,), "direction": (3,)}

    def __init__(self, capacity: int, crops: dict[str, int]):
        self._crops = {name: np.zeros((capacity, size, size), np.uint8) for name, size in crops.items()}
        self._labels = {name: np.zeros((capacity, *shape), np.float32) for name, shape in self.LABELS.items()}
        self._capacity, self._next, self.count = capacity, 0, 0

    def add(self, samples: dict[str, np.ndarray]) -> None:
        """Add n samples: crops (n, size, size) from -1 to 1, and their labels; the oldest give way."""
        n = len(samples["label"])
        places = (self._next + np.arange(n)) % self._capacity
        for name, stored in self._crops.items():
            stored[places] = np.rint((samples[name] + 1) * 127.5)
        for name, stored in self._labels.items():
            stored[places] = samples[name]
        self._next = (self._next + n) % self._capacity
        self.count = min(self.count + n, self._capacity)

    def draw(self, rng: np.random.Generator, count: int, positive_fraction: float) -> dict[str, np.ndarray]:
        """`count` random samples, of which about `positive_fraction` are positive.

        Crops are float32 from -1 to 1.
        """
        positive = self._labels["label"][: self.count] > 0
        weights = np.where(positive, positive_fraction / max(positive.sum(), 1), 0)
        weights += np.where(~positive, (1 - positive_fraction) / max((~positive).sum(), 1), 0)
        index = rng.choice(self.count, count, p=weights / weights.sum())
        batch = {name: stored[index] for name, stored in self._labels.items()}
        batch |= {name: stored[index].astype(np.float32) / 127.5 - 1 for name, stored in self._crops.items()}
        return batch
