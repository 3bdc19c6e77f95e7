"""Settings of a search: number of trials, objectives, sampler and pruner."""

from __future__ import annotations

from dataclasses import dataclass

from sweepboard.settings.field import setting


@dataclass(frozen=True)
class SearchSettings:
    """The settings in `conf/hydra/sweeper/optuna.yaml`, with their defaults."""

    trials: int = setting(20, "length", minimum=1)
    """Trials in all, those of earlier attempts counted."""

    metric: str | list[str] | None = setting(None, "result")
    """What to search for, one or several: `accuracy`, `[val/accuracy, train/samples_per_second]`; null for
    the primary metric of the task."""

    direction: str | list[str] | None = setting(None, "result", choices=("minimize", "maximize"))
    """`minimize` or `maximize`, of several metrics one for each; null for what each metric itself says."""

    sampler: str = setting("tpe", "result", choices=("tpe", "random", "cmaes", "grid"))
    """How the next trial is chosen."""

    seed: int = setting(0, "result", minimum=0)
    """Of the sampler: each trial follows from it and from what came out of those before."""

    pruner: str | None = setting(None, "result", choices=("median", "halving", "hyperband"))
    """The rule by which bad trials are stopped while they run; null lets all come to their end."""

    warmup: int = setting(1, "result", minimum=1)
    """The validation at which a trial may first be stopped."""

    startup: int = setting(5, "result", minimum=0)
    """Trials that come to their end before the median rule stops any."""

    reduction: int = setting(3, "result", minimum=2)
    """Of so many trials halving and hyperband let one go on."""
