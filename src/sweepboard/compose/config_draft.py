"""Apply overrides to a resolved configuration, for `rerun` and `resume`.

The saved values are kept, even if the defaults have changed since. A key that was an interpolation of another
key (`scheduler.max_lr` of `optimizer.lr`) still follows that key, unless it is overridden itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sweepboard.compose.computed_values import refuse_computed_values
from sweepboard.compose.config_layers import typed_keys
from sweepboard.compose.config_search import hydra_ready, primary_of
from sweepboard.compose.hydra_errors import explain, explain_value
from sweepboard.compose.hydra_values import enable_hydra_values, templates_in, unfilled
from sweepboard.compose.interpolations import interpolations_of, leaves, resolved
from sweepboard.compose.locate import TARGET
from sweepboard.compose.option_names import is_group, with_names
from sweepboard.compose.overrides import (
    extension_of,
    index_of,
    list_at,
    refuse_inside,
    refuse_to_delete,
    refuse_to_replace,
)
from sweepboard.compose.replaced_classes import Replacement, follow_targets
from sweepboard.compose.validate import did_you_mean_key
from sweepboard.errors import ConfigError, NotAllowed
from sweepboard.settings import GROUPS, NAMED_GROUPS, is_program

_ABSENT = object()


@dataclass
class Draft:
    """A mutable copy of a `RunConfig`, with the same fields, to which overrides are applied."""

    values: dict[str, Any]
    interpolations: dict[str, str]
    groups: dict[str, str]
    overrides: list[str]
    own: bool
    writes_only: list[str]
    typed: dict[str, Any]

    def apply(self, overrides: Sequence[str], config_dirs: Sequence[Path] = ()) -> None:
        """Apply `overrides` in Hydra's grammar. Raise `ConfigError`."""
        for override in _parsed(overrides, config_dirs):
            if _is_choice(override, config_dirs):
                self._choose(override, config_dirs)
            else:
                self._refuse_unknown_option(override)
                refuse_inside(override)
                self._check_presence(override)
                self._record_typed(self._set(override))
            self.overrides.append(str(override.input_line))

    def _choose(self, override: Override, config_dirs: Sequence[Path]) -> None:
        """Choose another option of a group, and keep earlier overrides of keys that the new option has."""
        group, option = override.key_or_group, str(override.value())
        top, key = group.partition("/")[0], override.package or group.replace("/", ".")
        if top not in GROUPS and not is_program(self.values):
            raise ConfigError(f"{group}={option}: {_why_not_of_a_run(group, option)}")
        around = [f"{top}={self.groups[top]}"] if top != group and top in self.groups else []
        if around and not re.fullmatch(r"\w[\w-]*", str(self.groups[top])):
            raise ConfigError(f"{top}: {self.groups[top]!r} in the record is no option; type {top}=... too")
        fresh = _composed([*around, str(override.input_line)], config_dirs)
        values, templates = _values_of_option(fresh, key)
        keys = {*map(str, values), *_added_entries(self.overrides, group)}
        kept = [one for one in self.overrides if _sets_key_of_option(one, key, keys)]
        self._drop_interpolations(key)
        parent, name, _ = self._find(key)
        parent[name] = values
        fresh_interpolations = interpolations_of(fresh).items()
        self.interpolations |= {one: to for one, to in fresh_interpolations if one.startswith(f"{key}.")}
        self.interpolations |= templates
        self.groups = {one: name for one, name in self.groups.items() if not one.startswith(f"{group}/")}
        self.groups[override.key_or_group if not override.package else override.get_key_element()] = option
        self._record_typed(key)
        for earlier in _parsed(kept):
            if not self.own:
                _refuse_resolvers(earlier)
            self._forget_typed(self._set(earlier))

    def _refuse_unknown_option(self, override: Override) -> None:
        """Raise `ConfigError` for an option of a training function's YAML whose folder was not given."""
        group = override.key_or_group
        if is_program(self.values) and group in self.groups and not override.is_delete():
            raise ConfigError(
                f"{override.input_line}: is an option of your own YAML; add --config-dir FOLDER"
            )

    def _record_typed(self, key: str) -> None:
        self._forget_typed(key)
        self.typed |= {one: value for one, value in leaves(self.values, "") if _is_below(one, key)}

    def _forget_typed(self, key: str) -> None:
        self.typed = {one: value for one, value in self.typed.items() if not _is_below(one, key)}

    def _set(self, override: Override) -> str:
        """Apply an override of a value. Return its key in the notation of `leaves`."""
        key = override.key_or_group
        if override.is_sweep_override():
            raise ConfigError(f"{key}: one value is wanted here; several are a sweep (sweepboard -m ...)")
        parent, name, place = self._find(key)
        added = extension_of(override)
        if added is not None:
            before = list_at(key, _child(parent, name))
            parent[name] = before + self._resolved_value(place, [None] * len(before) + added)[len(before) :]
            return place
        self._drop_interpolations(place)
        before = _child(parent, name)
        if override.is_delete():
            parent.pop(name, None)
        else:
            parent[name] = self._resolved_value(place, override.value())
            if name == TARGET and before not in (_ABSENT, None, parent[name]):
                self._drop_arguments(parent, place.removesuffix(f".{TARGET}"), str(before))
        return place

    def _drop_arguments(self, node: dict[str, Any], place: str, old: str) -> None:
        """Drop from `node` the arguments of the class `old`, which was replaced there."""
        replacement = Replacement(place, old, typed_keys(self.overrides), importing=self.own)
        written = {name: self._interpolation(f"{place}.{name}") or value for name, value in node.items()}
        for name in replacement.dropped(written):
            del node[name]

    def _interpolation(self, key: str) -> str:
        """Return the first interpolation at or below `key`, or an empty text."""
        return next((f"${{{to}}}" for one, to in self.interpolations.items() if _is_below(one, key)), "")

    def _check_presence(self, override: Override) -> None:
        """Raise `ConfigError` if the override deletes a missing or required key, or adds an existing one."""
        key = override.key_or_group
        parent: Any = self.values
        *above, name = key.split(".")
        for part in above:
            parent = _child(parent, part)
        now = _child(parent, name)
        if override.is_delete():
            refuse_to_delete(key, parent)
            if now is _ABSENT:
                raise ConfigError(f"~{key}: there is nothing of that name to delete{did_you_mean_key(key)}")
        refuse_to_replace(override, None if now is _ABSENT else now)

    def _find(self, key: str) -> tuple[Any, str | int, str]:
        """Return the mapping or list that holds `key`, its name there, and `key` in the notation of `leaves`.

        Create missing mappings. Raise `ConfigError` for a key below a plain value.
        """
        parent: Any = self.values
        place, *parts = key.split(".")
        name: str | int = place
        for part in parts:
            if isinstance(parent, dict) and parent.get(name) is None:
                parent[name] = {}
            parent = parent[name]
            if isinstance(parent, list):
                name = index_of(part, key, len(parent))
            elif isinstance(parent, dict):
                name = part
            else:
                raise ConfigError(f"{key}: {place.rpartition('.')[2]} is a value and has no keys")
            place += f"[{name}]" if isinstance(name, int) else f".{name}"
        return parent, name, place

    def _resolved_value(self, key: str, value: Any) -> Any:
        """Return a typed value with resolvers (`${oc.env:LR}`) resolved, and record its interpolations."""
        if "${hydra:" in str(value):
            raise ConfigError(f"{key}: ${{hydra:...}} is not known to a saved run; type its value")
        followed = interpolations_of(OmegaConf.create({key: value}))
        self.interpolations |= followed
        none = {place.replace(key, "value", 1): None for place in followed}
        plain = unfilled({"value": value}, none)["value"]
        return resolved(OmegaConf.create({key: plain}))[key]

    def _drop_interpolations(self, key: str) -> None:
        kept = {one: to for one, to in self.interpolations.items() if not _is_below(one, key)}
        self.interpolations = kept


