"""Build the JSON schema of the configuration's YAML, which editors use to complete and check it."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, TypeAlias, Union, get_args, get_origin, get_type_hints

from sweepboard.errors import ConfigError, did_you_mean
from sweepboard.settings.config import CLOSED_GROUPS, GROUPS, NAMED_GROUPS, OPEN_GROUPS, SHARED_KEYS, Config
from sweepboard.settings.docstrings import field_texts
from sweepboard.settings.field import Rules
from sweepboard.settings.plugins import SEARCH
from sweepboard.settings.program import PROGRAM, ProgramSettings
from sweepboard.settings.queries import Setting, settings_in
from sweepboard.settings.search import SearchSettings

Schema: TypeAlias = "dict[str, Any]"

SWEEPER = SEARCH.replace(".", "/")
SCHEMAS = (*GROUPS, "experiment", SWEEPER)
"""The groups whose options have their own schema."""

_LATER = r"\$\{|^\?\?\?$"
"""A text with an interpolation, or a missing value (`???`)."""

_WORDS = {bool: "boolean", int: "integer", float: "number", str: "string", types.NoneType: "null"}
_BOUNDS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "above": "exclusiveMinimum",
    "below": "exclusiveMaximum",
}


def json_schema(group: str | None = None) -> Schema:
    """Return the schema of a file in the folder `group`; None is for a primary configuration.

    Presets are files with the keys of a primary configuration. Raise `ConfigError` for an unknown group.
    """
    head = {"$schema": "http://json-schema.org/draft-07/schema#"}
    if group is None or group == "experiment":
        return head | _file(_configuration())
    if group == SWEEPER:
        return head | _file(_properties(SearchSettings), closed=False)
    if group not in GROUPS:
        raise ConfigError(f"{group}: there is no such group{did_you_mean(group, SCHEMAS)}")
    schema = _group(group)
    return head | _file(schema["properties"], closed=group in CLOSED_GROUPS) | _entries(schema)


def _file(properties: Schema, closed: bool = True) -> Schema:
    """Return the schema of a YAML file: its keys and its defaults list."""
    defaults = {"type": "array", "description": "The options that this file is composed with."}
    return _mapping({"defaults": defaults, **properties}, closed) | {"type": "object"}


def _configuration() -> Schema:
    properties = _properties(Config)
    del properties["facts"]  # nobody sets them
    function = {"_target_": {"type": "string", "description": "The training function, by its dotted name."}}
    program = _mapping({**function, **_properties(ProgramSettings)}, closed=True)
    sweeper = _mapping(_properties(SearchSettings), closed=False)
    hydra = _mapping({"sweeper": sweeper}, closed=False)
    return (
        properties
        | {group: _group(group) for group in (*OPEN_GROUPS, *NAMED_GROUPS)}
        | {"hydra": hydra, PROGRAM: program}
    )


def _group(group: str) -> Schema:
    texts, kinds = field_texts(Config), get_type_hints(Config)
    target = {"_target_": {"type": "string", "description": "The class, by its dotted name."}}
    if group in NAMED_GROUPS:
        entries = {"additionalProperties": _mapping(target, closed=False)}
        return {"description": texts[group]} | _mapping({}, closed=False) | entries
    if group in OPEN_GROUPS:
        own = _properties(SHARED_KEYS[group]) if group in SHARED_KEYS else {}
        return {"description": texts[group]} | _mapping({**target, **own}, closed=False)
    return {"description": texts[group]} | _mapping(_properties(kinds[group]), closed=True)


def _entries(schema: Schema) -> Schema:
    """Return the schema of the entries of a named group; empty for other groups."""
    entries = schema["additionalProperties"]
    return {} if isinstance(entries, bool) else {"additionalProperties": entries}


def _mapping(properties: Schema, closed: bool) -> Schema:
    """Return the schema of a mapping with these keys (no others if `closed`) or an interpolation."""
    return {
        "type": ["object", "string"],
        "pattern": _LATER,
        "properties": properties,
        "additionalProperties": not closed,
    }


def _properties(group: type) -> Schema:
    """Return the schemas of the keys of a settings dataclass, nested ones too."""
    kinds, texts, found = get_type_hints(group), field_texts(group), {}
    own = {setting.name: setting for setting in settings_in(group) if "." not in setting.key}
    for item in fields(group):
        if is_dataclass(kinds[item.name]):
            nested = _properties(kinds[item.name])
            found[item.name] = {"description": texts[item.name]} | _mapping(nested, closed=True)
        elif item.name in own:
            found[item.name] = _value(own[item.name])
    return found


def _value(setting: Setting) -> Schema:
    choices = setting.rules.choices
    forms = [*_forms(setting.type, setting.rules), {"type": "string", "pattern": _LATER}]
    if choices:
        forms.insert(0, {"enum": list(choices)})
    if setting.rules.pattern:
        forms.append({"type": "string", "pattern": f"^({setting.rules.pattern})$"})
    return {"description": setting.text, "default": setting.default, "anyOf": forms}


def _forms(kind: Any, rules: Rules) -> Iterator[Schema]:
    """Return the schemas of the type's values, without its choices."""
    if get_origin(kind) in (Union, types.UnionType):
        for each in get_args(kind):
            yield from _forms(each, rules)
    elif get_origin(kind) is list:
        chosen = [{"enum": list(rules.choices)}] if rules.choices else []
        items = [*chosen, *_forms(get_args(kind)[0], rules)]
        yield {"type": "array"} | ({"items": {"anyOf": items}} if items else {})
    elif kind is Any:
        yield {}
    elif get_origin(kind) is dict:
        yield from _forms_of_mapping(rules)
    elif kind in (int, float):
        bounds = {word: getattr(rules, name) for name, word in _BOUNDS.items()}
        yield {"type": _WORDS[kind]} | {word: bound for word, bound in bounds.items() if bound is not None}
    elif kind in _WORDS and not (kind in (bool, str) and rules.choices):
        yield {"type": _WORDS[kind]}


def _forms_of_mapping(rules: Rules) -> Iterator[Schema]:
    """Return the schemas of a mapping of mappings, or of the function that makes it."""
    items = _mapping(_properties(rules.items), closed=False) if rules.items else {}
    yield {"type": "object", "additionalProperties": items}
    yield {"type": "object", "required": ["_target_"], "properties": {"_target_": {"type": "string"}}}
