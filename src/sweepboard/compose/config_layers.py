"""The values that each YAML file of a composition sets, and those that are typed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf

from sweepboard.compose.config_search import hydra_ready
from sweepboard.compose.hydra_errors import explain
from sweepboard.compose.interpolations import leaves

Layer = Mapping[str, Any]
"""The values that one file, or the command line, sets, by flat key."""


def typed_keys(overrides: Sequence[str]) -> frozenset[str]:
    """Return the keys that overrides set."""
    return frozenset(typed_layer(overrides))


def sets(keys: Iterable[str], key: str) -> bool:
    """Return whether `key` or a key below it is in `keys`."""
    return any(one == key or one.startswith((f"{key}.", f"{key}[")) for one in keys)


def file_layers(overrides: Sequence[str], config_dirs: Sequence[Path], config_name: str) -> list[Layer]:
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


def typed_layer(overrides: Sequence[str]) -> Layer:
    """Return the typed values by flat key: `model.width` for `model.width=8` and `model={width: 8}`."""
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except HydraException as error:  # possible for the overrides in a saved record only
        raise explain(error, list(overrides)) from error
    return dict(pair for override in parsed for pair in _values(override))


def _values(override: Override) -> Iterator[tuple[str, Any]]:
    key = re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", override.key_or_group)
    value = override.value()
    if isinstance(value, dict):
        yield from leaves(value, key)
        yield from ((f"{key}.{name}", each) for name, each in value.items())
    elif "." in key:
        yield key, value
