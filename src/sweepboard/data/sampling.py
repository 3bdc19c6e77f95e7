"""A user's sampler: it draws the training samples of an epoch, as a function of (seed, epoch)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Subset

from sweepboard.data.datasets.reading import name_of
from sweepboard.data.order import in_batches, number_of_batches
from sweepboard.data.seeds import borrowed_global_randomness, derive_seed
from sweepboard.data.types import DataSpec
from sweepboard.errors import ConfigError, RunFailed
from sweepboard.settings import DatasetSettings


@dataclass(frozen=True)
class Sampling:
    """The setting `dataset.sampler`, or `dataset.batch_sampler`."""

    key: str
    make: Callable[[Any], Any]
    """Returns the sampler for the training samples: the data set, or a `Subset` if some are held out."""

    takes_data: bool
    """Whether the sampler is given the training samples; else its numbers are those of the whole data set."""

    in_batches: bool
    """Whether it yields the numbers of a whole batch at a time."""

    def sampler(self, dataset: Any, members: Tensor) -> Any:
        """Return the sampler of the samples `members` of `dataset`. Raise `ConfigError` if none fits."""
        whole = len(members) == len(dataset)
        if not whole and not self.takes_data:
            raise ConfigError(
                f"{self.key}: it draws from the whole data set, of which {len(dataset) - len(members):,} "
                "samples are held out: give dataset.val, or type dataset.val_fraction=0 or "
                "dataset.validate_on=test"
            )
        sampler = self.make(dataset if whole else Subset(dataset, members.tolist()))
        if not hasattr(sampler, "__len__") or not hasattr(sampler, "__iter__"):
            raise ConfigError(f"{self.key}: {name_of(sampler)} needs __iter__ and __len__, samples per epoch")
        return sampler


@dataclass(frozen=True)
class SampledOrder:
    """The `Order` that a sampler gives."""

    sampling: Sampling
    sampler: Any
    members: Tensor
    batch_size: int
    seed: int
    drop_last: bool = False

    @classmethod
    def of(
        cls, sampling: Sampling, dataset: Any, members: Tensor, settings: DatasetSettings, seed: int
    ) -> SampledOrder:
        """Return the order of the samples `members` of `dataset`. Raise `ConfigError` if it varies."""
        sampler = sampling.sampler(dataset, members)
        order = cls(sampling, sampler, members, settings.batch_size, seed, settings.drop_last)
        order._check()
        return order

    @cached_property
    def size(self) -> int:
        """Number of samples in an epoch; those of a batch sampler are counted in the first."""
        return sum(map(len, self._drawn(0))) if self.sampling.in_batches else len(self.sampler)

    def __len__(self) -> int:
        return len_of(self.sampling, self.sampler, self.batch_size, self.drop_last)

    def batches(self, epoch: int, start: int = 0) -> Sequence[Tensor]:
        """Implement `Order.batches`. Raise `RunFailed` for numbers that are not as announced."""
        drawn = self._drawn(epoch)
        if len(drawn) != len(self.sampler):
            raise RunFailed(
                f"{self.sampling.key}: {name_of(self.sampler)} gave {len(drawn):,} in epoch {epoch}, but its "
                f"length is {len(self.sampler):,}"
            )
        if self.sampling.in_batches:
            if not all(map(len, drawn)):
                raise RunFailed(f"{self.sampling.key}: {name_of(self.sampler)} gave a batch without samples")
            return [self.members[self._checked(batch)] for batch in drawn[start:]]
        samples = self.members[self._checked(drawn)]
        return in_batches(samples[start * self.batch_size : len(self) * self.batch_size], self.batch_size)

    def _drawn(self, epoch: int) -> list[Any]:
        """Return what the sampler gives in an epoch, whatever was drawn before."""
        sampler, own = self.sampler, getattr(self.sampler, "generator", None)
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(epoch)
        with borrowed_global_randomness() as seed_generators:
            seed_generators(derive_seed(self.seed, "sampler", epoch))
            if isinstance(own, torch.Generator):
                own.manual_seed(derive_seed(self.seed, "sampler's generator", epoch))
            return list(sampler)

    def _checked(self, drawn: Sequence[Any]) -> Tensor:
        numbers = torch.tensor([int(number) for number in drawn], dtype=torch.int64)
        wrong = numbers[(numbers < 0) | (numbers >= len(self.members))]
        if len(wrong):
            raise RunFailed(
                f"{self.sampling.key}: {name_of(self.sampler)} drew sample {int(wrong[0])} of "
                f"{len(self.members):,}"
            )
        return numbers

    def _check(self) -> None:
        once, again = (repr([_plain(one) for one in self._drawn(0)]) for _ in range(2))
        if once != again:
            raise ConfigError(
                f"{self.sampling.key}: {name_of(self.sampler)} gives another order each time, so that a "
                "resumed run would go on with other samples: let it draw from torch's, numpy's or Python's "
                "global generator, which are seeded for each epoch, or give it set_epoch"
            )


def _plain(drawn: Any) -> Any:
    return [int(number) for number in drawn] if hasattr(drawn, "__iter__") else int(drawn)


def len_of(sampling: Sampling, sampler: Any, batch_size: int, drop_last: bool) -> int:
    """Return the number of batches in an epoch of `sampler`."""
    return len(sampler) if sampling.in_batches else number_of_batches(len(sampler), batch_size, drop_last)


@dataclass(frozen=True)
class ConfiguredSource:
    """A `Source`, and how its training samples are drawn, its workers begin and its batches are changed."""

    source: Any
    sampling: Sampling | None = None
    worker_init_fn: Callable[[int], Any] | None = None
    make_batch_transform: Callable[[DataSpec | None], Callable[..., Any]] | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked for while it is copied
            raise AttributeError(name)
        return getattr(self.source, name)

    @cached_property
    def training_samples(self) -> Any:
        """The user's training set, or the training split of a `Source` that loads its own."""
        return getattr(self.source, "train", None) or self.source.load().train

    @cached_property
    def batch_transform(self) -> Callable[..., Any] | None:
        """What changes whole training batches, if anything does."""
        make = self.make_batch_transform
        return None if make is None else make(self.source.spec)

    def batches(self, samples: int, settings: DatasetSettings) -> int | None:
        """Return the number of batches in an epoch by the sampler; None if there is none."""
        if self.sampling is None:
            return None
        sampler = self.sampling.sampler(self.training_samples, torch.arange(samples))
        return len_of(self.sampling, sampler, settings.batch_size, settings.drop_last)
