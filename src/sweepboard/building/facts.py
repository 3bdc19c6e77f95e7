"""The facts of a run: what a configuration takes over from its data set and from its length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from math import ceil, prod
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweepboard.building.schedules import metrics_of_schedules
from sweepboard.compose.run_config import settings_of
from sweepboard.data.splits import batches_per_epoch, split_sizes
from sweepboard.data.splits import check_settings as check_data
from sweepboard.data.types import DataSpec, Source
from sweepboard.errors import ConfigError
from sweepboard.settings import DatasetSettings, Facts, TrainerSettings
from sweepboard.training.intervals import length

_LENGTHS = ("steps", "epochs", "steps_per_epoch")


def refuse_given_facts(config: DictConfig) -> None:
    """Raise `ConfigError` for a fact that was typed."""
    facts: Any = OmegaConf.to_container(config.facts)
    for name, value in facts.items():
        if value is not None:
            raise ConfigError(
                f"facts.{name}: follows from the data set and the length of the run; leave it out"
            )


def stand_ins() -> Facts:
    """Return placeholder facts of the right types, to check arguments before the data set is opened."""
    return Facts(**{item.name: [1] if item.name == "input_shape" else 1 for item in fields(Facts)})  # type: ignore[arg-type]


def refuse_unknown_facts(interpolations: Mapping[str, str], facts: Facts, source: Source) -> None:
    """Raise `ConfigError` for a key that follows a fact which is known of (input, target) pairs only."""
    why = getattr(source, "why_no_pair", None)
    here = f"and {why};" if why else "which the samples here are not:"
    for key, other in interpolations.items():
        name = other.removeprefix("facts.")
        if other != name and name not in ("classes", *_LENGTHS) and getattr(facts, name, 0) is None:
            raise ConfigError(
                f"{key}: ${{{other}}} is known of (input, target) pairs, {here} "
                f"{'else ' if why else ''}type {key}=..., or choose another {key.partition('.')[0]}"
            )


def facts_of(config: Mapping[str, Any], source: Source) -> Facts:
    """Return the facts of the data and the run's length. Raise `ConfigError` if settings do not fit them."""
    dataset = settings_of(DatasetSettings, config["dataset"])
    check_data(dataset, source)
    _check_validation(config, "val" in split_sizes(dataset, source))
    trainer = settings_of(TrainerSettings, config["trainer"])
    steps, per_epoch = length(trainer, batches_per_epoch(dataset, source))
    shapes = _shapes(source.spec)
    return Facts(**shapes, steps=steps, epochs=ceil(steps / per_epoch), steps_per_epoch=per_epoch)


def _shapes(spec: DataSpec | None) -> dict[str, Any]:
    if spec is None:
        return {}
    shape = spec.input_shape
    return {
        "input_shape": list(shape),
        "outputs": spec.outputs,
        "classes": spec.classes,
        "channels": shape[0] if shape else 1,
        "features": prod(shape),
    }


def _check_validation(config: Mapping[str, Any], validates: bool) -> None:
    needs = {
        "trainer.early_stopping.patience": config["trainer"]["early_stopping"]["patience"] is not None,
        **{f"{key}.interval": True for key in metrics_of_schedules(config)},
    }
    for key, needed in needs.items():
        if needed and not validates:
            raise ConfigError(f"{key}: needs a validation, and there is none; set dataset.val_fraction=0.1")
