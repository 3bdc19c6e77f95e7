"""Which Ray cluster runs jobs, and what each of them is given there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RayCluster:
    """A cluster, and the share of it that a job takes."""

    address: str | None = None
    """`host:port`, or `auto` for the one of this machine; None starts a private one, which ends with us."""

    cpus: float = 1
    """CPUs for each job, or the job's own cores where it uses more."""

    gpus: float = 0
    """GPUs for each job; a fraction lets several jobs share one."""

    memory: int | None = None
    """Bytes that Ray counts for each job."""

    resources: Mapping[str, float] = field(default_factory=dict)
    """The cluster's own resources that each job takes, by name."""

    at_once: int | None = None
    """The most jobs at once; None for as many as Ray has room for."""

    def share(self, cores: int) -> dict[str, float]:
        """Return what a job of so many cores takes, by Ray's names of resources."""
        share = {"CPU": max(self.cpus, cores), "GPU": self.gpus, "memory": self.memory or 0, **self.resources}
        return {name: amount for name, amount in share.items() if amount}
