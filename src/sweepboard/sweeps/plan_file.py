"""Write and read the plan on disk: `sweep.json`, and every job's configuration under `plan/`."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from sweepboard import plain_yaml
from sweepboard.compose.plain_types import check_plain
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import UserError, reason
from sweepboard.files import read_bytes, read_json, read_text, write_atomic, write_json, writing
from sweepboard.names import flatten
from sweepboard.runs.saved_run import check_config
from sweepboard.secrets import is_masked, masked, masked_command
from sweepboard.signing import as_bytes, origin, sign, why_no_key
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.launcher import LauncherChoice
from sweepboard.sweeps.plan import Plan, PlannedJob
from sweepboard.version import __version__

log = logging.getLogger(__name__)

_FORMAT = 1
_LABEL = re.compile(r"(?!\.)[\w.,=+\[\]-]+", re.ASCII)  # a folder name that cannot point to another folder


class DamagedSweep(UserError):
    """A sweep folder whose plan is incomplete or differs from what was frozen."""


@dataclass
class _Entry:
    label: str
    file: str
    typed: dict[str, str]
    checksum: str


@dataclass
class _SavedPlan:
    """The fields of sweep.json."""

    threads: int
    command: str
    settings: dict[str, Any]
    launcher: LauncherChoice
    moment: str
    jobs: list[_Entry]


def write_plan(folder: SweepFolder, plan: Plan) -> None:
    """Write the plan. sweep.json is written last, so all files that it names exist.

    Raise `NotWritable`.
    """
    with writing(folder.path):
        for job in plan.jobs:
            path = folder.frozen(job.place)
            path.parent.mkdir(exist_ok=True)
            text = plain_yaml.dump(job.config.as_plain())
            # A foreign folder may hold a file of the same settings with other interpolations.
            if not path.exists() or read_bytes(path) != text.encode():
                write_atomic(path, text)
        write_json(folder.plan, _as_plain(plan))
    if plan.own and (why := why_no_key()):
        log.warning("the sweep is not signed: %s", why)


def replace_plan(folder: SweepFolder, plan: Plan) -> Plan:
    """Replace the frozen plan of the same jobs; the old one stays until the new one is complete."""
    jobs = tuple(replace(job, file=f"{job.label}-{job.digest[:8]}") for job in plan.jobs)
    plan = replace(plan, jobs=jobs)
    write_plan(folder, plan)
    files = {folder.frozen(job.file) for job in jobs}
    for path in folder.plan_files():
        if path not in files:
            path.unlink()
    return plan


def read_plan(folder: SweepFolder) -> Plan:
    """Return the frozen plan. Raise `DamagedSweep` with the file that is unreadable or changed."""
    try:
        saved = read_json(folder.plan)
        check_plain(_SavedPlan, saved)
        jobs = tuple(_frozen_job(folder, entry, number) for number, entry in enumerate(saved["jobs"]))
        launcher = LauncherChoice(saved["launcher"]["option"], saved["launcher"]["settings"])
        plan = Plan(jobs, saved["threads"], saved["command"], saved["settings"], launcher)
        moment = datetime.fromisoformat(saved["moment"])
        return replace(plan, origin=origin(_signed(plan), saved.get("signature")), moment=moment)
    except (OSError, ValueError) as error:
        raise DamagedSweep(f"{folder.plan} cannot be read: {reason(error)}") from error


def moment_of(folder: SweepFolder) -> datetime:
    """Return the start time of the sweep in the folder; now if there is none. Raise `DamagedSweep`."""
    try:
        return datetime.fromisoformat(str(read_json(folder.plan)["moment"]))
    except (FileNotFoundError, NotADirectoryError):
        return datetime.now()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedSweep(f"{folder.plan} cannot be read: {reason(error)}") from error


def frozen_jobs(folder: SweepFolder) -> tuple[PlannedJob, ...]:
    """Return the jobs below `plan/`, read without sweep.json. Raise `DamagedSweep`."""
    jobs: list[PlannedJob] = []
    for path in folder.plan_files():
        config = read_job(path)
        label = path.stem.removesuffix(f"-{config.digest[:8]}")
        jobs.append(replace(PlannedJob.of(label, config, len(jobs)), file=path.stem))
    return tuple(jobs)


def _as_plain(plan: Plan) -> dict[str, Any]:
    jobs = [
        {"label": job.label, "file": job.file, "typed": job.typed, "checksum": job.checksum}
        for job in plan.jobs
    ]
    return {
        "format": _FORMAT,
        "sweepboard": __version__,
        "command": masked_command(plan.command),
        "threads": plan.threads,
        "settings": plan.settings,
        "launcher": masked(asdict(plan.launcher)),
        "moment": plan.moment.isoformat(),
        "signature": sign(_signed(plan)) if plan.own else None,
        "jobs": jobs,
    }


def _signed(plan: Plan) -> bytes:
    """Return the part of a plan that is signed: what the jobs build and what runs them."""
    jobs = [(job.label, job.checksum) for job in plan.jobs]
    return as_bytes(masked(asdict(plan.launcher)), jobs)


def _frozen_job(folder: SweepFolder, entry: Mapping[str, Any], number: int) -> PlannedJob:
    label, file, checksum = entry["label"], entry["file"], entry["checksum"]
    if not _LABEL.fullmatch(label):
        raise DamagedSweep(f"{folder.plan}: {label!r} is no label of a job")
    config = read_frozen(folder, file or label, checksum)
    return PlannedJob(label, entry["typed"], config, file, number, checksum)


def read_frozen(folder: SweepFolder, file: str, checksum: str) -> RunConfig:
    """Return the configuration of the job that is frozen in `file` below `plan/`, secrets masked.

    Raise `DamagedSweep` if it differs from what was frozen.
    """
    if not _LABEL.fullmatch(file):
        raise DamagedSweep(f"{folder.plan}: {file!r} is no label of a job")
    path = folder.frozen(file)
    config = read_job(path)
    if config.checksum != checksum:
        raise DamagedSweep(
            f"{path} is not what was frozen: put it back, or start the sweep under another name"
        )
    return config


def secrets_in(config: RunConfig) -> dict[str, Any]:
    """Return the values of `config` that are masked in its file, by key."""
    frozen = dict(flatten(masked(config.values)))
    return {key: value for key, value in flatten(config.values) if frozen[key] != value}


def with_secrets(config: RunConfig, secret: Callable[[str], Any]) -> RunConfig:
    """Return a frozen configuration with its secrets, which `secret` returns by key."""
    return replace(config, values=_unmasked(config.values, secret))


def _unmasked(value: Any, secret: Callable[[str], Any], key: str = "") -> Any:
    if isinstance(value, Mapping):
        return {
            name: _unmasked(child, secret, f"{key}.{name}" if key else name) for name, child in value.items()
        }
    return secret(key) if is_masked(value) else value


def read_job(path: Path) -> RunConfig:
    """Return the frozen configuration of a job. Raise `DamagedSweep`."""
    try:
        config = RunConfig.from_plain(plain_yaml.load(read_text(path)))
        check_config(config.values)
        return config
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DamagedSweep(f"{path} cannot be read: {reason(error)}") from error
