"""Turn a sweep or a search in YAML into the overrides of its command line.

A text means what it means on the command line (`"0.1,0.2"`, `"interval(0, 1)"`, `"${seed}"`). A list holds
the values of a key, a mapping further keys; null, numbers and booleans keep their type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from sweepboard.compose.override_grammar import quoted
from sweepboard.errors import ConfigError
from sweepboard.settings import SEARCH
from sweepboard.sweeps.sweep_overrides import is_setting

PARAMS = f"{SEARCH}.params"


def overrides_of_params(config: DictConfig) -> list[str]:
    """Return the overrides of the sweeper's `params`, with `${...}` unresolved. Raise `ConfigError`."""
    params = config.hydra.sweeper.get("params")
    plain = OmegaConf.to_container(params, resolve=False) if OmegaConf.is_config(params) else params
    if not isinstance(plain, dict | None):
        raise ConfigError(
            f"{PARAMS}={plain}: must be keys with values, as {{optimizer.lr: 'interval(0.1,1)'}}"
        )
    return [override for key, value in (plain or {}).items() for override in _overrides(str(key), value)]


def refuse_misread_params(config: DictConfig, sweeper: str) -> None:
    """Raise `ConfigError` for `params` that Hydra's own sweepers would misread."""
    params = config.hydra.sweeper.get("params") or {}
    overrides = overrides_of_params(config)
    if overrides != [f"{key}={value}" for key, value in params.items()]:
        raise ConfigError(
            f"{PARAMS}: hydra/sweeper={sweeper} reads texts only; use hydra/sweeper=grid, or type "
            + " ".join(overrides)
        )


def _overrides(key: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        if {"low", "high"} <= value.keys():
            interval = f"interval({value['low']},{value['high']})"
            written = f"tag(log,{interval})" if value.get("log") else interval
            raise ConfigError(f"{PARAMS}.{key}: write '{key}: {written}'")
        for name, child in value.items():
            yield from _overrides(f"{key}.{name}", child)
        return
    if is_setting(key) or key.startswith("hydra."):
        raise ConfigError(f"{PARAMS}.{key}: is no part of a job; write it beside `hydra`, and not in params")
    yield key if key.startswith("~") and value is None else f"{key}={_values(key, value)}"


def _values(key: str, value: Any) -> str:
    if isinstance(value, str):
        return _as_typed(key, value)
    if isinstance(value, list):
        if not value:
            raise ConfigError(f"{PARAMS}.{key}: has no values; write {key}: '[]' for an empty list")
        return ",".join(map(_value, value))
    return _value(value)


def _as_typed(key: str, text: str) -> str:
    """Return a text value in Hydra's grammar, with quotes if it needs them."""
    if _parsed(f"key={text}") is not None:
        return text
    if set(text) & set(",()[]{}"):
        raise ConfigError(
            f'{PARAMS}.{key}: {text!r} cannot be read; write {key}: "{quoted(text)}" if it is one text'
        )
    return quoted(text)


def _value(value: Any) -> str:
    """Return one value in Hydra's grammar."""
    if isinstance(value, list):
        return f"[{','.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{_value(name)}:{_value(child)}' for name, child in value.items())}}}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return _text(value) if isinstance(value, str) else str(value)


def _text(text: str) -> str:
    """Return a text without quotes if it means the same without them."""
    override = _parsed(f"key={text}")
    plain = override is not None and not override.is_sweep_override() and override.value() == text
    return text if plain and not isinstance(override.value(), QuotedString) else quoted(text)  # type: ignore[union-attr]


def _parsed(override: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(override)
    except HydraException:
        return None
