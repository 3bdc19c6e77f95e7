"""Refuse values that a resolver computes from a value of the run, such as `${twice:${hydra:job.num}}`.

A configuration is checked and frozen with templates in place of the run's values (`compose.hydra_values`). A
user's resolver would compute its result from the template, and every job would train with that result.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweepboard.compose.hydra_errors import explain_value
from sweepboard.compose.hydra_values import as_template, run_value, values_of_a_run
from sweepboard.compose.interpolations import leaves
from sweepboard.errors import ConfigError

_RUNS = ((Path("a/sweep/of"), 0), (Path("runs", "other"), 1))
"""Two runs that have no value in common."""


def refuse_computed_values(config: DictConfig, key: str = "") -> None:
    """Raise `ConfigError` if a value in `config`, the node at `key`, is computed from a value of the run."""
    frozen = _dependent_values(config, key, None)
    written = dict(leaves(OmegaConf.to_container(config, resolve=False), key))
    for run in _RUNS:
        actual = _dependent_values(config, key, run) if frozen else {}
        for place, value in frozen.items():
            if not _is_filled_in(value, actual.get(place), run):
                raise ConfigError(
                    f"{place}: {written.get(place)} is computed from a value that only a run has; "
                    "take that value as it is, as in ${hydra:job.num}, and compute in your own class"
                )


def _dependent_values(config: DictConfig, key: str, run: tuple[Path, int] | None) -> dict[str, Any]:
    """Return, by key, the values that depend on the run; without a `run`, they contain templates."""
    with values_of_a_run(run) as asked:
        try:
            return dict(_resolved_with(config, key, asked))
        except OmegaConfBaseException as error:
            raise explain_value(error) from error


def _resolved_with(node: DictConfig | ListConfig, key: str, asked: list[str]) -> Iterator[tuple[str, Any]]:
    names: Any = range(len(node)) if isinstance(node, ListConfig) else list(node)
    for name in names:
        place = f"{key}[{name}]" if isinstance(node, ListConfig) else f"{key}.{name}" if key else str(name)
        asked.clear()
        value = node[name]
        if not OmegaConf.is_interpolation(node, name):
            if OmegaConf.is_config(value):
                yield from _resolved_with(value, place, asked)
        else:
            plain = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
            if asked:
                yield place, plain


def _is_filled_in(frozen: Any, actual: Any, run: tuple[Path, int]) -> bool:
    """Return whether `frozen` has a template and equals `actual` when its templates are filled in."""
    templates = {key: as_template(value) for key, value in leaves(frozen, "")}
    filled = {
        key: value if (text := templates[key]) is None else run_value(text, *run)
        for key, value in leaves(frozen, "")
    }
    return any(templates.values()) and filled == dict(leaves(actual, ""))
