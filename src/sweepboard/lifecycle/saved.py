"""A run read back from its folder: plain data only, nothing in it is run or unpickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sweepboard import plain_yaml
from sweepboard.errors import UserError
from sweepboard.lifecycle.folder import RunFolder, open_run
from sweepboard.lifecycle.record import RunRecord, read_record
from sweepboard.lifecycle.signature import Origin, as_bytes, origin


class DamagedRun(UserError):
    """A run folder from which a needed file is missing or unreadable."""


@dataclass(frozen=True)
class SavedRun:
    """What a run folder says of its run."""

    folder: RunFolder
    record: RunRecord
    config: dict[str, Any]
    """The resolved configuration, plain containers; `${` in a string is just text."""

    environment: dict[str, Any]
    """environment.json, or empty where it is missing."""


def read_run(path: str | Path) -> SavedRun:
    """Read the run at `path`. Raises `NotARun`, `DamagedRecord` or `DamagedRun`, which name the file."""
    folder = open_run(path)
    return SavedRun(folder, read_record(folder), _read_config(folder), _read_environment(folder))


def recipe_bytes(config: Mapping[str, Any], record: RunRecord) -> bytes:
    """All that decides what is built of a run, as it is signed."""
    return as_bytes(config, record.links, record.groups, record.overrides)


def origin_of(saved: SavedRun) -> Origin:
    """Whether the run is this user's own, was changed since it was signed, or is someone else's."""
    return origin(recipe_bytes(saved.config, saved.record), saved.record.signature)


def _read_config(folder: RunFolder) -> dict[str, Any]:
    try:
        config = plain_yaml.load(folder.config.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DamagedRun(f"{folder.config} cannot be read: {_first_line(error)}") from error
    if not isinstance(config, dict):
        raise DamagedRun(f"{folder.config} holds no configuration")
    return config


def _read_environment(folder: RunFolder) -> dict[str, Any]:
    try:
        content = json.loads(folder.environment.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
