"""Query the cores, memory and GPUs that this process may use. The one probe for runs and sweeps."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path

from sweepboard.cgroups import cpu_quotas, memory_limits


def cores() -> int:
    """Return the cores that this process may use.

    It is the minimum of its affinity, its container's quota and the share of its Slurm task.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([bound, *cpu_quotas(), *_slurm_cores()]))


def default_threads() -> int:
    """Return the default CPU threads of a run: `OMP_NUM_THREADS`, else `cores()`."""
    return threads_of_environment() or cores()


def threads_of_environment() -> int | None:
    """Return the number in `OMP_NUM_THREADS`, or None."""
    return _number("OMP_NUM_THREADS")


def total_memory() -> int | None:
    """Return the bytes of memory that this process may use in all; None if unknown."""
    limits = (each.limit for each in memory_limits())
    return min([*_physical_memory(), *limits, *_slurm_memory()], default=None)


def available_memory() -> int | None:
    """Return the bytes usable without swapping, here and in the container; None if unknown."""
    left = (max(0, each.limit - each.used) for each in memory_limits())
    return min([*_free_memory(), *left], default=None)


def resident_memory(pid: int) -> int:
    """Return the bytes of memory that a process uses now, shared memory included; 0 if unknown."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def gpus() -> list[str]:
    """Return the names, for CUDA_VISIBLE_DEVICES, of the GPUs that this process may use. Imports torch."""
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    names = (
        [name.strip() for name in visible.split(",")] if visible else [str(index) for index in range(count)]
    )
    return names[:count]


def _physical_memory() -> Iterator[int]:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _free_memory() -> Iterator[int]:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024


def _slurm_cores() -> Iterator[int]:
    """Return the cores of this Slurm task, which Slurm does not enforce everywhere."""
    share = _number("SLURM_CPUS_PER_TASK") or _number("SLURM_CPUS_ON_NODE")
    if share is not None:
        yield share


def _slurm_memory() -> Iterator[int]:
    per_node = _number("SLURM_MEM_PER_NODE")  # in MiB; 0 for all that the node has
    if per_node is not None:
        yield per_node * 2**20


def _number(variable: str) -> int | None:
    """Return the positive number in an environment variable, or None."""
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() and int(text) > 0 else None
