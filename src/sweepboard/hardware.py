"""What this machine has for jobs: cores, memory, GPUs."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def cores() -> int:
    """Cores that this process may use: those it is bound to, and no more than its container's share."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([bound, *_cpu_quotas()]))


def available_memory() -> int | None:
    """Bytes that can still be used without swapping, here and in the container; None where not known."""
    return min([*_system_memory(), *_container_memory()], default=None)


def resident_memory(pid: int) -> int:
    """Bytes of memory that a process has in use now, shared ones too; 0 where not known."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def gpus() -> list[str]:
    """Names for CUDA_VISIBLE_DEVICES of the GPUs that this process may use. Imports torch."""
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    names = (
        [name.strip() for name in visible.split(",")] if visible else [str(index) for index in range(count)]
    )
    return names[:count]


def _cpu_quotas() -> Iterator[int]:
    for folder in _own_groups():
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        if quota.isdigit() and period.isdigit():
            yield math.ceil(int(quota) / int(period))


def _system_memory() -> Iterator[int]:
    for line in _text(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024


def _container_memory() -> Iterator[int]:
    for folder in _own_groups():
        limit, used = _text(folder / "memory.max"), _text(folder / "memory.current")
        if limit.isdigit() and used.isdigit():
            # Cached files count as used but give way.
            cached = dict(line.split() for line in _text(folder / "memory.stat").splitlines())
            yield max(0, int(limit) - int(used) + int(cached.get("inactive_file", 0)))


def _own_groups() -> Iterator[Path]:
    """The control group of this process (version 2) and those around it."""
    if sys.platform != "linux":
        return
    for line in _text(Path("/proc/self/cgroup")).splitlines():
        if line.startswith("0::/"):
            own = _CGROUPS / line[4:]
            yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(_CGROUPS))


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
