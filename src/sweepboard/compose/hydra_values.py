"""Values that are known when the run starts: `${hydra:runtime.output_dir}`, `${hydra:job.num}` and others.

A configuration is checked, compared and frozen before the run has a folder or a job number. Until then, such
a value is a template: a text with `${hydra:...}`. It is recorded among the interpolations and filled in when
the run starts. A template may use only the values of a run, so a foreign template can read nothing else.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, read_write

from sweepboard.compat.hydra import register_resolver
from sweepboard.compose.interpolations import escaped
from sweepboard.errors import ConfigError
from sweepboard.settings import NAMED_GROUPS, OPEN_GROUPS, PROGRAM, TOP_LEVEL

if TYPE_CHECKING:
    from sweepboard.compose.run_config import RunConfig

_NUMBER = "job.num"
_JOB_VALUES = (_NUMBER, "job.id", "sweep.dir", "sweep.subdir")
_RUN_VALUES = ("runtime.output_dir", "run.dir", *_JOB_VALUES)
_TEMPLATE = re.compile(r"\$\{hydra:(" + "|".join(map(re.escape, _RUN_VALUES)) + r")\}")
_PLACEHOLDER = 4073709551
"""Placeholder for a job's number while values are resolved: valid for every setting, and never typed."""

_NEEDED_EARLY = {*TOP_LEVEL} - {*OPEN_GROUPS, *NAMED_GROUPS, "facts"} | {"dataset"}
"""Top-level keys that are needed before the run has a folder, because its plan depends on them."""

_NEEDED_BY_A_PROGRAM = {"threads", "output_root", "imports", "sweep", PROGRAM}

_BUILDS = re.compile(r"(^|\.)_")

_SCRATCH = Path(tempfile.gettempdir(), "sweepboard-dry-run")


def enable_hydra_values(config: DictConfig) -> None:
    """Make `${hydra:...}` resolve: values of the run to templates, all others to their value in `config`."""
    if "hydra" in config:
        with read_write(config.hydra):
            config.hydra.job.override_dirname = _override_dirname(config)
        HydraConfig.instance().set_config(config)
    register_resolver("hydra", _hydra_value)


def _override_dirname(config: DictConfig) -> str:
    """Return `hydra.job.override_dirname` for a run or a point of a sweep, with `${...}` as text."""
    how: Any = OmegaConf.to_container(config.hydra.job.config.override_dirname)
    overrides: Any = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    typed = OverridesParser.create().parse_overrides(list(overrides))
    kept = sorted(str(each.input_line) for each in typed if each.key_or_group not in how["exclude_keys"])
    return str(escaped(how["item_sep"].join(kept).replace("=", how["kv_sep"])))


@contextmanager
def values_of_a_run(run: tuple[Path, int] | None) -> Iterator[list[str]]:
    """Make `${hydra:...}` resolve to the values of `run` (folder and number), or to templates for None.

    Yield a list. Each resolved value of a run appends its name to the list.
    """
    asked: list[str] = []

    def answer(key: str) -> Any:
        if key not in _RUN_VALUES:
            return _hydra_value(key)
        asked.append(key)
        return run_value(f"${{hydra:{key}}}", *run) if run else _hydra_value(key)

    register_resolver("hydra", answer)
    try:
        yield asked
    finally:
        register_resolver("hydra", _hydra_value)


def _hydra_value(key: str) -> Any:
    if key == _NUMBER:
        return _PLACEHOLDER
    if key in _RUN_VALUES:
        return f"${{hydra:{key}}}"
    hydra: Any = HydraConfig.instance().cfg
    parent, _, name = f"hydra.{key}".rpartition(".")
    node = None if hydra is None else OmegaConf.select(hydra, parent)
    if not isinstance(node, DictConfig) or name not in node:  # `in` is also False for a value of `???`
        raise ValueError(f"there is no {key} here")
    return node[name]


