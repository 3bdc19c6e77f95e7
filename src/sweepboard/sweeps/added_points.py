"""Add points to a frozen sweep: each of its jobs with new overrides on top."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from sweepboard.compose.hydra_errors import explain
from sweepboard.compose.hydra_values import templates_of
from sweepboard.compose.interpolations import follow
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import ConfigError, UserError
from sweepboard.execution import Resources
from sweepboard.expressions import Expression
from sweepboard.settings import SweepSettings
from sweepboard.sweeps.grid import grid
from sweepboard.sweeps.plan import Plan, PlannedJob
from sweepboard.sweeps.point_filter import holds, read_filter
from sweepboard.sweeps.points import BadPoint
from sweepboard.sweeps.sweep_overrides import key_of, last_of_each_key
from sweepboard.trust.foreign_config import Trust


def points(overrides: Sequence[str], typed: Sequence[str], settings: SweepSettings) -> list[list[str]]:
    """Return the combinations of the new `overrides`, zipped as the `typed` settings say.

    The sweep's own `sweep.zip` applies to its frozen values only, so it is not used for the new ones.
    """
    keys = {key_of(override) for override in typed}
    for key in ("sweep.zip", "sweep.filter"):
        if key in keys and not overrides:
            raise ConfigError(f"{key}: is of points, and none is added; add some, as optimizer.lr=0.1,0.01")
    return grid(overrides, settings.zip if "sweep.zip" in keys else ()) if overrides else []


def added(
    plan: Plan,
    new: Sequence[Sequence[str]],
    only: str | None,
    config_dirs: Sequence[Path],
    trust: Trust,
    resources: Resources | None = None,
) -> Iterator[RunConfig]:
    """Yield the configuration of every job with each of the `new` points on top, where `only` holds."""
    condition = read_filter(only)
    changed = [(point, _changed(job, point, config_dirs, trust)) for point in new for job in plan.jobs]
    kept = [(point, one) for point, one in changed if condition is None or _holds(condition, one)]
    if changed and not kept:
        raise ConfigError(f"sweep.filter={only}: holds for no added point; add others, or sweep.filter=null")
    for point, config in kept:
        yield _checked(point, config, trust, resources)


def _changed(
    job: PlannedJob, overrides: Sequence[str], config_dirs: Sequence[Path], trust: Trust
) -> RunConfig:
    try:
        return trust.admitted(job.config).with_overrides(overrides, config_dirs)
    except UserError as error:
        raise BadPoint(f"in {' '.join(overrides)}: {error}") from error


def _holds(condition: Expression, config: RunConfig) -> bool:
    templates = templates_of(config)
    followed = {key: other for key, other in config.interpolations.items() if key not in templates}
    return holds(condition, follow(config.values, followed), config.groups)


def _checked(
    overrides: Sequence[str], config: RunConfig, trust: Trust, resources: Resources | None
) -> RunConfig:
    try:
        standing = replace(config, overrides=_standing(config.overrides))
        return trust.prepare(standing, resources=resources).config
    except UserError as error:
        raise BadPoint(f"in {' '.join(overrides)}: {error}") from error


def _standing(overrides: Sequence[str]) -> list[str]:
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except HydraException as error:  # a stranger's plan may say that anything was typed
        raise explain(error, overrides) from error
    return [str(each.input_line) for each in last_of_each_key(parsed)]
