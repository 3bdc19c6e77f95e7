"""Settings of `hydra/launcher=slurm`: the allocations that the jobs of a sweep ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sweepboard.settings.field import setting


@dataclass(frozen=True)
class SlurmSettings:
    """The settings in `conf/hydra/launcher/slurm.yaml`, with their defaults."""

    jobs_per_task: int = setting(1, "speed", minimum=1)
    """Jobs that share an allocation, as many of them at once as its cores or GPUs carry."""

    at_once: int | None = setting(None, "speed", minimum=1)
    """Allocations at once; null for as many as Slurm gives."""

    cpus: int | None = setting(None, "speed", minimum=1)
    """Cores of an allocation; null for those that its jobs compute and load data with."""

    gpus: int | str | None = setting(None, "speed", minimum=1)
    """GPUs of an allocation: `1`, or with their type `a100:1`."""

    memory: int | str | None = setting(None, "speed", minimum=1)
    """Memory of an allocation: `16G`, or a number of MiB; null for what the site gives."""

    minutes: int | None = setting(None, "speed", minimum=1)
    """Minutes that an allocation may last; null for what the site gives."""

    partition: str | None = setting(None, "speed")
    """The partition."""

    account: str | None = setting(None, "speed")
    """The account that is charged."""

    qos: str | None = setting(None, "speed")
    """The quality of service."""

    constraint: str | None = setting(None, "speed")
    """Features that a node must have: `"a100|h100"`."""

    setup: list[str] = setting([], "speed")
    """Lines of shell that are run before the jobs: `[module load cuda]`."""

    extra: dict[str, Any] | None = setting(None, "speed")
    """Any other options of sbatch: `{exclude: node7, exclusive: true}`."""

    requeue: bool = setting(True, "speed")
    """Whether jobs wait and go on after the time limit, preemption or the loss of a node."""

    warn: int = setting(120, "speed", minimum=0)
    """Seconds before the end of an allocation at which its jobs save; 0 for no warning."""

    wait: bool = setting(True, "speed")
    """Whether the command waits for the jobs; false submits them and leaves."""
