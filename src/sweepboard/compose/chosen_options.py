"""Find the chosen option of each config group, or the class that replaced the option's class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from sweepboard import plain_yaml
from sweepboard.compose.locate import TARGET
from sweepboard.files import read_text
from sweepboard.settings import NAMED_GROUPS, OPEN_GROUPS


def chosen(groups: Mapping[str, Any], config: Mapping[str, Any], folders: list[Path]) -> dict[str, str]:
    """Return the option of every group, including nested groups: `{"model": "cnn", "model/act": "relu"}`.

    Groups of named entries are left out: several options make them, and their entries say what they are.

    If an override or a preset replaced the option's class, return the class instead:
    `{"optimizer": "torch.optim.NAdam"}`; several classes by name replace an option without a name for it. The
    user's YAML in `folders` takes precedence over shipped YAML.
    """
    options = {
        str(group): str(option)
        for group, option in groups.items()
        if option is not None and group not in NAMED_GROUPS and not str(group).startswith("hydra/")
    }
    nested = [group for group in options if group.partition("/")[0] in OPEN_GROUPS]
    classes = {group: _target_at(config, group) for group in {*OPEN_GROUPS, *nested}}
    replaced = {
        group: str(target)
        for group, target in classes.items()
        if target is not None and _is_replaced(group, options.get(group, str(target)), str(target), folders)
    }
    lost = {
        group
        for group, target in classes.items()
        if target is None and _has_class(group, options.get(group), folders)
    }
    return {group: name for group, name in (options | replaced).items() if group not in lost}


def _target_at(config: Mapping[str, Any], group: str) -> Any:
    """Return the class in the node of a group, such as `model/act`; None if there is none."""
    node: Any = config
    for name in group.partition("@")[0].split("/"):
        node = node.get(name) if isinstance(node, Mapping) else None
    return node.get(TARGET) if isinstance(node, Mapping) else None


def _is_replaced(group: str, option: str, target: str, folders: list[Path]) -> bool:
    file = _file_of(group, option, folders)
    if file is None:
        return "." in option  # the option is already a class, for example in the record of an earlier run
    own = _target_in(file, file.stat().st_mtime_ns)
    return own is not None and own != target


def _has_class(group: str, option: str | None, folders: list[Path]) -> bool:
    file = None if option is None else _file_of(group, option, folders)
    return file is not None and _target_in(file, file.stat().st_mtime_ns) is not None


def _file_of(group: str, option: str, folders: list[Path]) -> Path | None:
    files_of_option = (Path(folder, group, f"{option}.yaml") for folder in _search_path(folders))
    return next((file for file in files_of_option if file.is_file()), None)


def _search_path(folders: list[Path]) -> Iterator[Path]:
    yield from folders
    yield Path(str(files("sweepboard.conf")))


@lru_cache(maxsize=256)
def _target_in(file: Path, _changed: int) -> str | None:
    """Return the class in an option's file, or None if it has none or the class is an interpolation."""
    try:
        content = plain_yaml.load(read_text(file, follow=True))
    except (OSError, ValueError, yaml.YAMLError):  # the file changed after Hydra had read it
        return None
    target = content.get(TARGET) if isinstance(content, dict) else None
    return None if target is None or "${" in str(target) else str(target)
