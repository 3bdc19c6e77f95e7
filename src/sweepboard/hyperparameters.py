"""A run's hyperparameters: what makes it differ from other runs, flat, and the name of its group of repeats.

Pure functions of the standard library, so that a run, its board and a table agree on them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from sweepboard.names import flatten, key_of

Hparams: TypeAlias = "dict[str, bool | int | float | str]"

_COLUMNS = ("experiment", "model", "dataset", "optimizer", "scheduler", "task")
_BRANCHES = ("model", "dataset", "optimizer", "scheduler", "task", "trainer")
_OF_RUNNER = ("trainer", "logging")
"""Groups whose settings say all; their options are columns only where they were asked for."""

_NEVER = re.compile(r"(seed|output_root|sweep|facts|hydra)([./]|$)")
"""Repeats, places, and how jobs are run: no part of what a run is."""

_WITHOUT_EFFECT = re.compile(
    r"dataset\.(root|workers|timeout|eval_batch_size|in_memory)$|trainer\.checkpoint\."
)
_BUILDING = re.compile(r"(.*\.)?_(convert|recursive|partial)_$")
TARGET = "._target_"

ROOT = "dataset.root"
DATA = "data"
"""Column of the data's digest, where runs differ in their data and no setting tells which is which."""


def asked_for(config: Mapping[str, Any], words: Sequence[str], swept: Collection[str] = ()) -> set[str]:
    """The keys of settings and groups that a user named: those of `words` as typed, and those `swept`.

    Of a mapping (`optimizer={lr: 0.1}`) these are the keys in it. Where data lies is only named by a sweep:
    the same data elsewhere makes no other run.
    """
    typed = set().union(*(_keys_of(word, config) for word in words)) - {ROOT}
    return {key for key in typed | set(swept) if not _NEVER.match(key)}


def _keys_of(word: str, config: Mapping[str, Any]) -> set[str]:
    key, text = key_of(word), word.partition("=")[2]
    if not text.startswith("{"):
        return {key}
    named = set(re.findall(r"\w+", text))
    leaves = (leaf for leaf, _ in flatten(config) if leaf.startswith(f"{key}."))
    return {leaf for leaf in leaves if named.issuperset(leaf.removeprefix(f"{key}.").split("."))}


def hparams(
    config: Mapping[str, Any],
    groups: Mapping[str, str | None],
    asked: Collection[str] = (),
    interpolations: Mapping[str, str] | None = None,
) -> Hparams:
    """What makes one run differ from another, flat: `{"model": "cnn", "optimizer.lr": 0.001, …}`.

    `config` is resolved and plain; `groups` are the options chosen (`{"model": "cnn", "model/act": "relu"}`).
    Unless it is `asked` for, left out is what does not change a result (where data lies, how it is read, when
    it is saved), what has no effect beside another setting, and what follows from other settings (the flat
    keys of `interpolations`). So are always the seed (repeats are one group), and None: a table's column has
    one type.
    """
    row: Hparams = {name: str(groups[name]) for name in _options(groups, asked)}
    silent = set(_idle(config)) | set(interpolations or {})
    for key, value in flatten(config):
        told = key.partition(".")[0] in _BRANCHES and not (
            key in silent or _WITHOUT_EFFECT.match(key) or _BUILDING.match(key)
        )
        if value is not None and (told or key in asked) and not _NEVER.match(key):
            row[key] = value if isinstance(value, bool | int | float) else str(value)
    return row


def _options(groups: Mapping[str, str | None], asked: Collection[str]) -> list[str]:
    """The groups whose options are columns: ours in their order, then the user's own, nested ones too."""
    known = [name for name in _COLUMNS if groups.get(name) is not None]
    own = [name for name in groups if name not in (*_COLUMNS, *_OF_RUNNER) and not _NEVER.match(name)]
    return [*known, *own, *(name for name in _OF_RUNNER if name in groups and name in asked)]


def board_columns(row: Mapping[str, Any], asked: Collection[str], swept: Collection[str]) -> dict[str, Any]:
    """The columns of one run's row on the board, which knows no other runs.

    Of a sweep they are what was `swept`; else all but the classes that an option tells already. A table needs
    a column at least, and jobs that differ in the seed alone have no swept one.
    """
    columns = {key: value for key, value in row.items() if key in swept} or {
        key: value for key, value in row.items() if key in asked or not _is_told(key, row)
    }
    return {key: value for key, value in columns.items() if not _is_twice(key, columns)}


def _is_twice(key: str, columns: Mapping[str, Any]) -> bool:
    """Whether `key` is a class that stands in place of its group's option, too."""
    return key.endswith(TARGET) and columns.get(key.removesuffix(TARGET)) == columns[key]


def _is_told(key: str, row: Mapping[str, Any]) -> bool:
    """Whether `key` is the class of a group, for which the group's option stands."""
    return key.endswith(TARGET) and any(
        key == option.replace("/", ".") + TARGET for option in row if "." not in option
    )


def _idle(config: Mapping[str, Any]) -> Iterator[str]:
    """Keys that another setting leaves without effect."""
    trainer, dataset = config.get("trainer") or {}, config.get("dataset") or {}
    if trainer.get("steps") is not None:
        yield "trainer.epochs"
    if (trainer.get("early_stopping") or {}).get("patience") is None:
        yield from ("trainer.early_stopping.metric", "trainer.early_stopping.mode")
        yield "trainer.early_stopping.min_delta"
    if dataset.get("validate_on") == "test":
        yield "dataset.val_fraction"
    if "crop" not in str(dataset.get("augment")):
        yield "dataset.augment_padding"
    scheduler = config.get("scheduler") or {}
    if "_target_" not in scheduler:
        yield "scheduler.interval"
    if scheduler.get("interval") != "validation":
        yield "scheduler.metric"


def group_name(row: Mapping[str, bool | int | float | str]) -> str:
    """A name shared by the runs whose hyperparameters are equal: repeats with other seeds."""
    # 1 and 1.0 are the same learning rate (and True, a third, is no float).
    values = {
        key: int(value) if isinstance(value, float) and value.is_integer() else value
        for key, value in row.items()
    }
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