def _values_of_option(composed: DictConfig, key: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values of the option at `key`, and the templates among them. Raise `ConfigError`."""
    enable_hydra_values(composed)
    node = OmegaConf.select(composed, key)
    if node is None:
        return {}, {}
    refuse_computed_values(node, key)
    try:
        values: Any = OmegaConf.to_container(node, resolve=True)
    except OmegaConfBaseException as error:
        raise explain_value(error) from error
    templates = templates_in(dict(leaves(values, key)))
    return unfilled(values, {one.removeprefix(f"{key}."): text for one, text in templates.items()}), templates


def _child(parent: Any, name: str | int) -> Any:
    """Return the item of a mapping or list at `name`, or `_ABSENT` if there is none."""
    if isinstance(parent, list):
        return parent[int(name)] if str(name).isdecimal() and int(name) < len(parent) else _ABSENT
    return parent.get(name, _ABSENT) if isinstance(parent, dict) else _ABSENT


def _is_below(key: str, other: str) -> bool:
    """Return whether `key` is `other` or lies below it."""
    return key == other or key.startswith((f"{other}.", f"{other}["))


def _refuse_resolvers(override: Override) -> None:
    """Raise `NotAllowed` for a foreign override that would be resolved in this user's environment."""
    if "$" in str(override.input_line):
        raise NotAllowed(
            f"{override.key_or_group}: {override.input_line} in the record of a run that is not yours is not "
            f"resolved here; type {override.key_or_group}=... beside the new option"
        )


def _parsed(overrides: Sequence[str], config_dirs: Sequence[Path] | None = None) -> list[Override]:
    """Return the parsed overrides; if `config_dirs` are given, read names of options as text."""
    try:
        named = list(overrides)
        if config_dirs is not None and named:
            with hydra_ready(config_dirs) as hydra:
                named = with_names(named, hydra.config_loader)
        return list(OverridesParser.create().parse_overrides(named))
    except HydraException as error:
        raise explain(error, list(overrides)) from error


def _is_choice(override: Override, config_dirs: Sequence[Path]) -> bool:
    if "." in override.key_or_group or not isinstance(override.value(), str | list):
        return False
    with hydra_ready(config_dirs) as hydra:
        return is_group(override.key_or_group, hydra.config_loader)


def _why_not_of_a_run(group: str, option: str) -> str:
    if group.startswith("hydra/"):
        return "how a sweep is run is no part of a saved run; leave it out"
    return (
        "a preset changes several things and is no part of a saved run; "
        f"start it anew: sweepboard {group}={option}"
    )


def _sets_key_of_option(override: str, place: str, keys: set[str]) -> bool:
    """Return whether an earlier override sets a key below `place` that the new option also has."""
    key = override.lstrip("+").partition("=")[0]
    below = key.removeprefix(f"{place}.").partition(".")[0]
    return key.startswith(f"{place}.") and below in keys and not override.startswith("~")


def _added_entries(overrides: Sequence[str], group: str) -> set[str]:
    """Return the entries of a named group that overrides add: `mine` of `+callbacks.mine._target_=...`."""
    if group not in NAMED_GROUPS:
        return set()
    keys = [one[1:].partition("=")[0].split(".") for one in overrides if one.startswith(f"+{group}.")]
    return {parts[1] for parts in keys if len(parts) == 2 or parts[2:] == [TARGET]}


def _composed(overrides: list[str], config_dirs: Sequence[Path]) -> DictConfig:
    try:
        with hydra_ready(config_dirs):
            made = compose(primary_of(config_dirs), overrides, return_hydra_config=True)
    except Exception as error:
        raise explain(error, overrides, config_dirs) from error
    follow_targets(made, overrides, made.hydra.runtime.choices, config_dirs)
    return made
