"""A run read back from its folder: plain data only, nothing in it is run or unpickled."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from sweepboard import plain_yaml
from sweepboard.compose.plain_types import check_plain
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import NotHere, UserError, reason
from sweepboard.files import read_json, read_text
from sweepboard.formatting import printable
from sweepboard.runs.folder import RunFolder, open_run
from sweepboard.runs.record import RunRecord, read_record
from sweepboard.settings import Config, SweepSettings
from sweepboard.signing import Origin, origin

log = logging.getLogger(__name__)


class DamagedRun(UserError):
    """A run folder from which a needed file is missing or unreadable."""


@dataclass(frozen=True)
class SavedRun:
    """What a run folder says of its run."""

    folder: RunFolder
    record: RunRecord
    config: RunConfig

    environment: dict[str, Any]
    """environment.json, or empty where it is missing."""


def read_run(path: str | Path) -> SavedRun:
    """Read the run at `path`. Raises `NotARun`, `DamagedRecord` or `DamagedRun`, which name the file."""
    folder = open_run(path)
    record, values = read_record(folder), read_config(folder)
    config = RunConfig(values, record.interpolations, record.groups, record.overrides)
    return SavedRun(folder, record, config, read_environment(folder))


@contextmanager
def needed_here(saved: SavedRun) -> Iterator[None]:
    """Where the block does not find a module or folder of the run, say where the run was started."""
    try:
        yield
    except NotHere as error:
        then = saved.environment.get("working_directory")
        if not isinstance(then, str) or then == str(Path.cwd()):
            raise
        raise NotHere(f"{error}; the run was started in {printable(then)}: try it from there") from error


def origin_of(saved: SavedRun) -> Origin:
    """Whether the run is this user's own, was changed since it was signed, or is someone else's."""
    return origin(saved.config.to_sign(), saved.record.signature)


def read_config(folder: RunFolder, whole: bool = True) -> dict[str, Any]:
    """The configuration of a run, every setting of the type it should have; `whole` if none may be missing.

    Raises `DamagedRun`.
    """
    try:
        config = plain_yaml.load(read_text(folder.config))
        check_config(config, whole)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DamagedRun(f"{folder.config} cannot be read: {reason(error)}") from error
    return dict(config)


def check_config(config: Any, whole: bool = True) -> None:
    """Raise `WrongType` where a plain configuration of a run has a setting of another type, or lacks one."""
    of_no_run = {"sweep": _NO_SWEEP, "imports": []}
    check_plain(Config, {**of_no_run, **config} if isinstance(config, dict) else config, whole=whole)


_NO_SWEEP = asdict(SweepSettings())
"""How a sweep goes about its jobs is no part of the configuration of a run."""


@dataclass
class _Environment:
    """The sections of environment.json that are compared."""

    code: dict[str, Any] | None
    sources: dict[str, str] | None
    python: dict[str, Any] | None
    packages: dict[str, Any] | None
    torch: dict[str, Any] | None
    hardware: dict[str, Any] | None


def read_environment(folder: RunFolder) -> dict[str, Any]:
    """environment.json; empty where there is none, and where it is damaged, which is warned of."""
    try:
        content: dict[str, Any] = read_json(folder.environment)
        check_plain(_Environment, content, whole=False)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read: %s", folder.environment, reason(error))
        return {}
    return content
