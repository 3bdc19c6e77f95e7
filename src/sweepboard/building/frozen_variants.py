"""Prepare frozen configurations, of which many differ from an earlier one in a few numbers only."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sweepboard.building.number_variants import Number, NumberVariants
from sweepboard.building.prepare import Prepared
from sweepboard.compose.run_config import RunConfig
from sweepboard.names import Unlike, changed_leaves

_CHECKED = re.compile(r"seed|(?:optimizer|scheduler)\..+")
"""Keys whose numbers `NumberVariants` checks."""

_MOST = 100
"""How many of the configurations before one is compared with."""


@dataclass
class _Whole:
    """A configuration that was prepared from nothing."""

    config: RunConfig
    prepared: Prepared

    @cached_property
    def variants(self) -> NumberVariants | None:
        """What makes those that differ from it in numbers; None if their model cannot tell."""
        return NumberVariants.of_resolved(self.prepared)


class FrozenVariants:
    """Prepare configurations by `prepare`, or, where that says the same, from an earlier one."""

    def __init__(self, prepare: Callable[[RunConfig], Prepared]) -> None:
        self._prepare = prepare
        self._known: deque[_Whole] = deque(maxlen=_MOST)

    def prepare(self, config: RunConfig) -> Prepared:
        """Return a configuration after all checks. Raise `UserError`."""
        for known in self._known:
            numbers = numbers_apart(known.config, config)
            if numbers is not None and (variants := known.variants) is not None:
                return variants.prepare(numbers, config.overrides)
        prepared = self._prepare(config)
        self._known.appendleft(_Whole(config, prepared))
        return prepared


def numbers_apart(one: RunConfig, other: RunConfig) -> dict[str, Number] | None:
    """Return the numbers in which another configuration differs; None if it differs in anything else."""
    if _around(one) != _around(other):
        return None
    found = {}
    try:
        for path, before, value in changed_leaves(one.values, other.values):
            key = ".".join(map(str, path))
            if not (_CHECKED.fullmatch(key) and _is_number(before) and _is_number(value)):
                return None
            found[key] = value
    except Unlike:
        return None
    return found


def _around(config: RunConfig) -> tuple[Any, ...]:
    return config.groups, config.interpolations, config.writes_only, config.own, config.typed


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
