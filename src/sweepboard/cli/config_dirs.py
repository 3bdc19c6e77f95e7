"""The user's own folders of YAML, from flags or `hydra.searchpath`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from sweepboard.compose.config_search import CONFIG, find_file, load, shipped
from sweepboard.compose.hydra_errors import explain
from sweepboard.compose.program_yaml import ProgramYaml
from sweepboard.errors import ConfigError
from sweepboard.settings import PROGRAM, is_program

_KEY = "hydra.searchpath"


def own_folders(flags: argparse.Namespace) -> list[Path]:
    """Return the folders of `--config-path`, each `--config-dir`, and `hydra.searchpath`, in this order.

    Raise `ConfigError` for a missing one.
    """
    named = [("--config-path", flags.config_path)] if flags.config_path else []
    named += [("--config-dir", folder) for folder in flags.config_dir]
    folders = [folder for flag, text in named if (folder := _folder(flag, text))]
    try:
        paths = _typed(flags.overrides)
        if paths is None:
            paths = _in_primary(str(flags.config_name or CONFIG).removesuffix(".yaml"), folders)
        return list(dict.fromkeys([*folders, *(path for text in paths if (path := _folder(_KEY, text)))]))
    except Exception as error:
        raise explain(error, flags.overrides, folders) from error


def yaml_of_program(
    flags: argparse.Namespace, folders: Sequence[Path], script: ProgramYaml | None
) -> ProgramYaml | None:
    """Return where the YAML of the user's own training function is; None if the command trains a model.

    The function is that of the `script` that was started, or the one that `program._target_` names, typed or
    in the primary configuration in `folders`.
    """
    name = str(flags.config_name).removesuffix(".yaml") if flags.config_name else None
    if script is not None:
        own = folders if flags.config_path else [*script.folders, *folders]
        return replace(script, folders=tuple(own), config=name or script.config)
    file = find_file(name or CONFIG, folders)
    primary = None if file is None or file.parent == shipped() else load(file)
    is_typed = any(each.lstrip("+").startswith(f"{PROGRAM}._target_=") for each in flags.overrides)
    if is_typed or (isinstance(primary, DictConfig) and is_program(primary)):
        return ProgramYaml(tuple(folders), name or (CONFIG if primary is not None else None))
    return None


def folder_of_flag(text: str) -> Path:
    """Return the folder given with `--config-dir`. Raise `ConfigError` if it is missing."""
    folder = _folder("--config-dir", text)
    if folder is None:
        raise ConfigError(f"--config-dir {text}: is no folder of yours; give one that holds your YAML groups")
    return folder


def _folder(name: str, text: str) -> Path | None:
    """Return the folder for `text`, or None if it is the shipped one or of a scheme of Hydra's."""
    scheme, separator, path = text.partition("://")
    if not text.strip():
        raise ConfigError(f"{name}: names no folder; give the folder that holds your YAML groups")
    if not separator:
        folder = Path(text).expanduser()
    elif scheme == "file":
        folder = Path(path)
    elif scheme == "pkg":
        folder = _package(name, path)
    else:
        return None
    if not folder.is_dir():
        raise ConfigError(f"{name} {text}: no such folder; give the folder that holds your YAML groups")
    return None if folder.resolve() == shipped().resolve() else folder


def _package(name: str, path: str) -> Path:
    module, _, below = path.partition("/")
    spec = None
    with suppress(ImportError):
        spec = find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(f"{name} pkg://{path}: there is no package {module}")
    return Path(spec.submodule_search_locations[0], below)


def _typed(overrides: list[str]) -> list[str] | None:
    found = [each for each in overrides if each.lstrip("+").startswith(f"{_KEY}=")]
    values = [override.value() for override in OverridesParser.create().parse_overrides(found)]
    return _checked(values[0]) if values else None


def _in_primary(config_name: str, folders: list[Path]) -> list[str]:
    """Return the search path set in the user's primary configuration; ours sets none."""
    file = find_file(config_name, folders)
    if file is None or file.parent == shipped():
        return []
    return _checked(OmegaConf.select(load(file), _KEY))


def _checked(paths: Any) -> list[str]:
    texts = OmegaConf.to_container(paths) if OmegaConf.is_config(paths) else paths
    if texts is None:
        return []
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ConfigError(f"{_KEY}: needs a list of folders; write {_KEY}=[file:///my/conf]")
    return texts
