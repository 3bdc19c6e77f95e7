"""Read a run from its folder as plain data; nothing is executed or unpickled."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from sweepboard import plain_yaml
from sweepboard.compose.plain_types import check_plain
from sweepboard.compose.run_config import RunConfig, Settings
from sweepboard.errors import NotHere, UserError, reason
from sweepboard.files import read_json, read_text
from sweepboard.formatting import printable
from sweepboard.runs.folder import RunFolder, open_run
from sweepboard.runs.record import RunRecord, read_record
from sweepboard.settings import PROGRAM, Config, ProgramSettings, SweepSettings, is_program
from sweepboard.signing import Origin, origin

log = logging.getLogger(__name__)


class DamagedRun(UserError):
    """A run folder with a missing or unreadable file."""


class NotBegun(DamagedRun):
    """A job that ended before it had a configuration, so that its folder holds little more than its end."""


class NoModel(UserError):
    """A run whose model only the user's own code can build."""


@dataclass(frozen=True)
class SavedRun:
    """The record, configuration and environment in a run folder."""

    folder: RunFolder
    record: RunRecord
    config: RunConfig

    environment: dict[str, Any]
    """The content of environment.json; empty if it is missing or damaged."""


def read_run(path: str | Path) -> SavedRun:
    """Read the run at `path`. Raise `NotARun`, `DamagedRecord` or `DamagedRun`, which name the file."""
    folder = open_run(path)
    record = read_record(folder)
    refuse_not_begun(folder, record)
    values = read_config(folder)
    return SavedRun(folder, record, config_in(record, values), read_environment(folder))


def refuse_not_begun(folder: RunFolder, record: RunRecord) -> None:
    """Raise `NotBegun` for a job that its sweep noted as stopped or failed before it had a configuration."""
    if not record.began and not folder.config.exists():
        raise NotBegun(
            f"{folder}: {record.status} before it began; `sweepboard resume {folder.path.parent}` runs it"
        )


def config_in(record: RunRecord, values: dict[str, Any]) -> RunConfig:
    """Return the configuration of a run, of its record and the `values` of its config.yaml."""
    return RunConfig(
        values, record.interpolations, record.groups, record.overrides, writes_only=record.writes_only
    )


@contextmanager
def needed_here(saved: SavedRun) -> Iterator[None]:
    """Add where the run was started to a `NotHere` that the block raises for a missing module or folder."""
    try:
        yield
    except NotHere as error:
        then = saved.environment.get("working_directory")
        if not isinstance(then, str) or then == str(Path.cwd()):
            raise
        raise NotHere(f"{error}; the run was started in {printable(then)}: try it from there") from error


def origin_of(saved: SavedRun) -> Origin:
    """Return whether the run is of this user, changed since it was signed, or someone else's."""
    return origin(saved.config.to_sign(), saved.record.signature)


def refuse_program(saved: SavedRun) -> None:
    """Raise `NoModel` for a run of a training function, which alone knows what its model is."""
    if saved.config.program is not None:
        target = printable(str(saved.config.values[PROGRAM]["_target_"]))
        raise NoModel(
            f"{saved.folder} is a run of {target}, which alone can build its model; what it saved is in "
            "checkpoints/last.pt, under learner: torch.load(..., weights_only=True) reads it"
        )


def read_config(folder: RunFolder, whole: bool = True) -> dict[str, Any]:
    """Return the configuration of a run with its types checked; with `whole`, no setting may be missing.

    Raise `DamagedRun`.
    """
    try:
        config = plain_yaml.load(read_text(folder.config))
        check_config(config, whole)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DamagedRun(f"{folder.config} cannot be read: {reason(error)}") from error
    return dict(config)


def check_config(config: Any, whole: bool = True) -> None:
    """Raise `WrongType` for a setting of another type and, with `whole`, for a missing one."""
    if isinstance(config, Mapping) and is_program(config):
        check_plain(_Program, config, whole=whole)
        return
    of_no_run = {"sweep": _NO_SWEEP, "imports": []}
    check_plain(Config, {**of_no_run, **config} if isinstance(config, dict) else config, whole=whole)
    check_plain(Settings, config, whole=whole)


@dataclass
class _Program:
    """What the configuration of a training function holds of sweepboard."""

    output_root: str
    threads: int
    program: ProgramSettings


_NO_SWEEP = asdict(SweepSettings())
"""Stands for the sweep settings, which the configuration of a run does not hold."""


@dataclass
class _Environment:
    """The sections of environment.json that are compared."""

    code: dict[str, Any] | None
    sources: dict[str, str] | None
    unknown_code: list[str] | None
    python: dict[str, Any] | None
    packages: dict[str, Any] | None
    torch: dict[str, Any] | None
    hardware: dict[str, Any] | None


def read_environment(folder: RunFolder) -> dict[str, Any]:
    """Return the content of environment.json; empty if it is missing or, with a warning, damaged.

    Runs of which it is the same share it: do not change it.
    """
    try:
        content: dict[str, Any] = read_json(folder.environment, parse=_environment)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read: %s", folder.environment, reason(error))
        return {}
    return content


@lru_cache(maxsize=64)
def _environment(content: bytes) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(content)
    check_plain(_Environment, value, whole=False)
    return value
