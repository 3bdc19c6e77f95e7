"""Refuse what is often given in place of a data set, and say what to give instead."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sweepboard.data.datasets.reading import name_of
from sweepboard.data.datasets.stream_source import is_stream
from sweepboard.errors import ConfigError


def check_data_set(key: str, value: Any) -> None:
    """Raise `ConfigError` if `value` is no data set, or has no samples."""
    if why := _what_else(value):
        raise ConfigError(f"{key}: {why}")
    if is_stream(value):
        return
    if not all(hasattr(value, name) for name in ("__getitem__", "__len__")):
        raise ConfigError(
            f"{key}: {name_of(value)} is no data set; it needs __len__ and __getitem__, which gives a "
            "sample, or __iter__, which gives a stream of them"
        )
    if len(value) == 0:
        raise ConfigError(f"{key}: {name_of(value)} is empty")


def _what_else(value: Any) -> str | None:
    """Return what `value` is and what to give instead; None if it may be a data set."""
    if isinstance(value, DataLoader):
        return (
            "a DataLoader makes its own batches: give the data set inside (loader.dataset), and "
            "dataset.batch_size, dataset.sampler, dataset.collate_fn"
        )
    if isinstance(value, list | tuple) and value and all(isinstance(part, Dataset) for part in value):
        return (
            f"a {name_of(value)} of {len(value)} data sets is none itself: give one of them, or a dict with "
            "the keys train, val and test"
        )
    if isinstance(value, tuple) and value and all(isinstance(part, Tensor | np.ndarray) for part in value):
        return "a tuple of arrays is no data set: give torch.utils.data.TensorDataset(inputs, targets)"
    if hasattr(value, "iloc"):
        return (
            f"a {name_of(value)} of pandas is no data set: give torch.utils.data.TensorDataset of its "
            "columns, torch.tensor(frame[names].values), or a class that returns a row (docs/own_data.md)"
        )
    return None
