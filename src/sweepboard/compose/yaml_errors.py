"""Explain errors in a user's YAML and in the choice of options, with file, line and what to write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    KeyValidationError,
    OmegaConfBaseException,
    ValidationError,
)

from sweepboard import plain_yaml
from sweepboard.compat.hydra import message_of
from sweepboard.compose.config_search import find_file, nodes, shipped
from sweepboard.files import read_text
from sweepboard.settings import GROUPS

_GLOBAL = re.compile(r"^\s*#\s*@package\s+\S", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """An error of Hydra: its text, the YAML file it names, and the typed overrides."""

    text: str
    name: str
    """The name of the file without its suffix, `experiment/mine`; empty if the error is about the command."""

    behind: OmegaConfBaseException | None
    overrides: Sequence[str]
    config_dirs: Sequence[Path]

    @property
    def file(self) -> Path | None:
        """The YAML file that the error is about, or None."""
        return find_file(self.name, self.config_dirs) if self.name else None

    def place(self, *path: str) -> str:
        """Return `c/experiment/mine.yaml, line 3: `, with the line of the last key of `path` in the file."""
        return place(self.file, *path) if self.file else f"{self.name}.yaml: " if self.name else ""


def explain_options(error: Exception, overrides: Sequence[str], config_dirs: Sequence[Path]) -> str | None:
    """Return a message if an error is about a preset or the choice of an option, else None."""
    behind = error if isinstance(error, OmegaConfBaseException) else error.__cause__ or error.__context__
    named = re.match(r"In '?(.+?)'?: ", str(error))
    name = named.group(1) if named and named.group(1) != "config" else ""
    known = behind if isinstance(behind, OmegaConfBaseException) else None
    case = Case(message_of(error), name, known, overrides, config_dirs)
    return next((message for explain in _EXPLAIN if (message := explain(case))), None)


def place(file: Path, *path: str) -> str:
    """Return the start of a message: a file and the line of a key in it."""
    shown = file.relative_to(shipped()) if file.is_relative_to(shipped()) else file
    line = _line(nodes(file), path)
    return f"{shown}, line {line}: " if line else f"{shown}: "


def place_of_value(error: Exception, key: str, config_dirs: Sequence[Path]) -> str:
    """Return the start of a message: the file and line of `key`, or an empty text for an override."""
    named = re.match(r"In '?(.+?)'?: ", str(error))
    name = named.group(1) if named else "config"
    file = find_file(name, config_dirs)
    if file is None or file.is_relative_to(shipped()):
        return "" if name in ("config", "hydra/config") else f"{name}.yaml: "
    return place(file, *key.split("."))


def _line(node: yaml.Node | None, path: Sequence[str]) -> int | None:
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        for length in range(1, len(path) + 1):  # a key may have dots in it
            if key.value == ".".join(path[:length]):
                return _line(value, path[length:]) or int(key.start_mark.line) + 1
    return None


def _no_package_line(case: Case) -> str | None:
    file, group = case.file, case.name.partition("/")[0]
    if file is None or "/" not in case.name or _GLOBAL.search(read_text(file, follow=True)):
        return None
    unknown = isinstance(case.behind, ConfigAttributeError | ConfigKeyError)
    if f"@{group}." in case.text or (unknown and str(case.behind.full_key).partition(".")[0] == group):  # type: ignore[union-attr]
        return f"{file}: has no package line; write # @package _global_ as its first line"
    return None


def _dotted_key(case: Case) -> str | None:
    key = str(case.behind.full_key) if isinstance(case.behind, ConfigKeyError | ConfigAttributeError) else ""
    if case.file is None or "." not in key:
        return None
    node = nodes(case.file)
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    for name, value in pairs:
        if name.value == key:
            *above, last = key.split(".")
            written = f"{last}: {_source(case.file, value)}"
            nested = "".join(f"{part}: {{" for part in above) + written + "}" * len(above)
            return f"{place(case.file, key)}{key}: dots are for the command line; write {nested}"
    return None


def _source(file: Path, node: yaml.Node) -> str:
    """Return a value as it stands in the file, or dots for one of several lines."""
    text = read_text(file, follow=True)[node.start_mark.index : node.end_mark.index]
    return "..." if "\n" in text else text


def _option_in_body(case: Case) -> str | None:
    key = str(getattr(case.behind, "full_key", "") or "")
    if case.file is None or not isinstance(case.behind, ValidationError) or "." in key:
        return None
    option = _root(case.file).get(key)
    if "Cannot assign str to Dict" not in str(case.behind) or not isinstance(option, str):
        return None
    return f"{case.place(key)}{key}: an option is chosen among the defaults, as `- override /{key}: {option}`"


def _no_slash(case: Case) -> str | None:
    found = re.search(r"Could not override '(.+?)/([\w/]+)(?:@[^']*)?'", case.text)
    if case.file is None or not found or not case.name.startswith(f"{found[1]}/"):
        return None
    group = found[2]
    return f"{case.place('defaults')}override {group}: lacks a slash; write `- override /{group}: ...`"


_ABOVE = re.compile(r"In (\S+): Override '([^@' ]+)\S* : (\S+)' is defined before '[^@':]+\S*: (\S+)'")


def _override_above(case: Case) -> str | None:
    found = _ABOVE.search(case.text)
    file = find_file(found[1], case.config_dirs) if found else None
    if found is None or file is None:
        return None
    _, group, option, other = found.groups()
    start = place(file, "defaults")
    return f"{start}overrides come last; write `- override /{group}: {option}` below `- {other}`"


_SECOND = re.compile(r"Multiple values for ([\w/]+)(?:@\S*)?\. To override a value use 'override")


def _chosen_already(case: Case) -> str | None:
    found = re.search(
        r"Multiple values for ([\w/]+)(?:@\S*)?\. To override a value use 'override \S+ (\S+)'", case.text
    )
    if not found:
        return None
    for file in _files_chosen(case):
        for item in _defaults(file):
            for key, option in item.items():
                if key.lstrip("/") == found[1]:
                    return (
                        f"{place(file, 'defaults')}{key}: config.yaml chooses one already; "
                        f"write `- override /{found[1]}: {option}`"
                    )
    return f"+{found[1]}: is chosen already; leave out the +"


def _files_chosen(case: Case) -> Iterator[Path]:
    for override in _parsed(case.overrides):
        value = override.value()
        for option in value if isinstance(value, list) else [value]:
            file = find_file(f"{override.key_or_group}/{option}", case.config_dirs)
            if file is not None:
                yield file


def _defaults(file: Path) -> list[dict[str, object]]:
    listed = _root(file).get("defaults")
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _root(file: Path) -> dict[str, object]:
    root = plain_yaml.load(read_text(file, follow=True))
    return root if isinstance(root, dict) else {}


def _plus_is_missing(case: Case) -> str | None:
    found = re.search(r"Could not override '([\w/]+)'\. No match in the defaults list", case.text)
    if not found:
        return None
    group = found[1]
    if group == "hydra":
        start = case.place("defaults")
        return f"{start}override hydra: choose its parts, as `- override /hydra/launcher: basic`"
    folders = [folder for folder in (*case.config_dirs, shipped()) if (folder / group).is_dir()]
    typed = [word for word in case.overrides if word.startswith(f"{group}=")]
    if not folders or not typed:
        return None
    top, slash, _ = group.partition("/")
    if slash:  # a nested group: another point of the sweep may choose an option that has it
        chosen = [word.partition("=")[2] for word in case.overrides if word.startswith(f"{top}=")]
        option = f"{top}={chosen[-1]}" if chosen else f"the {top} that is chosen"
        return (
            f"{typed[-1]}: {option} has no such group; choose a {top} that has it, or add it with a plus: "
            f"+{typed[-1]}"
        )
    return f"{typed[-1]}: config.yaml has no such group; add it with a plus: +{typed[-1]}"


def _more_than_once(case: Case) -> str | None:
    found = re.search(
        r"Could not override '([\w/@.]+)'\.\s+Did you mean to override (?:one of )?(.+?)\?", case.text
    )
    if not found:
        return None
    option = next(
        (word.partition("=")[2] for word in case.overrides if word.startswith(f"{found[1]}=")), "..."
    )
    words = " or ".join(f"{name.strip()}={option}" for name in found[2].split(","))
    return f"{found[1]}={option}: is placed elsewhere; type {words}"


def _twice(case: Case) -> str | None:
    found = re.search(r"(\S+?)(?:@\S*)? appears more than once in the final defaults list", case.text)
    if not found:
        return None
    added = [word for word in case.overrides if word.startswith("+") and word[1:].partition("=")[0] in GROUPS]
    if added:
        return f"{added[0]}: config.yaml chooses one already; type {added[0][1:]}"
    return f"+{found[1]}: is chosen already; leave out the +"


def _choice_of_defaults(case: Case) -> str | None:
    """Return a message for an unresolvable interpolation in a defaults list (`_dummy_` in Hydra 1.3)."""
    if case.text.startswith("Error resolving interpolation"):  # Hydra 1.4
        why = "only the options of groups that stand above are, as ${model}"
    elif getattr(case.behind, "full_key", None) == "_dummy_":
        why = case.text.partition("\n")[0]
    else:
        return None
    for file in _files_chosen(case):
        for item in _defaults(file):
            for key, option in item.items():
                if "${" in str(option):
                    return f"{place(file, 'defaults')}{key}: {option} cannot be resolved: {why}"
    return f"a defaults list cannot be resolved: {why}"


def _null_key(case: Case) -> str | None:
    """Return a message for a YAML key that is null; OmegaConf's error names only its parent."""
    if not isinstance(case.behind, KeyValidationError):
        return None
    for file in _files_chosen(case):
        above = str(case.behind.full_key).split(".")
        if _has_null_name(_root(file)):
            return f"{place(file, *above)}{'.'.join(above)}: null is no name; put it in quotes"
    return None


def _has_null_name(value: object) -> bool:
    children = value if isinstance(value, dict) else {}
    return None in children or any(map(_has_null_name, children.values()))


def _setting_of_hydra(case: Case) -> str | None:
    key = str(getattr(case.behind, "full_key", "") or "")
    found = re.fullmatch(r"hydra/(sweeper|launcher)/(\w+)", key)
    if not found:
        return None
    return f"{key}: there is no such group; a setting is written hydra.{found[1]}.{found[2]}=..."


def _parsed(overrides: Sequence[str]) -> list[Override]:
    try:
        return list(OverridesParser.create().parse_overrides(list(overrides)))
    except HydraException:
        return []


_EXPLAIN: tuple[Callable[[Case], str | None], ...] = (
    _no_package_line, _dotted_key, _option_in_body, _no_slash, _override_above, _chosen_already,
    _plus_is_missing, _more_than_once, _twice, _setting_of_hydra,
    _choice_of_defaults, _null_key,
)  # fmt: skip
