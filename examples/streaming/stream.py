"""An endless stream of sensor readings: forecast the next few from the last ones."""

from itertools import count

import torch
from torch.utils.data import IterableDataset


class Readings(IterableDataset):
    """Pairs of past and future readings of a machine that drifts, without an end if `length` is null."""

    def __init__(self, past=32, future=8, length=None):
        self.past, self.future, self.length = past, future, length

    def __iter__(self):
        level, phase = torch.randn(()), torch.rand(()) * 6.28
        for _ in count() if self.length is None else range(self.length):
            steps = torch.arange(self.past + self.future)
            drift = level + 0.1 * torch.randn(len(steps)).cumsum(0)
            readings = drift + torch.sin(phase + 0.4 * steps)
            level, phase = 0.5 * drift[self.past], phase + 0.4 * self.past
            yield readings[: self.past], readings[self.past :]
