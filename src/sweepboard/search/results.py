"""Print the results of a search and write them as presets."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.types import RunMode
from omegaconf import OmegaConf
from optuna.trial import FrozenTrial

from sweepboard import plain_yaml
from sweepboard.compose.overrides import extends
from sweepboard.files import write_atomic, write_json
from sweepboard.formatting import number
from sweepboard.search.study import Study, reason_of
from sweepboard.secrets import is_masked, masked_overrides
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.job_status import JobView, SweepCallback
from sweepboard.sweeps.results import warn_if_unwritable
from sweepboard.sweeps.sweep_overrides import takes_mapping

PRESETS = "experiment"
"""The config group of presets; the sweep's folder has a folder of that name with options for it."""


def write_study(folder: SweepFolder, study: Study, views: Sequence[JobView]) -> None:
    """Write study.json and the best trials as presets: `best`, or `best-007` for several objectives."""
    place = folder.path / PRESETS
    with warn_if_unwritable(folder):
        write_json(folder.path / "study.json", _summary(study, views))
        if study.search.of_program:  # whose configuration has no presets
            return
        place.mkdir(exist_ok=True)
        for path in place.glob("best*.yaml"):
            path.unlink()
        for trial, name in _named(study):
            write_atomic(place / f"{name}.yaml", _preset(study, trial, views[trial.number]))


def announce(folder: SweepFolder, study: Study, views: Sequence[JobView], listener: SweepCallback) -> None:
    """Report the best trials and how to use them."""
    best = study.best()
    if not best:
        listener.on_note("no trial has come to its end, so that there is no best one")
    elif len(best) > 1:
        listener.on_note(f"{len(best)} trials of which none beats another in everything:")
    for trial, name in _named(study):
        listener.on_note(f"best: {views[trial.number].label}  {_values(study, trial)}")
        if study.search.of_program:
            run = str(folder.job(views[trial.number].label))
            listener.on_note(f"  again: {shlex.join(['sweepboard', 'rerun', run])}")
            continue
        listener.on_note(f"  again: {_again(study, trial)}")
        listener.on_note(f"  or: {_with_preset(folder, study, name)}")


def _again(study: Study, trial: FrozenTrial) -> str:
    alone = ["hydra.mode=RUN"] if study.search.by_preset else []
    overrides = masked_overrides(study.search.overrides(trial.params))  # what is printed may be kept in a log
    return _command(study.search.config_dirs, [*alone, *overrides])


def _with_preset(folder: SweepFolder, study: Study, name: str) -> str:
    """Return the command that uses the preset, with the user's own presets it builds on."""
    return _command([*study.search.config_dirs, folder.path], [f"{PRESETS}={name}"])


def _command(config_dirs: Sequence[Path], overrides: Sequence[str]) -> str:
    flags = [override for path in config_dirs for override in ("--config-dir", str(path))]
    return shlex.join(["sweepboard", *flags, *overrides])


def _named(study: Study) -> Iterator[tuple[FrozenTrial, str]]:
    for trial in study.best():
        yield trial, "best" if len(study.search.objectives) == 1 else f"best-{trial.number:03d}"


def _values(study: Study, trial: FrozenTrial) -> str:
    tags = [objective.tag for objective in study.search.objectives]
    return ", ".join(f"{tag} {number(value)}" for tag, value in zip(tags, trial.values or (), strict=False))


def _summary(study: Study, views: Sequence[JobView]) -> dict[str, Any]:
    search = study.search
    return {
        "objectives": [asdict(objective) for objective in search.objectives],
        "settings": asdict(search.settings),
        "states": Counter(trial.state.name.lower() for trial in study.trials),
        "best": [trial.number for trial in study.best()],
        "trials": [_row(trial, views[trial.number]) for trial in study.trials],
    }


def _row(trial: FrozenTrial, view: JobView) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "job": view.label,
        "state": trial.state.name.lower(),
        "values": trial.values,
        "parameters": trial.params,
        "validations": {str(step): value for step, value in trial.intermediate_values.items()},
        "reason": reason_of(trial) or view.reason,
    }


def _preset(study: Study, trial: FrozenTrial, view: JobView) -> str:
    """Return the trial's overrides as a YAML preset."""
    overrides = masked_overrides(study.search.overrides(trial.params))
    parsed = OverridesParser.create().parse_overrides(overrides)
    deleted = [each for each in parsed if each.is_delete()]
    options = [
        each
        for each in parsed
        if each.key_or_group in study.search.groups and each not in deleted and not takes_mapping(each)
    ]
    plain: dict[str, Any] = {"defaults": list(_defaults(options))}
    if study.search.by_preset:
        plain["hydra"] = {"mode": RunMode.RUN.name}
    for each in parsed:
        if each not in options and each not in deleted:
            key, value = each.key_or_group, each.value()
            _enter(plain, key, _full_list(study, overrides, key) if extends(each) else value)
    head = f"# @package _global_\n# {view.label}: {_values(study, trial)}, of {len(study.trials)} trials\n"
    head += "".join(f"# type this, too, which YAML cannot say: {each.input_line}\n" for each in deleted)
    head += "".join(
        f"# a secret, to be typed again: {override}\n" for override in overrides if is_masked(override)
    )
    return head + plain_yaml.dump(plain)


def _defaults(options: Sequence[Override]) -> Iterator[Any]:
    """Return the defaults list, beginning with the preset that the search itself used."""
    for option in options:
        if option.key_or_group == PRESETS:
            yield str(option.value())
    for option in options:
        if option.key_or_group != PRESETS:
            verb = "" if option.is_add() else "override "
            yield {f"{verb}/{option.key_or_group}": option.value()}


def _full_list(study: Study, overrides: Sequence[str], key: str) -> Any:
    """Return the whole list at `key`, which an override only extends."""
    return OmegaConf.to_container(OmegaConf.select(study.search.compose(overrides), key))


def _enter(plain: dict[str, Any], key: str, value: Any) -> None:
    *path, name = key.split(".")
    for part in path:
        plain = plain.setdefault(part, {})
    _set_value(plain, name, _value(value))


def _set_value(plain: dict[str, Any], name: str, value: Any) -> None:
    """Set a value; merge a mapping into an existing one."""
    if isinstance(value, dict) and isinstance(plain.get(name), dict):
        for key, child in value.items():
            _set_value(plain[name], key, child)
    else:
        plain[name] = value


def _value(value: Any) -> Any:
    """Return a parsed value as YAML represents it."""
    if isinstance(value, QuotedString):
        return value.text
    if isinstance(value, list):
        return [_value(item) for item in value]
    if isinstance(value, dict):
        return {_value(key): _value(item) for key, item in value.items()}
    return value
