"""Map our settings to Optuna's samplers and pruners."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from sweepboard.errors import ConfigError
from sweepboard.search.objective import Objective
from sweepboard.search.space import Numbers, Space, Value
from sweepboard.settings import SEARCH, SearchSettings

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler


def check_packages(settings: SearchSettings) -> None:
    """Raise `ConfigError` with what to install."""
    needed = {"optuna": "hydra/sweeper=optuna"}
    if settings.sampler == "cmaes":
        needed["cmaes"] = f"{SEARCH}.sampler=cmaes"
    for package, override in needed.items():
        if find_spec(package) is None:
            raise ConfigError(f"{override} needs the package {package}: type pip install {package}")


def check_together(
    settings: SearchSettings, space: Space, objectives: Sequence[Objective], validations: int
) -> None:
    """Raise `ConfigError` for a sampler or a pruner that cannot work here.

    `validations` is how often a trial validates.
    """
    if settings.sampler == "cmaes":
        _check_cmaes(space, objectives)
    if settings.sampler == "grid" and space.points() is None:
        endless = next(axis.key for axis in space.axes if axis.grid is None)
        raise ConfigError(
            f"{SEARCH}.sampler=grid: the interval of {endless} has no end of values; use range(...) or a list"
        )
    if settings.pruner is not None:
        _check_pruner(settings, objectives, validations)


def _check_cmaes(space: Space, objectives: Sequence[Objective]) -> None:
    if len(objectives) > 1:
        raise ConfigError(f"{SEARCH}.sampler=cmaes is for one metric; use tpe")
    if not any(isinstance(axis, Numbers) for axis in space.axes):
        raise ConfigError(f"{SEARCH}.sampler=cmaes needs an interval or a range of numbers; use tpe")


def _check_pruner(settings: SearchSettings, objectives: Sequence[Objective], validations: int) -> None:
    override = f"{SEARCH}.pruner={settings.pruner}"
    if len(objectives) > 1 or not objectives[0].validated:
        raise ConfigError(
            f"{override}: trials are compared by one metric of val/, or of a training function by its "
            "program.primary_metric; leave it out"
        )
    if validations and validations <= settings.warmup:
        raise ConfigError(
            f"{override}: a trial validates {validations} times, so there is nothing to stop at validation "
            f"{settings.warmup}; make it longer, or validate more often with trainer.val_every_steps"
        )


def sampler_for(settings: SearchSettings, number: int) -> BaseSampler:
    """Return the sampler of trial `number`, determined by the seed, the number and the earlier trials.

    A sampler with a state of its own would repeat itself when the search is resumed.
    """
    from optuna.samplers import CmaEsSampler, RandomSampler, TPESampler

    seed = _seed(settings.seed, number)
    if settings.sampler == "tpe":
        return TPESampler(seed=seed)
    if settings.sampler == "cmaes":
        return CmaEsSampler(
            seed=seed, independent_sampler=RandomSampler(seed), warn_independent_sampling=False
        )
    return RandomSampler(seed)


def _seed(seed: int, number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:4], "big")


def grid_order(settings: SearchSettings, space: Space) -> list[dict[str, Value]]:
    """Return every point of the space once, in random order, so that any first part is a fair sample."""
    points = space.points() or []
    random.Random(settings.seed).shuffle(points)
    return points


def pruner_for(settings: SearchSettings, validations: int) -> BasePruner:
    """Return the pruner. Its steps are validations, counted from 1."""
    from optuna.pruners import HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner

    if settings.pruner == "median":
        return MedianPruner(n_startup_trials=settings.startup, n_warmup_steps=settings.warmup)
    if settings.pruner == "halving":
        return SuccessiveHalvingPruner(settings.warmup, settings.reduction)
    if settings.pruner == "hyperband":
        return HyperbandPruner(settings.warmup, validations or "auto", settings.reduction)
    return NopPruner()
