"""Convert the text of environment variables to numbers."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweepboard.compose.interpolations import leaves
from sweepboard.compose.locate import TARGET, locate
from sweepboard.compose.type_checks import fits, parameter_types
from sweepboard.settings import settings


def read_numbers(config: DictConfig) -> None:
    """Replace the value of `${oc.env:LR}` by a number if its key needs a number and the text is one."""
    for key, written in leaves(OmegaConf.to_container(config, resolve=False), ""):
        if isinstance(written, str) and written.startswith("${oc.env:") and written.endswith("}"):
            _read_number(config, key)


def _read_number(config: DictConfig, key: str) -> None:
    try:
        text, wanted = OmegaConf.select(config, key), _type_of(config, key)
    except OmegaConfBaseException:  # reported when the whole configuration is resolved
        return
    number = _number(text)
    if number is not None and not fits(text, wanted) and fits(number, wanted):
        OmegaConf.update(config, key, number)


def _type_of(config: DictConfig, key: str) -> Any:
    if key in settings():
        return settings()[key].type
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(config, parent) if parent else None
    if not isinstance(node, DictConfig) or not isinstance(node.get(TARGET), str):
        return Any
    return parameter_types(locate(node[TARGET], f"{parent}.{TARGET}")).get(name, Any)


def _number(text: Any) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except (TypeError, ValueError):
            continue
    return None
