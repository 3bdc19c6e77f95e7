"""One line about every setting, read from the docstring below its field; no torch in here."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from itertools import pairwise
from typing import Any, get_type_hints

from sweepboard.compose.schema import SHARED_KEYS, Config
from sweepboard.formatting import yaml_text


@dataclass(frozen=True)
class Setting:
    """A setting of the runner: its dotted key, its default as YAML has it, what it is for, its annotation."""

    key: str
    default: str
    text: str
    type: Any


@cache
def settings() -> list[Setting]:
    """Every setting of the runner but the facts, in the order of the schema."""
    return [item for item in _walk(Config, "") if not item.key.startswith("facts.")]


def _walk(cls: type, prefix: str) -> Iterator[Setting]:
    texts, types = field_texts(cls), get_type_hints(cls)
    for item in fields(cls):
        key = f"{prefix}{item.name}"
        default = _default(item)
        nested = SHARED_KEYS.get(key, type(default))
        if is_dataclass(nested):
            yield from _walk(nested, f"{key}.")
        elif not isinstance(default, dict):
            text = default if isinstance(default, str) else yaml_text(default)
            yield Setting(key, text, texts[item.name], types[item.name])


def field_texts(cls: type) -> dict[str, str]:
    """Name of field → the string below it in the source of `cls`, on one line."""
    # Not inspect.getsource(cls): that re-parses the module for each class.
    module = ast.parse(inspect.getsource(sys.modules[cls.__module__]))
    classes = {node.name: node.body for node in module.body if isinstance(node, ast.ClassDef)}
    texts = {}
    for field, text in pairwise(classes[cls.__name__]):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                texts[name] = " ".join(words.split())
    return texts


def _default(item: Field[Any]) -> Any:
    return item.default_factory() if item.default_factory is not MISSING else item.default
