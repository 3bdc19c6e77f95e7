"""A user's data set of samples of any kind, whose batches a collate function makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sweepboard.data.collate import Collate, collated
from sweepboard.data.datasets.reading import UserSplit, name_of
from sweepboard.data.datasets.variety import digest_of, varies
from sweepboard.data.seeds import borrowed_global_randomness, derive_seed


class CollatedSplit(UserSplit):
    """Samples as they are; only the collate function looks into them (None: torch's `default_collate`)."""

    def __init__(self, dataset: Any, untouched: Any, collate: Collate | None) -> None:
        super().__init__(dataset, untouched)
        self._collate = collate

    def __getitem__(self, index: int) -> Any:
        """Return a sample. Raise `DamagedFile` if it cannot be read."""
        return self.read(index)

    def collate(self, samples: Sequence[Any], numbers: Sequence[int]) -> Any:
        """Return the batch of `samples`, which have these numbers. Raise `RunFailed` if there can be none."""
        if self._collate is not None:
            return self._collate(samples)
        return collated(samples, numbers, name_of(self.dataset))

    def varies(self) -> bool:
        """Return whether the first sample uses random numbers, or differs between reads."""
        return varies(lambda: self.read(0))

    def digest(self) -> str:
        """Return a SHA-256 over what is known without reading everything: type, length and first sample.

        A method `digest` of the data set comes first.
        """
        if callable(own := getattr(self.dataset, "digest", None)):
            return str(own())
        with borrowed_global_randomness() as seed_generators:
            seed_generators(derive_seed("digest"))
            return digest_of([name_of(self.dataset), len(self), self.read(0)])
