"""Names that follow from a configuration: a run's label, and the flat keys of its settings.

Pure functions of the standard library, so that a plan, a folder and a table agree on them anywhere.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from sweepboard.settings import NAMED_GROUPS, NOT_OF_A_RUN, PROGRAM, keys_with

LABEL_LENGTH = 100
"""Longest label in characters. Common file systems allow 255, to which a time and a suffix may be added."""

_UNLABELLED = {"hydra", PROGRAM, *NOT_OF_A_RUN}
_CLEAN = re.compile(r"no-[\w.]+|[\w.]+=(?:[\w.-]*|\[[\w.,-]*\])", re.ASCII)
_UNSAFE = re.compile(r"[^\w.,=+-]|(?<=\.)\.|\.\Z", re.ASCII)
_LIST = re.compile(r"\[([\w.,-]*)\]", re.ASCII)
_RESERVED = re.compile(r"(?=(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z))", re.IGNORECASE)  # by Windows


def label(overrides: Sequence[str], short: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the overrides as one name for a folder: `model=mlp,optimizer.lr=0.1`.

    The order is as typed; for a key typed twice the last value counts. Settings of places and of the
    execution of jobs (`hydra.*`, `sweep.*`, `output_root`) are omitted. A list is written `128+64`: brackets
    are patterns to shells. The name is a safe path on any system and needs no quotes in bash, zsh and fish:
    if another character had to be replaced, or the name is longer than `LABEL_LENGTH`, it ends in a hash of
    the whole. Keys in `short` are written as it says.
    """
    parts: dict[str, str] = {}
    for key, part in filter(None, map(_part, overrides)):
        parts[key] = part.replace(key, short.get(key, key), 1)
    full = ",".join(parts.values())
    clean = all(map(_CLEAN.fullmatch, parts.values()))
    plain = _LIST.sub(_joined, full) if clean else full
    safe = _RESERVED.sub("_", _UNSAFE.sub("-", plain).lstrip(".-"), count=1)
    if clean and safe == plain and len(plain) <= LABEL_LENGTH:
        return plain
    digest = hashlib.sha256(full.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{safe[: LABEL_LENGTH - 1 - len(digest)]}-{digest}".lstrip("-")


def _joined(found: re.Match[str]) -> str:
    """Return a list as `128+64`, and one of a single item as `128+`, which no other value looks like."""
    items = found[1].split(",")
    return "+".join(items if len(items) > 1 else [*items, ""])


def _part(override: str) -> tuple[str, str] | None:
    """Return the key and the text of one override, or None if it is no part of the experiment."""
    word = override.strip()
    deletes = word.startswith("~")
    word = word.lstrip("+~")
    key, _, value = word.partition("=")
    if re.split(r"[./]", key)[0] in _UNLABELLED or key in keys_with("place"):
        return None
    return key, f"no-{key}" if deletes else f"{key}={value}"


def key_of(word: str) -> str:
    """Return the key of an override."""
    return word.lstrip("+~").partition("=")[0]


def named_entries(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of the groups of named ones, by key: `callbacks.ema`.

    The configuration of a training function of the user's own may hold anything under these names.
    """
    groups = {group: tree[group] for group in NAMED_GROUPS if isinstance(tree.get(group), Mapping)}
    return {f"{group}.{name}": entry for group, entries in groups.items() for name, entry in entries.items()}


def without(tree: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Return nested mappings without the entries of groups at `keys`; others are shared.

    A key is that of an entry of a group: `callbacks.gradient_norm`.
    """
    rest = dict(tree)
    for group, _, name in (key.partition(".") for key in keys):
        if isinstance(rest.get(group), Mapping):
            rest[group] = {key: entry for key, entry in rest[group].items() if key != name}
    return rest


def with_value(tree: Mapping[Any, Any], path: Sequence[Any], value: Any) -> dict[Any, Any]:
    """Return nested mappings with one value replaced; all others are shared. Raise KeyError."""
    name, *rest = path
    old = tree[name]
    return {**tree, name: with_value(old, rest, value) if rest else value}


class Unlike(Exception):
    """Nested mappings that have not the same keys."""


def changed_leaves(tree: Mapping[Any, Any], other: Mapping[Any, Any]) -> Iterator[tuple[list[Any], Any, Any]]:
    """Yield the path of each leaf that differs between nested mappings of the same keys, and both values.

    1, 1.0 and True are equal, but not the same. Raise `Unlike` for another key, or another order of keys.
    """
    if [*tree] != [*other] or [*map(type, tree)] != [*map(type, other)]:
        raise Unlike
    for key, value in other.items():
        before = tree[key]
        if before is value:
            continue
        if isinstance(before, dict) and isinstance(value, dict):
            yield from (([key, *path], one, two) for path, one, two in changed_leaves(before, value))
        elif repr(before) != repr(value):
            yield [key], before, value


def block(config: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return the mapping at a path of a configuration; an empty one where there is none.

    A user's own configuration may have any value there: `logging: verbose`.
    """
    found: Any = config
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf of nested mappings with its dotted key; lists are leaves, empty mappings have none."""
    start = f"{prefix}." if prefix else ""
    for name, value in tree.items():
        key = f"{start}{name}"
        if type(value) in _LEAVES or not isinstance(value, Mapping):
            yield key, value
        else:
            yield from flatten(value, key)


_LEAVES = frozenset((str, int, float, bool, list, type(None)))
"""Types of most leaves, which are not asked whether they are mappings."""
