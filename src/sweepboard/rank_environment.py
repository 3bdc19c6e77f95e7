"""Whether this process is one of several that torchrun or srun has started for one run."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class StartedRank:
    """The place of this process among those that were started together."""

    rank: int
    size: int
    local_rank: int
    local_size: int
    starter: str
    """`torchrun` or `srun`."""

    meeting: str
    """The URL where torch.distributed lets them meet."""

    @property
    def nodes(self) -> int:
        """The number of machines."""
        return self.size // self.local_size


def started_rank(variables: Mapping[str, str] = os.environ) -> StartedRank | None:
    """Return the place of this process, or None if it was started alone.

    A step of srun with one task, or an allocation without a step, is not meant.
    """
    if {"RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"} <= variables.keys():
        size = int(variables["WORLD_SIZE"])
        local = int(variables.get("LOCAL_WORLD_SIZE", size))
        rank = StartedRank(
            int(variables["RANK"]), size, int(variables["LOCAL_RANK"]), local, "torchrun", "env://"
        )
        return rank if size > 1 else None
    if int(variables.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
        return _of_srun(variables)
    return None


def _of_srun(variables: Mapping[str, str]) -> StartedRank:
    size = int(variables["SLURM_STEP_NUM_TASKS"])
    local = int(re.split(r"[(,]", variables.get("SLURM_STEP_TASKS_PER_NODE", str(size)))[0])
    host = variables.get("MASTER_ADDR") or _first_host(variables)
    step = 100 * int(variables.get("SLURM_JOB_ID", 0)) + int(variables.get("SLURM_STEP_ID", 0))
    port = variables.get("MASTER_PORT") or str(20000 + step % 12000)  # below those of outgoing connections
    place = int(variables["SLURM_PROCID"]), size, int(variables["SLURM_LOCALID"]), local
    return StartedRank(*place, "srun", f"tcp://{host}:{port}")


def _first_host(variables: Mapping[str, str]) -> str:
    """Return the host of task 0; where its name is known to Slurm only, the one where srun was typed."""
    names = variables.get("SLURM_STEP_NODELIST", "localhost")
    found = re.match(r"([^\[,]+)(?:\[(\w+))?", names)
    name = "localhost" if found is None else found[1] + (found[2] or "")
    try:
        socket.gethostbyname(name)
    except OSError:
        return variables.get("SLURM_LAUNCH_NODE_IPADDR", "localhost")
    return name
