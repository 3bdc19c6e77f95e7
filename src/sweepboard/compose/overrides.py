"""Apply overrides to a configuration as Hydra does, with three differences.

`extend_list(8)` adds to a list, as in Hydra 1.4. `+key=` refuses to replace a list or a value in a mapping.
`~key` also deletes a key whose value is null.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from shlex import quote
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, Quote, QuotedString, Sweep
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict

from sweepboard.compat import hydra as compat
from sweepboard.errors import ConfigError
from sweepboard.settings import settings

_VALUES = re.compile(r"(\w+)\s*:\s*((?:\w+\(.*?)?(?:interval|range|choice)\([^()]*\)+)")


@dataclass(frozen=True)
class Extension(QuotedString):
    """The value of `extend_list(...)`; `text` is its source text."""

    values: list[Any] = field(default_factory=list)

    def with_quotes(self) -> str:
        """Return the text that Hydra's grammar parses to this value."""
        return self.text


def install() -> None:
    """Make Hydra parse and apply overrides with the functions of this module. Repeated calls do no harm."""
    compat.replace_overrides(create_functions, apply_overrides)


def create_functions() -> Any:
    """Return the functions of Hydra's grammar with `extend_list` added."""
    functions = compat.hydras_functions()
    functions.definitions["extend_list"] = inspect.signature(_extend_list, eval_str=True)
    functions.functions["extend_list"] = _extend_list
    return functions


def _extend_list(*values: Any) -> Extension:
    texts = (compat.as_written(_with_quotes(value)) for value in values)
    plain = [compat.as_plain(value) for value in values]
    return Extension(f"extend_list({','.join(texts)})", Quote.single, plain)


def _with_quotes(value: Any) -> Any:
    # Hydra removes the quotes of an argument; without quotes, '8' would become a number.
    return QuotedString(value, Quote.single) if isinstance(value, str) else value


def extension_of(override: Override) -> list[Any] | None:
    """Return the values that the override adds to a list, or None if it is not an `extend_list`."""
    value = compat.value_of(override)
    return value.values if isinstance(value, Extension) else None


def refuse_inside(override: Override) -> None:
    """Raise `ConfigError` if `extend_list` or a sweep function is nested in a list or mapping."""
    inner = list(_nested_items(compat.value_of(override)))
    if any(isinstance(value, Sweep) for value in inner):
        found = _VALUES.search(str(override.input_line))
        key = override.key_or_group
        example = f": {quote(f'{key}.{found[1]}={found[2]}')}" if found else ""
        raise ConfigError(
            f"{override.input_line}: values to go through do not stand in a mapping or a list; "
            f"type them beside it{example}"
        )
    if any(map(_is_extension, inner)):
        raise ConfigError(f"{override.input_line}: extend_list stands alone; type KEY=extend_list(...)")


def refuse_among_values(override: Override) -> None:
    """Raise `ConfigError` if a glob, a range or an interval is one of several values: Hydra reads none."""
    value = compat.value_of(override)
    among: list[Any] = list(value.list) if isinstance(value, ChoiceSweep) else []
    globs = [one for one in among if isinstance(one, Glob)]
    if globs and not any(one.exclude for one in globs):
        names = chain.from_iterable(one.include if isinstance(one, Glob) else [str(one)] for one in among)
        instead = quote(f"{override.key_or_group}=glob([{','.join(names)}])")
        raise ConfigError(f"{override.input_line}: glob(...) is none of several values; type {instead}")
    if globs or any(isinstance(one, Sweep) for one in among):
        raise ConfigError(
            f"{override.input_line}: a range, an interval, a choice and a glob are none of several values; "
            f"list all values, as {override.key_or_group}=1,2,3, or type one of these alone"
        )


def extends(override: Override) -> bool:
    """Return whether the override adds to a list, directly or in one of its swept values."""
    value = compat.value_of(override)
    return any(map(_is_extension, value.list if isinstance(value, ChoiceSweep) else [value]))


def _is_extension(value: object) -> bool:
    return isinstance(value, Extension)


def _nested_items(value: Any) -> Iterator[Any]:
    """Yield every item in the mappings and lists of a value, or of each value of a sweep."""
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for child in value.list if isinstance(value, ChoiceSweep) else children:
        if not isinstance(value, ChoiceSweep):
            yield child
        yield from _nested_items(child)


