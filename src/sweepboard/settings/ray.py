"""Settings of `hydra/launcher=ray`: the cluster, and what the jobs of a sweep take of it."""

from __future__ import annotations

from dataclasses import dataclass

from sweepboard.settings.field import setting


@dataclass(frozen=True)
class RaySettings:
    """The settings in `conf/hydra/launcher/ray.yaml`, with their defaults."""

    address: str | None = setting(None, "speed")
    """`host:port` of a cluster, or `auto` for the one that this machine belongs to; null starts one on this
    machine, for the sweep alone."""

    cpus: float | None = setting(None, "speed", above=0)
    """CPUs of a job; null for those that it computes and loads data with, at most a node's."""

    gpus: float = setting(0, "speed", minimum=0)
    """GPUs of a job, at least one for each of its ranks; `0.25` lets four jobs share one."""

    memory: int | str | None = setting(None, "speed", minimum=1)
    """Memory that Ray counts for a job: `16G`, or a number of MiB; null counts none."""

    resources: dict[str, float] | None = setting(None, "speed")
    """What a job takes of the cluster's own resources: `{a100: 1}`."""

    at_once: int | None = setting(None, "speed", minimum=1)
    """Jobs at once; null for as many as Ray has room for."""
