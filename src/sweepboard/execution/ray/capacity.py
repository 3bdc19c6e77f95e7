"""Whether a machine of a Ray cluster has what a job takes: where none has it, the job would wait for ever."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence

from sweepboard.errors import ConfigError
from sweepboard.execution.executor import Job
from sweepboard.execution.ray.cluster import RayCluster
from sweepboard.hardware import cores, gpus, total_memory
from sweepboard.settings import LAUNCHER

log = logging.getLogger(__name__)

_SETTINGS = {"CPU": "cpus", "GPU": "gpus", "memory": "memory"}

Amounts = Mapping[str, float]
"""Numbers by Ray's names of resources."""


def refuse_too_large(
    cluster: RayCluster, jobs: Sequence[Job], nodes: Sequence[Amounts] | None = None
) -> None:
    """Raise `ConfigError` if a job takes more than this machine has, where Ray is started for the jobs alone.

    `nodes` are the machines of another cluster. It may grow, so that there a line is logged instead.
    """
    there = _this_machine(cluster.gpus > 0) if nodes is None else _most(nodes)
    for name, amount in _most([cluster.share(job, there.get("CPU", 0)) for job in jobs]).items():
        if amount <= there.get(name, 0):
            continue
        key, takes = f"{LAUNCHER}.{_SETTINGS.get(name, f'resources.{name}')}", _told(name, amount)
        has = _told(name, there.get(name, 0))
        if nodes is None:
            raise ConfigError(
                f"{key}: a job takes {takes}, and this machine has {has}; on a cluster, type its "
                f"{LAUNCHER}.address=host:port, or auto"
            )
        log.warning(
            "%s: a job takes %s, and no machine of the cluster has more than %s: it waits for one",
            key,
            takes,
            has,
        )


def _most(each: Sequence[Amounts]) -> Amounts:
    names = {name for amounts in each for name in amounts}
    return {name: max(amounts.get(name, 0) for amounts in each) for name in names}


def _this_machine(count_gpus: bool) -> Amounts:
    """Return what a Ray that is started here has; to count GPUs takes a moment."""
    memory = total_memory()
    return {
        "CPU": cores(),
        "GPU": len(gpus()) if count_gpus else 0,
        "memory": math.inf if memory is None else memory,
    }


def _told(name: str, amount: float) -> str:
    return f"{amount / 2**30:.1f}G" if name == "memory" else f"{amount:g}"
