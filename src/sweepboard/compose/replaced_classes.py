"""Drop the arguments of a class that an override or YAML replaced with another class.

`optimizer._target_=torch.optim.RAdam`, typed or in a preset, replaces Adam, but `fused: true` in adam.yaml is
an argument of Adam. An argument is dropped if it was set before the new class and the new class has no
parameter of that name.
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
from sweepboard.compose.group_keys import shared_keys
from sweepboard.compose.hydra_errors import explain
from sweepboard.compose.interpolations import leaves
from sweepboard.compose.locate import TARGET, locate, nodes
from sweepboard.errors import ConfigError
from sweepboard.settings import NAMED_GROUPS, OPEN_GROUPS, is_program

Layer = dict[str, Any]
"""The values that one file sets, by flat key."""


def follow_typed_targets(config: DictConfig, overrides: Sequence[str]) -> None:
    """Drop from `config` the arguments of classes that typed overrides replaced.

    Typed arguments, and arguments that are parameters of the new class, are kept. Raise `ConfigError` if a
    class cannot be found.
    """
    if not any(TARGET in one for one in overrides):
        return
    typed = set(_typed(overrides))
    for place, target in _targets(config):
        if f"{place}.{TARGET}" in typed:
            for name in _unknown_arguments(locate(target, f"{place}.{TARGET}"), config, place):
                if not _sets(typed, f"{place}.{name}"):
                    del OmegaConf.select(config, place)[name]


def follow_targets_in_yaml(
    config: DictConfig, overrides: Sequence[str], config_dirs: Sequence[Path] = (), config_name: str = CONFIG
) -> None:
    """Drop from `config` the arguments of classes that a later YAML file replaced.

    `config` must have been composed from these overrides and folders. Typed arguments, and arguments in the
    file with the new class or in a later file, are kept.
    """
    suspects = {place: names for place, names in _suspects(config) if names}
    if not suspects:  # avoids reading the files again
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
    """Return all overrides from which Hydra composed a configuration, with `${...}` unresolved."""
    overrides: Any = OmegaConf.to_container(config.hydra.overrides, resolve=False)
    return [*overrides["hydra"], *overrides["task"]]


def _suspects(config: DictConfig) -> Iterator[tuple[str, list[str]]]:
    for place, target in _targets(config):
        try:
            yield place, _unknown_arguments(locate(target, place), config, place)
        except ConfigError:  # reported when the whole configuration is checked
            continue


def _targets(config: DictConfig) -> list[tuple[str, Any]]:
    """Return the key of every node with a `_target_`, with the target, unless it is an interpolation."""
    plain: Any = OmegaConf.to_container(config, resolve=False)
    if is_program(plain):  # its groups are the user's own
        return []
    found = (each for group in (*OPEN_GROUPS, *NAMED_GROUPS) for each in nodes(plain.get(group), group))
    return [(place, node[TARGET]) for place, node in found if node[TARGET] and "${" not in str(node[TARGET])]


def _unknown_arguments(target: Any, config: DictConfig, place: str) -> list[str]:
    """Return the arguments at `place` that are not parameters of `target`."""
    keep = {*RESERVED, *shared_keys(place)}
    names = map(str, list(OmegaConf.select(config, place)))
    return [name for name in names if name not in keep and not takes(target, name)]


def _replaced_in(layers: Sequence[Layer], place: str) -> int | None:
    """Return the index of the layer that replaced another class at `place`, or None if no layer did."""
    having = [number for number, layer in enumerate(layers) if layer.get(f"{place}.{TARGET}") is not None]
    classes = [layers[number][f"{place}.{TARGET}"] for number in having]
    others = [number for number, each in zip(having, classes, strict=True) if each != classes[-1]]
    return next((number for number in having if others and number > others[-1]), None)


def _sets(keys: set[str], key: str) -> bool:
    """Return whether `key` or a key below it is in `keys`."""
    return any(one == key or one.startswith((f"{key}.", f"{key}[")) for one in keys)


def _layers(overrides: Sequence[str], config_dirs: Sequence[Path], config_name: str) -> list[Layer]:
    """Return the values that each file of a composition sets, in the order in which files are merged."""
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
    """Yield the flat key of every typed value: `model.width` for `model.width=8` and `model={width: 8}`."""
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except HydraException as error:  # possible for the overrides in a saved record only
        raise explain(error, list(overrides)) from error
    for override in parsed:
        key = re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", override.key_or_group)
        value = override.value()
        if isinstance(value, dict):
            yield from (below for below, _ in leaves(value, key))
            yield from (f"{key}.{name}" for name in value)
        elif "." in key:
            yield key
