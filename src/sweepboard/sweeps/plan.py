"""The plan of a sweep: the configuration of every job, checked and frozen before the first one starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from sweepboard.building.prepare import Prepared
from sweepboard.compose.run_config import RunConfig
from sweepboard.execution import Resources
from sweepboard.secrets import known_secrets
from sweepboard.settings import SweepSettings
from sweepboard.signing import Origin
from sweepboard.sweeps.labels import labels, overrides_by_key, varying_keys
from sweepboard.sweeps.launcher import LauncherChoice


@dataclass(frozen=True)
class PlannedJob:
    """One job: its label, its overrides, and the configuration it runs from."""

    label: str
    typed: dict[str, str]
    """Its overrides by key, with numbers normalised: `{"optimizer.lr": "optimizer.lr=0.1"}`."""

    config: RunConfig
    number: int = field(default=0, compare=False)
    """Its number in the sweep, `${hydra:job.num}`."""

    frozen_checksum: str = field(default="", compare=False)
    """The checksum that it was read with; a secret may have been retyped since."""

    @classmethod
    def of(cls, label: str, config: RunConfig, number: int) -> PlannedJob:
        """Return the job that runs `config`."""
        return cls(label, overrides_by_key(config.overrides, config.safe), config, number=number)

    @property
    def checksum(self) -> str:
        """The checksum of its frozen configuration."""
        return self.frozen_checksum or self.config.checksum

    @property
    def digest(self) -> str:
        """The digest of its configuration, which identifies the job."""
        return self.config.digest

    @property
    def threads(self) -> int:
        """The number of CPU threads it computes with."""
        return int(self.config.values["threads"])

    @property
    def cores(self) -> int:
        """The number of cores it uses: the threads and data-loading processes of each of its ranks."""
        return self.config.ranks * (self.threads + self.config.data_workers)

    @property
    def gpu(self) -> bool:
        """Whether it runs on the GPU that it is assigned (`cuda:1` names its own)."""
        return self.config.device == "cuda"

    @property
    def nodes(self) -> int:
        """The machines that it runs on."""
        return self.config.nodes

    @property
    def gpus(self) -> int:
        """How many GPUs it needs if it needs one: each of its ranks has its own."""
        return self.config.ranks


@dataclass(frozen=True)
class Plan:
    """The jobs of a sweep in order."""

    jobs: tuple[PlannedJob, ...]
    threads: int
    """CPU threads of the jobs without a number set by the user."""

    command: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    """How its jobs are run (`SweepSettings`)."""

    launcher: LauncherChoice = field(default_factory=LauncherChoice)
    """The launcher of its jobs."""

    origin: Origin = field(default=Origin.OWN, compare=False)
    """Whether this user froze it and nobody has changed it since."""

    moment: datetime = field(default_factory=datetime.now, compare=False)
    """The value of `${now:...}` in its jobs."""

    repeated: tuple[str, ...] = field(default=(), compare=False)
    """Duplicate points as text; each is one job."""

    @property
    def own(self) -> bool:
        """Whether this user wrote everything that the jobs build."""
        return self.origin is Origin.OWN

    @cached_property
    def swept(self) -> list[str]:
        """The keys that differ between jobs, in the order of the command."""
        points = [job.typed for job in self.jobs]
        keys = varying_keys(points)
        return list(dict.fromkeys(key for point in points for key in point if key in keys))


@dataclass(frozen=True)
class Point:
    """A point of a sweep that has passed all checks."""

    prepared: Prepared
    given_threads: bool
    """Whether the user set its number of threads."""


def make_plan(
    points: Sequence[Point],
    settings: SweepSettings,
    resources: Resources,
    command: str = "",
    threads: int | None = None,
) -> Plan:
    """Return the plan of these points, for an executor with these resources.

    `threads` is fixed by an earlier plan of the same sweep. If the user set no number, the cores are divided
    among the jobs that run at once. The number changes the last bits of a result, so it is frozen and does
    not depend on how or when the plan is run.
    """
    distinct, repeated = _without_duplicates(points)
    if threads is None:
        threads = threads_per_job([point.prepared for point in distinct], resources)
    jobs = add_jobs((), [with_threads(point, threads) for point in distinct])
    return Plan(jobs, threads, command, asdict(settings), repeated=tuple(repeated))


def add_jobs(jobs: tuple[PlannedJob, ...], added: Sequence[RunConfig]) -> tuple[PlannedJob, ...]:
    """Return the jobs followed by those of `added` that are new. Earlier jobs keep their labels."""
    have = {job.digest for job in jobs}
    new = [config for digest, config in _by_digest(added).items() if digest not in have]
    known = known_secrets()
    typed = [overrides_by_key(config.overrides, config.safe, known) for config in new]
    names = labels([*(job.typed for job in jobs), *typed], [job.label for job in jobs])
    numbered = enumerate(zip(names[len(jobs) :], typed, new, strict=True), len(jobs))
    return jobs + tuple(
        PlannedJob(name, one, config, number=number) for number, (name, one, config) in numbered
    )


def _by_digest(configs: Sequence[RunConfig]) -> dict[str, RunConfig]:
    return {config.digest: config for config in configs}


def extended(plan: Plan, added: Sequence[RunConfig]) -> Plan:
    """Return the plan with further jobs, without duplicates."""
    if not added:
        return plan
    return replace(plan, jobs=add_jobs(plan.jobs, added))


def threads_per_job(jobs: Sequence[Prepared], resources: Resources) -> int:
    """Return the cores of a job divided by its processes on a machine, at least 1.

    As many jobs as possible run at once; one of several machines has them to itself.
    """
    configs = [job.config for job in jobs]
    ranks = max((config.ranks_per_node for config in configs), default=1)
    on_gpu = any(config.device.startswith("cuda") for config in configs)
    together = 1 if all(config.nodes > 1 for config in configs) else len(configs)
    return max(1, resources.cores_per_job(together, ranks if on_gpu else 0) // ranks)


def with_threads(point: Point, threads: int) -> RunConfig:
    """Return the point with this number of threads, unless the user gave it one."""
    config = point.prepared.config
    return config if point.given_threads else config.with_leaves([(["threads"], threads)])


def _without_duplicates(points: Sequence[Point]) -> tuple[list[Point], list[str]]:
    """Return the points without duplicates, and the overrides of the duplicates."""
    first: dict[str, Point] = {}
    again = []
    for point in points:
        config = point.prepared.config
        if first.setdefault(config.digest, point) is not point:
            again.append(" ".join(config.overrides))
    return list(first.values()), again
