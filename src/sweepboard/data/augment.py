"""Random crops and flips of whole batches, on the run's device.

What happens to a sample is a pure function of (seed, epoch, sample): it does not matter in which batch the
sample comes, who read it, or whether the epoch was resumed in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sweepboard.data.seeds import generator


@dataclass(frozen=True)
class Augment:
    """What may happen to the training images of a split of `samples` images."""

    samples: int
    """Size of the table that is drawn per epoch: one row for each sample of the split."""

    seed: int
    crop: bool = False
    flip: bool = False
    padding: int = 4
    """Pixels of zeros on each side from which a crop of the image's own size is cut."""

    def of_epoch(self, epoch: int, device: torch.device) -> Changes:
        """The changes of epoch `epoch`, drawn on the CPU so that every device gets the same ones."""
        draws = generator(self.seed, "augment", epoch)
        padding = self.padding if self.crop else 0
        corners = torch.randint(0, 2 * padding + 1, (2, self.samples), generator=draws)
        flips = torch.randint(0, 2 if self.flip else 1, (self.samples,), generator=draws)
        return Changes(padding, corners[0].to(device), corners[1].to(device), flips.to(device))


@dataclass(frozen=True)
class Changes:
    """The changes of one epoch, by sample: where the crop begins, and whether the image is mirrored."""

    padding: int
    top: Tensor
    left: Tensor
    flipped: Tensor

    def __call__(self, images: Tensor, samples: Tensor) -> Tensor:
        """Change `images` (batch, channels, height, width), which are the split's `samples` (batch,).

        One gather for crop and flip together: each output row and column is told where to read.
        """
        height, width = images.shape[-2:]
        top, left, flipped = (table.index_select(0, samples) for table in (self.top, self.left, self.flipped))
        down = torch.arange(height, device=images.device)
        across = torch.arange(width, device=images.device)
        rows = top[:, None] + down
        columns = left[:, None] + across + flipped[:, None] * (width - 1 - 2 * across)
        places = (rows[:, :, None] * (width + 2 * self.padding) + columns[:, None, :]).flatten(1)
        padded = F.pad(images, [self.padding] * 4) if self.padding else images
        channels = places[:, None].expand(-1, images.shape[1], -1)
        return padded.flatten(2).gather(2, channels).view_as(images)
