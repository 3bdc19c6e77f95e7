"""From a composed configuration to plain values and back.

Plain values are a resolved record: `${...}` in them is text. Which of them followed another key is kept
beside them as links, so that a record can be changed later and still hang together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweepboard.compose.hydra_errors import explain_value
from sweepboard.compose.schema import schema
from sweepboard.errors import ConfigError

_ABSENT = object()
_KEY = re.compile(r"[A-Za-z_][\w.\[\]]*")
_LINK = re.compile(rf"\$\{{\s*(\.*)({_KEY.pattern})\s*\}}")


def resolved(config: DictConfig) -> dict[str, Any]:
    """The values as plain containers, every interpolation replaced by its value.

    Raises `ConfigError` naming the key of a value that is missing or cannot be resolved.
    """
    try:
        return OmegaConf.to_container(config, resolve=True, throw_on_missing=True)  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise explain_value(error) from error


def links_of(config: DictConfig) -> dict[str, str]:
    """Which leaves are the value of another key, and nothing else: `{"scheduler.max_lr": "optimizer.lr"}`."""
    links = {}
    for key, value in leaves(OmegaConf.to_container(config, resolve=False), ""):
        found = _LINK.fullmatch(value) if isinstance(value, str) else None
        if found:
            dots, name = found.groups()
            # One dot is the mapping the leaf stands in, each further dot the one around it.
            around = re.split(r"\.|(?=\[)", key)[: -len(dots)] if dots else []
            links[key] = ".".join([*around, name]).replace(".[", "[")
    return links


def leaves(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Every value that is no container, with its key: `model.hidden[0]`."""
    if isinstance(value, Mapping):
        for name, child in value.items():
            yield from leaves(child, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from leaves(child, f"{key}[{index}]")
    else:
        yield key, value


def follow(config: Mapping[str, Any], links: Mapping[str, str]) -> DictConfig:
    """The plain `config` on the schema again, the keys of `links` following those they are linked to.

    Raises `ConfigError` for a key that the schema does not have, a value of another type, or a link to
    anything but a key: a resolver in a record could read, and make, whatever it likes.
    """
    check_links(links)
    try:
        node = OmegaConf.merge(schema(), escaped(config))
    except OmegaConfBaseException as error:
        raise explain_value(error) from error
    assert isinstance(node, DictConfig)
    for key, other in links.items():
        try:
            if OmegaConf.select(node, key, default=_ABSENT) is not _ABSENT:
                OmegaConf.update(node, key, f"${{{other}}}")
        except (OmegaConfBaseException, ValueError, TypeError) as error:
            raise ConfigError(f"{key}: this key of a link leads nowhere") from error
    return node


def check_links(links: Mapping[str, str]) -> None:
    """Raise `ConfigError` for a link that does not lead to a key."""
    for key, other in links.items():
        if not (isinstance(other, str) and _KEY.fullmatch(other)):
            raise ConfigError(f"{key}: a link leads to another key, and {other!r} is none")


def escaped(value: Any) -> Any:
    """Plain containers in which OmegaConf will take every text for what it is, `${...}` too."""
    if isinstance(value, Mapping):
        return {name: escaped(child) for name, child in value.items()}
    if isinstance(value, list):
        return [escaped(child) for child in value]
    if isinstance(value, str) and "${" in value:
        # Backslashes are special to OmegaConf only just before "${".
        return re.sub(r"(\\*)\$\{", lambda found: found.group(1) * 2 + r"\${", value)
    return value
