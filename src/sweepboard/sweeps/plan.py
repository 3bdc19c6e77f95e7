"""The plan of a sweep: the configuration of every job, checked and frozen before the first one starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from sweepboard.compose.prepare import Prepared
from sweepboard.compose.run_config import RunConfig
from sweepboard.execution import Resources
from sweepboard.settings import SweepSettings
from sweepboard.signing import Origin
from sweepboard.sweeps.labels import labels, overrides_by_key, varying_keys
from sweepboard.sweeps.launcher import LauncherChoice


@dataclass(frozen=True)
class PlannedJob:
    """One job: its label, what was typed for it, and the configuration it runs from."""

    label: str
    typed: dict[str, str]
    """What was typed for it, by key, numbers as they are: `{"optimizer.lr": "optimizer.lr=0.1"}`."""

    config: RunConfig
    file: str = ""
    """Name of its frozen configuration below `plan/`, where it is not the label."""

    number: int = field(default=0, compare=False)
    """Its place in the sweep, `${hydra:job.num}`."""

    frozen_checksum: str = field(default="", compare=False)
    """Checksum of its file, where it was read from there: a secret may have been typed anew since."""

    @classmethod
    def of(cls, label: str, config: RunConfig, number: int) -> PlannedJob:
        """Return the job that runs `config`."""
        return cls(label, overrides_by_key(config.overrides, config.values), config, number=number)

    @property
    def place(self) -> str:
        """Name of its frozen configuration below `plan/`."""
        return self.file or self.label

    @property
    def checksum(self) -> str:
        """Checksum of its frozen configuration."""
        return self.frozen_checksum or self.config.checksum

    @property
    def digest(self) -> str:
        """What makes it this job and no other: the digest of its configuration."""
        return self.config.digest

    @property
    def threads(self) -> int:
        """CPU threads it computes with."""
        return int(self.config.values["threads"])

    @property
    def cores(self) -> int:
        """Cores that it keeps busy: its threads, and the processes that read its data."""
        return self.threads + self.config.settings.dataset.workers

    @property
    def gpu(self) -> bool:
        """Whether it computes on whichever GPU it is given (`cuda:1` names its own)."""
        return bool(self.config.values["device"] == "cuda")


@dataclass(frozen=True)
class Plan:
    """The jobs of a sweep in their order."""

    jobs: tuple[PlannedJob, ...]
    threads: int
    """CPU threads of the jobs for which the user gave no number."""

    command: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    """How its jobs are to be run (`SweepSettings`)."""

    launcher: LauncherChoice = field(default_factory=LauncherChoice)
    """What runs its jobs."""

    origin: Origin = field(default=Origin.OWN, compare=False)
    """Whether this user froze it, and nobody has changed it since."""

    moment: datetime = field(default_factory=datetime.now, compare=False)
    """What `${now:...}` is in its jobs."""

    repeated: tuple[str, ...] = field(default=(), compare=False)
    """Points that were asked for more than once, in words; each is one job."""

    @property
    def own(self) -> bool:
        """Whether all that its jobs build is this user's own word."""
        return self.origin is Origin.OWN

    @property
    def swept(self) -> list[str]:
        """The keys in which the jobs differ, in the order in which they were typed."""
        points = [job.typed for job in self.jobs]
        keys = varying_keys(points)
        return list(dict.fromkeys(key for point in points for key in point if key in keys))


@dataclass(frozen=True)
class Point:
    """A point of a sweep that has passed all checks."""

    prepared: Prepared
    given_threads: bool
    """Whether the user gave it a number of threads."""


def make_plan(
    points: Sequence[Point],
    settings: SweepSettings,
    resources: Resources,
    command: str = "",
    threads: int | None = None,
) -> Plan:
    """Return the plan of these points, for an executor with these resources.

    `threads` is the number of an earlier plan of the same sweep. Where the user gave none, the cores are
    divided among the jobs that run at once, once and for all: the number changes the last bits of a result,
    so it must not depend on how or when the plan is run.
    """
    distinct, repeated = _told_apart(points)
    if threads is None:
        threads = threads_per_job([point.prepared for point in distinct], resources)
    jobs = add_jobs((), [with_threads(point, threads) for point in distinct])
    return Plan(jobs, threads, command, asdict(settings), repeated=tuple(repeated))


def add_jobs(jobs: tuple[PlannedJob, ...], added: Sequence[RunConfig]) -> tuple[PlannedJob, ...]:
    """Return the jobs and those of `added`, none twice. Earlier jobs keep their labels."""
    have = {job.digest for job in jobs}
    new = [config for digest, config in _by_digest(added).items() if digest not in have]
    typed = [overrides_by_key(config.overrides, config.values) for config in new]
    names = labels([*(job.typed for job in jobs), *typed], [job.label for job in jobs])
    numbered = enumerate(zip(names[len(jobs) :], new, strict=True), len(jobs))
    return jobs + tuple(PlannedJob.of(name, config, number) for number, (name, config) in numbered)


def _by_digest(configs: Sequence[RunConfig]) -> dict[str, RunConfig]:
    return {config.digest: config for config in configs}


def extended(plan: Plan, added: Sequence[RunConfig]) -> Plan:
    """Return the plan with further jobs, none of them twice."""
    return replace(plan, jobs=add_jobs(plan.jobs, added))


def threads_per_job(jobs: Sequence[Prepared], resources: Resources) -> int:
    """Return the cores divided by the jobs that run at once, at least 1."""
    on_gpu = any(job.config.values["device"].startswith("cuda") for job in jobs)
    return resources.cores_per_job(len(jobs), on_gpu)


def with_threads(point: Point, threads: int) -> RunConfig:
    """Return the point with this number of threads, unless the user gave it one."""
    config = point.prepared.config
    return config if point.given_threads else config.with_values(threads=threads)


def _told_apart(points: Sequence[Point]) -> tuple[list[Point], list[str]]:
    """Return the points, each once, and the overrides of those that came again."""
    first: dict[str, Point] = {}
    again = []
    for point in points:
        config = point.prepared.config
        if first.setdefault(config.digest, point) is not point:
            again.append(" ".join(config.overrides))
    return list(first.values()), again
