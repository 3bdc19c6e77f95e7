"""Read the windows of a `TokenFile` by whole batches: the same batches, without Python for each token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from sweepboard.data.datasets.collated_split import CollatedSplit
from sweepboard.data.datasets.token_file import TokenFile
from sweepboard.data.samples import ReadsBatches
from sweepboard.data.seeds import derive_seed


class TokenWindows(CollatedSplit, ReadsBatches):
    """The windows of a file, copied from its memory into the batch."""

    def batch(self, indices: Sequence[int], seed: int, epoch: int) -> list[Tensor]:
        """Implement `ReadsBatches.batch`: a list as torch's `default_collate` makes it."""
        tokens: TokenFile = self.dataset
        random = torch.Generator()

        def start(index: int) -> int:
            if tokens.random:
                random.manual_seed(derive_seed(seed, "sample", epoch, index))
            return tokens.start(index, random)

        return tokens.windows([start(index) for index in indices])


def token_windows(dataset: Any, untouched: Any) -> TokenWindows | None:
    """Return the split of a `TokenFile`; None for others: a class made from it may change its samples."""
    return TokenWindows(dataset, untouched, None) if type(dataset) is TokenFile else None
