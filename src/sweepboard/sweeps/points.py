"""The points of a sweep, each composed and checked like a single run before any job starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweepboard.compose.automatic import threads_of_environment
from sweepboard.compose.prepare import prepare
from sweepboard.errors import ConfigError, UserError, nearest
from sweepboard.names import flatten
from sweepboard.runs.reload import require_secrets
from sweepboard.sweeps.plan import Point
from sweepboard.sweeps.sweep_filter import Condition

Compose = Callable[[Sequence[str]], DictConfig]
"""From the words of a point to its configuration with the `hydra` block."""


class BadPoint(ConfigError):
    """A point of a sweep that could not run."""


def check_points(words: Sequence[Sequence[str]], compose: Compose, only: str | None = None) -> list[Point]:
    """All points for which the condition `only` holds, checked.

    Raises `BadPoint` for the first mistake in any of them, with the words that tell it from the others.
    """
    condition = Condition(only) if only else None
    composed = [(point, _composed(point, words, compose)) for point in words]
    kept = [
        (point, config) for point, config in composed if condition is None or _of_point(condition, config)
    ]
    if not kept:
        raise ConfigError(f"sweep.filter={only}: holds for no point, so the sweep has no jobs")
    return [_checked(point, words, config) for point, config in kept]


def _composed(point: Sequence[str], points: Sequence[Sequence[str]], compose: Compose) -> DictConfig:
    try:
        return compose(point)
    except UserError as error:
        raise _bad(point, points, error) from error


def _of_point(condition: Condition, config: DictConfig) -> bool:
    return holds(condition, config, config.hydra.runtime.choices)


def holds(condition: Condition, config: DictConfig, groups: Mapping[Any, Any]) -> bool:
    """Whether the condition holds for a configuration and the options chosen. Raises `ConfigError`."""
    return condition.holds({name: _value(name, condition, config, groups) for name in condition.names})


def _value(name: str, condition: Condition, config: DictConfig, groups: Mapping[Any, Any]) -> Any:
    """The option of a config group, or the value of a key."""
    if name in groups:
        return groups[name]
    if not _has(config, name):
        raise condition.mistake(f"there is no {name}; {_hint(name, config)}")
    return OmegaConf.select(config, name)


def _hint(name: str, config: DictConfig) -> str:
    plain = OmegaConf.to_container(config, resolve=False)
    assert isinstance(plain, dict)
    likely = nearest(name, [key for key, _ in flatten({str(key): value for key, value in plain.items()})])
    return f"did you mean {likely}?" if likely else "a text is written in quotes"


def _has(config: DictConfig, name: str) -> bool:
    path, _, last = name.rpartition(".")
    parent = OmegaConf.select(config, path) if path else config
    return isinstance(parent, DictConfig) and last in parent


def _checked(point: Sequence[str], points: Sequence[Sequence[str]], config: DictConfig) -> Point:
    try:
        prepared = prepare(config, dict(config.hydra.runtime.choices), point)
        require_secrets(prepared.config)
    except UserError as error:
        raise _bad(point, points, error) from error
    return Point(prepared, (config.threads or threads_of_environment()) is not None)


def _bad(point: Sequence[str], points: Sequence[Sequence[str]], error: UserError) -> UserError:
    common = set(point).intersection(*map(set, points))
    own = " ".join(word for word in point if word not in common)
    return BadPoint(f"in {own}: {error}") if own else error
