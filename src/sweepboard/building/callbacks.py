"""Check and build the callbacks and loggers of a configuration."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sweepboard.building.instantiate import construct
from sweepboard.compose.call_checks import check_node
from sweepboard.compose.hydra_errors import group_options
from sweepboard.compose.locate import TARGET, locate
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import ConfigError
from sweepboard.names import named_entries
from sweepboard.settings import CALLBACKS, LOGGERS
from sweepboard.training import callback_list
from sweepboard.training.callback import Callback
from sweepboard.training.logger import Logger

_NAME = re.compile(r"\w+\.[A-Za-z_]\w*")
_BASES = {CALLBACKS: Callback, LOGGERS: Logger}


def check_callbacks(config: Mapping[str, Any]) -> None:
    """Check the class and the arguments of every callback and logger. Raise `ConfigError`."""
    for key, node in named_entries(config).items():
        if not _NAME.fullmatch(key):
            raise ConfigError(f"{key}: is no name for a part of a run; take letters, digits and _")
        if not isinstance(node, Mapping):
            raise ConfigError(f"{key}: needs a class, typed as {key}.{TARGET}=...; ~{key} removes it")
        if TARGET not in node:
            group, _, name = key.partition(".")
            option = f"{group}={name}, or " if name in group_options(group) else ""
            raise ConfigError(f"{key}.{TARGET}: no class is named; type {option}+{key}.{TARGET}=... and one")
        check_node(node, key)
        _check_class(locate(node[TARGET], f"{key}.{TARGET}"), node[TARGET], key)


def build_callbacks(config: RunConfig) -> dict[str, Callback]:
    """Build the callbacks and loggers, by key: `callbacks.ema`."""
    built = {key: construct(node, key) for key, node in named_entries(config.values).items()}
    for key, callback in built.items():
        _check_class(type(callback), type(callback).__name__, key)
    callback_list.check_callbacks(built)
    return built


def writes_only(config: Mapping[str, Any]) -> list[str]:
    """Return the keys of the callbacks and loggers that change no result."""
    found = {key: locate(node[TARGET], key) for key, node in named_entries(config).items()}
    return [key for key, target in found.items() if getattr(target, "writes_only", False)]


def _check_class(found: Any, target: str, key: str) -> None:
    """Raise `ConfigError` for a class that is not of the contract; a function shows it when it is called."""
    base = _BASES[key.partition(".")[0]]
    if isinstance(found, type) and not issubclass(found, base):
        kind = base.__name__
        raise ConfigError(f"{key}: {target} is not a {kind.lower()}: derive its class from sweepboard.{kind}")
