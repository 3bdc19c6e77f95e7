"""Convert a composed configuration to plain values and back.

Plain values are resolved: `${...}` in them is text. `interpolations` records which keys followed another
key, so that they still follow it when the configuration is changed later.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweepboard.compat.hydra import merge
from sweepboard.compose.hydra_errors import explain_value
from sweepboard.compose.schema import schema_for
from sweepboard.errors import ConfigError

_ABSENT = object()
_KEY = re.compile(r"[A-Za-z_][\w.\[\]]*")
_INTERPOLATION = re.compile(rf"\$\{{\s*(\.*)({_KEY.pattern})\s*\}}")


def resolved(config: DictConfig) -> dict[str, Any]:
    """Return the values as plain containers, every interpolation replaced by its value.

    Raise `ConfigError`, naming the key, for a value that is missing or cannot be resolved.
    """
    try:
        return OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise explain_value(error) from error


def interpolations_of(config: DictConfig) -> dict[str, str]:
    """Return the leaves that are interpolations of another key: `{"scheduler.max_lr": "optimizer.lr"}`."""
    interpolations = {}
    for key, value in leaves(OmegaConf.to_container(config, resolve=False), ""):
        found = _INTERPOLATION.fullmatch(value) if isinstance(value, str) else None
        if found:
            dots, name = found.groups()
            # One dot is the mapping that holds the leaf; each further dot is one level up.
            around = re.split(r"\.|(?=\[)", key)[: -len(dots)] if dots else []
            interpolations[key] = ".".join([*around, name]).replace(".[", "[")
    return interpolations


def leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Yield every value that is not a container, with its key: `model.hidden[0]`."""
    if isinstance(value, Mapping):
        for name, child in value.items():
            yield from leaves(child, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from leaves(child, f"{key}[{index}]")
    else:
        yield key, value


def follow(values: Mapping[str, Any], interpolations: Mapping[str, str]) -> DictConfig:
    """Return the plain `values` as a node of the schema, with `interpolations` restored.

    Raise `ConfigError` for an unknown key, a value of the wrong type, or an interpolation of anything but a
    key: a resolver in a record could read files or run code.
    """
    check_interpolations(interpolations)
    try:
        node = merge(schema_for(values), escaped(values))
    except OmegaConfBaseException as error:
        raise explain_value(error) from error
    for key, other in interpolations.items():
        try:
            if OmegaConf.select(node, key, default=_ABSENT) is not _ABSENT:
                OmegaConf.update(node, key, f"${{{other}}}")
        except (OmegaConfBaseException, ValueError, TypeError) as error:
            raise ConfigError(f"{key}: this key of an interpolation leads nowhere") from error
    return node


def check_interpolations(interpolations: Mapping[str, str]) -> None:
    """Raise `ConfigError` for an interpolation of anything but a key."""
    for key, other in interpolations.items():
        if not (isinstance(other, str) and _KEY.fullmatch(other)):
            raise ConfigError(f"{key}: an interpolation leads to another key, and {other!r} is none")


def escaped(value: Any) -> Any:
    """Return plain containers in which `${...}` is escaped, so that OmegaConf reads it as text."""
    if isinstance(value, Mapping):
        return {name: escaped(child) for name, child in value.items()}
    if isinstance(value, list):
        return [escaped(child) for child in value]
    if isinstance(value, str) and "${" in value:
        # OmegaConf treats backslashes as special only directly before "${".
        return re.sub(r"(\\*)\$\{", lambda found: found.group(1) * 2 + r"\${", value)
    return value