def templates_in(values: Mapping[str, Any], of_program: bool = False) -> dict[str, str]:
    """Return the templates among flat values, by key. Raise `ConfigError` if a value is needed earlier.

    `of_program` says whether the configuration is of a training function of the user's own.
    """
    found = {}
    for key, value in values.items():
        text = as_template(value)
        if text is not None:
            found[key] = text
            if _is_needed_early(key, of_program):
                raise ConfigError(
                    f"{key}: {text} is known only when the run has its folder, too late for this; "
                    "give a value"
                )
    return found


def as_template(value: Any) -> str | None:
    """Return the template that a resolved value stands for, or None if it is not a template."""
    if isinstance(value, int | float) and value == _PLACEHOLDER:
        return f"${{hydra:{_NUMBER}}}"
    if not isinstance(value, str):
        return None
    text = value.replace(str(_PLACEHOLDER), f"${{hydra:{_NUMBER}}}")
    return text if _TEMPLATE.search(text) else None


def templates_of(config: RunConfig) -> dict[str, str]:
    """Return the interpolations that are templates; `_target_` and the data set never are."""
    of_program = config.program is not None
    return {
        key: text
        for key, text in config.interpolations.items()
        if _is_template(text) and not _is_needed_early(key, of_program)
    }


def _is_template(text: object) -> bool:
    return isinstance(text, str) and bool(_TEMPLATE.search(text)) and "${" not in _TEMPLATE.sub("", text)


def _is_needed_early(key: str, of_program: bool) -> bool:
    early = _NEEDED_BY_A_PROGRAM if of_program else _NEEDED_EARLY
    return re.split(r"[.\[]", key)[0] in early or bool(_BUILDS.search(key))


def refuse_values_of_a_job(config: RunConfig) -> None:
    """Raise `ConfigError` if the configuration of a single run uses a value of a job in a sweep."""
    for key, template in templates_of(config).items():
        for word in _TEMPLATE.findall(template):
            if word in _JOB_VALUES:
                raise ConfigError(
                    f"{key}: ${{hydra:{word}}} is of a job in a sweep, and this is one run; add -m"
                )


def with_run_values(config: RunConfig, folder: Path, number: int = 0) -> RunConfig:
    """Return the configuration with the values of the run in `folder`, job `number` of its sweep.

    The values of a foreign configuration do not change.
    """
    templates = templates_of(config) if config.own else {}
    return replace(config, values=filled(config.values, templates, folder, number))


def filled(
    config: Mapping[str, Any], templates: Mapping[str, str], folder: Path = _SCRATCH, number: int = 0
) -> dict[str, Any]:
    """Return a copy of the plain `config` with every template replaced by its value."""
    if not templates:
        return dict(config)
    new = deepcopy(dict(config))
    for key, template in templates.items():
        _set_value(new, key, run_value(template, folder, number))
    return new


def unfilled(config: Mapping[str, Any], templates: Mapping[str, str | None]) -> dict[str, Any]:
    """Return a copy of the plain `config` with `templates` put back at their keys."""
    new = deepcopy(dict(config)) if templates else dict(config)
    for key, template in templates.items():
        _set_value(new, key, template)
    return new


def run_value(template: str, folder: Path, number: int) -> str | int:
    """Return the value of a template for the run in `folder`, job `number` of its sweep."""
    values = {
        "runtime.output_dir": str(folder.absolute()),
        "run.dir": str(folder),
        "sweep.dir": str(folder.parent),
        "sweep.subdir": folder.name,
        "job.id": f"job_id_for_{number}",
        _NUMBER: str(number),
    }
    if template == f"${{hydra:{_NUMBER}}}":
        return number
    return _TEMPLATE.sub(lambda found: values[found[1]], template)


def _set_value(config: Any, key: str, value: Any) -> None:
    *path, last = re.findall(r"[^.\[\]]+", key)
    for part in path:
        config = config[int(part) if isinstance(config, list) else part]
    config[int(last) if isinstance(config, list) else last] = value
