"""Which Ray cluster runs jobs, and what each of them is given there."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from sweepboard.execution.executor import Job

PATIENCE = 5.0
"""Seconds that a connection may take."""


@dataclass(frozen=True)
class RayCluster:
    """A cluster, and the share of it that a job takes."""

    address: str | None = None
    """`host:port`, or `auto` for the one of this machine; None starts a private one, which ends with us."""

    cpus: float | None = None
    """CPUs for each job; None for the job's own cores."""

    gpus: float = 0
    """GPUs for each job that needs some, at least one for each of its ranks; a fraction lets several jobs of
    one rank share one."""

    memory: int | None = None
    """Bytes that Ray counts for each job."""

    resources: Mapping[str, float] = field(default_factory=dict)
    """The cluster's own resources that each job takes, by name."""

    at_once: int | None = None
    """The most jobs at once; None for as many as Ray has room for."""

    def refuse_silent(self) -> None:
        """Raise `OSError` if nothing listens at the address: Ray would wait for it."""
        host, _, port = (self.address or "").rpartition(":")
        if host:
            socket.create_connection((host, int(port)), PATIENCE).close()

    def share(self, job: Job, most: float) -> dict[str, float]:
        """Return what a job takes, by Ray's names of resources; no node has more than `most` CPUs."""
        cpus = self.cpus or min(job.cores, most or job.cores)
        gpus = (max(self.gpus, job.gpus) if job.gpus > 1 and self.gpus else self.gpus) if job.gpu else 0
        share = {"CPU": cpus, "GPU": gpus, "memory": self.memory or 0, **self.resources}
        return {name: amount for name, amount in share.items() if amount}
