"""Means of logged scalars over several training steps."""

import time

import torch
from torch import distributed


class RunningMeans:
    """Means of scalars over several steps and all processes, speed, and the fraction of time spent waiting for data."""

    def __init__(self):
        self._clear()

    def _clear(self) -> None:
        self.sums, self.counts, self.samples, self.waited, self.start = {}, {}, 0, 0.0, time.perf_counter()

    def add(self, scalars: dict[str, torch.Tensor]) -> None:
        for name, value in scalars.items():
            self.sums[name] = self.sums.get(name, 0) + value.detach()
            self.counts[name] = self.counts.get(name, 0) + 1

    def read(self, device: torch.device, world: int) -> dict[str, float]:
        """The means since the last call, and a new start."""
        elapsed = time.perf_counter() - self.start
        means = [self.sums[name].to(device) / self.counts[name] for name in self.sums]
        means = torch.stack([*means, torch.tensor(self.waited / elapsed, device=device)])
        if world > 1:
            distributed.all_reduce(means)
            means /= world
        result = dict(zip([*self.sums, "train/wait_share"], means.tolist(), strict=True))
        result["train/samples_per_second"] = self.samples / elapsed
        self._clear()
        return result
