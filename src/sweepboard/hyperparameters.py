"""A run's hyperparameters: what makes it differ from other runs, flat, and the name of its group of repeats.

Pure functions of the standard library, so that a run, its board and a table agree on them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence, Set
from functools import lru_cache
from typing import Any, TypeAlias

from sweepboard.names import flatten, key_of
from sweepboard.settings import (
    CALLBACKS,
    CLOSED_GROUPS,
    GROUPS,
    LOGGERS,
    NAMED_GROUPS,
    NOT_OF_A_RUN,
    OPEN_GROUPS,
    PROGRAM,
    ROOT,
    WEIGHTS,
    effect_of,
    is_program,
    keys_with,
    unused,
)

Hparams: TypeAlias = "dict[str, bool | int | float | str]"

_COLUMNS = ("experiment", *OPEN_GROUPS)
"""Groups whose options are always columns; options of the closed groups only if they were asked for."""

_NEVER = {"seed", "facts", "hydra", LOGGERS, PROGRAM, *NOT_OF_A_RUN}
"""Keys that do not identify a run: repeats, values that follow from other settings, the way jobs run."""

HARDWARE = ("device", "threads")
"""What a run computes with: its numbers agree but for rounding."""

_BUILDING = re.compile(r"(.*\.)?_(convert|recursive|partial)_$")
TARGET = "._target_"

DATA = "data"
"""The column of the data's digest, for runs whose data differ without a setting that says so."""


def asked_for(config: Mapping[str, Any], overrides: Sequence[str], swept: Collection[str] = ()) -> set[str]:
    """Return the keys of settings and groups that the user set: those typed, and those `swept`.

    For a mapping (`optimizer={lr: 0.1}`) these are the keys in it. The location of data counts only if it is
    swept: the same data elsewhere is no other run.
    """
    typed = set().union(*(_keys_of(override, config) for override in overrides)) - {ROOT}
    return {key for key in typed | set(swept) if not _is_left_out(key)}


def _keys_of(override: str, config: Mapping[str, Any]) -> set[str]:
    key, text = _key_and_value(override)
    if not text.startswith("{"):
        return {key}
    named = set(re.findall(r"\w+", text))
    leaves = (leaf for leaf, _ in flatten(config) if leaf.startswith(f"{key}."))
    return {leaf for leaf in leaves if named.issuperset(leaf.removeprefix(f"{key}.").split("."))}


@lru_cache(maxsize=4096)  # the jobs of a sweep have most overrides in common
def _key_and_value(override: str) -> tuple[str, str]:
    return key_of(override), override.partition("=")[2]


def hparams(
    config: Mapping[str, Any],
    groups: Mapping[str, str | None],
    asked: Collection[str] = (),
    interpolations: Mapping[str, str] | None = None,
) -> Hparams:
    """Return the hyperparameters of a run, flat: `{"model": "cnn", "optimizer.lr": 0.001, …}`.

    `config` is resolved and plain; `groups` are the options chosen (`{"model": "cnn", "model/act": "relu"}`).
    Unless `asked` for, a setting is omitted if it does not change a result (where data lies, how it is read,
    when it is saved), has no effect because of another setting, or follows from other settings (the flat keys
    of `interpolations`). Always omitted are the seed (repeats are one group), and None: a table's column has
    one type.
    """
    row: Hparams = {name: str(groups[name]) for name in _options(groups, asked)}
    of_program = is_program(config)  # whose own keys are all columns
    row |= {} if of_program else _callbacks(config, asked)
    silent = set(() if of_program else unused(config)) | set(interpolations or {})
    for key, value in flatten(config):
        told = key in asked or (_is_column(key, of_program) and key not in silent)
        if told and value is not None and not _is_left_out(key):
            row[key] = value if isinstance(value, bool | int | float) else str(value)
    return row


def _callbacks(config: Mapping[str, Any], asked: Collection[str]) -> Hparams:
    """Return the names of the callbacks as one column, if there are some or the column was asked for."""
    names = list(config.get(CALLBACKS) or {})
    return {CALLBACKS: ",".join(names) or "none"} if names or CALLBACKS in asked else {}


@lru_cache(maxsize=4096)  # the runs of a table have the same keys
def _is_left_out(key: str) -> bool:
    """Return whether a setting or group only affects places, the execution of jobs, or the seed."""
    return re.split(r"[./]", key)[0] in _NEVER or key in keys_with("place")


@lru_cache(maxsize=4096)
def _is_column(key: str, of_program: bool) -> bool:
    """Return whether a setting of a group changes the results or the length of a run."""
    changes = effect_of(key) in ("result", "length") and key not in HARDWARE
    return (
        changes and (of_program or key.partition(".")[0] in (*GROUPS, WEIGHTS)) and not _BUILDING.match(key)
    )


def _options(groups: Mapping[str, str | None], asked: Collection[str]) -> list[str]:
    """Return the groups whose options are columns: ours in their order, then the user's, nested ones too."""
    known = [name for name in _COLUMNS if groups.get(name) is not None]
    own = [
        name
        for name in groups
        if name not in (*_COLUMNS, *NAMED_GROUPS, *CLOSED_GROUPS) and not _is_left_out(name)
    ]
    return [*known, *own, *(name for name in CLOSED_GROUPS if name in groups and name in asked)]


def board_columns(row: Mapping[str, Any], asked: Collection[str], swept: Set[str]) -> dict[str, Any]:
    """Return the columns of a run's row in TensorBoard, without knowledge of other runs.

    In a sweep they are the keys `swept` and the options of all groups, in which other sweeps differ;
    TensorBoard puts first what differs. Otherwise, as for jobs that differ only in the seed, they are all but
    the classes implied by an option.
    """
    if swept.isdisjoint(row):
        columns = {key: row[key] for key in row if key in asked or not _is_shown_as_option(key, row)}
    else:
        columns = {key: row[key] for key in row if key in swept or place_of_option(key)}
    return {key: value for key, value in columns.items() if not _is_twice(key, columns)}


def place_of_option(key: str) -> str | None:
    """Return where the option of a group lies: `model.act` for `model/act`; None for a setting."""
    group, _, package = key.partition("@")
    return None if "." in group else package or group.replace("/", ".")


def _is_twice(key: str, columns: Mapping[str, Any]) -> bool:
    """Return whether `key` is a class that is also shown as its group's option."""
    return key.endswith(TARGET) and columns.get(key.removesuffix(TARGET)) == columns[key]


def _is_shown_as_option(key: str, row: Mapping[str, Any]) -> bool:
    """Return whether `key` is the class of a group that is shown as the group's option."""
    if CALLBACKS in row and key.startswith(f"{CALLBACKS}."):
        return key.count(".") == 2 and key.endswith(TARGET)
    return key.endswith(TARGET) and key.removesuffix(TARGET) in map(place_of_option, row)


def group_name(row: Mapping[str, bool | int | float | str]) -> str:
    """Return a name shared by the runs with equal hyperparameters: repeats with other seeds."""
    # 1 and 1.0 are the same learning rate (and True, a third, is no float).
    values = {
        key: int(value) if isinstance(value, float) and value.is_integer() else value
        for key, value in row.items()
    }
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
