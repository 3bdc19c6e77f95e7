"""Write and read the plan on disk: one file, `sweep.json`, with the configuration of every job.

It is JSON with a line for each base (`plan_bases`) and for each job, so a job finds its own two lines without
parsing those of ten thousand others.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import yaml

from sweepboard.compose.plain_types import check_plain
from sweepboard.compose.run_config import RunConfig
from sweepboard.errors import UserError, reason
from sweepboard.files import as_json, read_bytes, read_json, read_json_bytes, write_atomic, writing
from sweepboard.names import flatten
from sweepboard.runs.saved_run import check_config
from sweepboard.secrets import is_masked, masked, masked_command
from sweepboard.signing import as_bytes, is_own, origin, sign, why_no_key
from sweepboard.sweeps.folder import SweepFolder
from sweepboard.sweeps.launcher import LauncherChoice
from sweepboard.sweeps.plan import Plan, PlannedJob
from sweepboard.sweeps.plan_bases import Base, Bases
from sweepboard.version import __version__

log = logging.getLogger(__name__)

MOST_BYTES = 2**28
"""Maximum size of a plan: of some 400,000 jobs."""

_FORMAT = 2
_LABEL = re.compile(r"(?!\.)[\w.,=+\[\]-]+", re.ASCII)  # a folder name that cannot point to another folder


class DamagedSweep(UserError):
    """A sweep folder whose plan is incomplete or differs from what was frozen."""


@dataclass
class _SavedJob:
    label: str
    typed: dict[str, str]
    checksum: str
    base: int
    overrides: list[str]
    changes: list[list[Any]]


@dataclass
class _SavedPlan:
    """The fields of sweep.json that are read."""

    threads: int
    command: str
    settings: dict[str, Any]
    launcher: LauncherChoice
    moment: str
    bases: list[Base]
    jobs: list[_SavedJob]


def write_plan(folder: SweepFolder, plan: Plan) -> None:
    """Write the plan: a crash leaves the old one, or none. Raise `NotWritable`."""
    with writing(folder.plan):
        write_atomic(folder.plan, "".join(_text(plan)))
    if plan.own and (why := why_no_key()):
        log.warning("the sweep is not signed: %s", why)


def read_plan(folder: SweepFolder) -> Plan:
    """Return the frozen plan. Raise `DamagedSweep` if it is unreadable, or a job in it was changed."""
    try:
        text, saved = read_json_bytes(folder.plan, MOST_BYTES)
        check_plain(_SavedPlan, saved)
        bases = [_base(each) for each in saved["bases"]]
        sealed = is_own(_to_seal(text.partition(b"\n")[2]), saved.get("seal"))
        jobs = tuple(_job(folder, bases, each, at, sealed) for at, each in enumerate(saved["jobs"]))
        launcher = LauncherChoice(saved["launcher"]["option"], saved["launcher"]["settings"])
        plan = Plan(jobs, saved["threads"], saved["command"], saved["settings"], launcher)
        moment = datetime.fromisoformat(saved["moment"])
        return replace(plan, origin=origin(_to_sign(plan), saved.get("signature")), moment=moment)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise DamagedSweep(f"{folder.plan} cannot be read: {reason(error)}") from error


def read_frozen(folder: SweepFolder, label: str, checksum: str) -> RunConfig:
    """Return the configuration of one job as it is frozen, secrets masked.

    Raise `DamagedSweep` if it differs from what was frozen.
    """
    try:
        job, base = _lines_of(folder, label)
        check_plain(_SavedJob, job)
        check_plain(Base, base, whole=False)
        config = _base(base).with_changes(job["overrides"], job["changes"])
        check_config(config.values)
    except (OSError, ValueError, LookupError, TypeError, RecursionError, yaml.YAMLError) as error:
        raise DamagedSweep(f"{folder.plan}: {label} cannot be read: {reason(error)}") from error
    _refuse_changed(folder, label, config, checksum)
    return config


def moment_of(folder: SweepFolder) -> datetime:
    """Return the start time of the sweep in the folder; now if there is none. Raise `DamagedSweep`."""
    try:
        return datetime.fromisoformat(str(read_json(folder.plan, MOST_BYTES)["moment"]))
    except (FileNotFoundError, NotADirectoryError):
        return datetime.now()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedSweep(f"{folder.plan} cannot be read: {reason(error)}") from error


def _text(plan: Plan) -> Iterator[str]:
    """Yield the plan as JSON, of which everything below the first line is sealed."""
    bases = Bases()
    jobs = [
        {"label": job.label, "typed": job.typed, "checksum": job.checksum, **bases.entry(job.config)}
        for job in plan.jobs
    ]
    body = f'"bases": [{_lines(bases.plain)}],\n"jobs": [{_lines(jobs)}]}}\n'
    seal = sign(_to_seal(body.encode(errors="backslashreplace"))) if plan.own else None
    yield as_json(_head(plan, seal), indent=None).removesuffix("}") + ",\n"
    yield body


def _lines(entries: list[dict[str, Any]]) -> str:
    return "".join(f"\n{as_json(each, indent=None)}," for each in entries).removesuffix(",") + "\n"


def _head(plan: Plan, seal: str | None) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "sweepboard": __version__,
        "command": masked_command(plan.command),
        "threads": plan.threads,
        "settings": plan.settings,
        "launcher": masked(asdict(plan.launcher)),
        "moment": plan.moment.isoformat(),
        "signature": sign(_to_sign(plan)) if plan.own else None,
        "seal": seal,
    }


def _to_sign(plan: Plan) -> bytes:
    """Return the part of a plan that is signed: what the jobs build and what runs them."""
    jobs = [(job.label, job.checksum) for job in plan.jobs]
    return as_bytes(masked(asdict(plan.launcher)), jobs)


def _to_seal(body: bytes) -> bytes:
    """Return what is signed besides, so that no job's checksum has to be computed where nothing changed."""
    return b"plan\0" + body


