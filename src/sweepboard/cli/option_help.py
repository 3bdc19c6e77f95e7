"""`sweepboard model=mlp --help`: the keys of what is chosen, with types, defaults and comments."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from sweepboard.cli.help import section
from sweepboard.cli.terminal import filled, help_width
from sweepboard.compose.config_search import find_file
from sweepboard.errors import UserError
from sweepboard.files import read_text
from sweepboard.formatting import printable, yaml_text
from sweepboard.settings import settings

_OPTION = re.compile(r"\+?([\w/]+)=\[?([\w.-]+(?:,[\w.-]+)*)\]?")
_COMMENT = re.compile(r"\s#\s?(.*)$")
_TYPES = {"int": "whole number", "float": "number", "bool": "true or false", "seq": "list", "null": "null"}


@dataclass(frozen=True)
class Key:
    """A key of an option: where it is, its value as written, the type of that, and its comment."""

    name: str
    value: str
    type: str
    comment: str


def print_option_help(overrides: Sequence[str], config_dirs: Sequence[Path]) -> bool:
    """Print the keys of each chosen option. Return whether there is one."""
    found = list(_options(overrides, config_dirs))
    for group, option, path in found:
        _print_option(group, option, path)
    return bool(found)


def _options(overrides: Sequence[str], config_dirs: Sequence[Path]) -> Iterator[tuple[str, str, Path]]:
    for override in overrides:
        if matched := _OPTION.fullmatch(override):
            for option in matched[2].split(","):
                if path := find_file(f"{matched[1]}/{option}", config_dirs):
                    yield matched[1], option, path


def _print_option(group: str, option: str, path: Path) -> None:
    try:
        text = read_text(path, follow=True)
        keys = list(_keys(yaml.compose(text), text.splitlines(), _package(group)))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    for line in _introduction(text):
        print("\n".join(filled(printable(line), help_width())))
    print()
    rows = [(f"{key.name}={key.value}", f"({key.type}) {_text(key)}".strip()) for key in keys]
    rows += _others(_package(group), {key.name for key in keys})
    section(f"{group}={option}", [(printable(word), printable(text)) for word, text in rows])


def _text(key: Key) -> str:
    """Return the comment of a key, or for a setting without one its description."""
    return key.comment or (settings()[key.name].text if key.name in settings() else "")


def _others(package: str, mentioned: Container[str]) -> list[tuple[str, str]]:
    """Return the settings of a group that the option does not mention, with their defaults."""
    return [
        (f"{key}={yaml_text(each.default)}", each.text)
        for key, each in settings().items()
        if package and key.startswith(package) and key not in mentioned
    ]


def _package(group: str) -> str:
    """Return where the keys of an option go: `model.`, `model.act.`, or the top for presets."""
    return "" if group == "experiment" else f"{group.replace('/', '.')}."


def _introduction(text: str) -> Iterator[str]:
    """Yield the comment at the start of a file."""
    for line in text.splitlines():
        if not line.startswith("#"):
            return
        if not line.startswith(("# @", "# yaml-language-server")):
            yield line.lstrip("# ")


def _keys(node: yaml.Node | None, lines: Sequence[str], prefix: str) -> Iterator[Key]:
    """Yield the keys of a mapping and of those in it."""
    for name, value in node.value if isinstance(node, yaml.MappingNode) else ():
        key = f"{prefix}{name.value}"
        if name.value == "defaults" and name.start_mark.column == 0:  # Hydra's list of options
            continue
        if isinstance(value, yaml.MappingNode) and value.value:
            yield from _keys(value, lines, f"{key}.")
        else:
            yield Key(key, _source(value, lines), _type(key, value), _comment(value, lines))


def _source(node: yaml.Node, lines: Sequence[str]) -> str:
    """Return a value as written, in one line without comments."""
    first, last = node.start_mark, node.end_mark
    if first.line == last.line:
        return lines[first.line][first.column : last.column]
    return " ".join(_COMMENT.sub("", line).strip() for line in lines[first.line : last.line + 1]).strip()


def _comment(node: yaml.Node, lines: Sequence[str]) -> str:
    """Return the comment beside a value, with the lines of comment below it."""
    line, column = node.end_mark.line, node.end_mark.column
    if line >= len(lines) or not (found := _COMMENT.search(" " + lines[line][column:])):
        return ""
    words = [found[1]]
    for below in lines[line + 1 :]:
        if not below[:1].isspace() or not below.lstrip().startswith("#"):
            break
        words.append(below.strip("# "))
    return " ".join(words)


def _type(key: str, node: yaml.Node) -> str:
    if "${" in str(node.value):
        return "follows another value"
    kind = node.tag.rpartition(":")[2]
    if key.endswith("_target_"):
        return "class"
    return _TYPES.get(kind, "text")
