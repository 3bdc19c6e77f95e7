"""Refuse unquoted scalars in a user's YAML whose value differs from what they look like.

OmegaConf reads YAML 1.1, where `0777` is 511, `1:30` is 90 and `no` is false. YAML 1.2 and the command line
read them differently.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from sweepboard.errors import ConfigError
from sweepboard.formatting import yaml_text

_POWER = re.compile(r"[-+]?\d[\d_]*(?:\.[\d_]*)?[eE][-+]?\d+")
_OTHER_BASE = re.compile(r"[-+]?(?:0[0-7_]+|0b[01_]+|\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?)")
"""Octal, binary and base 60. Hexadecimal numbers have the same value in YAML 1.1 and 1.2."""


def refuse_misleading(node: yaml.Node | None, file: Path) -> None:
    """Raise `ConfigError` with the line and key of a misleading scalar in `file`, whose root node is `node`.

    The defaults list is not checked, because names of options are read as text.
    """
    for key, scalar in _scalars(node, ""):
        message = None if scalar.style else _why(scalar)
        if message and not re.match(r"defaults\b", key):
            place = f"{file}, line {scalar.start_mark.line + 1}: {key}"
            raise ConfigError(f"{place}: {scalar.value} {message}")


def _why(scalar: yaml.ScalarNode) -> str | None:
    text = scalar.value
    kind = scalar.tag.rpartition(":")[2]
    if _POWER.fullmatch(text) and math.isinf(float(text)):  # such as the commit 695e0514
        return f"is larger than every number; as a text it is quoted, '{text}', and infinity is .inf"
    if kind == "bool" and text.lower() not in ("true", "false"):
        meant = yaml_text(yaml.safe_load(text))
        return f"is {meant} in YAML, and a text on the command line; write {meant}, or '{text}' for the text"
    if kind in ("int", "float") and _OTHER_BASE.fullmatch(text):
        meant = yaml_text(yaml.safe_load(text))
        return f"is the number {meant} in YAML; write {meant}, or '{text}' for the text"
    return None


def _scalars(node: yaml.Node | None, key: str) -> Iterator[tuple[str, yaml.ScalarNode]]:
    """Yield the scalar values and names in a node, each with its key."""
    if isinstance(node, yaml.ScalarNode):
        yield key, node
    elif isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            place = f"{key}.{name.value}" if key else str(name.value)
            yield from _scalars(name, place)
            yield from _scalars(value, place)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _scalars(value, f"{key}[{index}]")
