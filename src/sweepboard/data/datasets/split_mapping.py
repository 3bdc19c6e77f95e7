"""A mapping of splits in place of a training set, as the `DatasetDict` of Hugging Face is."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sweepboard.data.datasets.plain_samples import Plain
from sweepboard.data.datasets.reading import name_of
from sweepboard.errors import ConfigError
from sweepboard.metric_names import TEST, TRAINING, VALIDATION

log = logging.getLogger("sweepboard")

_SPLITS = {"train": TRAINING, "val": VALIDATION, "test": TEST}


def is_split_mapping(value: Any) -> bool:
    """Return whether a value has data sets under the names of splits; one of samples has numbers as keys."""
    return isinstance(value, Mapping) and bool(value) and all(isinstance(key, str) for key in value)


def splits_of(train: Any, test: Any, val: Any, plain: Plain) -> tuple[Any, Any, Any, Plain]:
    """Return the training, test and validation set, of which `train` may be a mapping.

    `plain` is the same mapping as it is evaluated. Raise `ConfigError` for a mapping without a training set,
    or with a split that is given elsewhere, too; a split of another name is not used, which is told.
    """
    if not is_split_mapping(train):
        return train, test, val, plain
    keys = _keys(train)
    for split, given in (("test", test), ("val", val)):
        if split in keys and given is not None:
            raise ConfigError(
                f"dataset.{split}: {name_of(train)} has a split {keys[split]} already; leave one of them out"
            )
    found = {split: train[key] for split, key in keys.items()}
    if plain.dataset is not None:
        plain = replace(plain, dataset=plain.dataset[keys["train"]])
    return found["train"], found.get("test", test), found.get("val", val), plain


def _keys(given: Mapping[str, Any]) -> dict[str, str]:
    """Return the key of each split."""
    keys: dict[str, str] = {}
    for key in given:
        split = next((split for split, names in _SPLITS.items() if key.lower() in names), None)
        if split is None:
            log.warning("dataset: the split %s of %s is not used", key, name_of(given))
        elif split in keys:
            raise ConfigError(f"dataset: {name_of(given)} has {keys[split]} and {key}; leave one of them out")
        else:
            keys[split] = key
    if "train" not in keys:
        raise ConfigError(
            f"dataset: {name_of(given)} is a mapping with the keys {', '.join([*given][:8])}, and none of "
            "them is train: give one of its data sets, or call the splits train, val and test"
        )
    return keys