def _base(saved: Mapping[str, Any]) -> Base:
    return Base(saved["groups"], saved["interpolations"], saved["writes_only"], saved["config"])


def _job(
    folder: SweepFolder, bases: list[Base], saved: Mapping[str, Any], number: int, sealed: bool
) -> PlannedJob:
    label, checksum = saved["label"], saved["checksum"]
    if not _LABEL.fullmatch(label):
        raise DamagedSweep(f"{folder.plan}: {label!r} is no label of a job")
    if not 0 <= saved["base"] < len(bases):
        raise ValueError(f"{label} has no base")
    config = bases[saved["base"]].with_changes(saved["overrides"], saved["changes"])
    if not sealed:
        check_config(config.values)
        _refuse_changed(folder, label, config, checksum)
    return PlannedJob(label, saved["typed"], config, number, checksum)


def _refuse_changed(folder: SweepFolder, label: str, config: RunConfig, checksum: str) -> None:
    if config.checksum != checksum:
        raise DamagedSweep(
            f"{folder.plan}: {label} is not what was frozen: put the file back, or start the sweep under "
            "another name"
        )


def _lines_of(folder: SweepFolder, label: str) -> tuple[Any, Any]:
    """Return the saved job of that label, and its base. Raise ValueError, LookupError or TypeError."""
    try:
        text = read_bytes(folder.plan, MOST_BYTES)
        job = _line(text, f'{{"label": "{label}",')
        return job, _line(text, f'{{"base": {job["base"]},')
    except ValueError:  # laid out by another program, or half of it is there
        saved = read_json(folder.plan, MOST_BYTES)
        job = next((each for each in saved["jobs"] if each["label"] == label), None)
        if job is None:
            raise ValueError("it is not there") from None
        return job, dict(enumerate(saved["bases"]))[job["base"]]


def _line(text: bytes, beginning: str) -> Any:
    """Return the value in the line that begins so. Raise ValueError."""
    start = text.index(b"\n" + beginning.encode())
    return json.loads(text[start : text.index(b"\n", start + 1)].rstrip(b","))


def secrets_in(config: RunConfig) -> dict[str, Any]:
    """Return the values of `config` that are masked in its file, by key."""
    if config.safe is config.values:
        return {}
    frozen = dict(flatten(config.safe))
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
