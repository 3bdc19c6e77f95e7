"""How much each searched key matters, from the study.json that a search leaves in its folder."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweepboard.compose.plain_types import check_plain
from sweepboard.errors import reason
from sweepboard.files import read_json

log = logging.getLogger(__name__)

FEWEST = 8
"""With fewer finished trials nothing is said."""


@dataclass(frozen=True)
class _Objective:
    """The types of an entry of `objectives`."""

    tag: str
    mode: str


@dataclass(frozen=True)
class _Trial:
    """The types of an entry of `trials`."""

    state: str
    values: list[float] | None
    parameters: dict[str, Any]


@dataclass(frozen=True)
class _Study:
    objectives: list[_Objective]
    trials: list[_Trial]


def importances(paths: Iterable[Path]) -> dict[str, dict[str, float]]:
    """Return by objective the importance of each key, largest first; empty where no search ran.

    The shares of an objective add up to 1.
    """
    found: dict[str, dict[str, float]] = {}
    folders = [path for path in paths if (path / "study.json").is_file()]
    for folder in folders:
        for tag, shares in _of_folder(folder).items():
            found[tag if len(folders) == 1 else f"{tag} of {folder.name}"] = shares
    return found


def _of_folder(folder: Path) -> dict[str, dict[str, float]]:
    try:
        content = read_json(folder / "study.json")
        check_plain(_Study, content)
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read: %s", folder / "study.json", reason(error))
        return {}
    objectives = content["objectives"]
    trials = [each for each in content["trials"] if _is_complete(each, len(objectives))]
    parameters = [{key: _scalar(value) for key, value in each["parameters"].items()} for each in trials]
    shares = {}
    for number, objective in enumerate(objectives):
        values = [each["values"][number] for each in trials]
        if len(values) >= FEWEST and len(set(values)) > 1:
            shares[objective["tag"]] = _shares(parameters, values, objective["mode"])
    return {tag: each for tag, each in shares.items() if each}


def _is_complete(trial: Mapping[str, Any], objectives: int) -> bool:
    values = trial["values"] or []
    return trial["state"] == "complete" and len(values) == objectives and all(map(_is_finite, values))


def _is_finite(value: Any) -> bool:
    """Return whether a value is a number of ordinary size."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e100


def _scalar(value: Any) -> float | str:
    return float(value) if _is_finite(value) else str(value)


def _shares(parameters: Sequence[Mapping[str, Any]], values: Sequence[float], mode: str) -> dict[str, float]:
    """Return the importances by Optuna's PED-ANOVA; empty without Optuna, or if no key is in all trials."""
    try:
        import optuna
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
    except ImportError:
        return {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    common = [key for key in parameters[0] if all(key in each for each in parameters)]
    columns = {key: [each[key] for each in parameters] for key in common}
    axes = {key: _distribution(column) for key, column in columns.items() if len(set(column)) > 1}
    if not axes:
        return {}
    study = optuna.create_study(direction="minimize" if mode == "min" else "maximize")
    for each, value in zip(parameters, values, strict=True):
        point = {key: each[key] for key in axes}
        study.add_trial(optuna.trial.create_trial(params=point, distributions=axes, value=value))
    return get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())


def _distribution(values: Sequence[float | str]) -> Any:
    """Return Optuna's description of an axis as far as the trials show it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    numbers = [value for value in values if isinstance(value, float)]
    if len(numbers) < len(values):
        return CategoricalDistribution(list(dict.fromkeys(values)))
    low, high = min(numbers), max(numbers)
    return FloatDistribution(low, high, log=low > 0 and high / low >= 20)
