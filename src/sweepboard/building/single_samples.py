"""Training batches of one sample, which batch norm refuses."""

from __future__ import annotations

from typing import NoReturn

from sweepboard.compose.locate import told
from sweepboard.compose.run_config import RunConfig
from sweepboard.data.splits import batches_per_epoch, split_sizes
from sweepboard.data.types import ENDLESS, Source
from sweepboard.errors import ConfigError


def single_samples(run: RunConfig, source: Source) -> tuple[str, str] | None:
    """Return why a training batch will have one sample and what to set instead, or None if none will."""
    settings, facts = run.settings.dataset, run.values["facts"]
    if settings.batch_size == 1:
        return "dataset.batch_size=1", "2 or more"
    samples, limit = split_sizes(settings, source)["train"], run.settings.trainer.limit_train_batches
    if samples == ENDLESS or getattr(source, "sampling", None) is not None:
        return None  # unknown: the stream, or the sampler, decides
    reached = limit is None or limit >= batches_per_epoch(settings, source)
    alone = samples % settings.batch_size == 1 and not settings.drop_last
    if not (alone and reached and facts["steps"] >= facts["steps_per_epoch"]):
        return None
    how = f"dataset.batch_size={settings.batch_size}: the last batch of {samples:,} samples has one"
    return how, "dataset.drop_last=true, another size"


def refuse_single_sample(error: Exception, how: str, instead: str) -> NoReturn:
    """Raise `ConfigError` for what a model raised for one sample, with what `single_samples` returned."""
    norm = "more than 1 value per channel" in str(error)
    why = "batch norm cannot train on one sample" if norm else f"the model cannot take it: {told(error)}"
    remedy = f"{instead}, or a model without batch norm" if norm else instead
    raise ConfigError(f"{how}: {why}; use {remedy}") from error
