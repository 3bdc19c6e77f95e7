"""The runner's own settings as a schema for Hydra. Do not import torch here, to keep `--help` fast.

`Config` is closed at the top level and in `trainer`, `logging` and `facts`: Hydra refuses unknown keys. The
groups with a `_target_` are open, because the constructor's signature is their schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweepboard.compat.hydra import store_config_once
from sweepboard.settings import NAMED_GROUPS, OPEN_GROUPS, Config, is_program


def schema() -> DictConfig:
    """Return `Config` as a node whose open groups accept any key without a `+`."""
    node: DictConfig = OmegaConf.structured(Config)
    for group in (*OPEN_GROUPS, *NAMED_GROUPS):
        OmegaConf.set_struct(node[group], False)
    return node


def schema_for(values: Mapping[str, Any]) -> DictConfig:
    """Return the schema of a configuration with these values; that of the user's own function has none."""
    return OmegaConf.create() if is_program(values) else schema()


def register() -> None:
    """Register the schema with Hydra as the config `schema`. Repeated calls do no harm."""
    store_config_once("schema", schema)
