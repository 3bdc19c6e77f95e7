"""Let several optimizers by name, typed or in YAML, replace the one that was chosen before them.

Hydra merges `optimizer={muon: {_target_: …}, adam: {_target_: …}}` into the class and arguments of the chosen
option, which are of no use beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from sweepboard.compose.call_checks import takes
from sweepboard.compose.config_layers import Layer, sets
from sweepboard.compose.group_keys import shared_keys
from sweepboard.compose.locate import TARGET, locate
from sweepboard.errors import ConfigError

_GROUP = "optimizer"
_CLASS = f"{_GROUP}.{TARGET}"


def drop_replaced_optimizer(config: DictConfig, layers: Sequence[Layer]) -> None:
    """Drop the class of one optimizer, and its arguments, if a later layer names several optimizers."""
    node = config.get(_GROUP)
    having = [number for number, layer in enumerate(layers) if layer.get(_CLASS) is not None]
    if not having or not OmegaConf.is_dict(node) or node.get(TARGET) is None:
        return
    later = layers[having[-1] + 1 :]
    if any(_is_an_optimizer(name, node, later) for name in node):
        given = frozenset(key for layer in later for key in layer)
        keep = [name for name in node if name in shared_keys(_GROUP) or sets(given, f"{_GROUP}.{name}")]
        for name in [name for name in node if name not in keep]:
            del node[name]


def _is_an_optimizer(name: Any, node: DictConfig, layers: Sequence[Layer]) -> bool:
    """Return whether the layers give `name` a class, and it is no argument of the one optimizer."""
    has_class = any(f"{_GROUP}.{name}.{TARGET}" in layer for layer in layers)
    if name in shared_keys(_GROUP) or not has_class:
        return False
    try:
        return not takes(locate(node[TARGET], _CLASS), str(name))
    except ConfigError:  # reported when the whole configuration is checked
        return False
