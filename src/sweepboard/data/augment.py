"""Random crops and flips of whole batches, on the run's device.

The change of a sample is a pure function of (seed, epoch, sample): it does not depend on the batch, the
worker, or a resume in the middle of an epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from sweepboard.data.seeds import generator


@dataclass(frozen=True)
class Augment:
    """Settings of the augmentation of a training split."""

    samples: int
    """Number of samples in the split; the table drawn per epoch has one row for each."""

    seed: int
    crop: bool = False
    flip: bool = False
    padding: int = 4
    """Pixels of zeros added on each side before a crop of the image's own size is taken."""

    def of_epoch(self, epoch: int, device: torch.device) -> Changes:
        """Return the changes of an epoch, drawn on the CPU so that they are equal on every device."""
        draws = generator(self.seed, "augment", epoch)
        padding = self.padding if self.crop else 0
        corners = torch.randint(0, 2 * padding + 1, (2, self.samples), generator=draws)
        flips = torch.randint(0, 2 if self.flip else 1, (self.samples,), generator=draws)
        return Changes(padding, corners[0].to(device), corners[1].to(device), flips.to(device))


@dataclass(frozen=True)
class Changes:
    """The changes of one epoch, by sample: the corner of the crop, and whether the image is mirrored."""

    padding: int
    top: Tensor
    left: Tensor
    flipped: Tensor

    def __call__(self, images: Tensor, samples: Tensor) -> Tensor:
        """Return augmented `images` (batch, channels, height, width) of the split's `samples` (batch,).

        Crop and flip are one gather, which reads each output pixel from its source row and column.
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
