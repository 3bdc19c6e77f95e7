"""Settings of a search: how many trials, by what they are judged, how they are chosen and stopped."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from sweepboard.errors import ConfigError, did_you_mean

PREFIX = "hydra.sweeper"
"""Where these settings stand in the configuration."""

SAMPLERS = ("tpe", "random", "cmaes", "grid")
PRUNERS = ("median", "halving", "hyperband")
DIRECTIONS = {"minimize": "min", "maximize": "max", "min": "min", "max": "max"}


@dataclass(frozen=True)
class SearchSettings:
    """What `conf/hydra/sweeper/optuna.yaml` says, with its defaults."""

    trials: int = 20
    """Trials in all, those of earlier attempts counted."""

    metric: str | list[str] | None = None
    """What to search for, one or several: `accuracy`, `[val/accuracy, perf/samples_per_second]`; None for the
    primary metric of the task."""

    direction: str | list[str] | None = None
    """`minimize` or `maximize`, of several metrics one for each; None for what each metric itself says."""

    sampler: str = "tpe"
    seed: int = 0
    """Of the sampler: each trial follows from it and from what came out of those before."""

    pruner: str | None = None
    """The rule by which bad trials are stopped while they run; None lets all come to their end."""

    warmup: int = 1
    """The validation at which a trial may first be stopped."""

    startup: int = 5
    """Trials that come to their end before the median rule stops any."""

    reduction: int = 3
    """Of so many trials halving and hyperband let one go on."""


def search_settings(values: dict[str, Any]) -> SearchSettings:
    """The settings of these values. Raises `ConfigError` for a name or a value that cannot be."""
    known = [item.name for item in fields(SearchSettings)]
    for name in values:
        if name not in known:
            raise ConfigError(f"{PREFIX}.{name}: there is no such setting{did_you_mean(name, known)}")
    settings = SearchSettings(**values)
    for name, least in {"trials": 1, "warmup": 1, "startup": 0, "reduction": 2, "seed": 0}.items():
        _check_number(name, getattr(settings, name), least)
    _check_word("sampler", settings.sampler, SAMPLERS)
    if settings.pruner is not None:
        _check_word("pruner", settings.pruner, PRUNERS)
    return settings


def _check_number(name: str, value: Any, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(f"{PREFIX}.{name}={value}: must be a whole number, {least} or more")


def _check_word(name: str, value: Any, valid: tuple[str, ...]) -> None:
    if value not in valid:
        raise ConfigError(f"{PREFIX}.{name}={value}: choose from {', '.join(valid)}")
