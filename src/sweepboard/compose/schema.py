"""The settings that the runner knows by name, as Hydra's schema; no torch in here, so that `--help` is quick.

`Config` is closed at the top and in `trainer`, `logging` and `facts`: Hydra refuses a key it does
not have. The groups with a `_target_` are open, because the constructor's signature is their schema.
"""

from __future__ import annotations

from omegaconf import DictConfig, OmegaConf

from sweepboard.compat.hydra import store_config
from sweepboard.settings import OPEN_GROUPS, Config


def schema() -> DictConfig:
    """`Config` as a node whose open groups take any key without a `+`."""
    node: DictConfig = OmegaConf.structured(Config)
    for group in OPEN_GROUPS:
        OmegaConf.set_struct(node[group], False)
    return node


def register() -> None:
    """Make the schema known to Hydra as the config `schema`; once or many times, it is the same."""
    store_config("schema", schema())