def apply_overrides(overrides: Iterable[Override], config: DictConfig) -> None:
    """Apply overrides to a configuration. Raise `ConfigError` or an error of Hydra."""
    for override in overrides:
        refuse_inside(override)
        key, added = override.key_or_group, extension_of(override)
        if added is not None:
            OmegaConf.update(config, key, list_at(key, _plain(_selected(config, key))) + added)
            continue
        above, _, name = key.rpartition(".")
        parent = _selected(config, above) if above else config
        if override.is_delete():
            refuse_to_delete(key, parent)
        if isinstance(parent, ListConfig):
            index_of(name, key, len(parent))
        if _deletes_null(override, config):
            _delete(config, key)
        else:
            if override.is_add():
                refuse_to_replace(override, _selected(config, key))
            compat.set_values(config, [override])


def _selected(config: DictConfig, key: str) -> Any:
    return OmegaConf.select(config, key, throw_on_missing=False)


def list_at(key: str, now: Any) -> list[Any]:
    """Return `now`, the value of `key`. Raise `ConfigError` if it is not a list."""
    if not isinstance(now, list):
        raise ConfigError(f"{key}: is no list to add to; type {key}=[...]")
    return now


def refuse_to_replace(override: Override, now: Any) -> None:
    """Raise `ConfigError` if `+key=` would replace `now`, the current value, or a value in it."""
    key, value = override.key_or_group, override.value()
    if now is None or not override.is_add():
        return
    before = _plain(now)
    if isinstance(value, list) and isinstance(before, list):
        typed = override.get_value_element_as_str()
        raise ConfigError(
            f"+{key}: is there already; type {quote(f'{key}=extend_list({typed[1:-1]})')} to add to it, "
            f"or {quote(f'{key}={typed}')} to replace it"
        )
    if not isinstance(value, dict):
        raise ConfigError(f"+{key}: is there already; leave out the +")
    if clash := next(_common_keys(value, before, key), None):
        raise ConfigError(
            f"+{key}: {clash} is there already; type {quote(f'+{override.input_line}')} to add and replace"
        )


def _plain(value: Any) -> Any:
    """Return `value` in plain containers, with its interpolations unresolved."""
    return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def _common_keys(new: Mapping[Any, Any], now: Any, key: str) -> Iterator[str]:
    """Yield the keys that have a value in both mappings."""
    for name, child in new.items():
        there = now.get(name) if isinstance(now, Mapping) else now
        if isinstance(child, Mapping) and isinstance(there, Mapping):
            yield from _common_keys(child, there, f"{key}.{name}")
        elif there not in (None, "???"):
            yield f"{key}.{name}"


def refuse_to_delete(key: str, parent: Any) -> None:
    """Raise `ConfigError` if `~key` would delete a setting or an entry of the list `parent`."""
    if isinstance(parent, list | ListConfig):
        raise ConfigError(f"~{key}: a list is given as a whole; type {key.rpartition('.')[0]}=[...]")
    if key in settings() or ("." in key and any(each.startswith(f"{key}.") for each in settings())):
        raise ConfigError(f"~{key}: a setting cannot be deleted; give it another value")


def index_of(entry: str, key: str, length: int) -> int:
    """Return `entry`, a part of `key`, as an index of a list with `length` entries. Raise `ConfigError`."""
    above = key.partition(f".{entry}")[0]
    if not re.fullmatch(r"[0-9]{1,9}", entry):
        raise ConfigError(
            f"{key}: {above} is a list, and {entry} is no number; type {above}.0=... or another"
        )
    if int(entry) >= length:
        raise ConfigError(
            f"{above}[{entry}]: the list ends before; type '{above}=extend_list(...)' to add to it"
        )
    return int(entry)


def _deletes_null(override: Override, config: DictConfig) -> bool:
    key = override.key_or_group
    above, _, name = key.rpartition(".")
    if not override.is_delete() or override.value() is not None or _selected(config, key) is not None:
        return False
    parent = _selected(config, above) if above else config
    return isinstance(parent, DictConfig) and name in parent


def _delete(config: DictConfig, key: str) -> None:
    above, _, name = key.rpartition(".")
    with open_dict(config):
        del (_selected(config, above) if above else config)[name]
