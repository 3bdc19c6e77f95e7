"""Make the batches of a run from a source and the settings: read, split, load into memory, order.

What few data sets need (streams, workers, augmentation) is imported where it is used: runs start sooner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from sweepboard.data.batch_transform import transformed
from sweepboard.data.batches import MemoryReader, OfPairs, Reader, SplitBatches
from sweepboard.data.dealing import ALONE, Dealing, dealt
from sweepboard.data.fingerprint import fingerprint
from sweepboard.data.loading import Loading
from sweepboard.data.memory import into_memory
from sweepboard.data.normalise import Normalise
from sweepboard.data.order import Order, PlainOrder
from sweepboard.data.samples import unchanged
from sweepboard.data.sampling import ConfiguredSource, SampledOrder
from sweepboard.data.seeds import generator
from sweepboard.data.splits import check_settings, held_out_samples
from sweepboard.data.types import Batches, Data, DataSpec, InMemory, Source, Split, Splits
from sweepboard.errors import DamagedFile
from sweepboard.settings import DatasetSettings

if TYPE_CHECKING:
    from sweepboard.data.augment import Augment
    from sweepboard.data.datasets.stream_source import EvaluationStreams


def prepare_data(
    source: Source,
    settings: DatasetSettings,
    seed: int,
    device: torch.device,
    dealing: Dealing = ALONE,
    epochs: int = 0,
) -> Data:
    """Read `source` and prepare it for training on `device`, by the rank that `dealing` says.

    The batches of each of `epochs` epochs are read ahead while the one before ends.
    `seed` determines the validation split, the order of the training samples and their augmentation. Raise
    `ConfigError` for settings that do not fit, and any `UserError` of the source.
    """
    check_settings(settings, source)
    if getattr(source, "is_stream", False):
        return _streams(source, settings, seed, device, dealing)
    streams = getattr(source, "evaluation", None)
    splits = _load(source, streams)
    members = _members(splits, settings, seed, streams)
    mark = fingerprint(splits, members, streams.names if streams else "")
    spec, loading = source.spec, Loading.of(settings, getattr(source, "worker_init_fn", None))
    if "resized" in settings.augment:
        splits = replace(splits, train=_in_random_views(splits.train, settings, seed))
    if settings.in_memory:
        splits = _kept(splits, spec, device, loading)
    layout = _Layout(spec, settings, seed, device, loading)
    test = layout.evaluated("test", splits.test, members, streams)
    held_out = splits.val or splits.plain or unchanged(splits.train)
    on_test = settings.validate_on == "test"
    val = test if on_test else layout.evaluated("val", held_out, members, streams)
    plain = replace(layout.training(source, splits.train, members["train"]), epochs=epochs)
    train = transformed(plain, source, seed, device)
    return Data(spec, dealt(train, dealing), val, test, mark.whole, mark.content)


def _streams(
    source: Any, settings: DatasetSettings, seed: int, device: torch.device, dealing: Dealing
) -> Data:
    """Return the batches of streams; those to evaluate on may be map-style data sets."""
    from sweepboard.data.datasets.stream_source import is_stream

    loading = Loading.of(settings, getattr(source, "worker_init_fn", None))
    layout = _Layout(source.spec, settings, seed, device, loading)

    def batches(part: str) -> Batches | None:
        dataset = getattr(source, part)
        if dataset is None:
            return None
        if is_stream(dataset):
            return cast(Batches, source.batches_of(part, settings, seed, device, loading))
        split = source.split(part)
        return layout.evaluation(split, torch.arange(len(split)))

    train = transformed(source.batches_of("train", settings, seed, device, loading), source, seed, device)
    test = batches("test")
    val = test if settings.validate_on == "test" else batches("val")
    return Data(source.spec, dealt(train, dealing), val, test, source.digest, source.digest)


def _load(source: Source, streams: EvaluationStreams | None) -> Splits:
    """Read the source, and check that its sizes are those announced, on which the schedule is based."""
    splits = source.load()
    for name in {"train", "test", "val"} - set(streams.sizes if streams else ()):
        found, announced = len(splits.parts.get(name, ())), source.sizes.get(name, 0)
        if found != announced:
            raise DamagedFile(
                f"{type(source).__name__} should have {announced:,} {name} samples, not {found:,}; "
                "are its files damaged, or those of another data set (dataset.root)?"
            )
    return splits


def _members(
    splits: Splits, settings: DatasetSettings, seed: int, streams: EvaluationStreams | None
) -> Mapping[str, Tensor]:
    """Return indices of the samples of `train`, `test` and `val` into the splits that they come from."""
    own = {name: torch.arange(len(split)) for name, split in splits.parts.items()}
    sizes = {name: len(indices) for name, indices in own.items()}
    held_out = held_out_samples(settings, {**sizes, **(streams.sizes if streams else {})})
    if not held_out:
        return own
    shuffled = torch.randperm(len(own["train"]), generator=generator(seed, "validation split"))
    return {**own, "val": shuffled[:held_out].sort().values, "train": shuffled[held_out:].sort().values}


def _in_random_views(split: Any, settings: DatasetSettings, seed: int) -> Split:
    """Return pictures of which each epoch shows other parts."""
    from sweepboard.data.views import RandomViews

    flip = settings.augment.endswith("flip")
    viewed: Split = split.viewed(RandomViews(seed, settings.augment_area, flip))
    return viewed


def _kept(splits: Splits, spec: DataSpec | None, device: torch.device, loading: Loading) -> Splits:
    present = {name: split for name, split in vars(splits).items() if split is not None}
    return Splits(**{name: into_memory(split, spec, device, loading) for name, split in present.items()})


@dataclass(frozen=True)
class _Layout:
    """Common settings of the batches of all splits."""

    spec: DataSpec | None
    settings: DatasetSettings
    seed: int
    device: torch.device
    loading: Loading

    def training(self, source: Source, split: Split, members: Tensor) -> SplitBatches:
        """Return shuffled and augmented batches, different in every epoch."""
        return self._batches(split, self._training_order(source, members), trains=True)

    def _training_order(self, source: Source, members: Tensor) -> Order:
        settings, seed = self.settings, self.seed
        if isinstance(source, ConfiguredSource) and source.sampling is not None:
            return SampledOrder.of(source.sampling, source.training_samples, members, settings, seed)
        shuffle_seed = seed if settings.shuffle else None
        return PlainOrder(members, settings.batch_size, shuffle_seed, settings.drop_last)

    def evaluated(
        self, name: str, split: Split | None, members: Mapping[str, Tensor], streams: EvaluationStreams | None
    ) -> Batches | None:
        """Return the batches of `val` or `test`: of a stream, or of its members of `split`."""
        if streams is not None and name in streams.sizes:
            return streams.batches_of(name, self.settings, self.seed, self.device, self.loading)
        return self.evaluation(split, members.get(name))

    def evaluation(self, split: Split | None, members: Tensor | None) -> SplitBatches | None:
        """Return batches in order and unchanged; None if there are no such samples."""
        if split is None or members is None:
            return None
        return self._batches(split, PlainOrder(members, self.settings.eval_batch_size), trains=False)

    def _batches(self, split: Split, order: Order, trains: bool) -> SplitBatches:
        pairs = None
        if self.spec is not None:
            augment = self._augment(len(split)) if trains else None
            pairs = OfPairs(Normalise(self.spec, self.device), augment)
        return SplitBatches(order, self._reader(split), self.device, trains, pairs)

    def _reader(self, split: Split) -> Reader:
        if self.settings.in_memory and isinstance(split, InMemory) and self._has_in_memory(split):
            return MemoryReader(split)
        from sweepboard.data.loader import LoaderReader

        return LoaderReader(split, self.spec, self.device, self.seed, self.loading)

    def _augment(self, samples: int) -> Augment | None:
        words = self.settings.augment.split("_")
        if "none" in words or "resized" in words:
            return None
        from sweepboard.data.augment import Augment

        padding = self.settings.augment_padding
        return Augment(samples, self.seed, crop="crop" in words, flip="flip" in words, padding=padding)

    def _has_in_memory(self, split: InMemory) -> bool:
        """Return whether the split is where the batches are needed: it may be too large for a GPU."""
        return split.tensors[0].device.type == self.device.type
