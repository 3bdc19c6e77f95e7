"""The condition `sweep.filter`, on points of a sweep.

Points that differ in numbers only share one composed configuration, in which these numbers are set: composing
each of them takes many times longer than its condition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweepboard.building.number_variants import composed_numbers, numbers_in
from sweepboard.errors import ConfigError, nearest
from sweepboard.expressions import BadExpression, Expression
from sweepboard.names import flatten
from sweepboard.sweeps.preparation import Kind, kind_of

_KEPT = 256
"""Configurations that are kept; points of further kinds are composed one by one."""


class PointFilter:
    """The condition `only` on `points`, None for all. Raise `ConfigError` if it cannot be parsed."""

    def __init__(self, only: str | None, points: Sequence[Sequence[str]]) -> None:
        self._condition = read_filter(only)
        self._often = Counter(map(kind_of, points)) if self._condition else Counter[Kind]()
        self._shared: dict[Kind, _Shared] = {}

    def known(self, point: Sequence[str]) -> bool | None:
        """Return whether the condition holds; None if the point has to be composed. Raise `ConfigError`."""
        if self._condition is None:
            return True
        shared = self._shared.get(kind_of(point))
        return None if shared is None else shared.holds(numbers_in(point))

    def holds(self, point: Sequence[str], config: DictConfig) -> bool:
        """Return whether the condition holds for the point that `config` was composed for."""
        if self._condition is None:
            return True
        kind = kind_of(point)
        if self._often[kind] > 1 and kind not in self._shared and len(self._shared) < _KEPT:
            self._shared[kind] = _Shared.of(self._condition, config.copy(), numbers_in(point))
        return holds(self._condition, config, config.hydra.runtime.choices)


@dataclass(frozen=True)
class _Shared:
    """A condition on points that differ in numbers only, and the configuration of the first one."""

    config: DictConfig
    condition: Callable[[], bool]
    present: dict[str, Any]
    """The numbers that stand in `config`."""

    types: Mapping[str, type]
    """Their types, where they were composed to what their overrides say."""

    @classmethod
    def of(cls, condition: Expression, config: DictConfig, numbers: Mapping[str, Any]) -> _Shared:
        composed = composed_numbers(config, numbers)
        types = {key: type(number) for key, number in numbers.items() if repr(composed[key]) == repr(number)}
        return cls(config, prepared(condition, config, config.hydra.runtime.choices), composed, types)

    def holds(self, numbers: Mapping[str, Any]) -> bool | None:
        """Return whether the condition holds with these numbers; None where Hydra may change one."""
        if any(self.types.get(key) is not type(number) for key, number in numbers.items()):
            return None
        for key, number in numbers.items():
            if self.present[key] != number:
                OmegaConf.update(self.config, key, number)
                self.present[key] = number
        return self.condition()


def read_filter(text: str | None) -> Expression | None:
    """Return the condition of `sweep.filter`. Raise `ConfigError` if it cannot be parsed."""
    try:
        return Expression(text) if text else None
    except BadExpression as error:
        raise ConfigError(f"sweep.filter={text}: {error}") from error


def holds(condition: Expression, config: DictConfig, groups: Mapping[Any, Any]) -> bool:
    """Return whether the condition holds for a configuration and its options. Raise `ConfigError`."""
    return prepared(condition, config, groups)()


def prepared(condition: Expression, config: DictConfig, groups: Mapping[Any, Any]) -> Callable[[], bool]:
    """Return the condition on a configuration, as often as it is changed; calling it raises `ConfigError`.

    Raise `ConfigError` for an unknown name.
    """
    settings = _Settings(config, groups)
    with _told(condition):
        found = condition.condition(settings, strict=True)

    def holds_now() -> bool:
        with _told(condition):
            return found(settings)

    return holds_now


@contextmanager
def _told(condition: Expression) -> Iterator[None]:
    try:
        yield
    except BadExpression as error:
        raise ConfigError(f"sweep.filter={condition.text}: {error}") from error


@dataclass(frozen=True)
class _Settings(Mapping[str, Any]):
    """The group options and the values of one configuration, by name."""

    config: DictConfig
    groups: Mapping[Any, Any]
    parts: Collection[str] = ()

    def knows(self, name: str) -> bool:
        return name in self.groups or _has(self.config, name)

    def key(self, name: str, part: str | None = None) -> str:
        if not self.knows(name):
            raise BadExpression(f"there is no {name}; {_hint(name, self.config)}")
        return name

    def __getitem__(self, name: str) -> Any:
        return self.groups[name] if name in self.groups else OmegaConf.select(self.config, name)

    def __iter__(self) -> Iterator[str]:
        return iter(map(str, self.config))

    def __len__(self) -> int:
        return len(self.config)


def _hint(name: str, config: DictConfig) -> str:
    plain = OmegaConf.to_container(config, resolve=False)
    assert isinstance(plain, dict)
    likely = nearest(name, [key for key, _ in flatten({str(key): value for key, value in plain.items()})])
    return f"did you mean {likely}?" if likely else "a text is written in quotes"


def _has(config: DictConfig, name: str) -> bool:
    path, _, last = name.rpartition(".")
    parent = OmegaConf.select(config, path) if path else config
    return isinstance(parent, DictConfig) and last in parent
