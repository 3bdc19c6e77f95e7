"""Differences between two environments or configurations, and whether they can change results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sweepboard.compose.run_config import RunConfig
from sweepboard.names import flatten, named_entries
from sweepboard.settings import Effect, effect_of

ABSENT = "(none)"


@dataclass(frozen=True)
class Difference:
    """One value that was `then` and is `now`."""

    key: str
    then: Any
    now: Any
    matters: bool = False
    """Whether it can change the results of a run, even in the last bit."""

    effect: Effect | None = None
    """The effect of a setting; None for a fact, and for what is no setting."""

    def __str__(self) -> str:
        return f"{self.key}: {self.then} -> {self.now}"


# What the results of a run depend on, apart from its configuration and its data.
_MATTERS = (
    "sources.",
    "packages.torch",
    "packages.torchvision",
    "packages.numpy",
    "packages.sweepboard",
    "packages.pillow",
    "packages.simplejpeg",
    "torch.",
    "hardware.cpu",
    "hardware.gpus",
    "variables.",
)
_WITH_CODE = ("code.commit", "code.patch", *_MATTERS)
_IGNORED = (
    "unknown_code",
    "code.changed",
    "code.repository",
    "code.branch",
    "working_directory",
    "hardware.host",
    "hardware.memory",
)


def between_environments(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Return the differences of two environments, those that matter first.

    Another commit or patch matters only if the user's modules that the run imports changed too, or are not
    known.
    """
    code = then.get("sources"), now.get("sources")
    matters = (
        _MATTERS if all(isinstance(each, Mapping) for each in code) and code[0] == code[1] else _WITH_CODE
    )
    found = [
        Difference(key, old, new, key.startswith(matters))
        for key, old, new in _unequal(then, now)
        if not key.startswith(_IGNORED)
    ]
    return sorted(found, key=lambda difference: not difference.matters)


def between_configs(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Return the values in which two resolved configurations differ."""
    return [Difference(key, old, new, matters=True) for key, old, new in _unequal(then, now)]


def between_runs(then: RunConfig, now: RunConfig) -> list[Difference]:
    """Return the values in which the configurations of two runs differ, each with its effect.

    A callback has none if it only writes, or is missing, in each of the two.
    """
    writers = {*then.writes_only, *now.writes_only} - {*_others(then), *_others(now)}
    configs = then.values, now.values
    found = ((change, effect_of(change.key, writers, configs)) for change in between_configs(*configs))
    return [
        replace(change, matters=effect in ("result", "rounding", "length"), effect=effect)
        for change, effect in found
    ]


def _others(config: RunConfig) -> list[str]:
    """Return the keys of the callbacks that may change results."""
    return [key for key in named_entries(config.values) if key not in config.writes_only]


def _unequal(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    left, right = dict(flatten(then)), dict(flatten(now))
    for key in [*left, *(key for key in right if key not in left)]:
        old, new = left.get(key, ABSENT), right.get(key, ABSENT)
        if old != new or type(old) is not type(new):
            yield key, old, new
