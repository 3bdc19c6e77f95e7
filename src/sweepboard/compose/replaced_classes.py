"""Arguments that were meant for a class which another one has replaced, by an override or in YAML.

`optimizer._target_=torch.optim.RAdam`, typed or in a preset, takes the place of Adam, and `fused: true` in
adam.yaml was meant for Adam. Dropped is what came before the new class and is no argument of it by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from sweepboard.compose.call_checks import RESERVED, takes
from sweepboard.compose.config_search import CONFIG, hydra_ready
from sweepboard.compose.hydra_errors import explain
from sweepboard.compose.instantiate import shared_keys
from sweepboard.compose.interpolations import leaves
from sweepboard.compose.locate import TARGET, locate, nodes
from sweepboard.errors import ConfigError
from sweepboard.settings import OPEN_GROUPS

Layer = dict[str, Any]
"""What one file sets: values by flat keys."""


def follow_typed_targets(config: DictConfig, overrides: Sequence[str]) -> None:
    """Drop from `config` the arguments that only the replaced class takes, wherever a class was typed.

    Kept are the arguments that the new class has by name, and all that was typed. Raises `ConfigError` where
    the class cannot be found.
    """
    if not any(TARGET in one for one in overrides):
        return
    typed = set(_typed(overrides))
    for place, target in _targets(config):
        if f"{place}.{TARGET}" in typed:
            for name in _foreign_to(locate(target, f"{place}.{TARGET}"), config, place):
                if not _sets(typed, f"{place}.{name}"):
                    del OmegaConf.select(config, place)[name]


def follow_targets_in_yaml(
    config: DictConfig, overrides: Sequence[str], config_dirs: Sequence[Path] = (), config_name: str = CONFIG
) -> None:
    """The same for a class that stands in YAML over that of another file.

    `config` was composed of these files and overrides. Kept is what was typed, or stands in the file with
    the new class or in a later one.
    """
    suspects = {place: names for place, names in _suspects(config) if names}
    if not suspects:  # and no file is read again
        return
    layers = _layers(overrides, config_dirs, config_name)
    typed = set(_typed(overrides))
    for place, names in suspects.items():
        begin = _replaced_in(layers, place)
        if begin is None or f"{place}.{TARGET}" in typed:
            continue
        kept = typed.union(*layers[begin:])
        for name in names:
            if not _sets(kept, f"{place}.{name}"):
                del OmegaConf.select(config, place)[name]


def overrides_of_hydra(config: DictConfig) -> list[str]:
    """Return all overrides from which Hydra composed a configuration, `${...}` in them as it was written."""
    overrides: Any = OmegaConf.to_container(config.hydra.overrides, resolve=False)
    return [*overrides["hydra"], *overrides["task"]]


def _suspects(config: DictConfig) -> Iterator[tuple[str, list[str]]]:
    for place, target in _targets(config):
        try:
            yield place, _foreign_to(locate(target, place), config, place)
        except ConfigError:  # is told when all is checked
            continue


def _targets(config: DictConfig) -> list[tuple[str, Any]]:
    """Every place with a class, and its name, but for one that follows another value."""
    plain: Any = OmegaConf.to_container(config, resolve=False)
    found = (each for group in OPEN_GROUPS for each in nodes(plain.get(group), group))
    return [(place, node[TARGET]) for place, node in found if node[TARGET] and "${" not in str(node[TARGET])]


def _foreign_to(target: Any, config: DictConfig, place: str) -> list[str]:
    """The arguments at `place` that `target` does not have by name."""
    keep = {*RESERVED, *(shared_keys(place) if place in OPEN_GROUPS else ())}
    names = map(str, list(OmegaConf.select(config, place)))
    return [name for name in names if name not in keep and not takes(target, name)]


def _replaced_in(layers: Sequence[Layer], place: str) -> int | None:
    """The number of the layer whose class took the place of another one; None where there was no other."""
    having = [number for number, layer in enumerate(layers) if layer.get(f"{place}.{TARGET}") is not None]
    classes = [layers[number][f"{place}.{TARGET}"] for number in having]
    others = [number for number, each in zip(having, classes, strict=True) if each != classes[-1]]
    return next((number for number in having if others and number > others[-1]), None)


def _sets(keys: set[str], key: str) -> bool:
    """Whether `key`, or one in it, is among `keys`."""
    return any(one == key or one.startswith((f"{key}.", f"{key}[")) for one in keys)


def _layers(overrides: Sequence[str], config_dirs: Sequence[Path], config_name: str) -> list[Layer]:
    """What each file of a composition sets, in the order in which they are merged."""
    try:
        with hydra_ready(config_dirs) as hydra:
            loader = hydra.config_loader
            listed = loader.compute_defaults_list(config_name, list(overrides), RunMode.RUN).defaults
            loaded = [
                (loader.repository.load_config(each.config_path), each.package or "")  # type: ignore[attr-defined]
                for each in listed
                if each.config_path and not each.config_path.startswith("hydra/")
            ]
    except Exception as error:
        raise explain(error, overrides, config_dirs) from error
    return [
        dict(leaves(OmegaConf.to_container(found.config, resolve=False), package))
        for found, package in loaded
    ]


def _typed(overrides: Sequence[str]) -> Iterator[str]:
    """The flat key of every value that was typed: `model.width=8`, `model={width: 8}`."""
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except HydraException as error:  # of a record, whose overrides nobody has typed here
        raise explain(error, list(overrides)) from error
    for override in parsed:
        key = re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", override.key_or_group)
        value = override.value()
        if isinstance(value, dict):
            yield from (below for below, _ in leaves(value, key))
            yield from (f"{key}.{name}" for name in value)
        elif "." in key:
            yield key
