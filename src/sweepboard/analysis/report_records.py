"""What is recorded of the runs of a report: configuration and environment, flat and with secrets masked.

Most blocks of them (`trainer:`, the installed packages) are the same in most runs, and are worked on once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from sweepboard.analysis.conditions import environment_of
from sweepboard.analysis.report_values import plain, text
from sweepboard.analysis.run import Run
from sweepboard.names import flatten
from sweepboard.secrets import masked, remember

Entries: TypeAlias = "dict[str, Any]"


def recorded(runs: Sequence[Run]) -> tuple[Entries, list[Entries]]:
    """Return what is recorded of all runs alike, and what of each run besides."""
    blocks: dict[str, Any] = {}
    names: list[Collection[str]] = []
    environments: dict[int, tuple[Any, dict[str, Any]]] = {}  # what runs share, by its identity
    for run in runs:
        environment = environment_of(run)
        if id(environment) not in environments:
            environments[id(environment)] = environment, _blocks("environment", environment)
        found = _blocks("config", run.config or run.hparams) | environments[id(environment)][1]
        names.append(found)
        blocks |= found
    for block in blocks.values():  # before any is masked: a secret of one may stand in another
        remember(block)
    entries = {name: _entries(block) for name, block in blocks.items()}
    alike = set(names[0]).intersection(*names[1:]) if names else set()
    rest = [_joined(entries[name] for name in each if name not in alike) for each in names]
    equal = _equal(rest)
    shared = {key for name in alike for key in entries[name]} | equal.keys()
    first = _joined(entries[name] for name in names[0]) if names else {}
    common = {key: value for key, value in first.items() if key in shared}
    return common, [{key: value for key, value in each.items() if key not in equal} for each in rest]


def _blocks(part: str, tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return each top-level entry below the name of its part: `{"config": {"trainer": {...}}}`, by its text.

    A class says which of its `_args_` are secrets: these are one with all the rest.
    """
    trees = [tree] if "_args_" in tree else [{name: entry} for name, entry in tree.items()]
    return {repr(block): block for block in ({part: each} for each in trees)}


def _entries(block: Mapping[str, Any]) -> Entries:
    return {text(key): plain(value) for key, value in flatten(masked(block))}


def _joined(parts: Iterable[Entries]) -> Entries:
    joined: Entries = {}
    for part in parts:
        joined |= part
    return joined


def _equal(runs: Sequence[Entries]) -> Entries:
    """Return the entries that are equal in all runs."""
    first, *others = runs or [{}]
    return {key: value for key, value in first.items() if all(_has(each, key, value) for each in others)}


def _has(entries: Entries, key: str, value: Any) -> bool:
    return key in entries and type(entries[key]) is type(value) and entries[key] == value
